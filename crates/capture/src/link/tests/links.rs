//! Links and tunnels one by one, from bytes.

use super::*;

/// Everything that a frame gives, and what was counted.
fn all(link: u16, bytes: &[u8]) -> (Vec<Vec<u8>>, Counters) {
    let mut decoder = Decoder::new(&Limits::default());
    let frame = frame(link, bytes);
    let mut found = decoder.decode(&frame, bytes);
    let mut payloads = Vec::new();
    while let Some(decoded) = found {
        payloads.push(bytes[decoded.payload].to_vec());
        found = decoder.more(&frame, bytes);
    }
    (payloads, decoder.counters())
}

/// The digest of the way on which a frame came.
fn way(link: u16, bytes: &[u8]) -> u32 {
    let found = Decoder::new(&Limits::default()).decode(&frame(link, bytes), bytes).unwrap();
    assert_eq!(&bytes[found.payload], b"hello");
    found.head.way
}

/// Each names another way; none is without.
fn check_ways(link: u16, frames: &[Vec<u8>]) {
    let ways: Vec<u32> = frames.iter().map(|bytes| way(link, bytes)).collect();
    for (at, one) in ways.iter().enumerate() {
        assert!(*one != 0 && !ways[..at].contains(one), "{ways:?}");
    }
}

#[test]
fn pppoe_with_a_protocol_of_two_bytes_and_of_one() {
    let session = |number: u8, protocol: &[u8]| {
        let head = [&[0x11, 0, 0, number, 0, 60][..], protocol].concat();
        ether(0x8864, &with(&head, &inner()))
    };
    check_ways(1, &[session(1, &[0, 0x21]), session(2, &[0x21])]);
    // With no Ethernet header before it; discovery, and an unknown version.
    check(51, &with(&[0x11, 0, 0, 1, 0, 60, 0, 0x21], &inner()));
    assert_eq!(all(1, &ether(0x8864, &[0x11, 9, 0, 0, 0, 0, 0, 0x21])).1.not_ip, 1);
    assert_eq!(all(1, &ether(0x8864, &[0x21, 0, 0, 0, 0, 0, 0, 0x21])).1.not_ip, 1);
}

#[test]
fn serial_lines_in_both_dialects() {
    check(104, &with(&[0x0f, 0, 8, 0], &inner()));
    check(104, &with(&[0x8f, 0, 0x86, 0xdd], &ipv6(6, &tcp(b"hello"))));
    check(205, &with(&[1, 0x0f, 0, 8, 0], &inner()));
    for link in [9, 50] {
        check(link, &with(&[0x0f, 0, 8, 0], &inner()));
        check(link, &with(&[0xff, 3, 0, 0x21], &inner()));
        check(link, &with(&[0x21], &inner()));
        check(link, &with(&[0, 0x57], &ipv6(6, &tcp(b"hello"))));
        check(link, &with(&[0xff, 3, 2, 0x81, 0, 1, 1, 64], &inner()));
    }
    for link in [166, 204] {
        check(link, &with(&[0, 0xff, 3, 0, 0x21], &inner()));
    }
}

#[test]
fn frame_relay_as_the_rfc_and_as_cisco_have_it() {
    let forms: [&[u8]; 5] = [
        &[0x18, 0x41, 3, 0xcc],
        &[0x18, 0x42, 0x61, 3, 0xcc],
        &[0x18, 0x51, 3, 0, 0x80, 0, 0, 0, 8, 0],
        &[0x18, 0x61, 3, 0x80, 0, 0, 0, 8, 0],
        &[0x18, 0x71, 8, 0],
    ];
    check_ways(107, &forms.map(|form| with(form, &inner())));
    check(107, &with(&[0x18, 0x51, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7], &framed()));
    check(206, &with(&[1, 0x18, 0x41, 3, 0xcc], &inner()));
    // Bits that tell of congestion are no part of the circuit.
    assert_eq!(
        way(107, &with(&[0x18, 0x41, 3, 0xcc], &inner())),
        way(107, &with(&[0x18, 0x4d, 3, 0xcc], &inner()))
    );
    assert_eq!(all(107, &[0x18, 0x40, 0x40, 0x40, 0x40]).1.malformed, 1);
}

