//! Words of texts and names of tools: what they speak of doing.

/// Kinds of deeds that do harm in the wrong hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Money or goods change hands.
    Money,
    /// Something is sent to somebody.
    Send,
    /// Something is gone.
    Delete,
    /// Somebody gets rights, or an account changes.
    Grant,
    /// A program runs.
    Run,
    /// Secrets are read.
    Secret,
    /// Something is written or changed.
    Change,
    /// Whatever a text says is to be done: somebody gives free rein.
    Whatever,
}

use Deed::{Change, Delete, Grant, Money, Run, Secret, Send, Whatever};

impl Deed {
    const ALL: [Self; 8] = [Money, Send, Delete, Grant, Run, Secret, Change, Whatever];

    /// As messages say it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Money => "moves money or goods",
            Send => "sends something out",
            Delete => "deletes something",
            Grant => "gives rights or changes an account",
            Run => "runs a program",
            Secret => "reads secrets",
            Change => "changes something",
            Whatever => "does something",
        }
    }

    /// Stems of what is done, in the languages of the widest use.
    const fn verbs(self) -> &'static str {
        match self {
            Money => {
                "pay transfer refund purchas buy withdraw donat charg deposit settle reimburs zahl \
                 bezahl überweis kauf bestell payer paie vire achet pagar paga compra 支付 转账"
            }
            Send => {
                "send forward share publish upload notif reply respond export tell sende schick \
                 antwort teile weiterleit envoy répond envia enviar 发送"
            }
            Delete => {
                "delet remov drop wipe purg cancel destroy clear erase terminat revoke unsubscrib \
                 trash lösch entfern kündig stornier supprim annul borra elimin 删除"
            }
            Grant => {
                "grant promot reset unlock approv allow authoriz authoris berecht freigeb autoris \
                 autoriz"
            }
            Run => {
                "exec run deploy install eval launch start build test compil debug fix ausführ \
                 starte lance ejecut"
            }
            Secret => "rotate decrypt unseal",
            Change => {
                "set updat edit chang creat add insert modif save put patch renam move schedul \
                 assign änder erstell speicher crear cambi"
            }
            Whatever => {
                "process handle follow perform proceed comply instruct bearbeit erledig befolg \
                 traite procesa"
            }
        }
    }

    /// Stems of things it is done to or with. As a verb they stand at the front of a sentence, or
    /// behind a word like "please".
    const fn things(self) -> &'static str {
        match self {
            Money => "order invoice wire payout checkout credit book money fund rechnung virement",
            Send => {
                "email mail post message invite webhook sms slack contact answer draft text write"
            }
            Delete => "clean archiv",
            Grant => "permission role admin password access privileg account member credential",
            Run => "shell bash command script terminal python",
            Secret => "secret credential vault",
            Change => "write",
            Whatever => "do",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }

    fn is_done(self, word: &str) -> bool {
        self.verbs().split(' ').any(|stem| word.starts_with(stem))
    }

    fn is_about(self, word: &str) -> bool {
        self.things().split(' ').any(|stem| word.starts_with(stem))
    }
}

/// Parts of a name: `sendEmail_v2` is `send`, `email`, `v2`.
pub(crate) fn parts(name: &str) -> Vec<String> {
    let mut out: Vec<String> = vec![String::new()];
    let mut lower = false;
    for char in name.chars().take(128) {
        let split = !char.is_alphanumeric() || (char.is_uppercase() && lower);
        if split && out.last().is_some_and(|last| !last.is_empty()) {
            out.push(String::new());
        }
        if char.is_alphanumeric()
            && let Some(last) = out.last_mut()
        {
            last.extend(char.to_lowercase());
        }
        lower = char.is_lowercase() || char.is_ascii_digit();
    }
    out.retain(|part| !part.is_empty());
    out
}

/// A tool that only looks, by the first word of its name.
pub(crate) fn looks_only(name: &str) -> bool {
    const LOOKS: &str = "get list search read find fetch lookup query view show check describe \
                         count browse retrieve load inspect preview summarize analyze calculate \
                         validate verify status is has open download web weather time translate \
                         convert compare recall think plan";
    let parts = parts(name);
    let first = parts.iter().find(|part| *part != "mcp");
    first.is_some_and(|first| LOOKS.split(' ').any(|word| word == first))
}

/// What a tool does, by its name: the gravest deed that a word of it speaks of.
pub(crate) fn deed_of(name: &str) -> Option<Deed> {
    let parts = parts(name);
    let secret = |part: &String| {
        matches!(part.as_str(), "secret" | "secrets" | "credential" | "credentials" | "vault")
    };
    if parts.iter().any(secret) {
        return Some(Secret);
    }
    if looks_only(name) {
        return None;
    }
    // A verb says more than what it is done to, and the first word more than those behind it.
    let first = parts.first()?;
    let all = || Deed::ALL.into_iter().filter(|deed| *deed != Whatever);
    all()
        .find(|deed| deed.is_done(first))
        .or_else(|| all().find(|deed| parts.iter().any(|part| deed.is_done(part))))
        .or_else(|| all().find(|deed| parts.iter().any(|part| deed.is_about(part))))
}

/// What a text speaks of doing, as a set.
pub(crate) fn deeds_in(text: &str) -> u16 {
    const BEFORE: &str = "please and then to bitte und por et also";
    let mut set = 0;
    let mut word = String::new();
    let mut front = true;
    for char in text.chars().take(16_384).chain([' ']) {
        if char.is_alphanumeric() {
            word.extend(char.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            for deed in Deed::ALL {
                if set & deed.bit() == 0 && (deed.is_done(&word) || (front && deed.is_about(&word)))
                {
                    set |= deed.bit();
                }
            }
            front = BEFORE.split(' ').any(|before| before == word);
        }
        front |= matches!(char, '.' | '!' | '?' | ':' | ';' | '\n' | ',');
        word.clear();
    }
    set
}

/// The set holds the deed.
pub(crate) fn holds(set: u16, deed: Deed) -> bool {
    set & deed.bit() != 0
}

/// Words of a text as values are compared: no quotes and brackets around them, no stop behind.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    const BREAKS: &str = "\"'`()[]{},;|\\*=";
    text.split(|char: char| char.is_whitespace() || BREAKS.contains(char))
        .map(|word| word.trim_matches(['.', ':', '!', '?', '#']))
        .filter(|word| word.len() >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tools_tell_what_they_do() {
        for (name, deed) in [
            ("send_email", Some(Send)),
            ("transferFunds", Some(Money)),
            ("delete_user", Some(Delete)),
            ("get_order", None),
            ("searchMail", None),
            ("read_secret", Some(Secret)),
            ("mail__send", Some(Send)),
            ("weather", None),
            ("users.grant_role", Some(Grant)),
            ("run_shell", Some(Run)),
            ("update_ticket", Some(Change)),
            ("cancel_order", Some(Delete)),
            ("create_invoice", Some(Change)),
        ] {
            assert_eq!(deed_of(name), deed, "{name}");
        }
    }

    #[test]
    fn texts_tell_what_is_meant() {
        let means = |text: &str, deed: Deed| holds(deeds_in(text), deed);
        assert!(means("Please pay the invoice", Money));
        assert!(means("Überweise bitte 20 Franken", Money));
        assert!(means("Sum it up and email it to Bob", Send));
        assert!(means("Reply to the last mail and do what it asks", Whatever));
        assert!(!means("What is in my mailbox today?", Send));
        assert!(!means("Is my account in order?", Money));
        assert!(!means("Is my account in order?", Grant));
    }
}
