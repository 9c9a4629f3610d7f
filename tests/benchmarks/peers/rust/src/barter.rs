//! barter-data: its own types of the wire, its own sequencer, its own book.

use std::hint::black_box;

use barter_data::books::{Level, OrderBook};
use barter_data::event::MarketIter;
use barter_data::exchange::binance::book::l2::BinanceOrderBookL2Snapshot;
use barter_data::exchange::binance::spot::l2::{BinanceSpotOrderBookL2Sequencer, BinanceSpotOrderBookL2Update};
use barter_data::subscription::book::OrderBookEvent;
use barter_instrument::exchange::ExchangeId;
use serde::Deserialize;

use crate::{DEPTH, Peer, Top, write_side};

pub const NAME: &str = "barter-data 0.13.0 (Rust)";
pub const ABOUT: &str = "its serde types of a Binance update, its sequencer of ids, its OrderBook of Decimals";

#[derive(Deserialize)]
struct Combined {
    data: BinanceSpotOrderBookL2Update,
}

pub struct Book {
    book: OrderBook,
    sequencer: BinanceSpotOrderBookL2Sequencer,
    top: [Vec<Level>; 2],
}

impl Book {
    pub fn new(snapshot: &str) -> Self {
        let snapshot: BinanceOrderBookL2Snapshot = serde_json::from_str(snapshot).expect("a snapshot");
        let id = snapshot.last_update_id;
        Self {
            book: OrderBook::new(id, None, snapshot.bids, snapshot.asks),
            sequencer: BinanceSpotOrderBookL2Sequencer::new(id),
            top: Default::default(),
        }
    }
}

fn best(levels: &[Level]) -> Vec<Level> {
    levels[..levels.len().min(DEPTH)].to_vec()
}

impl Peer for Book {
    fn take(&mut self, frame: &str) {
        let update = serde_json::from_str::<Combined>(frame).expect("a frame").data;
        let Some(update) = self.sequencer.validate_sequence(update).expect("no gap") else {
            return;
        };
        for event in MarketIter::<u32, OrderBookEvent>::from((ExchangeId::BinanceSpot, 0, update)).0 {
            self.book.update(&event.expect("an event").kind);
        }
        self.top = black_box([best(self.book.bids().levels()), best(self.book.asks().levels())]);
    }

    fn top(&self) -> Top {
        self.top.each_ref().map(|side| side.iter().map(|level| (level.price, level.amount)).collect())
    }

    fn write(&self, out: &mut String) {
        for side in &self.top {
            write_side(out, side.iter().map(|level| (level.price, level.amount)));
        }
    }
}
