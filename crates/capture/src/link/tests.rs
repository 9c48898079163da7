use super::*;
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

#[test]
fn every_tunnel_leads_to_the_inner_segment() {
    let inner = ipv4(6, &tcp(b"hello"));
    let framed = ether(0x0800, &inner);
    check(101, &ipv4(4, &inner));
    check(101, &ipv4(41, &ipv6(6, &tcp(b"hello"))));
    check(101, &ipv4(47, &with(&[0, 0, 8, 0], &inner)));
    check(101, &ipv4(47, &with(&[0x20, 0, 0x65, 0x58, 0, 0, 0, 1], &framed)));
    check(
        101,
        &ipv4(47, &with(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], &framed)),
    );
    check(101, &ipv4(17, &udp_to(4789, &with(&[8, 0, 0, 0, 0, 0, 1, 0], &framed))));
    check(101, &ipv4(17, &udp_to(6081, &with(&[0, 0, 0x65, 0x58, 0, 0, 1, 0], &framed))));
    check(101, &ipv4(17, &udp_to(2152, &with(&[0x30, 255, 0, 0, 0, 0, 0, 1], &inner))));
    check(1, &ether(0x8847, &with(&[0, 1, 1, 64], &inner)));
    check(1, &ether(0x8864, &with(&[0x11, 0, 0, 1, 0, 40, 0, 0x21], &inner)));
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
fn fragments_are_put_together_in_any_order() {
    let segment = tcp(b"hello");
    let piece = |range: Range<usize>, offset: u16, more: bool| {
        let mut ip = ipv4(6, &segment[range]);
        let field = (offset / 8) | if more { 0x2000 } else { 0 };
        ip[6..8].copy_from_slice(&field.to_be_bytes());
        ip
    };
    let mut decoder = Decoder::new(&Limits::default());
    let (first, last) = (piece(0..16, 0, true), piece(16..25, 16, false));
    assert!(decoder.decode(&frame(101, &last), &last).is_none());
    let decoded = decoder.decode(&frame(101, &first), &first).unwrap();
    assert!(decoded.reassembled);
    assert_eq!(&decoder.reassembled()[decoded.payload], b"hello");
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

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(0_u8.., 0..200), at in 0..16_usize) {
        let links = [1, 101, 113, 276, 0, 108, 9, 50, 105, 127, 239, 12, 228, 229, 14, 77];
        let mut decoder = Decoder::new(&Limits::default());
        if let Some(found) = decoder.decode(&frame(links[at], &bytes), &bytes)
            && !found.reassembled
        {
            proptest::prop_assert!(bytes.get(found.payload).is_some());
        }
    }
}
