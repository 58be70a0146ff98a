//! Decimal amounts, and the minor units of currencies (ISO 4217).

/// Longest amount in plain digits, in bytes.
const LONGEST: usize = 64;

/// Decimal places of a currency: the exceptions from two. `None` for metals, funds and test codes, which have no minor unit.
fn decimals(currency: &str) -> Option<usize> {
    Some(match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND" | "VUV" | "XAF" | "XOF"
        | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        "XAG" | "XAU" | "XBA" | "XBB" | "XBC" | "XBD" | "XDR" | "XPD" | "XPT" | "XSU" | "XTS" | "XUA" | "XXX" => return None,
        _ => 2,
    })
}

/// A decimal amount in the smallest unit of its currency; `None` if it is not a whole number of them, or does not fit.
pub(super) fn minor_units(text: &str, currency: &str) -> Option<i64> {
    let decimals = decimals(currency)?;
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    if whole.is_empty() || fraction.len() > decimals || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let minor: i64 = format!("{whole}{fraction:0<decimals$}").parse().ok()?;
    Some(if negative { -minor } else { minor })
}

/// A number in plain digits: `6.45e-3` is `0.00645`. One without an exponent stays as it is. `None` if it is no decimal number or longer
/// than 64 digits.
pub(super) fn plain_decimal(text: &str) -> Option<String> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i8>().ok()?),
        None => (text, 0),
    };
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    if whole.is_empty() || number.len() > LONGEST || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let plain = if exponent == 0 { number.to_owned() } else { format!("{sign}{}", shifted(whole, fraction, exponent)) };
    (plain.len() <= LONGEST).then_some(plain)
}

/// The number whose point is moved to the right, or by a negative exponent to the left.
fn shifted(whole: &str, fraction: &str, exponent: i8) -> String {
    let places = usize::from(exponent.unsigned_abs());
    let digits = if exponent < 0 {
        let whole = format!("{whole:0>width$}", width = places + 1);
        let (whole, moved) = whole.split_at(whole.len() - places);
        format!("{whole}.{moved}{fraction}")
    } else {
        let fraction = format!("{fraction:0<places$}");
        let (moved, fraction) = fraction.split_at(places);
        format!("{whole}{moved}.{fraction}")
    };
    let digits = digits.trim_end_matches('.').trim_start_matches('0');
    if digits.is_empty() || digits.starts_with('.') { format!("0{digits}") } else { digits.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_amount_is_kept_in_plain_digits() {
        for (text, plain) in [
            ("0.00645", Some("0.00645")),
            ("1.50", Some("1.50")),
            ("-12", Some("-12")),
            ("6.45E-3", Some("0.00645")),
            ("1e-7", Some("0.0000001")),
            ("-12.5e1", Some("-125")),
            ("1.25e1", Some("12.5")),
            ("1.5e+3", Some("1500")),
            ("0e5", Some("0")),
            ("12.50e-1", Some("1.250")),
            ("1e63", Some("1000000000000000000000000000000000000000000000000000000000000000")),
            ("1e64", None),
            ("1e127", None),
            ("1e999", None),
            ("", None),
            (".5", None),
            ("5.", None),
            ("+1", None),
            ("1,5", None),
            ("1.2.3", None),
            ("0x1", None),
            ("NaN", None),
            ("Infinity", None),
            ("1e", None),
            ("\u{0661}", None),
        ] {
            assert_eq!(plain_decimal(text).as_deref(), plain, "{text}");
        }
        assert_eq!(plain_decimal(&"1".repeat(65)), None);
    }

    #[test]
    fn minor_units_are_exact_or_absent() {
        for (text, currency, minor) in [
            ("0.00645", "USD", None),
            ("0.01", "USD", Some(1)),
            ("1.500", "USD", Some(150)),
            ("-0.5", "EUR", Some(-50)),
            ("12", "JPY", Some(12)),
            ("12.5", "JPY", None),
            ("0.005", "KWD", Some(5)),
            ("1", "CLF", Some(10_000)),
            ("1", "XAU", None),
            ("99999999999999999999", "USD", None),
        ] {
            assert_eq!(minor_units(text, currency), minor, "{text} {currency}");
        }
    }

    proptest! {
        #[test]
        fn plain_digits_are_the_same_number(digits in 0_u64..1_000_000_000, places in 0_usize..6, exponent in -12_i32..9) {
            let text = format!("{digits:0>width$}", width = places + 1);
            let (whole, fraction) = text.split_at(text.len() - places);
            let number = if places == 0 { whole.to_owned() } else { format!("{whole}.{fraction}") };
            let plain = plain_decimal(&format!("{number}e{exponent}")).unwrap();
            let (plain_whole, plain_fraction) = plain.split_once('.').unwrap_or((&plain, ""));
            // In units of 10^-18.
            let units = |whole: &str, fraction: &str| format!("{whole}{fraction:0<18}").parse::<u128>().unwrap();
            let scale = u32::try_from(18 + exponent - i32::try_from(places).unwrap()).unwrap();
            prop_assert_eq!(units(plain_whole, plain_fraction), u128::from(digits) * 10_u128.pow(scale), "{}", plain);
        }
    }
}
