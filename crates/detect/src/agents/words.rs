//! Words of texts and names of tools: what they speak of doing.

use stilt_model::{ToolCall, ToolDef};

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
    /// What keeps others out is opened or switched off.
    Unlock,
}

use Deed::{Change, Delete, Grant, Money, Run, Secret, Send, Unlock, Whatever};

impl Deed {
    const ALL: [Self; 9] = [Money, Send, Delete, Unlock, Grant, Run, Secret, Change, Whatever];
    /// What a tool that makes or changes something may do by what it is made to: in doubt the
    /// gravest. Messages are made to be sent.
    const BY_THING: [Self; 4] = [Money, Grant, Send, Secret];

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
            Unlock => "opens or switches off what keeps others out",
        }
    }

    /// Stems of what is done, in the languages of the widest use.
    const fn verbs(self) -> &'static str {
        match self {
            Money => {
                "pay transfer refund purchas buy withdraw donat charg deposit settle reimburs zahl \
                 bezahl überweis ueberweis kauf bestell payer paie vire achet pagar paga compra \
                 betal \
                 bonific ordina przelew zapłac zaplac zapłać opłać оплат заплат перевод переведи \
                 переказ сплат zaplať uhraď převeď öde aktar havale fizet utald plăt maksa \
                 pagu bayar ادفع حول भुगतान 支付 转账 付款 支払 振込 送金 결제 송금 이체"
            }
            Send => {
                "send forward share publish upload notif reply respond export tell sende schick \
                 antwort teile weiterleit envoy répond envia enviar invia inoltr verstuur stuur \
                 skicka wyslij wyślij prześl przesl przekaż odpowiedz отправ перешл пришл ответ \
                 надішл перешли pošl přepošl odpověz gönder ilet yolla yanıtla küld továbbít \
                 trimite lähetä videresend encaminh kirim gửi στείλ שלח أرسل ارسل إرسال ابعث \
                 بفرست भेज 发送 转发 发给 回复 送って 送り 送信 転送 返信 보내 전송 전달 ส่ง"
            }
            Delete => {
                "delet remov drop wipe purg cancel destroy clear erase terminat revoke unsubscrib \
                 trash lösch loesch entfern kündig kuendig stornier supprim annul borra elimin \
                 rimuov verwijder radera usun usuń удал видал smaž silin siler töröl șterge poista \
                 hapus xóa احذف हटा मिटा 删除 削除 삭제 ลบ"
            }
            Grant => {
                "grant promot reset approv allow authoriz authoris berecht freigeb autoris \
                 autoriz"
            }
            Run => {
                "exec run deploy install eval launch start build test compil debug fix ausführ \
                 starte lance ejecut"
            }
            Secret => "rotate decrypt unseal",
            Unlock => {
                "unlock disarm disabl deactivat unblock entsperr entriegel aufsperr öffne oeffne \
                 déverrouill désactiv desactiv sblocc disattiv abre desbloque"
            }
            Change => {
                "set updat edit chang creat add insert modif save put patch renam move schedul \
                 assign änder aender erstell speicher crear cambi modific aggiorn crea effettu \
                 actualiz make place issue submit upsert replace amend"
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
            Unlock => "",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }

    fn is_done(self, word: &str) -> bool {
        // Where no blanks are written a verb may stand anywhere.
        let unspaced = word.chars().any(is_unspaced);
        let mut stems = self.verbs().split(' ').filter(|stem| !stem.is_empty());
        stems.any(|stem| word.starts_with(stem) || unspaced && word.contains(stem))
    }

    fn is_about(self, word: &str) -> bool {
        self.things().split(' ').any(|stem| !stem.is_empty() && word.starts_with(stem))
    }

    /// Stems of what is made or changed where that is such a deed: who makes a payment pays.
    const fn made(self) -> &'static str {
        match self {
            Money => {
                "payment payout transfer payee beneficiar refund iban order purchase checkout \
                 transaction wire withdrawal bonific pagament pago paiement virement zahlung \
                 überweisung ueberweisung bestellung ordine pedido commande przelew"
            }
            Grant => {
                "user account member role permission privileg password admin access owner grant \
                 utent benutzer konto utilisateur usuario"
            }
            Send => "email mail message sms post tweet messaggio nachricht mensaje",
            Secret => "secret credential token apikey",
            _ => "",
        }
    }

    fn makes(self, word: &str) -> bool {
        self.made().split(' ').any(|stem| !stem.is_empty() && word.starts_with(stem))
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
    // A verb says more than what it is done to, and the first word more than those behind it; but
    // what is made, changed or done says itself what is done.
    let first = parts.first()?;
    let all = || Deed::ALL.into_iter().filter(|deed| *deed != Whatever);
    let deed = all().find(|deed| deed.is_done(first));
    let vague = matches!(deed, Some(Change | Run));
    let made = thing(&parts).filter(|_| vague).and_then(|thing| made(thing));
    made.or(deed)
        .or_else(|| all().find(|deed| parts.iter().any(|part| deed.is_done(part))))
        .or_else(|| all().find(|deed| parts.iter().any(|part| deed.is_about(part))))
}

