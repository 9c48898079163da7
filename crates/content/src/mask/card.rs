//! Payment cards: Luhn check digit, issuer range and length (ISO/IEC 7812).

use super::What;
use stilt_model::Sensitive;

/// The Luhn check over digits given as numbers.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(*digit);
            if at % 2 == 0 {
                digit
            } else {
                let double = digit.saturating_mul(2);
                if double > 9 { double.saturating_sub(9) } else { double }
            }
        })
        .fold(0, u32::saturating_add);
    sum.is_multiple_of(10)
}

/// A card number. Lengths that few issuers use, and that many ids have, need `certain`: digits
/// grouped as on a card, or a field that says card.
pub(super) fn is_card(digits: &[u8], certain: bool) -> bool {
    let lead = |count: usize| {
        digits
            .iter()
            .take(count)
            .fold(0_u32, |n, d| n.saturating_mul(10).saturating_add(u32::from(*d)))
    };
    let (two, three, four, six) = (lead(2), lead(3), lead(4), lead(6));
    let issued = match digits.len() {
        16 => {
            two / 10 == 4
                || (51..=55).contains(&two)
                || (2221..=2720).contains(&four)
                || matches!(four, 6011 | 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763)
                || two == 65
                || (644..=649).contains(&three)
                || (622_126..=622_925).contains(&six)
                || (certain && matches!(two, 62 | 60 | 50 | 56..=58))
                || (3528..=3589).contains(&four)
        }
        15 => matches!(two, 34 | 37) || (certain && matches!(four, 1800 | 2131)),
        14 => matches!(two, 36 | 38 | 39) || (300..=305).contains(&three),
        13 => certain && two / 10 == 4,
        17..=19 => certain && (two / 10 == 4 || matches!(two, 50 | 56..=69)),
        12 => certain && matches!(two, 50 | 56..=69),
        _ => false,
    };
    let varied = digits.iter().any(|d| Some(d) != digits.first());
    issued && varied && luhn(digits)
}

/// Numbers that payment services publish for tests; nobody's money is behind them.
const TEST_NUMBERS: &[&str] = &[
    "4111111111111111",
    "4012888888881881",
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "5200828282828210",
    "378282246310005",
    "371449635398431",
    "378734493671000",
    "6011111111111117",
    "6011000990139424",
    "6011981111111113",
    "3056930009020004",
    "36227206271667",
    "30569309025904",
    "38520000023237",
    "3530111333300000",
    "3566002020360505",
    "6200000000000005",
    "6200000000000047",
    "4222222222222",
    "4917610000000000",
    "5019717010103742",
    "6331101999990016",
    "4000002500003155",
    "4000000000009995",
    "4000000000000002",
    "4000000000000069",
    "4000000000000127",
    "4000000000000119",
    "4000000000003220",
    "4462030000000000",
    "5454545454545454",
    "4444333322221111",
    "4988438843884305",
    "2222400070000005",
    "6011601160116611",
    "6759649826438453",
    "4007000000027",
    "4012000033330026",
    "370000000000002",
    "38000000000006",
    "3088000000000017",
    "5424000000000015",
    "6011000000000012",
    "4005519200000004",
    "4009348888881881",
    "4012000077777777",
    "4217651111111119",
    "4500600000000061",
    "3714496353984312",
    "6304000000000000",
    "2223000048400011",
    "4263982640269299",
    "4917484589897107",
    "5425233430109903",
    "374245455400126",
    "6011556448578945",
    "3566000020000410",
    "30204169322643",
];

/// What a number that passed [`is_card`] is.
pub(super) fn told(digits: &[u8]) -> What {
    let test = TEST_NUMBERS.iter().any(|number| {
        number.len() == digits.len()
            && number.bytes().zip(digits).all(|(byte, digit)| byte.saturating_sub(b'0') == *digit)
    });
    What::of(if test { Sensitive::TestCard } else { Sensitive::Card })
}

/// The card number that a field of such a name holds.
pub(super) fn named(text: &str) -> Option<What> {
    if !text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'.')) {
        return None;
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).map(|byte| byte.saturating_sub(b'0'));
    let digits: Vec<u8> = digits.take(20).collect();
    is_card(&digits, true).then(|| told(&digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|b| b - b'0').collect()
    }

    #[test]
    fn cards_of_the_large_issuers_are_known() {
        for card in [
            "4111111111111111",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "30569309025904",
            "6011111111111117",
            "3530111333300000",
            "6759649826438453",
        ] {
            assert!(is_card(&digits(card), false), "{card}");
        }
        assert!(is_card(&digits("4222222222222"), true));
    }

    #[test]
    fn numbers_that_fail_one_rule_are_no_cards() {
        for number in ["4111111111111112", "1700000000000", "9999999999999995", "4222222222222"] {
            assert!(!is_card(&digits(number), false), "{number}");
        }
    }
}
