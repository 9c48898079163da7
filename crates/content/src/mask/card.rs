//! Payment cards: Luhn check digit, issuer range and length (ISO/IEC 7812).

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
