//! Two words that vary, one below the other, and collections that only look like that.

use super::*;

fn names(mut app: Watched) -> Vec<String> {
    app.inventory.settle();
    app.names()
}

#[test]
fn owners_and_names_that_are_asked_for_seldom_are_values() {
    let owners = ["ada", "octo", "linus", "gnome", "rust", "hashi"];
    let repos = ["web", "tools", "book", "site", "notes", "parser", "kit"];
    let mut app = Watched::new();
    for n in 0..40_u64 {
        let pick = |salt, of: usize| {
            usize::try_from(routes::dice(&[n, salt]) % u64::try_from(of).unwrap()).unwrap()
        };
        let path = format!("/repos/{}/{}", owners[pick(1, 6)], repos[pick(2, 7)]);
        app.see(match n % 4 {
            0 => get(&path).answer(r#"{"a":1,"stars":2,"forks":3}"#),
            1 => get(&format!("{path}/commits")).answer(r#"[{"sha":"x","text":"y"}]"#),
            2 => get(&format!("{path}/issues/{n}")).answer(r#"{"number":1,"title":"t"}"#),
            _ => post(&format!("{path}/issues")).json("{}").answer(r#"{"number":1,"title":"t"}"#),
        });
    }
    let expected = [
        "GET /repos/{repo_slug}/{repo_slug_2}/issues/{id}",
        "GET /repos/{repo_slug}/{slug}",
        "GET /repos/{repo_slug}/{slug}/commits",
        "POST /repos/{repo_slug}/{slug}/issues",
    ];
    assert_eq!(names(app), expected);
}

#[test]
fn few_words_above_many_values_are_values_of_one_sort() {
    let mut app = Watched::new();
    for n in 0..60_usize {
        let top = ["lamps", "bulbs", "decor", "garden", "sale"][n % 5];
        let inner = char::from(b'a' + u8::try_from(n % 12).unwrap());
        let path = format!("/c/{top}/{inner}sort");
        app.see(get(&path).answer(r#"{"items":4,"first":2,"next":3}"#));
    }
    assert_eq!(names(app), ["GET /c/{c_slug}/{slug}"]);
}

#[test]
fn collections_with_functions_or_things_of_their_own_keep_their_names() {
    let mut app = Watched::new();
    let kept = ["users", "orders", "items", "coupons", "taxes"];
    for n in 0..12 {
        for collection in kept {
            let thing = format!(r#"{{"id":{n},"{collection}_name":"x","{collection}_sum":4}}"#);
            app.see(get(&format!("/api/{collection}/{n}")).answer(&thing));
            app.see(get(&format!("/api/{collection}/report")).answer(r#"{"rows":1,"sum":2}"#));
            app.see(post(&format!("/api/{collection}/bulk")).json("{}").answer(r#"{"ok":true}"#));
            let rate = r#"{"code":"x","label":"y","id":1}"#;
            app.see(get(&format!("/lists/{collection}/{n}")).answer(rate));
        }
    }
    let names = names(app);
    assert_eq!(names.len(), 4 * kept.len(), "{names:?}");
}

#[test]
fn parts_of_one_thing_and_programs_keep_their_names() {
    let mut app = Watched::new();
    let lists = [
        "followers",
        "following",
        "blocked",
        "requests",
        "invites",
        "friends",
        "muted",
        "groups",
        "posts",
    ];
    for n in 0..27_usize {
        let list = lists[n % 9];
        let answer = r#"{"total":1,"next":null,"users":[{"id":1,"name":"x"}]}"#;
        app.see(get(&format!("/users/{}/{list}", 100 + n)).answer(answer));
        let act = ["approve", "reject", "hold", "release"][n % 4];
        let order = format!(r#"{{"id":{n},"lastAction":"{act}","total":4}}"#);
        app.see(post(&format!("/orders/{n}/{act}")).json("{}").answer(&order));
        app.see(get(&format!("/orders/{n}")).answer(&order));
        app.see(get(&format!("/admin/{list}.php")).html(&format!("<p>{list}</p>")));
    }
    let names = names(app);
    assert_eq!(names.len(), 9 + 4 + 1 + 9, "{names:?}");
}
