//! The ring on disk: bounded, its owner's alone, and shorter by all but what alerts hold.

use super::*;
use crate::testing::Scratch;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use stilt_capture::source::{self, Batch, Frame};
use stilt_model::Mark;

const MIB: u64 = 1 << 20;
const HOUR: Duration = Duration::from_secs(3600);

fn bounds() -> Bounds {
    Bounds { size_max: MIB, keep: HOUR, pinned_max: MIB, pinned_keep: 10 * HOUR }
}

fn opened(scratch: &Scratch, bounds: Bounds) -> (Ring, Arc<Shared>) {
    let shared = Arc::new(Shared::default());
    let folder = scratch.path("e");
    private::make_folder(&folder).unwrap();
    let (links, key) = (link::Limits::default(), Key::new([7; 32]));
    (Ring::open(&folder, bounds, links, key, Arc::clone(&shared)).unwrap(), shared)
}

fn client(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, number).into()
}

/// A thousand bytes of a client at a second.
fn packet(batch: &mut Batch, number: u64, client: u8, second: i64) {
    let start = batch.data.len();
    batch.data.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
    batch.data.extend([0x45, 0, 3, 218, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, client, 10, 9, 9, 9]);
    batch.data.extend([200, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 16, 0, 9, 0, 0, 0, 0]);
    batch.data.resize(start + 1000, b'x');
    batch.frames.push(Frame {
        mark: Mark { time: Timestamp::from_secs(second), packet: number },
        link: 1,
        start: u32::try_from(start).unwrap(),
        len: 1000,
        wire_len: 1000,
        interface: 0,
    });
}

/// `count` seconds of packets, one a second of each of ten clients.
fn fill(ring: &mut Ring, from: i64, count: i64) {
    for second in from..from + count {
        let mut batch = Batch::default();
        for client in 0..10 {
            packet(&mut batch, second.unsigned_abs() * 10 + u64::from(client) + 1, client, second);
        }
        ring.take(Some(&batch), Timestamp::from_secs(second), Marks::default());
    }
}

fn pin(id: &str, of: u8, first: i64) -> Pin {
    Pin {
        id: id.to_owned(),
        rule: "ato.x".to_owned(),
        actor: "a".to_owned(),
        service: "s".to_owned(),
        endpoint: "e".to_owned(),
        addresses: BTreeSet::from([client(of)]),
        first: Timestamp::from_secs(first),
        told: Timestamp::from_secs(first + 1),
        anchor: None,
        segments: (0, 0),
    }
}

fn mark(pins: Vec<Pin>, cuts: Vec<Cut>) -> Marks {
    Marks { cuts, pins }
}

fn names(scratch: &Scratch, start: &str) -> Vec<String> {
    let entries = fs::read_dir(scratch.path("e")).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(start)).collect();
    names.sort();
    names
}

fn size(scratch: &Scratch) -> u64 {
    fs::read_dir(scratch.path("e"))
        .unwrap()
        .flatten()
        .map(|one| one.metadata().unwrap().len())
        .sum()
}

/// Clients and seconds of the packets in a file.
fn seen(path: PathBuf) -> Vec<(u8, i64)> {
    let mut source = source::open(&[path], &source::Options::default()).unwrap();
    let (mut batch, mut seen, mut more) = (Batch::default(), Vec::new(), true);
    while more {
        more = source.fill(&mut batch).unwrap();
        seen.extend(
            batch.frames.iter().map(|frame| (batch.bytes(frame)[29], frame.mark.time.secs())),
        );
    }
    assert!(source.take_warnings().is_empty());
    seen
}

