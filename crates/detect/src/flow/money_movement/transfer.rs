//! What of a transaction moves money, told from the fields of its request.

use crate::context::Context;
use crate::tell;
use stilt_inventory::has_word;
use stilt_model::{Leaf, Outcome, Sensitive, Value};

const AMOUNT: &[&str] = &[
    "amount", "amt", "sum", "value", "quantity", "betrag", "summe", "montant", "importe", "monto",
    "valor", "importo", "cents", "金额",
];
const TO: &[&str] = &[
    "to",
    "iban",
    "recipient",
    "receiver",
    "beneficiary",
    "payee",
    "creditor",
    "destination",
    "target",
    "wallet",
    "empfaenger",
    "empfänger",
    "destinataire",
    "beneficiaire",
    "destinatario",
    "beneficiario",
    "收款人",
];
/// Words of what is bought and counted, not sent to somebody.
const GOODS: &[&str] = &["product", "item", "sku", "cart", "basket", "quantity", "qty"];

/// Money sent to somebody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Transfer {
    pub(super) amount: f64,
    /// Key of whom it goes to.
    pub(super) payee: u64,
}

fn amount(leaf: &Leaf) -> Option<f64> {
    if !has_word(leaf.name(), AMOUNT) || has_word(leaf.name(), GOODS) {
        return None;
    }
    let number = match &leaf.value {
        #[expect(clippy::cast_precision_loss, reason = "amounts stay far below 2^53")]
        Value::Integer(number) => *number as f64,
        Value::Number(number) => *number,
        Value::Text(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (number.is_finite() && number > 0.0).then_some(number)
}

/// Whom it goes to. A card is what is paid with.
fn payee(leaf: &Leaf) -> Option<String> {
    let card = matches!(leaf.sensitive, Some(Sensitive::Card | Sensitive::TestCard));
    let named = has_word(leaf.name(), TO) || leaf.sensitive == Some(Sensitive::Iban);
    let from = has_word(leaf.name(), &["from", "source", "debtor", "own"]);
    if card || !named || from { None } else { leaf.value.as_key() }
}

/// The only one there is: of several it can't be told which belongs to which.
fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

/// By which of its payees, kept by an id, it pays; not what it pays with.
fn kept(leaf: &Leaf) -> Option<String> {
    const WITH: [&str; 8] =
        ["from", "source", "debtor", "own", "method", "mandate", "debit", "charge"];
    if has_word(leaf.name(), &WITH) { None } else { leaf.value.as_key() }
}

/// Reads a transfer that the application made. `keeps` says whether a payee is one that the account
/// keeps by an id.
pub(super) fn read(context: &Context<'_>, keeps: &dyn Fn(u64) -> bool) -> Option<Transfer> {
    if !context.sighting.changes_state || context.sighting.outcome != Outcome::Success {
        return None;
    }
    let leaves = &context.tx.request.as_ref()?.leaves;
    if leaves.iter().any(|leaf| has_word(leaf.name(), GOODS)) {
        return None;
    }
    let amount = only(leaves.iter().filter_map(amount))?;
    let key = |payee: String| tell::key(&context.sighting.service, &payee);
    let named = leaves.iter().find_map(payee).map(key);
    let by_id = || leaves.iter().filter_map(kept).map(key).find(|payee| keeps(*payee));
    Some(Transfer { amount, payee: named.or_else(by_id)? })
}

/// What changed in how an account is entered or its owner is reached.
pub(super) fn takes_over(context: &Context<'_>) -> Option<&'static str> {
    use stilt_inventory::StepKind;
    if context.sighting.outcome != Outcome::Success {
        return None;
    }
    match context.sighting.step.as_ref().map(|step| step.kind) {
        Some(StepKind::ResetDone) => return Some("the password was reset"),
        Some(StepKind::PasswordSet) => return Some("the password was changed"),
        _ => {}
    }
    let request = context.tx.request.as_ref()?;
    let alters = matches!(request.method.as_str(), "PUT" | "PATCH")
        || has_word(&context.sighting.name, &["update", "change", "edit", "set", "save"]);
    let reached = request.leaves.iter().any(|leaf| {
        matches!(leaf.sensitive, Some(Sensitive::Email | Sensitive::Phone))
            && !has_word(leaf.name(), TO)
    });
    let own = context.sighting.objects.iter().all(|object| !object.in_path)
        || has_word(&context.sighting.name, &["profile", "account", "user", "customer", "me"]);
    let changes = alters && reached && own && context.sighting.changes_state;
    changes.then_some("the address or number of the owner was changed")
}
