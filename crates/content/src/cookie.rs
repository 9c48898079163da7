//! `Cookie` and `Set-Cookie` (RFC 6265).

use stilt_model::Timestamp;

/// The pairs of a `Cookie` header.
pub(crate) fn pairs(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim(), unquote(value.trim())))
    })
}

fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value)
}

/// What a `Set-Cookie` header says.
pub(crate) struct SetCookie<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
    pub(crate) cleared: bool,
}

/// Reads one `Set-Cookie`; `now` is the packet's time. `Max-Age` goes before `Expires`.
pub(crate) fn set_cookie(header: &str, now: Timestamp) -> Option<SetCookie<'_>> {
    let mut parts = header.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), unquote(value.trim()));
    let (mut age, mut expired) = (None, false);
    for attribute in parts {
        let (key, setting) = attribute.split_once('=').unwrap_or((attribute, ""));
        let (key, setting) = (key.trim(), setting.trim());
        if key.eq_ignore_ascii_case("max-age") {
            age = setting.parse::<i64>().ok();
        } else if key.eq_ignore_ascii_case("expires") {
            expired = date(setting).is_some_and(|at| at <= now.secs());
        }
    }
    let cleared = value.is_empty() || age.map_or(expired, |age| age <= 0);
    Some(SetCookie { name, value, cleared })
}

/// Seconds of a date as RFC 6265 §5.1.1 reads it: tokens in any order.
pub(crate) fn date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (mut day, mut month, mut year, mut time) = (None, None, None, None);
    for token in text.split([' ', ',', '-', '/']).filter(|token| !token.is_empty()).take(12) {
        let lower = token.get(..3).unwrap_or_default().to_ascii_lowercase();
        if token.contains(':') {
            let mut parts = token.splitn(3, ':').map(|part| part.parse::<i8>().ok());
            time = time.or(Some((
                parts.next()??,
                parts.next()??,
                parts.next().flatten().unwrap_or(0),
            )));
        } else if let Some(at) = MONTHS.iter().position(|name| *name == lower) {
            month = month.or(i8::try_from(at.saturating_add(1)).ok());
        } else if let Ok(number) = token.parse::<i16>() {
            if day.is_none() && token.len() <= 2 {
                day = i8::try_from(number).ok();
            } else if year.is_none() {
                year = Some(match number {
                    0..=69 => number.saturating_add(2000),
                    70..=99 => number.saturating_add(1900),
                    other => other,
                });
            }
        }
    }
    let (hour, minute, second) = time.unwrap_or((0, 0, 0));
    let civil = jiff::civil::DateTime::new(year?, month?, day?, hour, minute, second, 0).ok()?;
    Some(jiff::tz::Offset::UTC.to_timestamp(civil).ok()?.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_cleared_by_age_past_expiry_or_empty_value() {
        let now = Timestamp::from_secs(1_700_000_000);
        let check = |header: &str, expected: bool| {
            assert_eq!(set_cookie(header, now).unwrap().cleared, expected, "{header}");
        };
        check("sid=abc; Path=/; HttpOnly", false);
        check("sid=; Path=/", true);
        check("sid=abc; Max-Age=0", true);
        check("sid=abc; max-age=-1", true);
        check("sid=abc; Max-Age=3600; Expires=Thu, 01 Jan 1970 00:00:00 GMT", false);
        check("sid=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT", true);
        check("sid=abc; Expires=Wed, 21 Oct 2099 07:28:00 GMT", false);
    }
}