#[test]
fn loopback_in_the_byte_order_of_any_host() {
    let six = ipv6(6, &tcp(b"hello"));
    for link in [0, 108] {
        for family in [10_u8, 24, 28, 30] {
            check(link, &with(&[family, 0, 0, 0], &six));
            check(link, &with(&[0, 0, 0, family], &six));
        }
        check(link, &with(&[2, 0, 0, 0], &inner()));
        check(link, &with(&[0, 0, 0, 2], &inner()));
        assert_eq!(all(link, &with(&[7, 0, 0, 0], &inner())).1.not_ip, 1);
    }
}

fn llc(ip: &[u8]) -> Vec<u8> {
    with(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], ip)
}

#[test]
fn wireless_data_in_every_shape() {
    let data = |control: u8, flags: u8, rest: usize| {
        with(&[&[control, flags][..], &vec![0; rest]].concat(), &llc(&inner()))
    };
    check(105, &data(0x08, 1, 22));
    check(105, &data(0x08, 3, 28));
    check(105, &data(0x88, 2, 24));
    check(105, &data(0x88, 0x80, 28));
    let radiotap = |head: &[u8], frame: &[u8]| with(head, frame);
    check(127, &radiotap(&[0, 0, 8, 0, 0, 0, 0, 0], &data(0x88, 1, 24)));
    // Time, then flags: the header is filled up from 26 bytes to 28.
    let timed = [&[0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0][..], &[0; 12], &[0x20]].concat();
    check(127, &radiotap(&timed, &data(0x88, 1, 26)));
    check(192, &with(&[0, 0, 12, 0, 105, 0, 0, 0, 1, 2, 3, 4], &data(0x88, 1, 24)));
    check(192, &with(&[0, 0, 8, 0, 1, 0, 0, 0], &framed()));
    let prism = [&[0x44, 0, 0, 0, 144, 0, 0, 0][..], &[0; 136]].concat();
    check(119, &with(&prism, &data(0x08, 1, 22)));
    let avs = [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56]].concat();
    check(163, &with(&avs, &data(0x08, 1, 22)));
    // Protected, management, without data.
    assert_eq!(all(105, &data(0x88, 0x41, 24)).1.encrypted, 1);
    assert_eq!(all(105, &data(0x80, 0, 24)).1.not_ip, 1);
    assert_eq!(all(105, &data(0xc8, 0, 24)).1.not_ip, 1);
    // A header that names itself.
    assert_eq!(all(192, &[0, 0, 8, 0, 192, 0, 0, 0, 0, 0, 8, 0]).1.not_ip, 1);
}

#[test]
fn one_wireless_frame_with_several_payloads() {
    let mut bytes = [&[0x88, 1][..], &[0; 22], &[0x80, 0]].concat();
    for payload in [&b"hello"[..], b"", b"and"] {
        let carried = llc(&ipv4(6, &tcp(payload)));
        bytes.extend([4; 12]);
        bytes.extend(u16::try_from(carried.len()).unwrap().to_be_bytes());
        bytes.extend(carried);
        bytes.resize((bytes.len() - 26).next_multiple_of(4) + 26, 0);
    }
    // What the checksum of a frame leaves behind it is no payload.
    bytes.extend([1, 2, 3, 4]);
    let (found, counters) = all(105, &bytes);
    assert_eq!(found, [&b"hello"[..], b"", b"and"]);
    assert_eq!((counters.frames, counters.segments), (1, 3));
    // One that is no IP does not end the frame.
    bytes[26 + 14] = 0xe0;
    assert_eq!(all(105, &bytes).0, [&b""[..], b"and"]);
}

#[test]
fn tags_of_ports_and_of_networks_on_top_of_each_other() {
    let tagged = with(&[0x80, 0, 0, 5, 0x81, 0, 0x20, 9, 8, 0], &inner());
    let (payload, vlan) = find(1, &ether(0x8926, &tagged)).unwrap();
    assert_eq!((payload.as_slice(), vlan), (&b"hello"[..], vec![9]));
    let tagged = with(&[0, 0, 0, 0, 0, 5, 0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 8, 0], &inner());
    assert_eq!(find(1, &ether(0x893f, &tagged)).unwrap().1, [7, 8]);
    // Provider backbone: a frame behind the number of a service, which is a network of its own.
    let service = |number: u8| ether(0x88e7, &with(&[0, 0, 0, number], &framed()));
    let lan = |bytes: &[u8]| {
        Decoder::new(&Limits::default()).decode(&frame(1, bytes), bytes).unwrap().head.lan
    };
    assert!(lan(&service(1)) != lan(&service(2)) && lan(&service(1)) != 0);
}

