//! Order books kept by Rust for `market_data`: bytes of levels in, bytes of the best levels out.
//!
//! It means what `market_data.domain.book` means, operation by operation; tests hold the two against each other.

#![forbid(unsafe_code)]

pub mod decimal;
pub mod levels;
pub mod side;
pub mod text;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use levels::Refusal;
use side::Side;

/// Below so many bytes the lock of the interpreter is kept: giving it away costs more than it gives to others.
const LARGE: usize = 65_536;

/// Both sides of one instrument's book.
///
/// It is made by `Book(depth, refusal, ladder, difference)`, of which the last three are called for what the host calls
/// these: `refusal(kind, received)` is raised, `ladder(json)` has an attribute `json`, `difference(side, ours, theirs)`.
#[pyclass(module = "market_data_native")]
struct Book {
    depth: usize,
    refusal: Py<PyAny>,
    ladder: Py<PyAny>,
    difference: Py<PyAny>,
    bids: Side,
    asks: Side,
}

impl Book {
    fn refused(&self, py: Python<'_>, refusal: Refusal) -> PyErr {
        let received = String::from_utf8_lossy(&refusal.received).into_owned();
        match self.refusal.bind(py).call1((refusal.kind, received)) {
            Ok(error) => PyErr::from_value(error),
            Err(error) => error,
        }
    }

    fn ladders<'py>(&self, py: Python<'py>, bids: &[u8], asks: &[u8]) -> PyResult<Ladders<'py>> {
        let ladder = self.ladder.bind(py);
        Ok((ladder.call1((PyBytes::new(py, bids),))?, ladder.call1((PyBytes::new(py, asks),))?))
    }
}

type Ladders<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

fn is_same(py: Python<'_>, json: &[u8], ladder: &Bound<'_, PyAny>) -> PyResult<bool> {
    let other = ladder.getattr(intern!(py, "json"))?;
    Ok(levels::is_same(json, other.cast::<PyBytes>()?.as_bytes()))
}

#[pymethods]
impl Book {
    #[new]
    fn new(depth: usize, refusal: Py<PyAny>, ladder: Py<PyAny>, difference: Py<PyAny>) -> Self {
        Self { depth, refusal, ladder, difference, bids: Side::new(true), asks: Side::new(false) }
    }

    /// Take a snapshot in place of all that was known; `limit` is how many levels a side it could hold.
    #[pyo3(signature = (bids, asks, limit=None))]
    fn replace(&mut self, py: Python<'_>, bids: &[u8], asks: &[u8], limit: Option<usize>) -> PyResult<()> {
        let mut fill = || self.bids.replace(bids, limit).and_then(|()| self.asks.replace(asks, limit));
        let filled = if bids.len() + asks.len() < LARGE { fill() } else { py.detach(fill) };
        filled.map_err(|refusal| self.refused(py, refusal))
    }

    /// Apply absolute sizes, zero removing; tell whether the top may have changed.
    fn apply(&mut self, py: Python<'_>, bids: &[u8], asks: &[u8]) -> PyResult<bool> {
        let depth = self.depth;
        let touched = self.bids.apply(bids, depth).and_then(|one| Ok(self.asks.apply(asks, depth)? | one));
        touched.map_err(|refusal| self.refused(py, refusal))
    }

    /// Forget what lies beyond the best levels of a side.
    fn cut(&mut self, levels: usize) {
        self.bids.cut(levels);
        self.asks.cut(levels);
    }

    /// Read levels that are not to be applied.
    fn check(&self, py: Python<'_>, bids: &[u8], asks: &[u8]) -> PyResult<()> {
        let read = levels::read(bids, |_| ()).and_then(|_| levels::read(asks, |_| ()));
        read.map(|_| ()).map_err(|refusal| self.refused(py, refusal))
    }

    /// Whether each side is whole, or known as far as so many levels.
    fn knows(&self, levels: usize) -> bool {
        [&self.bids, &self.asks].into_iter().all(|side| side.is_whole() || side.len() >= levels)
    }

    /// Whether the best bid is at or above the best ask.
    #[getter]
    fn is_crossed(&self) -> bool {
        matches!((self.bids.best(), self.asks.best()), (Some(bid), Some(ask)) if bid >= ask)
    }

    /// How many levels are known on the side that knows fewer; None when both are whole.
    #[getter]
    fn known_levels(&self) -> Option<usize> {
        [&self.bids, &self.asks].into_iter().filter(|side| !side.is_whole()).map(Side::len).min()
    }

    /// The best levels of both sides: bids descending, asks ascending.
    fn top<'py>(&self, py: Python<'py>) -> PyResult<Ladders<'py>> {
        self.ladders(py, &self.bids.top(self.depth), &self.asks.top(self.depth))
    }

    /// The best levels of both sides; none where they are the same numbers as these.
    fn news<'py>(
        &self,
        py: Python<'py>,
        bids: &Bound<'py, PyAny>,
        asks: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Ladders<'py>>> {
        let (best_bids, best_asks) = (self.bids.top(self.depth), self.asks.top(self.depth));
        if is_same(py, &best_bids, bids)? && is_same(py, &best_asks, asks)? {
            return Ok(None);
        }
        self.ladders(py, &best_bids, &best_asks).map(Some)
    }

    /// Compare with another book of the same moment, as far as both know; none when they agree.
    fn find_difference<'py>(&self, py: Python<'py>, other: &Self) -> PyResult<Option<Bound<'py, PyAny>>> {
        for (name, ours, theirs) in [("bid", &self.bids, &other.bids), ("ask", &self.asks, &other.asks)] {
            if let Some((mine, yours)) = ours.find_difference(theirs) {
                return self.difference.bind(py).call1((name, mine, yours)).map(Some);
            }
        }
        Ok(None)
    }
}

#[pymodule]
mod market_data_native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::Book;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
