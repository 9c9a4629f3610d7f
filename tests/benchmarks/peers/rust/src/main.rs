//! Books of others in Rust, driven with the frames of a file: `peers FRAMES`.
//!
//! Speaks as `worker.py` does: says on one line what there is, then for each line of stdin that names a way makes one
//! pass and prints its CPU seconds and the top that it ends with. The first line of the file is the snapshot.

mod barter;
mod nautilus;

use std::io::{self, BufRead, Write};

use cpu_time::ProcessTime;
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// The best levels of both sides, best first, price and size.
type Top = [Vec<(Decimal, Decimal)>; 2];

const DEPTH: usize = 20;

/// A book that is fed frames.
trait Peer {
    /// Decode, apply, and take the top.
    fn take(&mut self, frame: &str);
    /// The top that was taken last.
    fn top(&self) -> Top;
}

fn begin(way: &str, snapshot: &str) -> Option<Box<dyn Peer>> {
    match way {
        barter::NAME => Some(Box::new(barter::Book::new(snapshot))),
        nautilus::NAME => Some(Box::new(nautilus::Book::new(snapshot))),
        _ => None,
    }
}

fn pass(way: &str, lines: &[&str]) -> Option<Value> {
    let mut peer = begin(way, lines[0])?;
    let started = ProcessTime::now();
    for frame in &lines[1..] {
        peer.take(frame);
    }
    let seconds = started.elapsed().as_secs_f64();
    let top = peer
        .top()
        .map(|side| side.iter().map(|(price, size)| [price.to_string(), size.to_string()]).collect::<Vec<_>>());
    Some(json!({ "seconds": seconds, "top": top }))
}

fn main() -> io::Result<()> {
    let path = std::env::args().nth(1).expect("expected the file of frames");
    let held = std::fs::read_to_string(path)?;
    let lines: Vec<&str> = held.lines().collect();
    let mut out = io::stdout().lock();
    let ways = json!({ barter::NAME: barter::ABOUT, nautilus::NAME: nautilus::ABOUT });
    writeln!(out, "{}", json!({ "ways": ways }))?;
    out.flush()?;
    for way in io::stdin().lock().lines() {
        let said = pass(way?.trim(), &lines).unwrap_or(Value::Null);
        writeln!(out, "{said}")?;
        out.flush()?;
    }
    Ok(())
}
