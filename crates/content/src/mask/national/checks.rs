//! Check digits of national identity, tax, health and social security numbers.

use super::super::card::luhn;
use super::Number;

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

/// United States: no area 000, 666 or 900 and up, no group or serial of zeros.
pub(super) fn us_ssn(of: &Number<'_>) -> bool {
    let digits = of.digits;
    let (area, group, serial) = (slice(digits, 0, 3), slice(digits, 3, 5), slice(digits, 5, 9));
    area != 0 && area != 666 && area < 900 && group != 0 && serial != 0
}

/// Brazil, of a person.
pub(super) fn brazil_cpf(of: &Number<'_>) -> bool {
    let digits = of.digits;
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

/// Belgium: 97 less the remainder, also for those born from 2000 on.
pub(super) fn belgium(of: &Number<'_>) -> bool {
    let digits = of.digits;
    let (base, check) = (slice(digits, 0, 9), slice(digits, 9, 11));
    let old = 97_u64.saturating_sub(base % 97);
    let new = 97_u64.saturating_sub(base.saturating_add(2_000_000_000) % 97);
    check == old || check == new
}

/// Switzerland: as an article number of 13 digits.
pub(super) fn switzerland(of: &Number<'_>) -> bool {
    slice(of.digits, 0, 3) == 756 && ean13(of.digits)
}

fn ean13(digits: &[u8]) -> bool {
    digits.len() == 13
        && weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// South Korea: birth date and a check modulo 11.
pub(super) fn korea(of: &Number<'_>) -> bool {
    let digits = of.digits;
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
pub(super) fn aadhaar(of: &Number<'_>) -> bool {
    let digits = of.digits;
    let look = |table: &[[u8; 10]], row: usize, column: u8| {
        table.get(row).and_then(|row| row.get(usize::from(column))).copied().unwrap_or(0)
    };
    let sum = digits.iter().rev().enumerate().fold(0_u8, |sum, (at, digit)| {
        look(&VERHOEFF_D, usize::from(sum), look(&VERHOEFF_P, at % 8, *digit))
    });
    digits.len() == 12 && digits.first().is_some_and(|d| *d >= 2) && sum == 0
}

/// France's NIR: sex, year, month, place, serial and a key modulo 97.
pub(super) fn france(of: &Number<'_>) -> bool {
    let digits = of.digits;
    let month = slice(digits, 3, 5);
    matches!(digits.first(), Some(1 | 2))
        && ((1..=12).contains(&month) || (20..=42).contains(&month))
        && slice(digits, 13, 15) == 97_u64.saturating_sub(slice(digits, 0, 13) % 97)
}

/// Sweden: birth date (60 added for visitors) and Luhn.
pub(super) fn sweden(of: &Number<'_>) -> bool {
    let digits = of.digits;
    let short = digits.get(digits.len().saturating_sub(10)..).unwrap_or_default();
    let day = slice(short, 4, 6);
    let day = if day > 60 { day.saturating_sub(60) } else { day };
    day_month(day, slice(short, 2, 4)) && luhn(short)
}

/// The Netherlands: the eleven test.
pub(super) fn netherlands(of: &Number<'_>) -> bool {
    let digits = of.digits;
    let sum = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]);
    let last = digits.get(8).map_or(0, |d| u32::from(*d));
    sum > 0 && sum % 11 == last
}

/// Norway: birth date and two checks modulo 11.
pub(super) fn norway(of: &Number<'_>) -> bool {
    let digits = of.digits;
    let get = |at: usize| digits.get(at).map_or(0, |d| u32::from(*d));
    let first = weighted(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2]);
    let second = weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let check = |sum: u32| 11_u32.saturating_sub(sum % 11) % 11;
    day_month(slice(digits, 0, 2), slice(digits, 2, 4))
        && check(first) == get(9)
        && check(second) == get(10)
}

/// Poland: birth date (the century is in the month) and a weighted sum.
pub(super) fn poland(of: &Number<'_>) -> bool {
    let digits = of.digits;
    let sum = weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    day_month(slice(digits, 4, 6), slice(digits, 2, 4) % 20) && sum.is_multiple_of(10)
}

/// Germany's tax id (ISO 7064 MOD 11,10).
pub(super) fn germany(of: &Number<'_>) -> bool {
    of.digits.first() != Some(&0) && mod_11_10(of.digits)
}