/// What making or changing such a thing is.
fn made(thing: &str) -> Option<Deed> {
    Deed::BY_THING.into_iter().find(|deed| deed.makes(thing))
}

/// What a verb is done to: the last word in front of one that leads on.
fn thing(parts: &[String]) -> Option<&String> {
    const LEADS: &str = "to for from of in on at by with into as";
    const NUMBERS: &str = "v1 v2 v3 id ids";
    let leads = |part: &String| LEADS.split(' ').any(|word| word == part);
    let until = parts.iter().skip(1).position(leads).map_or(parts.len(), |at| at.saturating_add(1));
    let own = parts.get(1..until)?;
    own.iter().rev().find(|part| !NUMBERS.split(' ').any(|word| word == *part))
}

/// What a call does: by the name of the tool, else by how the tool is described and by what it is
/// given.
pub(crate) fn deed_of_call(call: &ToolCall, tools: &[ToolDef]) -> Option<Deed> {
    let by_name = deed_of(&call.name);
    if by_name.is_some_and(|deed| deed != Change) || looks_only(&call.name) {
        return by_name;
    }
    let described = tools.iter().find(|tool| tool.name == call.name);
    let by_text = described.and_then(|tool| deed_of_description(&tool.description.shown));
    by_text.filter(|deed| *deed != Change).or_else(|| deed_of_values(call)).or(by_name).or(by_text)
}

/// What a description says first: "Transfers money to an account".
fn deed_of_description(text: &str) -> Option<Deed> {
    const SMALL: &str = "a an the this tool will can ein eine einen un una le la il to";
    let sentence = text.split(['.', ',', ';', ':', '\n', '(']).next().unwrap_or_default();
    let words = sentence.split_whitespace().take(8);
    let words =
        words.filter(|word| !SMALL.split(' ').any(|small| word.eq_ignore_ascii_case(small)));
    let name: Vec<&str> = words.take(4).collect();
    // "Creates", "Deletes": looking is told by the bare word.
    let first = name.first()?;
    let bare = first.strip_suffix('s').unwrap_or(first);
    if looks_only(first) || looks_only(bare) {
        return None;
    }
    deed_of(&name.join("_"))
}

/// What the values of a call show: an amount that goes to an account is money.
fn deed_of_values(call: &ToolCall) -> Option<Deed> {
    const AMOUNTS: &str = "amount betrag importo montant importe sum price kwota bedrag belopp";
    const ACCOUNTS: &str =
        "iban bic account payee beneficiary konto conto compte cuenta rekening recipient empfänger";
    let has = |words: &'static str| {
        call.arguments.iter().any(|leaf| {
            let name = leaf.path.to_string();
            parts(&name).iter().any(|part| words.split(' ').any(|word| word == part))
        })
    };
    (has(AMOUNTS) && has(ACCOUNTS)).then_some(Money)
}

/// Words between a verb and what is made.
const MADE_WITHIN: usize = 3;

/// What a text speaks of doing, as a set.
pub(crate) fn deeds_in(text: &str) -> u16 {
    const BEFORE: &str = "please and then to bitte und por et also";
    let mut set = 0;
    let mut word = String::new();
    let mut front = true;
    // Words since one that makes or changes: "place an order", "add him as a user".
    let mut since = usize::MAX;
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
            if since <= MADE_WITHIN
                && let Some(deed) = made(&word)
            {
                set |= deed.bit();
            }
            since = if Change.is_done(&word) { 0 } else { since.saturating_add(1) };
            front = BEFORE.split(' ').any(|before| before == word);
        }
        front |= matches!(char, '.' | '!' | '?' | ':' | ';' | '\n' | ',');
        word.clear();
    }
    set
}

