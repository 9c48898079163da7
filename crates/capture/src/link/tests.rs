use super::*;
use core::net::IpAddr;
use stilt_model::{Mark, Timestamp};

fn frame(link: u16, bytes: &[u8]) -> Frame {
    Frame {
        mark: Mark { time: Timestamp::from_secs(1), packet: 1 },
        link,
        start: 0,
        len: u32::try_from(bytes.len()).unwrap(),
        wire_len: u32::try_from(bytes.len()).unwrap(),
        interface: 0,
    }
}

fn tcp(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x30, 0x39, 0, 80, 0, 0, 0, 7, 0, 0, 0, 9, 0x50, 0x18, 1, 0, 0, 0, 0, 0];
    bytes.extend_from_slice(payload);
    bytes
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![0x45, 0, total[0], total[1], 0, 1, 0, 0, 64, protocol, 0, 0];
    bytes.extend_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend_from_slice(payload);
    bytes
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
    bytes.extend_from_slice(&[0x20; 32]);
    bytes.extend_from_slice(payload);
    bytes
}

fn ether(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![2; 12];
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn udp_to(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 1];
    bytes.extend_from_slice(&port.to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0, 0]);
    bytes.extend_from_slice(payload);
    bytes
}

fn with(head: &[u8], rest: &[u8]) -> Vec<u8> {
    [head, rest].concat()
}

/// The payload found, and the VLAN tags around it.
fn find(link: u16, bytes: &[u8]) -> Option<(Vec<u8>, Vec<u16>)> {
    let mut decoder = Decoder::new(&Limits::default());
    let decoded = decoder.decode(&frame(link, bytes), bytes)?;
    assert_eq!(decoded.head.source.port(), 12_345);
    Some((bytes[decoded.payload].to_vec(), decoded.head.vlan_tags().to_vec()))
}

fn check(link: u16, bytes: &[u8]) {
    assert_eq!(find(link, bytes).map(|found| found.0), Some(b"hello".to_vec()));
}

#[test]
fn every_link_type_leads_to_the_segment() {
    let ip = ipv4(6, &tcp(b"hello"));
    check(1, &ether(0x0800, &ip));
    check(1, &ether(0x86dd, &ipv6(6, &tcp(b"hello"))));
    check(101, &ip);
    check(113, &with(&[&[0; 14][..], &[8, 0]].concat(), &ip));
    check(276, &with(&[&[8, 0][..], &[0; 18]].concat(), &ip));
    check(0, &with(&[2, 0, 0, 0], &ip));
    check(108, &with(&[0, 0, 0, 2], &ip));
    check(9, &with(&[0xff, 3, 0, 0x21], &ip));
    let llc = with(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ip);
    check(1, &ether(u16::try_from(llc.len()).unwrap(), &llc));
    check(105, &with(&[&[0x88, 0][..], &[0; 24]].concat(), &llc));
    check(127, &with(&[&[0, 0, 8, 0, 0, 0, 0, 0, 8, 0][..], &[0; 22]].concat(), &llc));
}

/// What the innermost tunnel is told to be, behind an outer IPv4 header.
fn tunnel(protocol: u8, rest: &[u8]) -> Option<(&'static str, Option<u32>)> {
    let bytes = ipv4(protocol, rest);
    let mut decoder = Decoder::new(&Limits::default());
    let found = decoder.decode(&frame(101, &bytes), &bytes).unwrap();
    assert_eq!(&bytes[found.payload.clone()], b"hello");
    assert_eq!(found.head.nest == 0, found.head.tunnel.is_none());
    if let Some(tunnel) = found.head.tunnel {
        assert_eq!(tunnel.outer, ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse::<IpAddr>().unwrap()));
    }
    found.head.tunnel.map(|tunnel| (tunnel.kind, tunnel.id))
}

fn inner() -> Vec<u8> {
    ipv4(6, &tcp(b"hello"))
}

fn framed() -> Vec<u8> {
    ether(0x0800, &inner())
}

#[test]
fn ip_in_ip_of_every_mixture() {
    let six = ipv6(6, &tcp(b"hello"));
    assert_eq!(tunnel(4, &inner()), Some(("ipip", None)));
    assert_eq!(tunnel(41, &six), Some(("ip6ip", None)));
    check(101, &ipv6(4, &inner()));
    check(101, &ipv6(41, &six));
}

