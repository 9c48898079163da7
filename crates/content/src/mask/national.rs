//! National identity, tax and social security numbers, told by their form and check digits.
//!
//! Where form and check are weak (one in ten numbers of that length would pass), a context word
//! near the number, or the name of the field, must say what it is.

use super::card::luhn;

/// Words that say that a number near by is a national id.
const CONTEXT: &[&str] = &[
    "ssn",
    "social security",
    "national id",
    "tax id",
    "tin",
    "dni",
    "nif",
    "nie",
    "nino",
    "national insurance",
    "personnummer",
    "bsn",
    "burgerservicenummer",
    "pesel",
    "steuer",
    "aadhaar",
    "aadhar",
    "sin",
    "tckn",
    "kimlik",
    "cpf",
    "rut",
    "insee",
    "passport",
    "identity",
    "fiscal",
    "fødselsnummer",
    "fodselsnummer",
    "cnp",
    "egn",
    "rodne",
    "tfn",
    "pan",
];

/// Whether `text` before a number says that a national id follows.
pub(super) fn context(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    CONTEXT.iter().any(|word| {
        lower.match_indices(word).any(|(at, found)| {
            let end = at.saturating_add(found.len());
            let bytes = lower.as_bytes();
            let free = |byte: u8| !byte.is_ascii_alphanumeric();
            free(crate::bytes::before(bytes, at)) && free(crate::bytes::byte(bytes, end))
        })
    })
}

fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |n, d| n.saturating_mul(10).saturating_add(u64::from(*d)))
}

fn slice(digits: &[u8], from: usize, to: usize) -> u64 {
    number(digits.get(from..to).unwrap_or_default())
}

fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits
        .iter()
        .zip(weights)
        .map(|(d, w)| u32::from(*d).saturating_mul(*w))
        .fold(0, u32::saturating_add)
}

fn day_month(day: u64, month: u64) -> bool {
    (1..=31).contains(&day) && (1..=12).contains(&month)
}

/// Whether a run of digits is a national id. `form` is the run with digits as `9` and separators
/// kept, `digits` the numbers.
pub(super) fn is_id(form: &str, digits: &[u8], context: bool) -> bool {
    match form {
        "999-99-9999" => us_ssn(digits),
        "999.999.999-99" => brazil_cpf(digits),
        "99.99.99-999.99" => belgium(digits),
        "756.9999.9999.99" | "999.9999.9999.99" => slice(digits, 0, 3) == 756 && ean13(digits),
        "999999-9999999" => korea(digits),
        "9999 9999 9999" | "9999-9999-9999" => aadhaar(digits),
        "9 99 99 99 999 999 99" => france(digits),
        _ if form.bytes().all(|b| b == b'9') => plain(digits, context),
        "999999-9999" | "99999999-9999" => context && sweden(digits),
        "999 999 999" | "999-999-999" => context && luhn(digits),
        "999 99 9999" => context && us_ssn(digits),
        _ => false,
    }
}

fn plain(digits: &[u8], context: bool) -> bool {
    match digits.len() {
        9 => context && (us_ssn(digits) || netherlands(digits) || luhn(digits)),
        10 => context && luhn(digits),
        11 => {
            norway(digits)
                || context
                    && (poland(digits) || germany(digits) || turkey(digits) || brazil_cpf(digits))
        }
        12 => context && (aadhaar(digits) || sweden(digits)),
        15 => france(digits),
        18 => china(digits, None),
        _ => false,
    }
}

fn us_ssn(digits: &[u8]) -> bool {
    let (area, group, serial) = (slice(digits, 0, 3), slice(digits, 3, 5), slice(digits, 5, 9));
    area != 0 && area != 666 && area < 900 && group != 0 && serial != 0
}

fn brazil_cpf(digits: &[u8]) -> bool {
    let check = |count: usize| {
        let weights: Vec<u32> = (0..count)
            .map(|at| u32::try_from(count.saturating_add(1).saturating_sub(at)).unwrap_or(0))
            .collect();
        weighted(digits, &weights).saturating_mul(10) % 11 % 10
    };
    digits.iter().any(|d| Some(d) != digits.first())
        && Some(check(9)) == digits.get(9).map(|d| u32::from(*d))
        && Some(check(10)) == digits.get(10).map(|d| u32::from(*d))
}

fn belgium(digits: &[u8]) -> bool {
    let (base, check) = (slice(digits, 0, 9), slice(digits, 9, 11));
    let old = 97_u64.saturating_sub(base % 97);
    let new = 97_u64.saturating_sub(base.saturating_add(2_000_000_000) % 97);
    check == old || check == new
}

