//! Listeners of cloud mirrors, which send packets inside VXLAN or GENEVE to an address.
//!
//! A datagram is handed on as the IP packet that it came in, so that it goes the way of every other
//! tunnel. The socket takes what comes and never answers.

use super::clock::Clock;
use super::port::Queue;
use crate::source::{Losses, SourceError};
use core::net::{IpAddr, SocketAddr};
use rustix::net::sockopt;
use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

/// The largest datagram.
const DATAGRAM_MAX: usize = 1 << 16;
/// Bytes of the kernel's list of sockets that are searched for ours.
const LIST_MAX: usize = 1 << 18;
/// Raw IP.
const LINKTYPE_RAW: u16 = 101;
const UDP: u8 = 17;

/// What a mirror wraps packets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrap {
    Vxlan,
    Geneve,
}

impl Wrap {
    /// The port that names it to the decoders, whatever port is listened on.
    const fn port(self) -> u16 {
        match self {
            Self::Vxlan => 4789,
            Self::Geneve => 6081,
        }
    }
}

/// Where to listen, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    wrap: Wrap,
    address: SocketAddr,
    /// Networks that are wanted; all where empty.
    vni: Vec<u32>,
}

/// Checks the form of a listener's address.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub fn parse(text: &str) -> Result<(), String> {
    target(text).map(|_| ())
}

