//! Addresses, networks, and addresses with a port, as a user names services.

use core::net::{IpAddr, SocketAddr};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    base: u128,
    /// Leading bits that count, of 128; IPv4 is mapped into IPv6.
    bits: u32,
    port: Option<u16>,
}

/// Places that a connection may be to or from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Networks(Vec<Network>);

fn wide(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_ipv6_mapped()),
        IpAddr::V6(ip) => u128::from(ip),
    }
}

fn mask(bits: u32) -> u128 {
    u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0)
}

fn parse(text: &str) -> Option<Network> {
    if let Ok(place) = text.parse::<SocketAddr>() {
        return Some(Network { base: wide(place.ip()), bits: 128, port: Some(place.port()) });
    }
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let ip: IpAddr = address.parse().ok()?;
    let widest = if ip.is_ipv4() { 32 } else { 128 };
    let length = length.unwrap_or(widest);
    let bits = 128 - widest + length;
    (length <= widest).then(|| Network { base: wide(ip) & mask(bits), bits, port: None })
}

impl Networks {
    /// # Errors
    /// What is none, and what would be.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, String> {
        let read = |text: &String| {
            parse(text).ok_or_else(|| {
                format!("`{text}` is no address or network; write 10.0.0.0/8 or 10.0.0.5:8080")
            })
        };
        texts.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn covers(&self, place: SocketAddr) -> bool {
        let ip = wide(place.ip());
        self.0.iter().any(|network| {
            ip & mask(network.bits) == network.base
                && network.port.is_none_or(|port| port == place.port())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_networks_or_not() {
        let named = ["10.0.0.0/8", "192.0.2.7:80", "2001:db8::/32", "[::1]:8080"];
        let networks = Networks::parse(&named.map(str::to_owned)).unwrap();
        for (place, expected) in [
            ("10.1.2.3:5", true),
            ("11.1.2.3:5", false),
            ("192.0.2.7:80", true),
            ("192.0.2.7:81", false),
            ("[2001:db8::9]:1", true),
            ("[2001:db9::9]:1", false),
            ("[::1]:8080", true),
            ("[::1]:80", false),
        ] {
            assert_eq!(networks.covers(place.parse().unwrap()), expected, "{place}");
        }
        assert!(Networks::parse(&["10.0.0.0/33".to_owned()]).unwrap_err().contains("10.0.0.0/33"));
        assert!(Networks::parse(&["shop".to_owned()]).is_err());
        assert!(
            Networks::parse(&["0.0.0.0/0".to_owned()])
                .unwrap()
                .covers("9.9.9.9:1".parse().unwrap())
        );
    }
}
