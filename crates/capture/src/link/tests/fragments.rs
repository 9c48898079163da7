//! Fragments of IP packets.

use super::*;

/// A fragment of the datagram `whole`.
fn piece(whole: &[u8], range: Range<usize>) -> Vec<u8> {
    let more = range.end < whole.len();
    let field = u16::try_from(range.start / 8).unwrap() | if more { 0x2000 } else { 0 };
    let mut ip = ipv4(6, &whole[range]);
    ip[6..8].copy_from_slice(&field.to_be_bytes());
    ip
}

/// The payload that these packets give, and what was counted.
fn put_together(packets: &[Vec<u8>]) -> (Vec<Vec<u8>>, Counters) {
    let mut decoder = Decoder::new(&Limits::default());
    let mut found = Vec::new();
    for packet in packets {
        if let Some(decoded) = decoder.decode(&frame(101, packet), packet) {
            assert!(decoded.reassembled);
            found.push(decoder.reassembled()[decoded.payload].to_vec());
        }
    }
    (found, decoder.counters())
}

#[test]
fn fragments_are_put_together_in_any_order() {
    let whole = tcp(b"hello, this is cut");
    let pieces = [piece(&whole, 0..16), piece(&whole, 16..32), piece(&whole, 32..38)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (found, counters) = put_together(&order.map(|at| pieces[at].clone()));
        assert_eq!(found, [b"hello, this is cut"], "{order:?}");
        assert_eq!((counters.reassembled, counters.fragments_differing), (1, 0));
    }
    let mut six = ipv6(44, &with(&[6, 0, 0, 0, 0, 0, 0, 7], &whole[16..]));
    six[43] = 16;
    let mut first = ipv6(44, &with(&[6, 0, 0, 1, 0, 0, 0, 7], &whole[..16]));
    first[43] = 1;
    assert_eq!(put_together(&[six, first]).0, [b"hello, this is cut"]);
}

#[test]
fn of_overlapping_fragments_the_first_copy_wins_and_others_are_told() {
    let whole = tcp(b"hello, this is cut");
    let mut forged = whole.clone();
    forged[16..].fill(b'X');
    let packets = [piece(&whole, 16..32), piece(&forged, 8..38), piece(&whole, 0..16)];
    let (found, counters) = put_together(&packets);
    assert_eq!(found, [[&whole[20..32], b"XXXXXX"].concat()]);
    assert_eq!(counters.fragments_differing, 1);
    // The same bytes again are no lie.
    let packets = [piece(&whole, 0..32), piece(&whole, 16..32), piece(&whole, 32..38)];
    assert_eq!(put_together(&packets).1.fragments_differing, 0);
}

#[test]
fn fragments_of_tenants_never_meet() {
    let whole = tcp(b"hello, this is cut");
    let wrap = |vni: u8, ip: Vec<u8>| {
        ipv4(17, &udp_to(4789, &with(&[8, 0, 0, 0, 0, 0, vni, 0], &ether(0x0800, &ip))))
    };
    let packets = [wrap(1, piece(&whole, 0..16)), wrap(2, piece(&whole, 16..38))];
    assert_eq!(put_together(&packets).1.reassembled, 0);
}

#[test]
fn a_flood_of_fragments_stays_within_bounds() {
    let limits = Limits { fragment_bytes_max: 100_000, ..Limits::default() };
    let whole = [7; 65_528];
    let mut decoder = Decoder::new(&limits);
    for at in 0..65_535_u16 {
        // All overlap, none ends; every hundredth is of another datagram.
        let start = usize::from(at % 8000) * 8;
        let mut packet = piece(&whole, start..start + 16);
        packet[4..6].copy_from_slice(&(at / 100).to_be_bytes());
        assert!(decoder.decode(&frame(101, &packet), &packet).is_none());
        assert!(decoder.fragments.held() <= 100_000);
    }
    assert!(decoder.counters().fragments_lost > 500);
}

#[test]
fn extension_headers_behind_the_fragment_header_are_passed() {
    // Destination options, then TCP, cut in two; then an atomic fragment of the same.
    let options = with(&[6, 0, 1, 4, 0, 0, 0, 0], &tcp(b"hello, this is cut"));
    let part = |field: u8, data: &[u8]| ipv6(44, &with(&[60, 0, 0, field, 0, 0, 0, 7], data));
    let cut = [part(1, &options[..24]), part(24, &options[24..])];
    assert_eq!(put_together(&cut).0, [b"hello, this is cut"]);
    check(101, &ipv6(44, &with(&[6, 0, 0, 0, 0, 0, 0, 7], &tcp(b"hello"))));
    check(
        101,
        &ipv6(60, &with(&[44, 0, 1, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 7], &tcp(b"hello"))),
    );
}

#[test]
fn fragments_inside_of_fragments() {
    let whole = tcp(b"hello, this is cut");
    let outer = |inner: &[u8], id: u8| {
        let carried = udp_to(4789, &with(&[8, 0, 0, 0, 0, 0, 1, 0], &ether(0x0800, inner)));
        [0..32, 32..carried.len()].map(|range| {
            let mut packet = piece(&carried, range);
            (packet[5], packet[9]) = (id, 17);
            packet
        })
    };
    let [a, b] = outer(&piece(&whole, 0..16), 1);
    let [c, d] = outer(&piece(&whole, 16..38), 2);
    let (found, counters) = put_together(&[a, c, d, b]);
    assert_eq!(found, [b"hello, this is cut"]);
    assert_eq!((counters.fragments, counters.reassembled), (6, 3));
}

#[test]
fn what_waits_at_the_end_is_counted_as_lost() {
    let whole = tcp(b"hello, this is cut");
    let counters = put_together(&[piece(&whole, 0..16)]).1;
    assert_eq!((counters.fragments, counters.fragments_lost), (1, 1));
}
