//! A plain decimal number as an exact key: what orders and identifies prices, and tells whether a size is zero.

/// The most digits that a number may have before the point, and behind it.
pub const WHOLE_DIGITS: usize = 19;
pub const PART_DIGITS: usize = 38;

/// Half of the digits behind the point.
const HALF: usize = PART_DIGITS / 2;
const POWERS: [u64; HALF + 1] = powers();

const fn powers() -> [u64; HALF + 1] {
    let mut all = [1u64; HALF + 1];
    let mut at = 1;
    while at <= HALF {
        all[at] = all[at - 1] * 10;
        at += 1;
    }
    all
}

/// A number of at most 19 digits before the point and 38 behind it, without loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal {
    whole: u64,
    /// The first 19 digits behind the point, and the next 19.
    first: u64,
    next: u64,
}

/// Why a text is no key.
#[derive(Debug, PartialEq, Eq)]
pub enum NoDecimal {
    NotPlain,
    TooLarge,
}

impl Decimal {
    pub const ZERO: Self = Self { whole: 0, first: 0, next: 0 };

    /// Turn the order of all numbers round; twice gives the number again.
    pub const fn mirrored(self) -> Self {
        Self { whole: !self.whole, first: !self.first, next: !self.next }
    }

    /// Read a number of few digits up to the quotation mark behind it: the number, where it ends, and whether it is
    /// zero. None where it is longer or no number: `read` then says what it is.
    #[inline]
    pub fn read_short(raw: &[u8], begin: usize) -> Option<(Self, usize, bool)> {
        let (mut whole, mut at) = (0u64, begin);
        let is_digit = |at: usize| raw.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10);
        while let Some(digit) = is_digit(at) {
            whole = whole * 10 + u64::from(digit);
            at += 1;
            if at - begin > 18 {
                return None;
            }
        }
        if at == begin {
            return None;
        }
        let (mut part, mut digits) = (0u64, 0);
        if raw.get(at) == Some(&b'.') {
            at += 1;
            while let Some(digit) = is_digit(at) {
                part = part * 10 + u64::from(digit);
                at += 1;
                digits += 1;
                if digits > 18 {
                    return None;
                }
            }
            if digits == 0 {
                return None;
            }
        }
        if raw.get(at) != Some(&b'"') {
            return None;
        }
        Some((Self::of(whole, part * POWERS[HALF - digits], 0), at, whole == 0 && part == 0))
    }

    /// Read `123`, `0.50`: digits, and digits behind a point where there is one.
    pub fn read(text: &[u8]) -> Result<Self, NoDecimal> {
        let (whole, behind) = leading_digits(text);
        if whole.is_empty() {
            return Err(NoDecimal::NotPlain);
        }
        let (part, rest) = match behind.split_first() {
            None => (&behind[..0], behind),
            Some((b'.', fraction)) if !fraction.is_empty() => leading_digits(fraction),
            Some(_) => return Err(NoDecimal::NotPlain),
        };
        if !rest.is_empty() {
            return Err(NoDecimal::NotPlain);
        }
        let part = &part[..part.iter().rposition(|byte| *byte != b'0').map_or(0, |last| last + 1)];
        let whole = &whole[whole.iter().position(|byte| *byte != b'0').unwrap_or(whole.len())..];
        if whole.len() > WHOLE_DIGITS || part.len() > PART_DIGITS {
            return Err(NoDecimal::TooLarge);
        }
        let (first, next) = part.split_at(part.len().min(HALF));
        Ok(Self::of(value(whole), scaled(first), scaled(next)))
    }

    #[inline]
    fn of(whole: u64, first: u64, next: u64) -> Self {
        Self { whole, first, next }
    }
}

fn leading_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()))
}

/// Give the value of at most 19 digits.
fn value(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, byte| value * 10 + u64::from(byte - b'0'))
}

/// Give the value of at most 19 digits, as if there were 19.
fn scaled(digits: &[u8]) -> u64 {
    value(digits) * POWERS[HALF - digits.len()]
}
