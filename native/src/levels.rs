//! The levels of one side as they came: `[["61737.63000000","0.50000000"],...]`, read without copying.

use crate::decimal::{Decimal, NoDecimal};

const LONGEST: usize = 40;
const SHOWN: usize = 40;

/// One level of a frame; the texts are the venue's own.
pub struct RawLevel<'a> {
    pub key: Decimal,
    pub price: &'a [u8],
    pub size: &'a [u8],
    pub is_removal: bool,
    /// All of it as it came, where that is without white space.
    pub json: Option<&'a [u8]>,
}

/// Why levels are refused: a kind that the caller has words for, and what was received.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub kind: &'static str,
    pub received: Vec<u8>,
}

impl Refusal {
    fn new(kind: &'static str, received: &[u8]) -> Self {
        Self { kind, received: received[..received.len().min(SHOWN)].to_vec() }
    }
}

/// Read a JSON array of pairs of plain decimal texts, handing over one after the other; give how many there were.
pub fn read<'a>(raw: &'a [u8], mut take: impl FnMut(&RawLevel<'a>)) -> Result<usize, Refusal> {
    let shape = |at: usize| Refusal::new("shape", &raw[at.min(raw.len())..]);
    let mut at = skip_space(raw, 0);
    if raw.get(at) != Some(&b'[') {
        return Err(shape(at));
    }
    let mut count = 0;
    at = skip_space(raw, at + 1);
    if raw.get(at) == Some(&b']') {
        return ended(raw, at + 1, count);
    }
    loop {
        let behind = match short_pair(raw, at) {
            Some((level, behind)) => {
                take(&level);
                behind
            }
            None => {
                let (price, size, behind) = pair(raw, at).ok_or_else(|| shape(at))?;
                let key = number(price)?;
                let is_removal = number(size)? == Decimal::ZERO;
                take(&RawLevel { key, price, size, is_removal, json: None });
                behind
            }
        };
        count += 1;
        at = skip_space(raw, behind);
        match raw.get(at) {
            Some(b',') => at = skip_space(raw, at + 1),
            Some(b']') => return ended(raw, at + 1, count),
            _ => return Err(shape(at)),
        }
    }
}

fn ended(raw: &[u8], at: usize, count: usize) -> Result<usize, Refusal> {
    let rest = skip_space(raw, at);
    if rest < raw.len() {
        return Err(Refusal::new("shape", &raw[rest..]));
    }
    Ok(count)
}

/// Tell whether two arrays as this program writes them are the same numbers: `1.50` is `1.5`.
pub fn is_same(left: &[u8], right: &[u8]) -> bool {
    if left == right {
        return true;
    }
    let texts = |raw: &[u8]| raw.split(|byte| *byte == b'"').count();
    if texts(left) != texts(right) {
        return false;
    }
    let mut ours = left.split(|byte| *byte == b'"');
    let mut theirs = right.split(|byte| *byte == b'"');
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return true,
            (Some(mine), Some(yours)) if mine == yours => {}
            (Some(mine), Some(yours)) => match (Decimal::read(mine), Decimal::read(yours)) {
                (Ok(one), Ok(other)) if one == other => {}
                _ => return false,
            },
            _ => return false,
        }
    }
}

fn number(text: &[u8]) -> Result<Decimal, Refusal> {
    if text.len() > LONGEST {
        return Err(Refusal::new("long", text));
    }
    Decimal::read(text).map_err(|error| match error {
        NoDecimal::NotPlain => Refusal::new("plain", text),
        NoDecimal::TooLarge => Refusal::new("large", text),
    })
}

/// Read `["price","size"]` of few digits and no white space, as nearly all are.
#[inline]
fn short_pair(raw: &[u8], at: usize) -> Option<(RawLevel<'_>, usize)> {
    let begin = raw[at..].starts_with(b"[\"").then_some(at + 2)?;
    let (key, end, _) = Decimal::read_short(raw, begin)?;
    let size = raw[end..].starts_with(b"\",\"").then_some(end + 3)?;
    let (_, size_end, is_removal) = Decimal::read_short(raw, size)?;
    let behind = raw[size_end..].starts_with(b"\"]").then_some(size_end + 2)?;
    let json = Some(&raw[at..behind]);
    Some((RawLevel { key, price: &raw[begin..end], size: &raw[size..size_end], is_removal, json }, behind))
}

/// Read `["price","size"]` and give where it ends.
fn pair(raw: &[u8], at: usize) -> Option<(&[u8], &[u8], usize)> {
    let at = skip_space(raw, expect(raw, at, b'[')?);
    let (price, at) = text(raw, at)?;
    let at = skip_space(raw, expect(raw, skip_space(raw, at), b',')?);
    let (size, at) = text(raw, at)?;
    let at = expect(raw, skip_space(raw, at), b']')?;
    Some((price, size, at))
}

fn text(raw: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let begin = expect(raw, at, b'"')?;
    let length = raw[begin..].iter().position(|byte| *byte == b'"' || *byte == b'\\')?;
    let end = begin + length;
    (raw[end] == b'"').then(|| (&raw[begin..end], end + 1))
}

fn expect(raw: &[u8], at: usize, byte: u8) -> Option<usize> {
    (raw.get(at) == Some(&byte)).then_some(at + 1)
}

fn skip_space(raw: &[u8], mut at: usize) -> usize {
    while matches!(raw.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}
