//! One side of a book: sorted best first, known as far as its snapshot, changed by absolute sizes.

use market_data_native::side::{Difference, Side};

fn side(is_bids: bool, raw: &str, limit: Option<usize>) -> Side {
    let mut side = Side::new(is_bids);
    side.replace(raw.as_bytes(), limit).expect("levels");
    side
}

fn top(side: &Side, depth: usize) -> String {
    String::from_utf8(side.top(depth)).expect("text")
}

fn level(price: &str, size: &str) -> Option<(String, String)> {
    Some((price.to_owned(), size.to_owned()))
}

#[test]
fn the_best_come_first() {
    let raw = r#"[["9","1"],["10","2.50"],["0011","3"],["9.0","0"]]"#;
    assert_eq!(top(&side(true, raw, None), 20), r#"[["0011","3"],["10","2.50"]]"#);
    assert_eq!(top(&side(false, raw, None), 1), r#"[["10","2.50"]]"#);
    assert_eq!(top(&Side::new(true), 20), "[]");
}

#[test]
fn a_change_tells_whether_the_top_may_have_changed() {
    let mut asks = side(false, r#"[["11","1"],["12","1"],["13","1"]]"#, None);
    assert_eq!(asks.apply(br#"[["13","2"],["14","1"],["15","0"]]"#, 2), Ok(false));
    assert_eq!(asks.apply(br#"[["12.0","2"]]"#, 2), Ok(true));
    assert_eq!(asks.apply(br#"[["11","0"]]"#, 2), Ok(true));
    assert_eq!(top(&asks, 20), r#"[["12.0","2"],["13","2"],["14","1"]]"#);
    assert_eq!(asks.len(), 3);
}

#[test]
fn beyond_a_filled_snapshot_nothing_is_kept() {
    let mut bids = side(true, r#"[["10","1"],["9","1"]]"#, Some(2));
    assert!(!bids.is_whole());
    assert_eq!(bids.apply(br#"[["8","1"],["9.5","1"]]"#, 20), Ok(true));
    assert_eq!(top(&bids, 20), r#"[["10","1"],["9.5","1"],["9","1"]]"#);
    assert!(side(true, r#"[["10","1"]]"#, Some(2)).is_whole());
}

fn difference(ours: &Side, theirs: &Side) -> Option<Difference> {
    ours.find_difference(theirs)
}

#[test]
fn the_best_difference_is_found_as_far_as_both_know() {
    let ours = side(true, r#"[["10","1"],["9","1.0"],["7","1"]]"#, None);
    assert_eq!(difference(&ours, &side(true, r#"[["9.0","1"],["10","1.00"]]"#, Some(2))), None);
    let other = side(true, r#"[["10","1"],["9","2"]]"#, None);
    assert_eq!(difference(&ours, &other), Some((level("9", "1.0"), level("9", "2"))));
    let shorter = side(true, r#"[["10","1"],["9","1"]]"#, None);
    assert_eq!(difference(&ours, &shorter), Some((level("7", "1"), None)));
    assert_eq!(difference(&shorter, &ours), Some((None, level("7", "1"))));
}