/// ISO 7064 MOD 11,10 over eleven digits.
fn mod_11_10(digits: &[u8]) -> bool {
    let product = digits.iter().take(10).fold(10_u32, |product, digit| {
        let sum = u32::from(*digit).saturating_add(product) % 10;
        (if sum == 0 { 10 } else { sum }).saturating_mul(2) % 11
    });
    let check = 11_u32.saturating_sub(product) % 10;
    digits.get(10).map(|d| u32::from(*d)) == Some(check)
}

/// Turkey: the tenth digit of the first nine, the eleventh of the first ten.
pub(super) fn turkey(of: &Number<'_>) -> bool {
    let digits = of.digits;
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
pub(super) fn china(of: &Number<'_>) -> bool {
    let digits = of.digits;
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let check = 12_u32.saturating_sub(weighted(digits, &weights) % 11) % 11;
    let x = of.text.ends_with('X');
    let given = if x { 10 } else { digits.get(17).map_or(99, |d| u32::from(*d)) };
    (11..=82).contains(&slice(digits, 0, 2))
        && (1900..=2100).contains(&slice(digits, 6, 10))
        && day_month(slice(digits, 12, 14), slice(digits, 10, 12))
        && check == given
}

/// Italy: odd and even places weigh differently, the rest by 26 is the last letter.
pub(super) fn italy(of: &Number<'_>) -> bool {
    let upper = of.text;
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

/// Mexico: birth date and sex.
pub(super) fn mexico(of: &Number<'_>) -> bool {
    let (upper, digits) = (of.text, of.digits);
    day_month(slice(digits, 4, 6), slice(digits, 2, 4))
        && upper.chars().nth(10).is_some_and(|c| "HMX".contains(c))
}

/// Finland: birth date, century sign and a check modulo 31.
pub(super) fn finland(of: &Number<'_>) -> bool {
    let (upper, digits) = (of.text, of.digits);
    const CHECK: &[u8] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let base = slice(digits, 0, 9);
    let expected = usize::try_from(base % 31).ok().and_then(|at| CHECK.get(at)).copied();
    let century = upper.as_bytes().get(6).copied().unwrap_or(0);
    b"-+ABCDEFUVWXY".contains(&century)
        && day_month(slice(digits, 0, 2), slice(digits, 2, 4))
        && upper.bytes().last() == expected
}

/// Spain: the letter is the number modulo 23.
pub(super) fn spain(of: &Number<'_>) -> bool {
    dni(number(of.digits), of.text)
}

fn dni(number: u64, upper: &str) -> bool {
    const CHECK: &[u8] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let expected = usize::try_from(number % 23).ok().and_then(|at| CHECK.get(at)).copied();
    upper.bytes().last() == expected
}

/// Spain, of foreigners: the first letter stands for a digit.
pub(super) fn nie(of: &Number<'_>) -> bool {
    let (upper, digits) = (of.text, of.digits);
    let lead = match upper.bytes().next() {
        Some(b'X') => 0,
        Some(b'Y') => 10_000_000,
        Some(b'Z') => 20_000_000_u64,
        _ => return false,
    };
    dni(lead.saturating_add(number(digits)), upper)
}

/// United Kingdom, national insurance: prefixes that are given out.
pub(super) fn united_kingdom(of: &Number<'_>) -> bool {
    let upper = of.text;
    let mut chars = upper.chars();
    let (first, second) = (chars.next().unwrap_or(' '), chars.next().unwrap_or(' '));
    !"DFIQUV".contains(first)
        && !"DFIOQUV".contains(second)
        && !["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"].iter().any(|bad| upper.starts_with(bad))
        && upper.ends_with(['A', 'B', 'C', 'D'])
}

/// Chile: a check modulo 11, where 10 is written `K`.
pub(super) fn chile(of: &Number<'_>) -> bool {
    let upper = of.text;
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

/// A check modulo 11 that must be zero.
fn mod_11(digits: &[u8], weights: &[u32]) -> bool {
    weighted(digits, weights).is_multiple_of(11)
}

fn last(digits: &[u8]) -> u32 {
    digits.last().map_or(99, |digit| u32::from(*digit))
}

fn varied(digits: &[u8]) -> bool {
    digits.iter().any(|digit| Some(digit) != digits.first())
}

/// United States, of those who have no social security number.
pub(super) fn us_itin(of: &Number<'_>) -> bool {
    let group = slice(of.digits, 3, 5);
    of.digits.first() == Some(&9) && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// United States, Medicare: no S, L, O, I, B, Z.
pub(super) fn us_medicare(of: &Number<'_>) -> bool {
    of.digits.first() != Some(&0) && !of.text.contains(['S', 'L', 'O', 'I', 'B', 'Z'])
}

/// Brazil, of a company.
pub(super) fn brazil_cnpj(of: &Number<'_>) -> bool {
    const WEIGHTS: [u32; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    let check = |weights: &[u32]| {
        let rest = weighted(of.digits, weights) % 11;
        if rest < 2 { 0 } else { 11_u32.saturating_sub(rest) }
    };
    let get = |at: usize| of.digits.get(at).map(|digit| u32::from(*digit));
    varied(of.digits)
        && Some(check(WEIGHTS.get(1..).unwrap_or_default())) == get(12)
        && Some(check(&WEIGHTS)) == get(13)
}

/// United Kingdom, National Health Service.
pub(super) fn nhs(of: &Number<'_>) -> bool {
    varied(of.digits) && mod_11(of.digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
}

/// Canada: Luhn, no 0 or 8 at its start.
pub(super) fn canada(of: &Number<'_>) -> bool {
    !matches!(of.digits.first(), Some(0 | 8)) && luhn(of.digits)
}

/// South Africa: birth date and Luhn.
pub(super) fn south_africa(of: &Number<'_>) -> bool {
    day_month(slice(of.digits, 4, 6), slice(of.digits, 2, 4))
        && slice(of.digits, 10, 11) <= 2
        && luhn(of.digits)
}

/// Singapore: weighted sum, the letter depends on the first one.
pub(super) fn singapore(of: &Number<'_>) -> bool {
    let sum = weighted(of.digits, &[2, 7, 6, 5, 4, 3, 2]);
    let (table, plus): (&[u8; 11], u32) = match of.text.bytes().next() {
        Some(b'S') => (b"JZIHGFEDCBA", 0),
        Some(b'T') => (b"JZIHGFEDCBA", 4),
        Some(b'F') => (b"XWUTRQPNMLK", 0),
        Some(b'G') => (b"XWUTRQPNMLK", 4),
        Some(b'M') => (b"XWUTRQPNJLK", 3),
        _ => return false,
    };
    let at = usize::try_from(sum.saturating_add(plus) % 11).unwrap_or(0);
    table.get(at).copied() == of.text.bytes().last()
}

/// Thailand.
pub(super) fn thailand(of: &Number<'_>) -> bool {
    let sum = weighted(of.digits, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    of.digits.first().is_some_and(|digit| (1..=8).contains(digit))
        && 11_u32.saturating_sub(sum % 11) % 10 == last(of.digits)
}

/// Australia, tax file number.
pub(super) fn australia(of: &Number<'_>) -> bool {
    varied(of.digits) && mod_11(of.digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10])
}

/// Australia, Medicare card.
pub(super) fn medicare(of: &Number<'_>) -> bool {
    let sum = weighted(of.digits, &[1, 3, 7, 9, 1, 3, 7, 9]);
    of.digits.first().is_some_and(|digit| (2..=6).contains(digit))
        && of.digits.get(8).map(|digit| u32::from(*digit)) == Some(sum % 10)
}

/// Portugal: of persons.
pub(super) fn portugal(of: &Number<'_>) -> bool {
    let rest = weighted(of.digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest < 2 { 0 } else { 11_u32.saturating_sub(rest) };
    matches!(of.digits.first(), Some(1..=3)) && check == last(of.digits)
}

/// Denmark: a birth date; newer numbers have no check.
pub(super) fn denmark(of: &Number<'_>) -> bool {
    day_month(slice(of.digits, 0, 2), slice(of.digits, 2, 4))
}

/// Czechia and Slovakia: birth date (50 added for women) and all of it by 11.
pub(super) fn czechia(of: &Number<'_>) -> bool {
    let month = slice(of.digits, 2, 4) % 50 % 20;
    day_month(slice(of.digits, 4, 6), month) && number(of.digits).is_multiple_of(11)
}

/// Romania: birth date and a check modulo 11.
pub(super) fn romania(of: &Number<'_>) -> bool {
    let rest = weighted(of.digits, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    day_month(slice(of.digits, 5, 7), slice(of.digits, 3, 5))
        && (if rest == 10 { 1 } else { rest }) == last(of.digits)
}

/// Bulgaria: birth date (the century is in the month) and a check modulo 11.
pub(super) fn bulgaria(of: &Number<'_>) -> bool {
    let sum = weighted(of.digits, &[2, 4, 8, 5, 10, 9, 7, 3, 6]);
    day_month(slice(of.digits, 4, 6), slice(of.digits, 2, 4) % 20)
        && sum % 11 % 10 == last(of.digits)
}

/// Croatia (ISO 7064 MOD 11,10).
pub(super) fn croatia(of: &Number<'_>) -> bool {
    varied(of.digits) && mod_11_10(of.digits)
}

/// Estonia and Lithuania: birth date and a check modulo 11 in two tries.
pub(super) fn baltic(of: &Number<'_>) -> bool {
    let first = weighted(of.digits, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(of.digits, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10;
    day_month(slice(of.digits, 5, 7), slice(of.digits, 3, 5))
        && (if first == 10 { second } else { first }) == last(of.digits)
}

/// Greece, social security: birth date and Luhn.
pub(super) fn greece(of: &Number<'_>) -> bool {
    day_month(slice(of.digits, 0, 2), slice(of.digits, 2, 4)) && luhn(of.digits)
}

/// Ireland: a check modulo 23, where a second letter weighs nine.
pub(super) fn ireland(of: &Number<'_>) -> bool {
    let letter = |at: usize| {
        let byte = of.text.as_bytes().get(at).copied().unwrap_or(b'@');
        u32::from(byte.saturating_sub(b'@'))
    };
    let second = if letter(8) == 23 { 0 } else { letter(8) };
    let sum = weighted(of.digits, &[8, 7, 6, 5, 4, 3, 2]);
    sum.saturating_add(second.saturating_mul(9)) % 23 % 23 == letter(7) % 23
}

/// Israel: Luhn.
pub(super) fn israel(of: &Number<'_>) -> bool {
    varied(of.digits) && luhn(of.digits)
}

/// Argentina.
pub(super) fn argentina(of: &Number<'_>) -> bool {
    let sum = weighted(of.digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    matches!(slice(of.digits, 0, 2), 20 | 23 | 24 | 27 | 30 | 33 | 34)
        && 11_u32.saturating_sub(sum % 11) % 11 == last(of.digits)
}

/// Germany, pension insurance: birth date, and digit sums of the weighted digits, by 10.
pub(super) fn germany_pension(of: &Number<'_>) -> bool {
    let letter = of.text.as_bytes().get(8).copied().unwrap_or(b'@').saturating_sub(b'@');
    let (base, serial) = of.digits.split_at(of.digits.len().min(8));
    let all = base.iter().copied().chain([letter / 10, letter % 10]).chain(serial.iter().copied());
    let sum = all
        .zip([2_u32, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1])
        .map(|(digit, weight)| u32::from(digit).saturating_mul(weight))
        .map(|value| (value / 10).saturating_add(value % 10))
        .fold(0, u32::saturating_add);
    day_month(slice(of.digits, 2, 4), slice(of.digits, 4, 6)) && sum % 10 == last(of.digits)
}

/// Japan, the individual number.
pub(super) fn japan(of: &Number<'_>) -> bool {
    let rest = weighted(of.digits, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest < 2 { 0 } else { 11_u32.saturating_sub(rest) };
    varied(of.digits) && check == last(of.digits)
}

/// Taiwan: the letter is a number of two digits.
pub(super) fn taiwan(of: &Number<'_>) -> bool {
    const ORDER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let first = of.text.bytes().next().unwrap_or(0);
    let Some(place) = ORDER.iter().position(|letter| *letter == first) else { return false };
    let lead = u32::try_from(place.saturating_add(10)).unwrap_or(0);
    let sum = weighted(of.digits, &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    matches!(of.digits.first(), Some(1 | 2))
        && (lead / 10)
            .saturating_add((lead % 10).saturating_mul(9))
            .saturating_add(sum)
            .is_multiple_of(10)
}

/// India, tax: the fourth letter is the sort of holder.
pub(super) fn india_pan(of: &Number<'_>) -> bool {
    of.text.chars().nth(3).is_some_and(|letter| "PCHFATBLJG".contains(letter))
}
