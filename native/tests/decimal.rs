//! Numbers as keys: exact, ordered as numbers, whatever their texts.

use market_data_native::decimal::{Decimal, NoDecimal};

fn read(text: &str) -> Decimal {
    Decimal::read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

#[test]
fn texts_of_one_number_are_one_key() {
    for (one, other) in [("1.5", "1.50"), ("0100", "100.000"), ("0", "0.000"), ("0.10", "00.1")] {
        assert_eq!(read(one), read(other), "{one} {other}");
    }
    assert_eq!(read("0.00"), Decimal::ZERO);
}

#[test]
fn keys_are_ordered_as_numbers() {
    let rising = [
        "0",
        "0.00000000000000000000000000000000000001",
        "0.1",
        "0.10000000000000000001",
        "0.9",
        "1",
        "1.00000000000000000001",
        "9",
        "10",
        "999999999999999999",
        "1000000000000000000",
        "9999999999999999999",
        "9999999999999999999.0000000000000000001",
        "9999999999999999999.00000000000000000010000000000000000001",
        "9999999999999999999.5",
    ];
    for pair in rising.windows(2) {
        assert!(read(pair[0]) < read(pair[1]), "{pair:?}");
    }
}

#[test]
fn what_is_no_plain_decimal_is_refused() {
    for text in ["", ".", ".5", "5.", "1.2.3", "-1", "+1", " 1", "1 ", "1e5", "nan", "1_0", "0x1", "\u{967}"] {
        assert_eq!(Decimal::read(text.as_bytes()), Err(NoDecimal::NotPlain), "{text}");
    }
    assert_eq!(Decimal::read(b"1\xff"), Err(NoDecimal::NotPlain));
}

#[test]
fn so_many_digits_and_no_more_are_told_apart() {
    let (whole, part) = ("9".repeat(19), "9".repeat(38));
    read(&whole);
    read(&format!("0.{part}"));
    read(&format!("00{whole}.{part}00"));
    assert_eq!(Decimal::read(format!("1{whole}").as_bytes()), Err(NoDecimal::TooLarge));
    assert_eq!(Decimal::read(format!("0.{part}1").as_bytes()), Err(NoDecimal::TooLarge));
}
