//! A level's JSON, kept where the level is: a second place in memory would be a second wait for it.

use std::ops::Deref;

/// Longer ones have a place of their own.
const SHORT: usize = 38;

pub enum Text {
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
}

impl Text {
    #[inline]
    pub fn of(text: &[u8]) -> Self {
        if text.len() > SHORT {
            return Self::Long(text.into());
        }
        let mut kept = [0; SHORT];
        kept[..text.len()].copy_from_slice(text);
        Self::Short(text.len() as u8, kept)
    }
}

impl Deref for Text {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Short(length, kept) => &kept[..usize::from(*length)],
            Self::Long(kept) => kept,
        }
    }
}
