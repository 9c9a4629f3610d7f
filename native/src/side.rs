//! One side of a book: every level that is known, sorted, each as the JSON that a record holds.

use std::collections::BTreeMap;

use crate::decimal::Decimal;
use crate::levels::{RawLevel, Refusal, read};
use crate::text::Text;

/// A level's price and size, as texts.
pub type Texts = (String, String);

/// Where two sides differ first: what each has there.
pub type Difference = (Option<Texts>, Option<Texts>);

struct Level {
    /// `["61737.63000000","0.50000000"]`
    json: Text,
    /// How long the price's text is; at most 40.
    price: u8,
}

impl Level {
    fn of(raw: &RawLevel<'_>) -> Self {
        let price = raw.price.len() as u8;
        if let Some(json) = raw.json {
            return Self { json: Text::of(json), price };
        }
        let json = [b"[\"" as &[u8], raw.price, b"\",\"", raw.size, b"\"]"].concat();
        Self { json: Text::of(&json), price }
    }

    fn price(&self) -> &[u8] {
        &self.json[2..2 + usize::from(self.price)]
    }

    fn size(&self) -> &[u8] {
        &self.json[5 + usize::from(self.price)..self.json.len() - 2]
    }

    fn texts(&self) -> Texts {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(self.price()), text(self.size()))
    }

    fn is_same_size(&self, other: &Self) -> bool {
        self.size() == other.size() || Decimal::read(self.size()) == Decimal::read(other.size())
    }
}

pub struct Side {
    /// Best first.
    levels: BTreeMap<Key, Level>,
    is_bids: bool,
    /// The worst price that the last snapshot made known; None where it made all known.
    known_to: Option<Key>,
}

/// A price in the order of its side: a better one is less.
type Key = Decimal;

impl Side {
    pub fn new(is_bids: bool) -> Self {
        Self { levels: BTreeMap::new(), is_bids, known_to: None }
    }

    pub fn replace(&mut self, raw: &[u8], limit: Option<usize>) -> Result<(), Refusal> {
        let (levels, is_bids) = (&mut self.levels, self.is_bids);
        levels.clear();
        let count = read(raw, |level| {
            let key = in_order(level.key, is_bids);
            if level.is_removal {
                levels.remove(&key);
            } else {
                levels.insert(key, Level::of(level));
            }
        })?;
        let is_filled = limit.is_some_and(|limit| count >= limit);
        self.known_to = if is_filled { self.levels.last_key_value().map(|(key, _)| *key) } else { None };
        Ok(())
    }

    /// Set and remove levels; tell whether one of the best `depth` may have changed.
    pub fn apply(&mut self, raw: &[u8], depth: usize) -> Result<bool, Refusal> {
        let top_edge = self.levels.keys().nth(depth.saturating_sub(1)).copied();
        let (levels, is_bids, known_to) = (&mut self.levels, self.is_bids, self.known_to);
        let mut touched = false;
        read(raw, |level| {
            let key = in_order(level.key, is_bids);
            if known_to.is_some_and(|edge| key > edge) {
                return;
            }
            if level.is_removal {
                if levels.remove(&key).is_none() {
                    return;
                }
            } else {
                levels.insert(key, Level::of(level));
            }
            touched |= top_edge.is_none_or(|edge| key <= edge);
        })?;
        Ok(touched)
    }

    /// Forget all but the best levels.
    pub fn cut(&mut self, levels: usize) {
        while self.levels.len() > levels {
            self.levels.pop_last();
        }
    }

    pub fn len(&self) -> usize {
        self.levels.len()
    }

    pub fn is_whole(&self) -> bool {
        self.known_to.is_none()
    }

    pub fn best(&self) -> Option<Decimal> {
        self.levels.first_key_value().map(|(key, _)| in_order(*key, self.is_bids))
    }

    /// The best levels as a JSON array.
    pub fn top(&self, depth: usize) -> Vec<u8> {
        let mut json = Vec::with_capacity(depth * 40 + 2);
        json.push(b'[');
        for (at, level) in self.levels.values().take(depth).enumerate() {
            if at > 0 {
                json.push(b',');
            }
            json.extend_from_slice(&level.json);
        }
        json.push(b']');
        json
    }

    /// Find the best price at which both know the truth and disagree.
    pub fn find_difference(&self, other: &Self) -> Option<Difference> {
        let known_to = match (self.known_to, other.known_to) {
            (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
            (ours, theirs) => ours.or(theirs),
        };
        let is_known = |key: &Key| known_to.is_none_or(|edge| *key <= edge);
        let mut ours = self.levels.iter().take_while(|(key, _)| is_known(key)).peekable();
        let mut theirs = other.levels.iter().take_while(|(key, _)| is_known(key)).peekable();
        loop {
            match (ours.peek(), theirs.peek()) {
                (None, None) => return None,
                (Some((_, mine)), None) => return Some((Some(mine.texts()), None)),
                (None, Some((_, yours))) => return Some((None, Some(yours.texts()))),
                (Some((mine_key, mine)), Some((yours_key, yours))) => {
                    if mine_key < yours_key {
                        return Some((Some(mine.texts()), None));
                    }
                    if yours_key < mine_key {
                        return Some((None, Some(yours.texts())));
                    }
                    if !mine.is_same_size(yours) {
                        return Some((Some(mine.texts()), Some(yours.texts())));
                    }
                }
            }
            ours.next();
            theirs.next();
        }
    }
}

/// Turn a price into its side's key, and back.
fn in_order(price: Decimal, is_bids: bool) -> Key {
    if is_bids { price.mirrored() } else { price }
}