#[test]
fn macsec_that_only_signs_is_read_and_else_counted() {
    check(1, &ether(0x88e5, &with(&[0, 0, 0, 0, 0, 1, 8, 0], &inner())));
    let channel = [&[0x20, 0, 0, 0, 0, 1][..], &[7; 8], &[8, 0]].concat();
    check(1, &ether(0x88e5, &with(&channel, &inner())));
    assert_eq!(all(1, &ether(0x88e5, &with(&[0x2c, 0, 0, 0, 0, 1], &inner()))).1.encrypted, 1);
    assert_eq!(all(101, &ipv4(50, &[7; 60])).1.encrypted, 1);
    assert_eq!(all(101, &ipv6(50, &[7; 60])).1.encrypted, 1);
}

#[test]
fn service_headers_over_all_that_carry_them() {
    let nsh = |path: u8, next: u8, rest: &[u8]| {
        with(&[&[0, 6, 1, next, 0, 0, path, 255][..], &[0; 16]].concat(), rest)
    };
    check_ways(
        1,
        &[
            ether(0x894f, &nsh(1, 1, &inner())),
            ether(0x894f, &nsh(2, 3, &framed())),
            ether(0x894f, &nsh(3, 4, &nsh(4, 3, &framed()))),
            ether(0x894f, &nsh(5, 5, &with(&[0, 1, 1, 64], &inner()))),
        ],
    );
    let gpe = udp_to(4790, &with(&[0x0c, 0, 0, 4, 0, 0, 5, 0], &nsh(1, 3, &framed())));
    assert_eq!(tunnel(17, &gpe), Some(("vxlan-gpe", Some(5))));
    let gre = with(&[0, 0, 0x89, 0x4f], &nsh(1, 2, &ipv6(6, &tcp(b"hello"))));
    assert_eq!(tunnel(47, &gre), Some(("gre", None)));
    assert_eq!(all(1, &ether(0x894f, &[0, 1, 1, 1, 0, 0, 0, 0])).1.malformed, 1);
}

#[test]
fn labels_lead_to_packets_and_to_frames() {
    // 100, then 200 at the bottom.
    let labels = [0, 6, 0x40, 64, 0, 0x0c, 0x81, 64];
    let frame_of_vendor = |first: u8| {
        let mut bytes = framed();
        bytes[0] = first;
        bytes
    };
    let plain = ether(0x8847, &with(&labels, &inner()));
    check(1, &ether(0x8848, &with(&labels, &ipv6(6, &tcp(b"hello")))));
    check(1, &ether(0x8847, &with(&labels, &with(&[0; 4], &framed()))));
    check(1, &ether(0x8847, &with(&labels, &with(&[0; 4], &frame_of_vendor(0)))));
    // Without control word, a receiver's address may begin as a version does.
    for first in [0x00, 0x02, 0x45, 0x60] {
        check(1, &ether(0x8847, &with(&labels, &frame_of_vendor(first))));
    }
    // A label that spreads load (behind 7) differs within a path; a reserved one is of none.
    let spread = |entropy: u8| {
        [&[0, 6, 0x40, 64, 0, 0, 0x70, 64, 0, entropy, 0, 64][..], &labels[4..]].concat()
    };
    for entropy in [1, 2] {
        let bytes = ether(0x8847, &with(&spread(entropy), &inner()));
        assert_eq!(way(1, &bytes), way(1, &plain));
    }
    assert_eq!(way(1, &ether(0x8847, &with(&[0, 0, 1, 64], &inner()))), 0);
    assert_eq!(tunnel(137, &with(&labels, &inner())), Some(("mpls", None)));
    assert_eq!(tunnel(17, &udp_to(6635, &with(&labels, &framed()))), Some(("mpls", None)));
}