fn ean13(digits: &[u8]) -> bool {
    digits.len() == 13
        && weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

fn korea(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    let check = 11_u32.saturating_sub(sum % 11) % 10;
    day_month(slice(digits, 4, 6), slice(digits, 2, 4))
        && digits.get(12).map(|d| u32::from(*d)) == Some(check)
}

const VERHOEFF_D: [[u8; 10]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];
const VERHOEFF_P: [[u8; 10]; 8] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
    [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
    [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
    [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
    [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
    [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
    [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
];

/// Aadhaar: twelve digits, the first 2 to 9, Verhoeff check.
fn aadhaar(digits: &[u8]) -> bool {
    let look = |table: &[[u8; 10]], row: usize, column: u8| {
        table.get(row).and_then(|row| row.get(usize::from(column))).copied().unwrap_or(0)
    };
    let sum = digits.iter().rev().enumerate().fold(0_u8, |sum, (at, digit)| {
        look(&VERHOEFF_D, usize::from(sum), look(&VERHOEFF_P, at % 8, *digit))
    });
    digits.len() == 12 && digits.first().is_some_and(|d| *d >= 2) && sum == 0
}

/// France's NIR: sex, year, month, place, serial and a key modulo 97.
fn france(digits: &[u8]) -> bool {
    let month = slice(digits, 3, 5);
    matches!(digits.first(), Some(1 | 2))
        && ((1..=12).contains(&month) || (20..=42).contains(&month))
        && slice(digits, 13, 15) == 97_u64.saturating_sub(slice(digits, 0, 13) % 97)
}

fn sweden(digits: &[u8]) -> bool {
    let short = digits.get(digits.len().saturating_sub(10)..).unwrap_or_default();
    let day = slice(short, 4, 6);
    let day = if day > 60 { day.saturating_sub(60) } else { day };
    day_month(day, slice(short, 2, 4)) && luhn(short)
}

fn netherlands(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]);
    let last = digits.get(8).map_or(0, |d| u32::from(*d));
    sum > 0 && sum % 11 == last
}

fn norway(digits: &[u8]) -> bool {
    let get = |at: usize| digits.get(at).map_or(0, |d| u32::from(*d));
    let first = weighted(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2]);
    let second = weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let check = |sum: u32| 11_u32.saturating_sub(sum % 11) % 11;
    day_month(slice(digits, 0, 2), slice(digits, 2, 4))
        && check(first) == get(9)
        && check(second) == get(10)
}

fn poland(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    day_month(slice(digits, 4, 6), slice(digits, 2, 4) % 20) && sum.is_multiple_of(10)
}

/// Germany's tax id (ISO 7064 MOD 11,10).
fn germany(digits: &[u8]) -> bool {
    let product = digits.iter().take(10).fold(10_u32, |product, digit| {
        let sum = u32::from(*digit).saturating_add(product) % 10;
        (if sum == 0 { 10 } else { sum }).saturating_mul(2) % 11
    });
    let check = 11_u32.saturating_sub(product) % 10;
    digits.first() != Some(&0) && digits.get(10).map(|d| u32::from(*d)) == Some(check)
}

fn turkey(digits: &[u8]) -> bool {
    let sum = |from: usize| -> i64 {
        digits.iter().take(9).skip(from).step_by(2).map(|d| i64::from(*d)).sum()
    };
    let tenth = sum(0).saturating_mul(7).saturating_sub(sum(1)).rem_euclid(10);
    let all: i64 = digits.iter().take(10).map(|d| i64::from(*d)).sum();
    digits.first() != Some(&0)
        && digits.get(9).map(|d| i64::from(*d)) == Some(tenth)
        && digits.get(10).map(|d| i64::from(*d)) == Some(all.rem_euclid(10))
}

/// China's resident number: birth date and a check modulo 11, where 10 is written `X`.
fn china(digits: &[u8], last: Option<u8>) -> bool {
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let check = 12_u32.saturating_sub(weighted(digits, &weights) % 11) % 11;
    let given = last.map_or_else(|| digits.get(17).map_or(99, |d| u32::from(*d)), |_| 10);
    (11..=82).contains(&slice(digits, 0, 2))
        && (1900..=2100).contains(&slice(digits, 6, 10))
        && day_month(slice(digits, 12, 14), slice(digits, 10, 12))
        && check == given
}

/// Forms a word must have before anything is computed: letters as `A`, digits as `9`.
const FORMS: &[&str] = &[
    "AAAAAA99A99A999A",
    "AAAA999999AAAAAA99",
    "AAAA999999AAAAAAA9",
    "999999-999A",
    "999999A999A",
    "99999999999999999A",
    "99999999A",
    "A9999999A",
    "AA999999A",
    "AA 99 99 99 A",
    "AAAAA9999A",
    "99.999.999-9",
    "99.999.999-A",
    "9.999.999-9",
    "9.999.999-A",
];

/// Whether a word of letters and digits is a national id.
pub(super) fn is_word(word: &str, context: bool) -> bool {
    let mut form = [0_u8; 18];
    for (slot, byte) in form.iter_mut().zip(word.bytes()) {
        *slot = match byte {
            b'0'..=b'9' => b'9',
            b'A'..=b'Z' | b'a'..=b'z' => b'A',
            other => other,
        };
    }
    let Some(form) = form.get(..word.len()).and_then(|form| core::str::from_utf8(form).ok()) else {
        return false;
    };
    if !FORMS.contains(&form) {
        return false;
    }
    let upper = word.to_ascii_uppercase();
    let digits: Vec<u8> =
        upper.bytes().filter_map(|b| char::from(b).to_digit(10)?.try_into().ok()).collect();
    match form {
        "AAAAAA99A99A999A" => italy(&upper),
        "AAAA999999AAAAAA99" | "AAAA999999AAAAAAA9" => mexico(&upper, &digits),
        "999999-999A" | "999999A999A" => finland(&upper, &digits),
        "99999999999999999A" => upper.ends_with('X') && china(&digits, Some(b'X')),
        "99999999A" => context && spain(number(&digits), &upper),
        "A9999999A" => context && nie(&upper, &digits),
        "AA999999A" => context && united_kingdom(&upper),
        "AA 99 99 99 A" => united_kingdom(&upper),
        "AAAAA9999A" => context && upper.chars().nth(3).is_some_and(|c| "PCHFATBLJG".contains(c)),
        "99.999.999-9" | "99.999.999-A" | "9.999.999-9" | "9.999.999-A" => chile(&upper),
        _ => false,
    }
}

fn italy(upper: &str) -> bool {
    const ODD: [u32; 36] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3,
        6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
    ];
    let values: Vec<u32> = upper.chars().filter_map(|c| c.to_digit(36)).collect();
    let sum = values.iter().take(15).enumerate().fold(0_u32, |sum, (at, value)| {
        let even = if *value > 9 { value.saturating_sub(10) } else { *value };
        let odd = usize::try_from(*value).ok().and_then(|v| ODD.get(v)).copied().unwrap_or(0);
        sum.saturating_add(if at % 2 == 0 { odd } else { even })
    });
    values.get(15).map(|v| v.saturating_sub(10)) == Some(sum % 26)
}

fn mexico(upper: &str, digits: &[u8]) -> bool {
    day_month(slice(digits, 4, 6), slice(digits, 2, 4))
        && upper.chars().nth(10).is_some_and(|c| "HMX".contains(c))
}

fn finland(upper: &str, digits: &[u8]) -> bool {
    const CHECK: &[u8] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let base = slice(digits, 0, 9);
    let expected = usize::try_from(base % 31).ok().and_then(|at| CHECK.get(at)).copied();
    let century = upper.as_bytes().get(6).copied().unwrap_or(0);
    // An all-digit end could as well be an order number: only the letter forms are certain.
    upper.bytes().last().is_some_and(|b| b.is_ascii_alphabetic())
        && b"-+ABCDEFUVWXY".contains(&century)
        && day_month(slice(digits, 0, 2), slice(digits, 2, 4))
        && upper.bytes().last() == expected
}

fn spain(number: u64, upper: &str) -> bool {
    const CHECK: &[u8] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let expected = usize::try_from(number % 23).ok().and_then(|at| CHECK.get(at)).copied();
    upper.bytes().last() == expected
}

fn nie(upper: &str, digits: &[u8]) -> bool {
    let lead = match upper.bytes().next() {
        Some(b'X') => 0,
        Some(b'Y') => 10_000_000,
        Some(b'Z') => 20_000_000_u64,
        _ => return false,
    };
    spain(lead.saturating_add(number(digits)), upper)
}

fn united_kingdom(upper: &str) -> bool {
    let mut chars = upper.chars();
    let (first, second) = (chars.next().unwrap_or(' '), chars.next().unwrap_or(' '));
    !"DFIQUV".contains(first)
        && !"DFIOQUV".contains(second)
        && !["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"].iter().any(|bad| upper.starts_with(bad))
        && upper.ends_with(['A', 'B', 'C', 'D'])
}

fn chile(upper: &str) -> bool {
    let Some((body, check)) = upper.rsplit_once('-') else {
        return false;
    };
    let sum = body
        .bytes()
        .rev()
        .filter(u8::is_ascii_digit)
        .zip([2_u32, 3, 4, 5, 6, 7, 2, 3])
        .map(|(b, w)| u32::from(b.saturating_sub(b'0')).saturating_mul(w))
        .fold(0, u32::saturating_add);
    let expected = match 11_u32.saturating_sub(sum % 11) {
        11 => "0".to_owned(),
        10 => "K".to_owned(),
        other => other.to_string(),
    };
    check == expected
}