#[test]
fn the_ring_keeps_the_latest_packets_within_its_size_for_its_owner_alone() {
    let scratch = Scratch::new("ring");
    let (mut ring, shared) = opened(&scratch, bounds());
    for step in 0..10 {
        fill(&mut ring, step * 100, 100);
        assert!(size(&scratch) <= MIB, "{}", size(&scratch));
    }
    ring.end();
    assert_eq!(shared.ring.load(Ordering::Relaxed), size(&scratch));
    let files = names(&scratch, "ring-");
    assert!((7..=16).contains(&files.len()), "{files:?}");
    let packets: Vec<_> =
        files.iter().flat_map(|name| seen(scratch.path("e").join(name))).collect();
    let whole = packets.len() * 1000;
    assert!(whole as u64 > MIB / 10 * 8, "{whole}");
    let last: Vec<i64> = packets.iter().map(|(_, second)| *second).collect();
    assert!(last.is_sorted() && last.last() == Some(&999));
    #[cfg(unix)]
    for name in &files {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(scratch.path("e").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // It goes on with what lies there.
    let (mut ring, _) = opened(&scratch, bounds());
    fill(&mut ring, 1000, 10);
    ring.end();
    assert!(names(&scratch, "ring-").last() > files.last());
    assert!(size(&scratch) <= MIB);
}

#[test]
fn packets_are_deleted_when_their_time_is_over_whether_others_come_or_not() {
    let scratch = Scratch::new("retention");
    let (mut ring, shared) = opened(&scratch, Bounds { keep: 10 * NAP * 1600, ..bounds() });
    // 160 seconds.
    fill(&mut ring, 0, 200);
    let mut packets =
        names(&scratch, "ring-").into_iter().flat_map(|name| seen(scratch.path("e").join(name)));
    assert!(packets.all(|(_, second)| second >= 199 - 160));
    ring.take(None, Timestamp::from_secs(500), Marks::default());
    assert_eq!((names(&scratch, "ring-").len(), shared.ring.load(Ordering::Relaxed)), (0, 0));
}

#[test]
fn what_an_alert_holds_outlives_the_ring_for_its_own_time_and_size() {
    let scratch = Scratch::new("pinned");
    let (mut ring, shared) = opened(&scratch, bounds());
    let parts: Parts = [("x".to_owned(), vec![1; 100])].into();
    let cut = |packet, second| Cut {
        packet,
        time: Some(Timestamp::from_secs(second)),
        parts: parts.clone(),
    };
    fill(&mut ring, 0, 20);
    // Between the packets of one batch.
    let mut batch = Batch::default();
    (0..10).for_each(|client| packet(&mut batch, 201 + u64::from(client), client, 20));
    ring.take(Some(&batch), Timestamp::from_secs(20), mark(Vec::new(), vec![cut(204, 20)]));
    fill(&mut ring, 21, 9);
    ring.take(None, Timestamp::from_secs(30), mark(vec![pin("00aa", 3, 25)], Vec::new()));
    fill(&mut ring, 30, 10);
    // It is told again; then others' packets push everything out.
    ring.take(None, Timestamp::from_secs(40), mark(vec![pin("00aa", 4, 38)], Vec::new()));
    fill(&mut ring, 40, 300);
    let kept = names(&scratch, "kept-");
    let (states, packets): (Vec<_>, Vec<_>) =
        kept.into_iter().partition(|name| name.ends_with(".state"));
    assert_eq!((states.len(), names(&scratch, "alert-").len()), (1, 1), "{states:?}");
    let of: Vec<(u8, i64)> =
        packets.iter().flat_map(|name| seen(scratch.path("e").join(name))).collect();
    assert!(of.iter().all(|(client, _)| [3, 4].contains(client)), "{of:?}");
    let seconds: BTreeSet<i64> = of.iter().map(|(_, second)| *second).collect();
    // From the segment before the state on.
    assert!((15..40).all(|second| seconds.contains(&second)), "{seconds:?}");
    assert!(seconds.iter().all(|second| *second < 60), "{seconds:?}");
    let found = Folder::read(&scratch.path("e")).unwrap();
    let segment = found.segments.iter().find(|one| one.state > 0).unwrap();
    assert_eq!(found.pins[0].anchor, Some(segment.number));
    // The state stands between the packets it was taken between.
    assert_eq!(seen(segment.packets_in(&scratch.path("e")))[0], (3, 20));
    let read = crate::state::Store::peek(&segment.state_in(&scratch.path("e")), &Key::new([7; 32]));
    assert_eq!(read.unwrap().get(WITHIN), Some(&20_000_000_000_i64.to_le_bytes().to_vec()));
    let pinned = shared.pinned.load(Ordering::Relaxed);
    assert!(pinned > 60_000 && pinned < 300_000, "{pinned}");

    // A restart holds it as well, until its own time is over.
    let (mut ring, _) = opened(&scratch, bounds());
    fill(&mut ring, 500, 1);
    assert_eq!(names(&scratch, "kept-").len(), packets.len() + 1);
    fill(&mut ring, 11 * 3600, 1);
    assert_eq!(names(&scratch, "kept-").len() + names(&scratch, "alert-").len(), 0);
}

#[test]
fn alerts_hold_no_more_than_their_own_size() {
    let scratch = Scratch::new("pinned-max");
    let (mut ring, shared) = opened(&scratch, Bounds { pinned_max: MIB / 4, ..bounds() });
    for step in 0..20 {
        fill(&mut ring, step * 50, 50);
        let id = format!("{step:016x}");
        let all = (0..10).map(client).collect();
        let pin = Pin { addresses: all, ..pin(&id, 0, step * 50 + 10) };
        ring.take(None, Timestamp::from_secs(step * 50 + 49), mark(vec![pin], Vec::new()));
        assert!(shared.pinned.load(Ordering::Relaxed) <= MIB / 4 + 8192);
        assert!(size(&scratch) < MIB + MIB / 2, "{}", size(&scratch));
    }
    let found = Folder::read(&scratch.path("e")).unwrap();
    // The latest are held.
    assert!(found.pins.iter().any(|pin| pin.id == format!("{:016x}", 19)), "{:?}", found);
    assert!(found.pins.len() < 20, "{}", found.pins.len());
}

#[test]
fn a_disk_that_fails_is_told_once_and_tried_again() {
    let scratch = Scratch::new("fails");
    let (mut ring, shared) = opened(&scratch, bounds());
    fs::remove_dir(scratch.path("e")).unwrap();
    fill(&mut ring, 0, 20);
    fs::create_dir(scratch.path("e")).unwrap();
    thread::sleep(Duration::from_millis(1100));
    fill(&mut ring, 20, 10);
    assert_eq!(shared.notices.lock().unwrap().len(), 1, "it is not believed yet");
    thread::sleep(Duration::from_millis(3100));
    fill(&mut ring, 30, 10);
    let told = shared.notices.lock().unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("packets are not kept") && told[1].contains("kept again"), "{told:?}");
    assert_eq!(shared.lost.load(Ordering::Relaxed), 200);
    assert!(shared.wanted.load(Ordering::Relaxed));
    let names = names(&scratch, "ring-");
    assert_eq!(names.iter().flat_map(|name| seen(scratch.path("e").join(name))).count(), 200);
}

#[test]
fn what_lies_there_and_is_not_ours_is_left_alone() {
    let scratch = Scratch::new("strange");
    private::make_folder(&scratch.path("e")).unwrap();
    let strange = [
        "notes.txt",
        "ring-1.pcapng",
        "ring-x-1.pcapng",
        "alert-1.json",
        "alert-00ff.json",
        "kept-3-4-5.state",
    ];
    for name in strange {
        scratch.write(&format!("e/{name}"), b"{}");
    }
    let (mut ring, _) = opened(&scratch, bounds());
    fill(&mut ring, 0, 300);
    ring.end();
    for name in strange {
        assert!(scratch.path("e").join(name).exists(), "{name}");
    }
}
