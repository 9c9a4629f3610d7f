"""The proof that a reader has seen everything once and in order, from the records alone.

Per key and run ``publish_seq`` counts 0, 1, 2, … without holes, so what a reader sees from its first record on must
count on by one; a run that began, by its name, while the reader read must be seen from its number 0 on. Reading the
same offset again (after a rebalance) is no double: a double is one number at two offsets. Kafka keeps order within a
partition only: what of a key and run lies in two is out of order.
"""

from collections import OrderedDict, deque
from datetime import UTC, datetime
from enum import StrEnum

import attrs

from market_data.domain.normalized import NormalizedBook

__all__ = ["KeyProof", "OrderProof", "Verdict", "started_at"]

_RUN_FORMAT = "%Y%m%dT%H%M%S.%fZ"
_RUNS_KEPT = 64
"""The ones seen last."""
_HOLES_KEPT = 1000


class Verdict(StrEnum):
    """What one record shows."""

    NEXT = "next"
    """As it must be, or the first of its key and run that is seen."""
    REREAD = "reread"
    """The same offset again: to be shown or ignored, nothing is proven or refuted."""
    HOLE = "hole"
    """Records before it are missing."""
    DOUBLE = "double"
    """Its number was seen at another offset."""
    DISORDER = "disorder"
    """It comes after a later one, or lies in another partition than the first of its key and run."""
    FOREIGN = "foreign"
    """Of a run older than the newest: another producer still publishes this instrument, or an old one's rest."""


@attrs.define
class _Run:
    """What was seen of one run of one key; ``missing`` holds (first, last) of each hole, the newest ones."""

    first_seq: int
    next_seq: int
    partition: int
    last_offsets: dict[int, int]
    """By partition."""
    last_epoch: int
    is_interrupted: bool = False
    """What comes next was not read by us: another reader of the group had the partition meanwhile."""
    missing: deque[tuple[int, int]] = attrs.field(factory=lambda: deque(maxlen=_HOLES_KEPT))

    def is_missing(self, seq: int) -> bool:
        """Tell whether this number is in a hole."""
        return seq < self.first_seq or any(first <= seq <= last for first, last in self.missing)


@attrs.define
class KeyProof:
    """What was seen of one key."""

    records: int = 0
    holes: int = 0
    """Missing records."""
    doubles: int = 0
    disorder: int = 0
    foreign: int = 0
    rereads: int = 0
    conflated: int = 0
    newest_run: str = ""
    first_time: int | None = None
    """When the first record was published, µs since 1970 UTC."""
    is_interrupted: bool = False
    """As of a run, of those that are not known yet."""
    runs: OrderedDict[str, _Run] = attrs.field(factory=OrderedDict)

    @property
    def is_proven(self) -> bool:
        """Tell whether all that was seen is complete, single and in order."""
        return not (self.holes or self.doubles or self.disorder)

    def has_seen_begin(self, run: str) -> bool:
        """Tell whether a run that is not known yet must have begun before our eyes."""
        if self.first_time is None or self.is_interrupted or (run < self.newest_run and len(self.runs) >= _RUNS_KEPT):
            return False
        started = started_at(run)
        return started is not None and started > self.first_time


class OrderProof:
    """The proof over any number of keys; its memory is bounded by their number."""

    def __init__(self) -> None:
        self.keys: dict[str, KeyProof] = {}

    @property
    def holes(self) -> int:
        """Missing records of all keys."""
        return sum(key.holes for key in self.keys.values())

    @property
    def doubles(self) -> int:
        """Doubled records of all keys."""
        return sum(key.doubles for key in self.keys.values())

    @property
    def disorder(self) -> int:
        """Records of all keys that came after a later one."""
        return sum(key.disorder for key in self.keys.values())

    @property
    def foreign(self) -> int:
        """Records of all keys that are of an older run."""
        return sum(key.foreign for key in self.keys.values())

    @property
    def is_proven(self) -> bool:
        """Tell whether it holds for every key."""
        return all(key.is_proven for key in self.keys.values())

    def interrupt(self, key: str) -> None:
        """Another reader of the group had this instrument meanwhile: what it read is not missing."""
        if (proof := self.keys.get(key)) is not None:
            proof.is_interrupted = True
            for run in proof.runs.values():
                run.is_interrupted = True

    def check(
        self,
        book: NormalizedBook,
        offset: int,
        published: int | None = None,
        *,
        partition: int = 0,
        is_whole: bool = False,
    ) -> Verdict:
        """Take the next record as it was read from its partition.

        ``published`` is Kafka's time of it, µs since 1970 UTC; ``is_whole``: reading began with the first record that
        the partition ever held, so that every run must begin with number 0.
        """
        proof = self.keys.get(book.key)
        if proof is None:
            proof = self.keys[book.key] = KeyProof()
        run = proof.runs.get(book.run)
        if run is not None and offset <= run.last_offsets.get(partition, -1):
            proof.rereads += 1
            run.is_interrupted = proof.is_interrupted = False
            return Verdict.REREAD
        proof.records += 1
        proof.conflated += book.conflated
        if run is None:
            run = _Run(book.publish_seq, book.publish_seq + 1, partition, {partition: offset}, book.epoch)
            verdict = self._begin(proof, book, run, must_be_first=is_whole or proof.has_seen_begin(book.run))
        else:
            proof.runs.move_to_end(book.run)
            run.last_offsets[partition] = offset
            verdict = self._follow(proof, run, book, is_elsewhere=partition != run.partition)
        proof.is_interrupted = False
        if proof.first_time is None:
            proof.first_time = published
        if book.run < proof.newest_run:
            proof.foreign += 1
            return verdict if verdict is not Verdict.NEXT else Verdict.FOREIGN
        proof.newest_run = book.run
        return verdict

    @staticmethod
    def _begin(proof: KeyProof, book: NormalizedBook, run: _Run, *, must_be_first: bool) -> Verdict:
        seq = book.publish_seq
        proof.runs[book.run] = run
        if len(proof.runs) > _RUNS_KEPT:
            proof.runs.popitem(last=False)
        if not must_be_first or not seq:
            return Verdict.NEXT
        proof.holes += seq
        run.missing.append((0, seq - 1))
        return Verdict.HOLE

    @staticmethod
    def _follow(proof: KeyProof, run: _Run, book: NormalizedBook, *, is_elsewhere: bool) -> Verdict:
        seq = book.publish_seq
        if seq < run.next_seq:
            if run.is_missing(seq):
                proof.disorder += 1
                return Verdict.DISORDER
            proof.doubles += 1
            return Verdict.DOUBLE
        if seq > run.next_seq and not run.is_interrupted:
            proof.holes += seq - run.next_seq
            run.missing.append((run.next_seq, seq - 1))
            verdict = Verdict.HOLE
        elif book.epoch < run.last_epoch or is_elsewhere:
            proof.disorder += 1
            verdict = Verdict.DISORDER
        else:
            verdict = Verdict.NEXT
        run.next_seq = seq + 1
        run.last_epoch = book.epoch
        run.is_interrupted = False
        return verdict


def started_at(run: str) -> int | None:
    """Tell when a run began, by its name, µs since 1970 UTC; None where the name does not say."""
    try:
        started = datetime.strptime(run.partition("-")[0], _RUN_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(started.timestamp() * 1_000_000)
