//! Pages of one template, and pages that only share the look of the site.

use super::*;

/// A page with the layout of the site around `inner`.
fn page(title: &str, inner: &str) -> String {
    format!(
        "<html><head><title>{title}</title></head><body class=\"{title}\"><nav class=top><a \
         href=/>Home</a></nav><main><h1>{title}</h1>{inner}</main><footer><p>Us</p></footer>\
         </body></html>"
    )
}

fn list(title: &str, items: usize) -> String {
    // What stands on it is its own.
    let text: String = title.chars().rev().collect();
    let item = format!("<div class=\"card wide\"><a href=/p/1>{text}</a></div>");
    page(title, &item.repeat(items))
}

fn names(mut app: Watched) -> Vec<String> {
    app.inventory.settle();
    app.names()
}

#[test]
fn few_pages_of_one_template_are_values_however_often_they_are_asked_for() {
    for rounds in [1, 40] {
        let mut app = Watched::new();
        for n in 0..rounds {
            for (at, name) in ["lamps", "chairs", "decor", "garden", "bulbs"].iter().enumerate() {
                app.see(get(&format!("/c/{name}")).html(&list(name, 2 + (n + at) % 5)));
            }
            app.see(get("/search?q=x").html(&list("search", 3)));
            for name in ["terms", "imprint", "privacy"] {
                app.see(get(&format!("/{name}")).html(&page(name, "<p>Text</p>")));
            }
        }
        let expected =
            ["GET /c/{slug}", "GET /imprint", "GET /privacy", "GET /search", "GET /terms"];
        assert_eq!(names(app), expected, "{rounds}");
    }
}

#[test]
fn a_tree_of_pages_is_told_by_what_is_below() {
    let mut app = Watched::new();
    let (tops, inner) = (["lamps", "decor", "garden"], ["floor", "wall", "desk", "oak", "glass"]);
    for top in tops {
        app.see(get(&format!("/c/{top}")).html(&list(top, 4)));
        for name in inner {
            app.see(get(&format!("/c/{top}/{name}")).html(&list(&format!("{name}{top}"), 3)));
            app.see(
                get(&format!("/c/{top}/{name}/page/2")).html(&list(&format!("{top}{name}"), 3)),
            );
        }
    }
    let expected =
        ["GET /c/{c_slug}/{c_slug_2}/page/{id}", "GET /c/{c_slug}/{slug}", "GET /c/{slug}"];
    assert_eq!(names(app), expected);
}

#[test]
fn pages_that_only_share_the_look_of_the_site_keep_their_names() {
    let mut app = Watched::new();
    for name in ["terms", "imprint", "privacy", "jobs", "team"] {
        app.see(get(&format!("/{name}")).html(&page(name, "<p>Text</p>")));
    }
    for name in ["team", "story", "press", "brand", "offices"] {
        app.see(get(&format!("/about/{name}")).html(&page(name, "<p>Text</p>")));
    }
    for (name, heading) in [
        ("users", "E-mail"),
        ("orders", "Total"),
        ("items", "Stock"),
        ("coupons", "Code"),
        ("taxes", "Rate"),
    ] {
        let table = format!("<table><tr><th>{heading}</th></tr></table>");
        app.see(get(&format!("/admin/{name}")).html(&page(name, &table)));
    }
    let names = names(app);
    assert_eq!(names.len(), 15, "{names:?}");
}
