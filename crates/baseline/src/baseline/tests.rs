use super::*;
use crate::rates::RateStatus;
use stilt_inventory::Inventory;
use stilt_inventory::test_support::{World, get};
use stilt_model::Key;
use stilt_session::Sessions;

/// Users who go through a list and an item, round after round, one of them flagged or odd.
struct Town {
    world: World,
    inventory: Inventory,
    sessions: Sessions,
    baseline: Baseline,
}

impl Town {
    fn new(baseline: Baseline) -> Self {
        Self {
            world: World::new(),
            inventory: Inventory::new(&stilt_inventory::Config::default()),
            sessions: Sessions::new(&stilt_session::Config::default(), &Key::new([7; 32])),
            baseline,
        }
    }

    fn ask(
        &mut self,
        user: u64,
        path: &str,
        at: f64,
        flagged: bool,
    ) -> (Score, Option<RateStatus>) {
        let tx = self.world.tx(get(path)
            .from(&format!("10.1.{}.{}", user / 200, user % 200))
            .at(at)
            .answer("{\"a\":1}"));
        let sighting = self.inventory.observe(&tx);
        let seen = self.sessions.observe(&tx, &sighting);
        let rate = self.baseline.rate(&tx, &sighting, &seen);
        let score = self.baseline.score(&tx, &sighting, &seen);
        self.baseline.learn(&tx, &sighting, &seen, flagged);
        (score, rate)
    }

    fn usual_days(&mut self, rounds: u64, flagged: bool) -> f64 {
        let mut at = 0.0;
        for round in 0..rounds {
            for user in 0..20 {
                for step in 0..3 + (round + user) % 3 {
                    let path = if step == 0 { "/items" } else { "/items/7" };
                    at += 2.0;
                    self.ask(user, path, at, flagged);
                }
            }
            at += 2000.0;
            self.baseline.tick(
                Timestamp::from_secs(stilt_inventory::test_support::EPOCH + 1)
                    .plus(core::time::Duration::from_secs_f64(at)),
            );
        }
        at
    }
}

#[test]
fn what_is_usual_scores_low_and_an_odd_window_high_with_reasons() {
    let mut town = Town::new(Baseline::new(&Config::default()));
    let at = town.usual_days(10, false);
    town.ask(3, "/items", at + 10.0, false);
    town.ask(3, "/items/7", at + 12.0, false);
    town.ask(3, "/items/7", at + 14.0, false);
    let usual = town.ask(3, "/items/7", at + 16.0, false).0;
    let mut odd = Score::default();
    for n in 0..128 {
        let next =
            town.ask(4, &format!("/admin/export/{n}"), at + 20.0 + f64::from(n) * 0.1, false);
        // What goes on and on is usual for who does it: the highest is the session's.
        if next.0.anomaly >= odd.anomaly {
            odd = next.0;
        }
    }
    assert!(usual.anomaly.unwrap() < 0.9, "{usual:?}");
    assert!(odd.anomaly.unwrap() > 0.9, "{odd:?}");
    assert_eq!(odd.reasons.len(), 3);
}

#[test]
fn nothing_flagged_teaches() {
    let mut town = Town::new(Baseline::new(&Config::default()));
    let at = town.usual_days(10, true);
    town.ask(3, "/items", at + 10.0, false);
    assert_eq!(town.ask(3, "/items/7", at + 12.0, false).0.anomaly, None);
    assert!(town.baseline.windows.is_empty());
}

#[test]
fn saved_and_loaded_it_says_the_same_and_the_bytes_are_the_same() {
    let mut town = Town::new(Baseline::new(&Config::default()));
    let at = town.usual_days(10, false);
    let folder = std::env::temp_dir().join(format!("stilt-baseline-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (one, two) = (folder.join("one"), folder.join("two"));
    town.baseline.save(&one).unwrap();
    let loaded = Baseline::load(&Config::default(), &one).unwrap();
    loaded.save(&two).unwrap();
    let same = std::fs::read(&one).unwrap() == std::fs::read(&two).unwrap();
    town.baseline = loaded;
    town.ask(3, "/items", at + 10.0, false);
    assert!(town.ask(3, "/items/7", at + 12.0, false).0.anomaly.is_some());
    for (text, expected) in [("{}", "not a baseline"), ("nonsense", "not a baseline")] {
        std::fs::write(&one, text).unwrap();
        let error = Baseline::load(&Config::default(), &one).err().unwrap().to_string();
        assert!(error.contains(expected) && error.lines().count() == 1, "{error}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(same);
}

#[test]
fn what_is_played_once_more_is_judged_and_counts_once() {
    let folder = std::env::temp_dir().join(format!("stilt-baseline-again-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (one, two) = (folder.join("one"), folder.join("two"));
    // Half of a window's burst, so that twice as much would be told.
    let play = |baseline: Baseline, path: &Path| {
        let mut town = Town::new(baseline);
        let at = town.usual_days(10, false);
        let burst: Vec<_> =
            (0..40).map(|n| town.ask(3, "/items", at + f64::from(n), false).1).collect();
        town.baseline.save(path).unwrap();
        (town, burst.into_iter().flatten().map(|rate| rate.count).max(), at)
    };
    let (first, alone, _) = play(Baseline::new(&Config::default()), &one);
    let loaded = Baseline::load(&Config::default(), &one).unwrap();
    let (mut again, twice, at) = play(loaded, &two);
    let same = std::fs::read(&one).unwrap() == std::fs::read(&two).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((first.baseline.repeated(), twice), (0, alone));
    assert!(same, "the same was learned twice");
    let repeated = again.baseline.repeated();
    assert!(repeated > 800, "{repeated}");
    // What comes after teaches.
    again.ask(3, "/items", at + 5000.0, false);
    assert_eq!(again.baseline.repeated(), repeated);
    assert_ne!(again.baseline.spans, Spans::default());
}

#[cfg(unix)]
#[test]
fn only_files_are_replaced_and_links_stay() {
    use std::os::unix::fs::symlink;
    let folder = std::env::temp_dir().join(format!("stilt-baseline-link-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (file, link, null) = (folder.join("file"), folder.join("link"), folder.join("null"));
    std::fs::write(&file, "old").unwrap();
    symlink(&file, &link).unwrap();
    // Through a link, so that a fault would replace the link and not the device.
    symlink("/dev/null", &null).unwrap();
    let baseline = Baseline::new(&Config::default());
    for path in [&link, &null] {
        Baseline::check_target(path).unwrap();
        baseline.save(path).unwrap();
    }
    let links = [&link, &null].map(|path| path.is_symlink());
    let written = std::fs::read_to_string(&file).unwrap();
    let missing = Baseline::check_target(&folder.join("no/such")).unwrap_err().to_string();
    let left = std::fs::read_dir(&folder).unwrap().count();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(links, [true, true]);
    assert!(written.starts_with("{\"format\":\"stilt-baseline\""), "{written}");
    assert!(missing.contains("no/such") && missing.contains("directory first"), "{missing}");
    assert_eq!(left, 3, "a draft was left");
}

#[test]
fn a_sample_is_bounded_and_drawn_alike_every_time() {
    let draw = || {
        let mut sample: Vec<u64> = Vec::new();
        for n in 1..10_000 {
            match place(n, sample.len(), 100, 1) {
                Some(at) if at == sample.len() => sample.push(n),
                Some(at) => sample[at] = n,
                None => {}
            }
        }
        sample
    };
    assert_eq!(draw(), draw());
    assert_eq!(draw().len(), 100);
    assert!(draw().iter().filter(|n| **n > 5000).count() > 30);
}