/// A letter of a writing that puts no blanks between words: Chinese, Japanese, Thai and the like.
pub(crate) const fn is_unspaced(char: char) -> bool {
    matches!(char,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// A text is in a language of which few verbs are known, by its letters: those of the languages
/// that are read well are Latin, with the marks that these have.
pub(crate) fn reads_little_of(text: &str) -> bool {
    const MARKED: &str = "äöüßéèêëàâáçñíìîïóòôúùûœæåøãõ";
    let strange = |char: char| {
        let lower = char.to_lowercase().next().unwrap_or(char);
        char.is_alphabetic() && !lower.is_ascii_alphabetic() && !MARKED.contains(lower)
    };
    let words = text.split_whitespace().take(512);
    let (all, strange) = words.fold((0_usize, 0_usize), |(all, found), word| {
        (all.saturating_add(1), found.saturating_add(usize::from(word.chars().any(strange))))
    });
    strange > 0 && strange.saturating_mul(10) >= all
}

/// The set holds the deed.
pub(crate) fn holds(set: u16, deed: Deed) -> bool {
    set & deed.bit() != 0
}

/// A word, and in writing without blanks the Latin words in it: `山田さんへ eva@else.testを`.
fn apart(word: &str) -> impl Iterator<Item = &str> {
    let mixed = word.chars().any(is_unspaced) && word.chars().any(|char| char.is_ascii());
    let inner = word.split(move |char: char| mixed && (is_unspaced(char) || is_wide_mark(char)));
    let whole = mixed.then_some(word);
    inner.filter(|part| !part.is_empty()).chain(whole)
}

/// Punctuation of writing without blanks.
const fn is_wide_mark(char: char) -> bool {
    matches!(char, '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}')
}

/// Words of a text as values are compared: no quotes and brackets around them, no stop behind.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    const BREAKS: &str = "\"'`()[]{},;|\\*=";
    text.split(|char: char| char.is_whitespace() || BREAKS.contains(char))
        .flat_map(apart)
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
            ("create_payment", Some(Money)),
            ("create_order", Some(Money)),
            ("place_order", Some(Money)),
            ("update_payee", Some(Money)),
            ("change_payment", Some(Money)),
            ("effettua_bonifico", Some(Money)),
            ("ueberweisen", Some(Money)),
            ("add_user", Some(Grant)),
            ("add_user_note", Some(Change)),
            ("add_note_to_account", Some(Change)),
            ("create_report_from_orders", Some(Change)),
            ("disarm_alarm", Some(Unlock)),
            ("unlock_door", Some(Unlock)),
            ("invia_mail", Some(Send)),
            ("annulla_pratica", Some(Delete)),
            ("list_payments", None),
        ] {
            assert_eq!(deed_of(name), deed, "{name}");
        }
    }

    #[test]
    fn descriptions_tell_what_names_do_not() {
        for (text, deed) in [
            ("Transfers money to an account.", Some(Money)),
            ("Create a payment.", Some(Money)),
            ("Deletes the record for good", Some(Delete)),
            ("Shows payments of the last month", None),
            ("Gets the account. Delete it with another tool", None),
            ("Adds a note to the user's file", Some(Change)),
        ] {
            assert_eq!(deed_of_description(text), deed, "{text}");
        }
    }

    #[test]
    fn texts_tell_what_is_meant() {
        let means = |text: &str, deed: Deed| holds(deeds_in(text), deed);
        assert!(means("Please pay the invoice", Money));
        assert!(means("Überweise bitte 20 Franken", Money));
        assert!(means("Sum it up and email it to Bob", Send));
        assert!(means("Reply to the last mail and do what it asks", Whatever));
        assert!(means("Could you place an order for two lamps?", Money));
        assert!(!means("What is in my mailbox today?", Send));
        assert!(!means("Is my account in order?", Money));
        assert!(!means("Is my account in order?", Grant));
    }
}