#[test]
fn gre_with_key_sequence_and_checksum() {
    assert_eq!(tunnel(47, &with(&[0, 0, 8, 0], &inner())), Some(("gre", None)));
    let all = [0xb0, 0, 8, 0, 1, 1, 0, 0, 0, 0, 0, 42, 0, 0, 0, 9];
    assert_eq!(tunnel(47, &with(&all, &inner())), Some(("gre", Some(42))));
    let pptp = [0x30, 0x81, 0x88, 0x0b, 0, 40, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21];
    assert_eq!(tunnel(47, &with(&pptp, &inner())), Some(("gre", None)));
    check(101, &ipv4(17, &udp_to(4754, &with(&[0, 0, 8, 0], &inner()))));
}

#[test]
fn nvgre_names_the_network_in_24_bits() {
    let head = [0x20, 0, 0x65, 0x58, 0, 1, 0, 77];
    assert_eq!(tunnel(47, &with(&head, &framed())), Some(("nvgre", Some(256))));
}

#[test]
fn erspan_of_three_types() {
    let two = [&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1][..], &[0; 8]].concat();
    let three = [&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1][..], &[0; 12]].concat();
    let mut extended = [&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1][..], &[0; 20]].concat();
    extended[8 + 11] = 1;
    for head in [&[0, 0, 0x88, 0xbe][..], &two, &three, &extended] {
        assert_eq!(tunnel(47, &with(head, &framed())), Some(("erspan", None)));
    }
}

#[test]
fn vxlan_and_its_extension() {
    let vxlan = |port, head: &[u8], rest: &[u8]| tunnel(17, &udp_to(port, &with(head, rest)));
    assert_eq!(vxlan(4789, &[8, 0, 0, 0, 0, 0, 1, 0], &framed()), Some(("vxlan", Some(1))));
    assert_eq!(vxlan(8472, &[8, 0, 0, 0, 1, 0, 0, 0], &framed()), Some(("vxlan", Some(65_536))));
    let gpe = Some(("vxlan-gpe", Some(5)));
    assert_eq!(vxlan(4790, &[0x0c, 0, 0, 1, 0, 0, 5, 0], &inner()), gpe);
    assert_eq!(vxlan(4790, &[0x0c, 0, 0, 3, 0, 0, 5, 0], &framed()), gpe);
    assert_eq!(vxlan(4790, &[0x08, 0, 0, 0, 0, 0, 5, 0], &framed()), gpe);
}

#[test]
fn geneve_with_options_and_another_tunnel_inside_as_clouds_mirror() {
    let geneve = |rest: &[u8], head: &[u8]| tunnel(17, &udp_to(6081, &with(head, rest)));
    let plain = [0, 0, 0x65, 0x58, 0, 0, 7, 0];
    assert_eq!(geneve(&framed(), &plain), Some(("geneve", Some(7))));
    let options = [&[2, 0, 8, 0, 0, 0, 7, 0][..], &[0xaa; 8]].concat();
    assert_eq!(geneve(&inner(), &options), Some(("geneve", Some(7))));
    let nested = ipv4(17, &udp_to(4789, &with(&[8, 0, 0, 0, 0, 0, 9, 0], &framed())));
    assert_eq!(geneve(&nested, &options), Some(("vxlan", Some(9))));
}

#[test]
fn gtp_user_data_with_and_without_extension_headers() {
    let gtp = |head: &[u8]| tunnel(17, &udp_to(2152, &with(head, &inner())));
    assert_eq!(gtp(&[0x30, 255, 0, 0, 0, 0, 0, 1]), Some(("gtp-u", None)));
    let sequence = [0x32, 255, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0];
    assert_eq!(gtp(&sequence), Some(("gtp-u", None)));
    // A PDU session container (type 0x85), then another of two words.
    let extended =
        [0x34, 255, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0xc0, 2, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(gtp(&extended), Some(("gtp-u", None)));
}

#[test]
fn teredo_and_the_authentication_header_name_no_network() {
    let six = ipv6(6, &tcp(b"hello"));
    assert_eq!(tunnel(17, &udp_to(3544, &six)), None);
    let origin = [0, 0, 1, 2, 3, 4, 5, 6];
    assert_eq!(tunnel(17, &udp_to(3544, &with(&origin, &six))), None);
    let ah = [6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];
    assert_eq!(tunnel(51, &with(&ah, &tcp(b"hello"))), None);
    check(101, &ipv6(51, &with(&ah, &tcp(b"hello"))));
}

#[test]
fn ipv6_extension_headers_are_passed() {
    // Hop by hop, then destination options of two words, then TCP.
    let headers = [60, 0, 0, 0, 0, 0, 0, 0, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    check(101, &ipv6(0, &with(&headers, &tcp(b"hello"))));
}

#[test]
fn labels_tags_and_sessions_are_passed() {
    check(1, &ether(0x8847, &with(&[0, 1, 0, 64, 0, 1, 1, 64], &inner())));
    check(1, &ether(0x8847, &with(&[0, 1, 1, 64, 0, 0, 0, 0], &framed())));
    check(1, &ether(0x8864, &with(&[0x11, 0, 0, 1, 0, 40, 0, 0x21], &inner())));
    check(1, &ether(0x8926, &with(&[0, 0, 0, 5, 8, 0], &inner())));
    check(1, &ether(0x893f, &with(&[0, 0, 0, 0, 0, 5, 8, 0], &inner())));
}

#[test]
fn networks_are_told_apart_by_tags_and_tunnels_on_the_whole_way() {
    let network = |link: u16, bytes: &[u8]| {
        let found = Decoder::new(&Limits::default()).decode(&frame(link, bytes), bytes).unwrap();
        (found.head.lan, found.head.nest)
    };
    let vxlan = |vni: u8| ipv4(17, &udp_to(4789, &with(&[8, 0, 0, 0, 0, 0, vni, 0], &framed())));
    let tagged = |vlan: u8| ether(0x8100, &with(&[0, vlan, 8, 0], &vxlan(1)));
    let all = [
        network(1, &framed()),
        network(101, &vxlan(1)),
        network(101, &vxlan(2)),
        network(1, &tagged(1)),
        network(1, &tagged(2)),
        network(1, &ether(0x0800, &ipv4(4, &vxlan(1)))),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one), "{all:?}");
    }
    assert_eq!(all[0], (0, 0));
    // Both directions of a tunnel are one.
    let mut back = vxlan(1);
    back[12..20].copy_from_slice(&[10, 0, 0, 2, 10, 0, 0, 1]);
    assert_eq!(network(101, &back), all[1]);
}