#[test]
fn frames_in_ip_and_packets_in_l2tp_and_what_mirrors_wrap() {
    assert_eq!(tunnel(97, &with(&[0x30, 0], &framed())), Some(("etherip", None)));
    let l2tp = |head: &[u8]| tunnel(17, &udp_to(1701, &with(head, &inner())));
    let found = Some(("l2tp", None));
    assert_eq!(l2tp(&[0, 2, 0, 1, 0, 2, 0xff, 3, 0, 0x21]), found);
    assert_eq!(l2tp(&[0x40, 2, 0, 60, 0, 1, 0, 2, 0x21]), found);
    assert_eq!(l2tp(&[0x4a, 2, 0, 60, 0, 1, 0, 2, 0, 1, 0, 1, 0, 2, 9, 9, 0, 0x21]), found);
    assert_eq!(all(101, &ipv4(17, &udp_to(1701, &[0xc8, 2, 0, 12, 0, 0, 0, 0]))).1.udp, 1);
    let tzsp = |head: &[u8]| tunnel(17, &udp_to(37_008, &with(head, &framed())));
    assert_eq!(tzsp(&[1, 0, 0, 1, 1]), None);
    assert_eq!(tzsp(&[1, 1, 0, 1, 0, 10, 1, 0xc4, 41, 2, 9, 9, 1]), None);
    let redirected = with(&[0, 0, 0x88, 0x3e, 0, 1, 2, 3], &inner());
    assert_eq!(tunnel(47, &redirected), Some(("gre", None)));
    assert_eq!(tunnel(47, &with(&[0, 0, 0x88, 0x3e], &inner())), Some(("gre", None)));
    let mirrored = [&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1][..], &[0; 10], &[2 << 2, 0]].concat();
    assert_eq!(tunnel(47, &with(&mirrored, &inner())), Some(("erspan", None)));
}

#[test]
fn numbers_of_one_direction_name_its_way() {
    let gtp = |end: u8| ipv4(17, &udp_to(2152, &with(&[0x30, 255, 0, 0, 0, 0, 0, end], &inner())));
    check_ways(101, &[gtp(1), gtp(2)]);
    let erspan = |kind: u8, vlan: u8, session: u8| {
        let length = if kind == 0xbe { 8 } else { 12 };
        let protocol = if kind == 0xbe { 0x88 } else { 0x22 };
        let mut head = vec![0x10, 0, protocol, kind, 0, 0, 0, 1];
        head.extend([0x10, vlan, 0, session]);
        head.resize(8 + length, 0);
        ipv4(47, &with(&head, &framed()))
    };
    check_ways(101, &[erspan(0xbe, 1, 1), erspan(0xbe, 1, 2), erspan(0xbe, 2, 2)]);
    check_ways(101, &[erspan(0xeb, 1, 1), erspan(0xeb, 1, 2), erspan(0xeb, 2, 2)]);
    let l2tp =
        |session: u8| ipv4(17, &udp_to(1701, &with(&[0, 2, 0, 1, 0, session, 0x21], &inner())));
    check_ways(101, &[l2tp(1), l2tp(2)]);
    let mpls = |label: u8| ether(0x8847, &with(&[0, label, 1, 64], &inner()));
    check_ways(1, &[mpls(1), mpls(2)]);
    // A VNI is of both directions.
    let vxlan = ipv4(17, &udp_to(4789, &with(&[8, 0, 0, 0, 0, 0, 1, 0], &framed())));
    assert_eq!(way(101, &vxlan), 0);
}

#[test]
fn every_row_of_the_tables_is_found_by_its_own_number() {
    let mut links: Vec<u16> = LINKS.iter().flat_map(|spec| spec.types).copied().collect();
    let mut kinds: Vec<u16> = ETHERTYPES.iter().flat_map(|spec| spec.kinds).copied().collect();
    let mut ports: Vec<u16> = TUNNELS.iter().flat_map(|spec| spec.ports).copied().collect();
    let mut protocols: Vec<u16> =
        TUNNELS.iter().filter_map(|spec| spec.protocol).map(u16::from).collect();
    for numbers in [&mut links, &mut kinds, &mut ports, &mut protocols] {
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }
}
