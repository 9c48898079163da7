//! Against the policies, let happen or refused.

use crate::testing::{Town, home, name};
use stilt_inventory::test_support::{Tx, jwt, post};
use stilt_model::{Outcome, Severity};

const POLICY: &str = r#"
@id("refunds")
permit (principal in Role::"finance", action in Action::"financial", resource);
"#;

fn refund(user: u64, role: &str) -> Tx {
    let claims = format!(r#"{{"sub":"{}","roles":["{role}"],"iat":1795305600}}"#, name(user));
    let tx = post("/refunds").json(r#"{"amount":12}"#).answer(r#"{"ok":true}"#);
    tx.from(&home(user)).bearer(&jwt(&claims))
}

fn check(plan: impl Fn(&mut Town), expected: Option<(Severity, Outcome)>) -> String {
    let mut town = Town::new(super::SPEC.rule.id);
    town.governed_by(POLICY);
    plan(&mut town);
    town.run();
    let stories = town.stories();
    let told = stories.iter().map(|story| (story.severity, story.outcome)).max();
    assert_eq!(told, expected, "{stories:#?}");
    stories.first().map(|story| story.message.clone()).unwrap_or_default()
}

#[test]
fn what_is_let_happen_is_told_with_what_was_needed() {
    let high = Some((Severity::High, Outcome::Success));
    let message = check(|town| town.at(9.0, refund(1, "clerk")), high);
    assert!(message.contains("Role::\"finance\"") && message.contains("refunds"), "{message}");
    check(|town| town.at(9.0, refund(1, "finance")), None);
}

#[test]
fn refusals_are_told_once_there_are_several() {
    let refused = |n: u64| {
        move |town: &mut Town| {
            for at in 0..n {
                let tx = refund(1, "clerk").status(403).answer(r#"{"error":"forbidden"}"#);
                town.at(30.0 * at as f64, tx);
            }
        }
    };
    check(refused(2), None);
    check(refused(6), Some((Severity::Low, Outcome::Failure)));
}

#[test]
fn what_is_not_seen_answered_is_counted() {
    let mut town = Town::new(super::SPEC.rule.id);
    town.governed_by(POLICY);
    town.at(9.0, refund(1, "clerk").unanswered());
    town.run();
    assert!(town.stories().is_empty() && town.not_evaluated().len() == 1);
}