#[test]
fn an_offloaded_length_of_zero_is_told_by_the_frame() {
    let mut ip = inner();
    ip[2..4].copy_from_slice(&[0, 0]);
    check(101, &ip);
}

#[test]
fn wrong_checksums_count_only_where_asked() {
    let mut bytes = inner();
    let decode = |checksums, bytes: &[u8]| {
        let mut decoder = Decoder::new(&Limits { checksums, ..Limits::default() });
        let found = decoder.decode(&frame(101, bytes), bytes).is_some();
        (found, decoder.counters().bad_checksums)
    };
    assert_eq!(decode(Checksums::Ignore, &bytes), (true, 0));
    assert_eq!(decode(Checksums::Verify, &bytes), (false, 1));
    // Sum of the pseudo-header, the header and "hello", by hand.
    let words = [
        0x0a00, 1, 0x0a00, 2, 6, 25, 0x3039, 80, 0, 7, 0, 9, 0x5018, 0x100, 0, 0x6865, 0x6c6c,
        0x6f00_u32,
    ];
    let sum: u32 = words.iter().sum();
    let right = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    bytes[36..38].copy_from_slice(&right.to_be_bytes());
    assert_eq!(decode(Checksums::Verify, &bytes), (true, 0));
}

#[test]
fn vlan_tags_are_kept_outermost_first_and_padding_is_no_payload() {
    let ip = ipv4(6, &tcp(b"hello"));
    let tagged = with(&[0, 7, 0x81, 0, 0x20, 9, 8, 0], &with(&ip, &[0; 9]));
    assert_eq!(find(1, &ether(0x88a8, &tagged)), Some((b"hello".to_vec(), vec![7, 9])));
}

#[test]
fn what_the_capture_cut_is_told_as_missing() {
    let whole = ipv4(6, &tcp(b"hello world"));
    let cut = &whole[..whole.len() - 6];
    let decoded = Decoder::new(&Limits::default()).decode(&frame(101, cut), cut).unwrap();
    assert_eq!((decoded.payload.len(), decoded.head.missing), (5, 6));
}

#[test]
fn tunnels_inside_tunnels_end_at_the_depth_limit() {
    let mut bytes = ipv4(6, &tcp(b"hello"));
    for _ in 0..40 {
        bytes = ipv4(4, &bytes);
    }
    let mut decoder = Decoder::new(&Limits::default());
    assert!(decoder.decode(&frame(101, &bytes), &bytes).is_none());
    assert_eq!(decoder.counters().too_deep, 1);
}

mod fragments;
mod links;

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(0_u8.., 0..200), at in 0..64_usize) {
        let links: Vec<u16> = LINKS.iter().flat_map(|spec| spec.types).copied().chain([77]).collect();
        let link = links[at % links.len()];
        let mut decoder = Decoder::new(&Limits::default());
        let frame = frame(link, &bytes);
        let mut found = decoder.decode(&frame, &bytes);
        while let Some(decoded) = found {
            if !decoded.reassembled {
                proptest::prop_assert!(bytes.get(decoded.payload).is_some());
            }
            found = decoder.more(&frame, &bytes);
        }
    }
}
