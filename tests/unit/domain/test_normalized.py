"""What a record says of its proof, and what of it is proven."""

import attrs
import pytest
from tests.support.records import RUN, record

from market_data.domain.levels import Ladder
from market_data.domain.normalized import BookState, BookStatus, NormalizedBook, Proof

_LEVELS = (("100", "1"), ("99", "2"), ("98", "3"))
_BY_CHECKSUM = attrs.evolve(
    record(bids=_LEVELS, asks=(("101", "1"),)), proof=Proof.CHECKSUM, proven_levels=2, exchange="kraken"
)


def test_a_book_says_that_every_change_is_accounted_for_unless_told_otherwise() -> None:
    state = BookState("binance", "BTC-USDT", BookStatus.LIVE, None, 1, (), (), 1, 1, 1, 1)
    assert (state.proof, state.proven_levels, state.can_prove) == (Proof.SEQUENCE, None, True)


@pytest.mark.parametrize(
    ("proof", "levels"), [(Proof.SEQUENCE, None), (Proof.CHECKSUM, 10), (Proof.CHECKSUM, None), (Proof.NONE, 0)]
)
def test_a_record_says_of_its_proof_what_its_state_does(proof: Proof, levels: int | None) -> None:
    state = BookState("kraken", "BTC-USD", BookStatus.LIVE, None, 1, _LEVELS, _LEVELS, 1, 1, 1, 1, proof, levels)
    book = NormalizedBook.of(state, RUN, 3, 0)
    assert (book.proof, book.proven_levels, book.schema_version) == (proof, levels, 2)
    assert book.can_prove is (proof is not Proof.NONE)


def test_what_is_proven_of_a_book_is_no_more_than_its_proof_covers() -> None:
    cut = _BY_CHECKSUM.proven()
    assert (cut.bids, cut.asks) == (_LEVELS[:2], (("101", "1"),))
    assert cut == attrs.evolve(_BY_CHECKSUM, bids=Ladder.of(_LEVELS[:2]), asks=Ladder.of((("101", "1"),)))


@pytest.mark.parametrize("levels", [None, 3, 20])
def test_a_book_whose_proof_covers_all_that_it_holds_is_left_as_it_is(levels: int | None) -> None:
    book = attrs.evolve(_BY_CHECKSUM, proven_levels=levels)
    assert book.proven() is book
