//! Writes small files in MaxMind's format (version 2.0), for tests.

/// A network of two leading bytes (`a.b.0.0/16`), its country, AS number, latitude and longitude.
pub type Net = ([u8; 2], &'static str, u32, f64, f64);

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(0x40 | u8::try_from(text.len().min(28)).unwrap_or(28));
    out.extend_from_slice(text.as_bytes());
}

fn map(out: &mut Vec<u8>, pairs: u8) {
    out.push(0xe0 | pairs);
}

fn number(out: &mut Vec<u8>, number: u32) {
    out.push(0xc4);
    out.extend_from_slice(&number.to_be_bytes());
}

fn double(out: &mut Vec<u8>, number: f64) {
    out.push(0x68);
    out.extend_from_slice(&number.to_be_bytes());
}

/// A file with these networks.
#[must_use]
pub fn file(nets: &[Net]) -> Vec<u8> {
    const EMPTY: usize = usize::MAX;
    let (mut nodes, mut data): (Vec<[usize; 2]>, Vec<u8>) = (vec![[EMPTY; 2]], Vec::new());
    let mut leaves = Vec::new();
    for (prefix, country, network, latitude, longitude) in nets {
        let at = data.len();
        map(&mut data, 3);
        text(&mut data, "country");
        map(&mut data, 1);
        text(&mut data, "iso_code");
        text(&mut data, country);
        text(&mut data, "location");
        map(&mut data, 3);
        text(&mut data, "latitude");
        double(&mut data, *latitude);
        text(&mut data, "longitude");
        double(&mut data, *longitude);
        text(&mut data, "accuracy_radius");
        data.extend_from_slice(&[0xa2, 0, 20]);
        text(&mut data, "autonomous_system_number");
        number(&mut data, *network);
        let bits: Vec<usize> =
            (0..16).map(|bit| usize::from((prefix[bit / 8] >> (7 - bit % 8)) & 1)).collect();
        let mut node = 0;
        for (depth, bit) in bits.iter().enumerate() {
            if depth == 15 {
                leaves.push((node, *bit, at));
            } else if nodes[node][*bit] == EMPTY {
                nodes.push([EMPTY; 2]);
                nodes[node][*bit] = nodes.len() - 1;
                node = nodes.len() - 1;
            } else {
                node = nodes[node][*bit];
            }
        }
    }
    let count = nodes.len();
    for (node, bit, at) in leaves {
        nodes[node][bit] = count + 16 + at;
    }
    let mut out = Vec::new();
    for value in nodes.concat() {
        let value = if value == EMPTY { count } else { value };
        out.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes());
    }
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&data);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    map(&mut out, 9);
    text(&mut out, "node_count");
    number(&mut out, u32::try_from(count).unwrap_or(0));
    for (name, value) in [
        ("record_size", 32),
        ("ip_version", 4),
        ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0),
    ] {
        text(&mut out, name);
        out.extend_from_slice(&[0xa2, 0, value]);
    }
    text(&mut out, "build_epoch");
    // A 64-bit number (type 9, which needs a second byte).
    out.extend_from_slice(&[0x01, 0x02, 1]);
    text(&mut out, "database_type");
    text(&mut out, "Test-City-ASN");
    text(&mut out, "description");
    map(&mut out, 0);
    text(&mut out, "languages");
    // An empty array (type 11, which needs a second byte).
    out.extend_from_slice(&[0x00, 0x04]);
    out
}
