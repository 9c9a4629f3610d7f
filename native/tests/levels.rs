//! Levels as they came: what is read, and what is refused with which kind.

use market_data_native::levels::{is_same, read};

fn texts(raw: &str) -> Vec<(String, String, bool)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut levels = Vec::new();
    let count = read(raw.as_bytes(), |level| levels.push((text(level.price), text(level.size), level.is_removal)));
    assert_eq!(count, Ok(levels.len()), "{raw}");
    levels
}

fn refusal(raw: &[u8]) -> (&'static str, String) {
    match read(raw, |_| {}) {
        Ok(_) => panic!("{} was taken", String::from_utf8_lossy(raw)),
        Err(refusal) => (refusal.kind, String::from_utf8_lossy(&refusal.received).into_owned()),
    }
}

#[test]
fn pairs_are_read_in_their_own_texts() {
    assert_eq!(texts("[]"), []);
    let expected = [("61737.630".into(), "0.50".into(), false), ("9".into(), "0.000".into(), true)];
    assert_eq!(texts(r#"[["61737.630","0.50"],["9","0.000"]]"#), expected);
}

#[test]
fn white_space_of_json_says_nothing() {
    assert_eq!(texts(" [ \n] "), []);
    assert_eq!(texts("\t[ [ \"1\" ,\r\n\"2\" ] , [\"3\",\"4\"]\n]\n"), texts(r#"[["1","2"],["3","4"]]"#));
}

#[test]
fn other_shapes_are_refused_where_they_begin() {
    for (raw, at) in [
        ("", ""),
        ("null", "null"),
        ("{}", "{}"),
        ("[", ""),
        ("[1]", "1]"),
        (r#"[["1"]]"#, r#"["1"]]"#),
        (r#"[["1",2]]"#, r#"["1",2]]"#),
        (r#"[["1","2","3"]]"#, r#"["1","2","3"]]"#),
        (r#"[["1","2"],]"#, "]"),
        (r#"[["1","2"]"#, ""),
        (r#"[["1","2"]] x"#, "x"),
        (r#"[["1\u0030","2"]]"#, r#"["1\u0030","2"]]"#),
    ] {
        assert_eq!(refusal(raw.as_bytes()), ("shape", at.to_owned()), "{raw}");
    }
}

#[test]
fn other_numbers_are_refused_by_their_kind() {
    assert_eq!(refusal(br#"[["1","2"],["1e5","2"]]"#), ("plain", "1e5".to_owned()));
    assert_eq!(refusal(b"[[\"1\",\"\xff\"]]"), ("plain", "\u{fffd}".to_owned()));
    assert_eq!(refusal(format!(r#"[["{}","1"]]"#, "1".repeat(39)).as_bytes()), ("large", "1".repeat(39)));
    assert_eq!(refusal(format!(r#"[["{}","1"]]"#, "1".repeat(41)).as_bytes()), ("long", "1".repeat(40)));
}

#[test]
fn arrays_of_the_same_numbers_are_the_same() {
    let raw = br#"[["1.50","2"],["1","0.50"]]"#;
    assert!(is_same(raw, raw));
    assert!(is_same(raw, br#"[["1.5","2.0"],["01","0.5"]]"#));
    assert!(is_same(b"[]", b"[]"));
    for other in [r#"[["1.50","2"]]"#, r#"[["1.50","2"],["1","0.51"]]"#, r#"[["1.50","2"],["1.1","0.50"]]"#, "[]"] {
        assert!(!is_same(raw, other.as_bytes()), "{other}");
    }
}
