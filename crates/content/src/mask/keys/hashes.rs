//! Hashes of passwords: what each scheme writes (PHC string format, crypt(5), RFC 2307).

/// A family of schemes.
#[derive(Clone, Copy)]
pub(super) enum Scheme {
    Bcrypt,
    Argon2,
    Scrypt,
    Pbkdf2,
    /// `$id$salt$hash` as in crypt(5): MD5, SHA-256, SHA-512, yescrypt, and phpass.
    Crypt,
    /// `{SCHEME}base64`.
    Ldap,
}

impl Scheme {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bcrypt => "bcrypt",
            Self::Argon2 => "argon2",
            Self::Scrypt => "scrypt",
            Self::Pbkdf2 => "pbkdf2",
            Self::Crypt => "crypt",
            Self::Ldap => "ldap_hash",
        }
    }

    /// Whether `text` has the parts that the scheme writes.
    pub(super) fn checks(self, text: &str) -> bool {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"./+=_-".contains(&byte);
        let last = text.rsplit('$').next().unwrap_or_default();
        let long = |min: usize| last.len() >= min && last.bytes().all(inner);
        match self {
            Self::Bcrypt => long(31) && text.split('$').any(is_cost),
            Self::Argon2 => long(16) && text.contains("m=") && text.contains("t="),
            Self::Scrypt | Self::Pbkdf2 => {
                long(20) && text.bytes().any(|byte| byte.is_ascii_digit())
            }
            Self::Crypt => {
                let phpass = text.starts_with("$P$") || text.starts_with("$H$");
                // A salt, then the hash; phpass writes them in one.
                if phpass { last.len() == 31 } else { long(22) && text.matches('$').count() >= 3 }
            }
            Self::Ldap => {
                let body = text.split_once('}').map_or("", |(_, body)| body);
                body.len() >= 20 && body.bytes().all(|byte| inner(byte) || byte == b'$')
            }
        }
    }
}

/// bcrypt's cost, 4 to 31, in two digits.
fn is_cost(part: &str) -> bool {
    part.len() == 2 && part.parse::<u8>().is_ok_and(|cost| (4..=31).contains(&cost))
}
