//! nautilus-model: its deltas and its book; it has no types of the wire, so those are ours.

use std::hint::black_box;
use std::str::FromStr;

use nautilus_model::data::order::BookOrder;
use nautilus_model::data::{OrderBookDelta, OrderBookDeltas};
use nautilus_model::enums::{BookAction, BookType, OrderSide, RecordFlag};
use nautilus_model::identifiers::InstrumentId;
use nautilus_model::orderbook::{BookLevel, OrderBook};
use nautilus_model::types::{Price, Quantity};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::{DEPTH, Peer, Top, write_side};

pub const NAME: &str = "nautilus-model 0.57.0 (Rust)";
pub const ABOUT: &str =
    "borrowed texts by serde_json, read by its Price and Quantity, its OrderBookDeltas, its OrderBook";
pub const BY_DECIMAL: &str = "nautilus-model 0.57.0 (Rust), by Decimal";
pub const ABOUT_DECIMAL: &str = "borrowed texts by serde_json, its Price and Quantity by way of rust_decimal, faster than \
                                 its own reading, its OrderBookDeltas, its OrderBook";
pub const LACKS: &str = "no proof of continuity, no record";

/// Reads a level.
type Read = fn(Pair) -> (Price, Quantity);

type Pair<'a> = (&'a str, &'a str);

#[derive(Deserialize)]
struct Combined<'a> {
    #[serde(borrow)]
    data: Update<'a>,
}

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct Update<'a> {
    E: u64,
    u: u64,
    #[serde(borrow)]
    b: Vec<Pair<'a>>,
    #[serde(borrow)]
    a: Vec<Pair<'a>>,
}

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct Snapshot<'a> {
    lastUpdateId: u64,
    #[serde(borrow)]
    bids: Vec<Pair<'a>>,
    #[serde(borrow)]
    asks: Vec<Pair<'a>>,
}

pub struct Book {
    id: InstrumentId,
    book: OrderBook,
    read: Read,
    from: u64,
    top: [Vec<(Price, Quantity)>; 2],
}

/// As the crate reads texts itself.
pub fn by_text((price, size): Pair) -> (Price, Quantity) {
    (Price::from_str(price).expect("a price"), Quantity::from_str(size).expect("a size"))
}

/// By way of rust_decimal's reading.
pub fn by_decimal((price, size): Pair) -> (Price, Quantity) {
    let price = Price::from_decimal(Decimal::from_str(price).expect("a price")).expect("a price");
    let size = Quantity::from_decimal(Decimal::from_str(size).expect("a size")).expect("a size");
    (price, size)
}

impl Book {
    pub fn new(snapshot: &str, read: Read) -> Self {
        let held: Snapshot = serde_json::from_str(snapshot).expect("a snapshot");
        let id = InstrumentId::from("BTCUSDT.BINANCE");
        let mut made = Self {
            id,
            book: OrderBook::new(id, BookType::L2_MBP),
            read,
            from: held.lastUpdateId,
            top: Default::default(),
        };
        made.apply(&Update { E: 0, u: held.lastUpdateId, b: held.bids, a: held.asks });
        made
    }

    fn delta(&self, update: &Update, side: OrderSide, pair: Pair, is_last: bool) -> OrderBookDelta {
        let (price, size) = (self.read)(pair);
        let action = if size.is_zero() { BookAction::Delete } else { BookAction::Update };
        let flags = if is_last { RecordFlag::F_LAST as u8 } else { 0 };
        let time = (update.E * 1_000_000).into();
        OrderBookDelta::new(self.id, action, BookOrder::new(side, price, size, 0), flags, update.u, time, time)
    }

    fn apply(&mut self, update: &Update) {
        let count = update.b.len() + update.a.len();
        let mut deltas = Vec::with_capacity(count);
        for (side, pairs) in [(OrderSide::Buy, &update.b), (OrderSide::Sell, &update.a)] {
            for pair in pairs {
                deltas.push(self.delta(update, side, *pair, deltas.len() + 1 == count));
            }
        }
        self.book.apply_deltas(&OrderBookDeltas::new(self.id, deltas)).expect("a book");
    }
}

fn best<'a>(levels: impl Iterator<Item = &'a BookLevel>) -> Vec<(Price, Quantity)> {
    levels.map(|level| (level.price.value, level.first().expect("one order a level").size)).collect()
}

impl Peer for Book {
    fn take(&mut self, frame: &str) {
        let update = serde_json::from_str::<Combined>(frame).expect("a frame").data;
        if update.u <= self.from {
            return;
        }
        self.apply(&update);
        self.top = black_box([best(self.book.bids(Some(DEPTH))), best(self.book.asks(Some(DEPTH)))]);
    }

    fn top(&self) -> Top {
        self.top
            .each_ref()
            .map(|side| side.iter().map(|(price, size)| (price.as_decimal(), size.as_decimal())).collect())
    }

    fn write(&self, out: &mut String) {
        for side in &self.top {
            write_side(out, side.iter().map(|(price, size)| (price, size)));
        }
    }
}
