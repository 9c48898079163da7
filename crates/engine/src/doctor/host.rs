//! The machine: privileges, interfaces, the clock.

use super::Check;
use std::fs;

const NET: &str = "/sys/class/net";
/// `IFF_UP` (`linux/if.h`).
const UP: u32 = 1;
/// 2025-01-01: an earlier clock was never set.
const SINCE_SECS: u64 = 1_735_689_600;

/// The names there are.
fn names() -> Vec<String> {
    let entries = fs::read_dir(NET).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

fn told(name: &str, what: &str) -> Option<String> {
    let plain = !name.is_empty() && !name.contains('/') && !name.starts_with('.');
    let text = fs::read_to_string(format!("{NET}/{name}/{what}")).ok().filter(|_| plain)?;
    Some(text.trim().to_owned())
}

pub(super) fn mtu(name: &str) -> Option<u32> {
    told(name, "mtu")?.parse().ok()
}

fn is_up(name: &str) -> bool {
    let flags = told(name, "flags");
    let flags = flags.and_then(|hex| u32::from_str_radix(hex.trim_start_matches("0x"), 16).ok());
    flags.is_some_and(|flags| flags & UP != 0)
}

/// Whether packets may be captured.
pub(super) fn privilege() -> Option<Check> {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CapabilitySet, capabilities};
        let held = capabilities(None).ok()?.effective;
        Some(if held.contains(CapabilitySet::NET_RAW) {
            Check::good("privilege", "CAP_NET_RAW is there")
        } else {
            Check::problem(
                "privilege",
                "CAP_NET_RAW is missing: no packet of an interface can be captured",
                "sudo setcap cap_net_raw+ep \"$(command -v stilt)\", or the unit docs/stilt.service",
            )
        })
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// A clock that was never set gives alerts no useful time.
#[allow(clippy::disallowed_methods, reason = "the clock is what is looked at")]
pub(super) fn clock() -> Option<Check> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let secs = now.map_or(0, |since| since.as_secs());
    (secs < SINCE_SECS).then(|| {
        Check::problem("clock", "the clock of this machine is years behind", "set it, run NTP")
    })
}

/// What could be listened on.
pub(super) fn interfaces() -> Option<Check> {
    let shown: Vec<String> = names()
        .iter()
        .map(|name| format!("{name} ({})", if is_up(name) { "up" } else { "down" }))
        .collect();
    let text = format!("{}; -i listens on one of them", shown.join(", "));
    (!shown.is_empty()).then(|| Check::note("interfaces", text))
}

/// Whether one of them can show anything.
pub(super) fn interface(name: &str) -> Option<Check> {
    if name == "any" {
        return None;
    }
    Some(if told(name, "flags").is_none() {
        let text = format!("{name}: no such interface; there are {}", names().join(", "));
        Check::problem("interface", text, "name one of these; in a container, its network counts")
    } else if !is_up(name) {
        let mend = format!("ip link set {name} up (as root; no address is needed)");
        Check::problem("interface", format!("{name} is down"), &mend)
    } else if told(name, "carrier").as_deref() == Some("0") {
        let text = format!("{name} is up and has no carrier: no cable, or its other end is down");
        Check::problem("interface", text, "look at the cable, the SPAN session, the peer")
    } else {
        let speed = told(name, "speed").filter(|speed| !speed.starts_with('-'));
        let speed = speed.map_or_else(String::new, |speed| format!(", {speed} Mbit/s"));
        Check::good("interface", format!("{name} is up{speed}"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_is_told_with_those_that_are() {
        for name in ["no-such0", "", "../net/lo", "."] {
            let check = interface(name).unwrap();
            assert_eq!(check.state, State::Problem, "{name}");
            assert!(check.text.contains("there are"), "{}", check.text);
        }
    }
}
