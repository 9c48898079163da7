//! Users by name or number.

use core::fmt;
use std::path::Path;

/// Whom a run becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// As it was named.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Group id; no other group is kept.
    pub gid: u32,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Account {
    /// A user of `/etc/passwd`, or `UID:GID` in numbers. Users that only a directory service
    /// knows are named by number: asking one would load code and use the network.
    ///
    /// # Errors
    /// There is no such user; the text says so.
    pub fn find(name: &str) -> Result<Self, String> {
        if let Some((uid, gid)) = name.split_once(':') {
            let numbers = uid.parse().ok().zip(gid.parse().ok());
            let (uid, gid) = numbers.ok_or_else(|| format!("`{name}` is not UID:GID"))?;
            return Ok(Self { name: name.to_owned(), uid, gid });
        }
        Self::among(name, &std::fs::read_to_string(Path::new("/etc/passwd")).unwrap_or_default())
            .ok_or_else(|| {
                format!("no user `{name}` in /etc/passwd; name another, or UID:GID in numbers")
            })
    }

    /// Whom a run that was started by root becomes where nobody is named: the user who asked
    /// `sudo`, so that what is written later is theirs, else `nobody`.
    ///
    /// # Errors
    /// There is no user `nobody`.
    pub fn instead_of_root() -> Result<Self, String> {
        let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
        match number("SUDO_UID").zip(number("SUDO_GID")) {
            Some((uid, gid)) if uid != 0 => {
                let name = std::env::var("SUDO_USER").unwrap_or_else(|_| format!("{uid}:{gid}"));
                Ok(Self { name, uid, gid })
            }
            _ => Self::find("nobody"),
        }
    }

    fn among(name: &str, passwd: &str) -> Option<Self> {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next() == Some(name);
            let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            found.then(|| Self { name: name.to_owned(), uid, gid })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_and_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n+\nstilt:x:991:990::/:/bin/false\n";
        let found = Account::among("stilt", passwd).map(|account| (account.uid, account.gid));
        assert_eq!(found, Some((991, 990)));
        assert_eq!(Account::among("stil", passwd), None);
        let found = Account::find("7:8").map(|account| (account.uid, account.gid));
        assert_eq!(found, Ok((7, 8)));
        for wrong in ["7:", "a:b", "-1:3", "", "no such user"] {
            assert!(Account::find(wrong).is_err(), "{wrong}");
        }
    }
}
