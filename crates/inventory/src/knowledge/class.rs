//! What a text is by its form, so that a parameter's values can be told without showing them.

/// Form of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// No characters.
    Empty,
    /// `true`, `false`.
    Truth,
    /// A whole number, at most 18 digits.
    Integer,
    /// A number with a fraction.
    Decimal,
    /// UUID (RFC 9562).
    Uuid,
    /// A full date (RFC 3339 §5.6).
    Date,
    /// A date with a time (RFC 3339 §5.6).
    DateTime,
    /// An absolute `http` or `https` URL.
    Url,
    /// A stand-in for a secret or personal value.
    Mark,
    /// One word: letters, digits and `-_.:`, no blanks.
    Word,
    /// Anything longer or freer.
    Text,
}

/// All classes, in order.
pub const CLASSES: [Class; 11] = [
    Class::Empty,
    Class::Truth,
    Class::Integer,
    Class::Decimal,
    Class::Uuid,
    Class::Date,
    Class::DateTime,
    Class::Url,
    Class::Mark,
    Class::Word,
    Class::Text,
];

impl Class {
    /// The class of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let signless = text.strip_prefix('-').unwrap_or(text);
        match bytes.first() {
            None => return Self::Empty,
            Some(b'<') if text.ends_with('>') && text.contains(':') => return Self::Mark,
            Some(b'0'..=b'9' | b'-') => {
                if signless.len() <= 18 && digits(signless) {
                    return Self::Integer;
                }
                if is_date(bytes) {
                    return if bytes.len() == 10 { Self::Date } else { date_time(bytes) };
                }
                if let Some((whole, part)) = signless.split_once('.')
                    && digits(whole)
                    && digits(part)
                    && text.len() <= 24
                {
                    return Self::Decimal;
                }
            }
            Some(b't' | b'f' | b'T' | b'F')
                if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") =>
            {
                return Self::Truth;
            }
            Some(b'h' | b'H') if is_url(text) => return Self::Url,
            _ => {}
        }
        if is_uuid(bytes) {
            return Self::Uuid;
        }
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:".contains(b);
        if bytes.len() <= 64 && bytes.iter().all(plain) { Self::Word } else { Self::Text }
    }

    /// As tables show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Truth => "boolean",
            Self::Integer => "integer",
            Self::Decimal => "number",
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::DateTime => "date-time",
            Self::Url => "url",
            Self::Mark => "masked",
            Self::Word => "word",
            Self::Text => "text",
        }
    }
}

fn is_url(text: &str) -> bool {
    let after = |scheme: &str| {
        text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    };
    (after("http://") || after("https://")) && !text.contains([' ', '<', '"', '{'])
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Begins with `2024-01-31`.
fn is_date(bytes: &[u8]) -> bool {
    let number = |range: core::ops::Range<usize>| {
        bytes
            .get(range)
            .filter(|part| part.iter().all(u8::is_ascii_digit))
            .map(|part| part.iter().fold(0_u32, |sum, b| sum * 10 + u32::from(b - b'0')))
    };
    bytes.get(4) == Some(&b'-')
        && bytes.get(7) == Some(&b'-')
        && number(0..4).is_some()
        && number(5..7).is_some_and(|month| (1..=12).contains(&month))
        && number(8..10).is_some_and(|day| (1..=31).contains(&day))
        && (bytes.len() == 10 || matches!(bytes.get(10), Some(b'T' | b't' | b' ')))
}

/// `T10:00:00Z`, `T10:00:00.5+02:00`; times without an offset are no RFC 3339 and stay text.
fn date_time(bytes: &[u8]) -> Class {
    let clock = bytes.get(11..19).is_some_and(|part| {
        part.iter().enumerate().all(|(at, b)| match at {
            2 | 5 => *b == b':',
            _ => b.is_ascii_digit(),
        })
    });
    let rest = bytes.get(19..).unwrap_or_default();
    let fraction = match rest.split_first() {
        Some((b'.', digits)) => 1 + digits.iter().take_while(|b| b.is_ascii_digit()).count(),
        _ => 0,
    };
    let offset = rest.get(fraction..).unwrap_or_default();
    let good = matches!(offset, [b'Z' | b'z'])
        || matches!(offset, [b'+' | b'-', a, b, b':', c, d]
            if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()));
    let strict = bytes.get(10).is_some_and(|b| *b != b' ') && fraction != 1;
    if clock && good && strict { Class::DateTime } else { Class::Text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_by_their_form() {
        let check = |text: &str, expected: Class| assert_eq!(Class::of(text), expected, "{text}");
        check("", Class::Empty);
        check("TRUE", Class::Truth);
        check("-17", Class::Integer);
        check("12345678901234567890", Class::Word);
        check("12.50", Class::Decimal);
        check("1.2.3", Class::Word);
        check("3f2504e0-4f89-11d3-9a0c-0305e82c3301", Class::Uuid);
        check("2024-02-30", Class::Date);
        check("2024-13-01", Class::Word);
        check("2024-01-31T10:00:00Z", Class::DateTime);
        check("2024-01-31T10:00:00.123+02:00", Class::DateTime);
        check("2024-01-31T10:00:00", Class::Text);
        check("2024-01-31 10:00:00Z", Class::Text);
        check("https://a.test/x?y=1", Class::Url);
        check("httpd", Class::Word);
        check("<email:0123456789abcdef>", Class::Mark);
        check("paid", Class::Word);
        check("two words", Class::Text);
    }

    #[test]
    fn the_list_holds_all_in_order() {
        for (at, class) in CLASSES.iter().enumerate() {
            assert_eq!(*class as usize, at);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = Class::of(&text);
        }
    }
}
