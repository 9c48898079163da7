//! Texts to train on and to judge: public corpora, the project's own seeds, folders of documents.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use stilt_model::talk::TrustRole;

/// A text with what it is.
#[derive(Clone, Debug)]
pub struct Text {
    /// Where it comes from.
    pub source: String,
    /// Finer class.
    pub class: String,
    /// The text.
    pub text: String,
    /// It injects.
    pub attack: bool,
    /// Whose words it is judged as.
    pub role: TrustRole,
    /// Where in the text the attack stands, if that is known.
    pub place: Option<(usize, usize)>,
}

/// Numbers that look drawn and are the same in each run (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    /// A number below `below`.
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % below.max(1) as u64).unwrap_or(0)
    }
}

#[derive(Deserialize)]
struct Row {
    text: String,
    label: String,
    #[serde(default)]
    cls: String,
}

/// Reads `NAME.jsonl` files of `folder`: one object a line, with `text`, `label` (`attack` or
/// `benign`) and `cls`.
pub fn public(folder: &Path) -> Vec<Text> {
    let mut texts = Vec::new();
    for path in files(folder, &["jsonl"]) {
        let source = path.file_stem().map(|name| name.to_string_lossy().into_owned());
        let source = source.unwrap_or_default();
        let body = std::fs::read_to_string(&path).unwrap_or_default();
        for row in body.lines().filter_map(|line| serde_json::from_str::<Row>(line).ok()) {
            texts.push(Text {
                class: row.cls,
                attack: row.label == "attack",
                role: role_of(&source),
                source: source.clone(),
                text: row.text,
                place: None,
            });
        }
    }
    texts
}

/// Whose words the texts of a source are: told by its name.
fn role_of(source: &str) -> TrustRole {
    match source {
        name if name.contains("mcp") || name.contains("definition") => TrustRole::ToolDefinition,
        name if name.contains("tool") => TrustRole::ToolResult,
        name if name.contains("system") => TrustRole::System,
        _ => TrustRole::User,
    }
}

/// The project's own texts, each line as several choices of its alternatives.
pub fn seeds() -> Vec<Text> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/prompts/seeds");
    let mut texts = Vec::new();
    for path in files(&folder, &["txt"]) {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let body = std::fs::read_to_string(&path).unwrap_or_default();
        let mut dice = Dice(7);
        for (at, line) in body.lines().enumerate() {
            let most = if name.starts_with("tool_") { 8 } else { 4 };
            let choices = if line.contains('|') { most } else { 1 };
            let mut made: Vec<String> = (0..choices).map(|_| choose(line, &mut dice)).collect();
            made.sort();
            made.dedup();
            texts.extend(made.into_iter().map(|text| Text {
                source: format!("own_{name}_{}", if at % 2 == 0 { "a" } else { "b" }),
                class: at.to_string(),
                attack: name.ends_with("attack"),
                role: role_of(&name),
                text,
                place: None,
            }));
        }
    }
    texts
}

/// One of the texts that a line with alternatives stands for.
fn choose(line: &str, dice: &mut Dice) -> String {
    let mut text = line.replace("\\n", "\n");
    let mut from = 0;
    while let Some(open) = text.get(from..).and_then(|rest| rest.find('{')).map(|at| at + from) {
        let close = text[open..].find('}').map(|at| at + open);
        let inner = text[open + 1..].find('{').map(|at| at + open + 1);
        match (close, inner) {
            (Some(close), inner) if inner.is_none_or(|inner| inner > close) => {
                let body = text[open + 1..close].to_owned();
                let choices: Vec<&str> = body.split('|').collect();
                if choices.len() > 1 {
                    let chosen = choices[dice.roll(choices.len())];
                    text.replace_range(open..=close, chosen);
                    from = open + chosen.len();
                } else {
                    from = close + 1;
                }
            }
            (_, Some(inner)) => from = inner,
            _ => break,
        }
    }
    text
}

/// The first characters of documents below a folder, as tool results that do no harm. READMEs
/// (`documents_tool`) only judge; other documents and the main files of programs teach.
pub fn documents(folder: &Path, source: &str) -> Vec<Text> {
    let mut texts = Vec::new();
    for path in files(folder, &["md", "rst", "txt", "html", "rs"]) {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
        let name = name.unwrap_or_default();
        let code = name.ends_with(".rs");
        let kind = match () {
            () if name.starts_with("readme") => "documents_tool",
            () if code && name != "lib.rs" && name != "main.rs" => continue,
            () if code => "code_tool",
            () => "manuals_tool",
        };
        let body = std::fs::read_to_string(&path).unwrap_or_default();
        if body.len() > 400 {
            texts.push(Text {
                source: if source.is_empty() { kind } else { source }.to_owned(),
                class: path.display().to_string(),
                text: body.chars().take(4000).collect(),
                attack: false,
                role: TrustRole::ToolResult,
                place: None,
            });
        }
    }
    texts
}

fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            let ending = path.extension().map(|ending| ending.to_string_lossy().into_owned());
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if ending.is_some_and(|ending| endings.contains(&ending.as_str())) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Attacks inside tool results: each text is put into a harmless one, at its beginning, between two
/// of its sentences or at its end, or is a field of a record that holds nothing else.
pub fn carried(attack: &Text, carriers: &[&Text], dice: &mut Dice) -> Text {
    let carrier = carriers.get(dice.roll(carriers.len())).map_or("", |text| text.text.as_str());
    let mut ends: Vec<usize> = carrier
        .match_indices(['.', '\n'])
        .map(|(at, end)| at + end.len())
        .filter(|at| carrier[*at..].chars().next().is_none_or(char::is_whitespace))
        .collect();
    // Into a record no line can be put: its own text goes around it.
    if carrier.starts_with(['{', '[']) {
        ends.clear();
    }
    let at = match dice.roll(4) {
        0 => 0,
        1 if !ends.is_empty() => ends[dice.roll(ends.len())],
        2 => return Text { role: TrustRole::ToolResult, place: None, ..attack.clone() },
        _ => carrier.len(),
    };
    let gap = ["\n", " ", "\n\n"][dice.roll(3)];
    let (before, after) = carrier.split_at(at);
    let from = before.len() + gap.len();
    let place = Some((from, from + attack.text.len()));
    let text = format!("{before}{gap}{}{gap}{after}", attack.text);
    Text { text, role: TrustRole::ToolResult, place, ..attack.clone() }
}

/// How many texts each source has.
pub fn count(texts: &[Text]) -> BTreeMap<&str, (usize, usize)> {
    let mut counts = BTreeMap::new();
    for text in texts {
        let count: &mut (usize, usize) = counts.entry(text.source.as_str()).or_default();
        if text.attack { count.1 += 1 } else { count.0 += 1 }
    }
    counts
}
