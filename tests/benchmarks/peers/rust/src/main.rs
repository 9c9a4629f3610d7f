//! Books of others in Rust, driven with the frames of a file: `peers FRAMES`.
//!
//! Speaks as `worker.py` does: says on one line what there is, then for each line of stdin that names a way makes one
//! pass and prints its CPU seconds and the top that it ends with. The first line of the file is the snapshot.

mod barter;
mod nautilus;

use std::fmt::{Display, Write as _};
use std::hint::black_box;
use std::io::{self, BufRead, Write};

use cpu_time::ProcessTime;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

/// The best levels of both sides, best first, price and size.
type Top = [Vec<(Decimal, Decimal)>; 2];

const DEPTH: usize = 20;

/// A book that is fed frames.
trait Peer {
    /// Decode, apply, and take the best levels.
    fn take(&mut self, frame: &str);
    /// The best levels that were taken last.
    fn top(&self) -> Top;
    /// Write them as JSON, as the project's own types write themselves.
    fn write(&self, out: &mut String);
}

/// What is added to a way's name where it writes.
const AS_JSON: &str = ", as JSON";

fn begin(way: &str, snapshot: &str) -> Option<Box<dyn Peer>> {
    match way {
        barter::NAME => Some(Box::new(barter::Book::new(snapshot))),
        nautilus::NAME => Some(Box::new(nautilus::Book::new(snapshot, nautilus::by_text))),
        nautilus::BY_DECIMAL => Some(Box::new(nautilus::Book::new(snapshot, nautilus::by_decimal))),
        _ => None,
    }
}

/// Write one side: `[["61737.63","0.5"],…]`.
fn write_side(out: &mut String, levels: impl Iterator<Item = (impl Display, impl Display)>) {
    out.push('[');
    for (number, (price, size)) in levels.enumerate() {
        let comma = if number == 0 { "" } else { "," };
        write!(out, "{comma}[\"{price}\",\"{size}\"]").expect("room");
    }
    out.push(']');
}

fn pass(way: &str, lines: &[&str]) -> Option<Value> {
    let (name, is_written) = way.strip_suffix(AS_JSON).map_or((way, false), |name| (name, true));
    let mut peer = begin(name, lines[0])?;
    let mut out = String::with_capacity(4096);
    let started = ProcessTime::now();
    for frame in &lines[1..] {
        peer.take(frame);
        if is_written {
            out.clear();
            peer.write(&mut out);
            black_box(&out);
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let top = peer
        .top()
        .map(|side| side.iter().map(|(price, size)| [price.to_string(), size.to_string()]).collect::<Vec<_>>());
    Some(json!({ "seconds": seconds, "top": top }))
}

/// Every way, and what it does and does not.
fn ways() -> Map<String, Value> {
    let mut ways = Map::new();
    for (name, about, lacks) in [
        (barter::NAME, barter::ABOUT, "no record"),
        (nautilus::NAME, nautilus::ABOUT, nautilus::LACKS),
        (nautilus::BY_DECIMAL, nautilus::ABOUT_DECIMAL, nautilus::LACKS),
    ] {
        ways.insert(name.into(), format!("{about}, its best 20 copied; {lacks}, no JSON").into());
        ways.insert(format!("{name}{AS_JSON}"), format!("{about}, its best 20 written as JSON; {lacks}").into());
    }
    ways
}

fn main() -> io::Result<()> {
    let path = std::env::args().nth(1).expect("expected the file of frames");
    let held = std::fs::read_to_string(path)?;
    let lines: Vec<&str> = held.lines().collect();
    let mut out = io::stdout().lock();
    writeln!(out, "{}", json!({ "ways": ways() }))?;
    out.flush()?;
    for way in io::stdin().lock().lines() {
        let said = pass(way?.trim(), &lines).unwrap_or(Value::Null);
        writeln!(out, "{said}")?;
        out.flush()?;
    }
    Ok(())
}