fn target(text: &str) -> Result<Target, String> {
    const FORM: &str = "write vxlan://ADDRESS:PORT or geneve://ADDRESS:PORT, and ?vni=N,N… to \
                        take these networks only";
    let (scheme, rest) = text.split_once("://").ok_or(FORM)?;
    let wrap = match scheme {
        "vxlan" => Wrap::Vxlan,
        "geneve" => Wrap::Geneve,
        _ => return Err(format!("`{scheme}` is no mirror that is known; {FORM}")),
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    // The port may be left out; an IPv6 address stands in brackets.
    let bare = place.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let address = match bare {
        Ok(ip) => SocketAddr::new(ip, wrap.port()),
        Err(_) => place.parse().map_err(|_| format!("`{place}` is no address; {FORM}"))?,
    };
    if address.port() == 0 {
        return Err(format!("`{place}` has no port that a mirror could send to; {FORM}"));
    }
    let numbers = match query.split_once('=') {
        None if query.is_empty() => "",
        Some(("vni", numbers)) => numbers,
        _ => return Err(format!("`?{query}` is not known; {FORM}")),
    };
    let number = |text: &str| text.parse().ok().filter(|vni: &u32| *vni < 1 << 24);
    let vni = numbers
        .split(',')
        .filter(|text| !text.is_empty())
        .map(|text| number(text).ok_or_else(|| format!("`{text}` is no VNI (below 16777216)")))
        .collect::<Result<_, _>>()?;
    Ok(Target { wrap, address, vni })
}

/// A socket that mirrors send to.
pub(super) struct Listener {
    socket: UdpSocket,
    target: Target,
    /// Address it is bound to: the receiver of what comes.
    local: SocketAddr,
    buffer: Vec<u8>,
    /// The kernel's list of sockets, which tells what was dropped.
    list: Option<File>,
    dropped: u64,
    pub(super) losses: Losses,
}

impl Listener {
    pub(super) fn open(text: &str, ring: u64) -> Result<Self, SourceError> {
        let wrong = |what: String| SourceError::Listen { listen: text.to_owned(), what };
        let target = target(text).map_err(wrong)?;
        let failed = |error: std::io::Error| SourceError::Open {
            file: text.to_owned(),
            what: error.to_string(),
        };
        let socket = UdpSocket::bind(target.address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        // As much as the system allows without privilege.
        let ring = usize::try_from(ring).unwrap_or(usize::MAX).min(1 << 30);
        let _ = sockopt::set_socket_recv_buffer_size(&socket, ring);
        let local = socket.local_addr().map_err(failed)?;
        let list = if local.is_ipv4() { "/proc/self/net/udp" } else { "/proc/self/net/udp6" };
        Ok(Self {
            socket,
            target,
            local,
            buffer: vec![0; DATAGRAM_MAX],
            list: File::open(list).ok(),
            dropped: 0,
            losses: Losses::default(),
        })
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(super) fn read(&mut self, interface: u16, most: usize, clock: &Clock, queue: &mut Queue) {
        for _ in 0..most {
            // Errors are of single datagrams, or that there is none.
            let Ok((length, from)) = self.socket.recv_from(&mut self.buffer) else { return };
            let data = self.buffer.get(..length).unwrap_or_default();
            self.losses.packets = self.losses.packets.saturating_add(1);
            if !wanted(&self.target, data) {
                self.losses.unwanted = self.losses.unwanted.saturating_add(1);
                continue;
            }
            let to = SocketAddr::new(self.local.ip(), self.target.wrap.port());
            let (head, used) = headers(from, to, length);
            let head = head.get(..used).unwrap_or_default();
            let wire = u32::try_from(head.len().saturating_add(length)).unwrap_or(u32::MAX);
            queue.push(clock.now(), LINKTYPE_RAW, interface, wire, &[head, data]);
        }
    }

    /// Reads what the kernel dropped because the socket's buffer was full.
    pub(super) fn check(&mut self) {
        let Some(list) = &self.list else { return };
        let mut text = vec![0; LIST_MAX];
        let mut length = 0;
        while let Some(room) = text.get_mut(length..)
            && let Ok(read @ 1..) = list.read_at(room, length as u64)
        {
            length = length.saturating_add(read);
        }
        let text = String::from_utf8_lossy(text.get(..length).unwrap_or_default()).into_owned();
        if let Some(dropped) = dropped(&text, self.local) {
            let since = dropped.saturating_sub(self.dropped);
            self.losses.kernel = self.losses.kernel.saturating_add(since);
            self.dropped = self.dropped.max(dropped);
        }
    }
}

/// Drops of the socket with that address, out of the kernel's list: its last column.
fn dropped(list: &str, local: SocketAddr) -> Option<u64> {
    let address = match local.ip() {
        IpAddr::V4(ip) => format!("{:08X}", u32::from_ne_bytes(ip.octets())),
        IpAddr::V6(ip) => {
            let octets = ip.octets();
            let words = octets.chunks_exact(4).filter_map(<[u8]>::first_chunk::<4>);
            words.map(|word| format!("{:08X}", u32::from_ne_bytes(*word))).collect()
        }
    };
    let place = format!("{address}:{:04X}", local.port());
    let line = list.lines().find(|line| line.split_whitespace().nth(1) == Some(&place))?;
    line.split_whitespace().last()?.parse().ok()
}

/// Whether a datagram is of a network that is wanted. Both headers hold the number in the same
/// place (RFC 7348 §5, RFC 8926 §3.4). What is none is for the decoders, which count it as such.
fn wanted(target: &Target, data: &[u8]) -> bool {
    let Some([first, _, _, _, high, middle, low, _]) = data.first_chunk::<8>() else { return true };
    // VXLAN must say that the number is there (RFC 7348 §5); the version of GENEVE is 0.
    let whole = match target.wrap {
        Wrap::Vxlan => first & 0x08 != 0,
        Wrap::Geneve => first >> 6 == 0,
    };
    if !whole {
        return true;
    }
    let vni = u32::from_be_bytes([0, *high, *middle, *low]);
    target.vni.is_empty() || target.vni.contains(&vni)
}

/// The IP and UDP headers that a datagram came in, and how many bytes of them count.
fn headers(from: SocketAddr, to: SocketAddr, length: usize) -> ([u8; 48], usize) {
    let udp = u16::try_from(length.saturating_add(8)).unwrap_or(u16::MAX);
    let mut out = [0; 48];
    let mut bytes: Vec<u8> = Vec::with_capacity(out.len());
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let total = udp.saturating_add(20).to_be_bytes();
            bytes.extend([0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, UDP, 0, 0]);
            bytes.extend(from.octets());
            bytes.extend(to.octets());
        }
        (from, to) => {
            let wide = |ip: IpAddr| match ip {
                IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                IpAddr::V6(ip) => ip.octets(),
            };
            let length = udp.to_be_bytes();
            bytes.extend([0x60, 0, 0, 0, length[0], length[1], UDP, 64]);
            bytes.extend(wide(from));
            bytes.extend(wide(to));
        }
    }
    bytes.extend(from.port().to_be_bytes());
    bytes.extend(to.port().to_be_bytes());
    bytes.extend(udp.to_be_bytes());
    bytes.extend([0, 0]);
    let used = bytes.len().min(out.len());
    for (slot, byte) in out.iter_mut().zip(bytes) {
        *slot = byte;
    }
    (out, used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_listeners_are_read_or_explained() {
        let read = |text| target(text).unwrap();
        assert_eq!(read("vxlan://10.0.0.1").address, "10.0.0.1:4789".parse().unwrap());
        assert_eq!(read("geneve://[::1]").address, "[::1]:6081".parse().unwrap());
        assert_eq!(read("geneve://[::1]:9").address, "[::1]:9".parse().unwrap());
        assert_eq!(read("vxlan://10.0.0.1:5?vni=7,16777215").vni, [7, 16_777_215]);
        for (text, expected) in [
            ("10.0.0.1:4789", "write vxlan://"),
            ("gre://10.0.0.1", "`gre`"),
            ("vxlan://lo:4789", "`lo:4789`"),
            ("vxlan://10.0.0.1:0", "has no port"),
            ("vxlan://10.0.0.1?vni=16777216", "16777216"),
            ("vxlan://10.0.0.1?vlan=1", "?vlan=1"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn other_networks_are_not_wanted_and_what_is_none_is_for_the_decoders() {
        let (all, one) = (target("vxlan://[::]").unwrap(), target("vxlan://[::]?vni=258").unwrap());
        let data = [8, 0, 0, 0, 0, 1, 2, 0, 9];
        assert!(wanted(&all, &data) && wanted(&one, &data));
        assert!(!wanted(&one, &[8, 0, 0, 0, 0, 1, 3, 0, 9]));
        assert!(wanted(&one, &data[..7]) && wanted(&one, &[0, 0, 0, 0, 0, 1, 3, 0, 9]));
    }

    #[test]
    fn drops_are_read_off_the_list_of_sockets() {
        let list = "  sl  local_address rem_address   st … drops\n\
             1: 0100007F:12B5 00000000:0000 07 00000000:00000000 00:00000000 0 0 0 5 2 0 17\n";
        assert_eq!(dropped(list, "127.0.0.1:4789".parse().unwrap()), Some(17));
        assert_eq!(dropped(list, "127.0.0.1:4790".parse().unwrap()), None);
    }
}
