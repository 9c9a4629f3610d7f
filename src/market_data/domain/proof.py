"""The proof that a reader has seen everything once and in order, from the records alone.

Per key and run ``publish_seq`` counts 0, 1, 2, … without holes, so what a reader sees from its first record on must
count on by one; a run that began, by its name, while the reader read must be seen from its number 0 on. Reading the
same offset again (after a rebalance) is no double: a double is one number at two offsets. Kafka keeps order within a
partition only: what of a key and run lies in two is out of order. Which of several runs is shown is another matter,
and no part of the proof: see ``domain.following``.

Memory is bounded: ``MOST_KEYS`` instruments and ``MOST_RUNS`` runs of them are kept in mind, the ones seen last. What
was found of those that are forgotten stays in the sums; what they do after that is proven from where they are seen
again.
"""

from collections import OrderedDict, deque
from datetime import UTC, datetime
from enum import StrEnum

import attrs

from market_data.domain.normalized import MOST_KEYS, NormalizedBook

__all__ = ["MOST_RUNS", "Findings", "KeyProof", "OrderProof", "Verdict", "started_at"]

MOST_RUNS = 50_000
"""Of all keys."""

_RUN_FORMAT = "%Y%m%dT%H%M%S.%fZ"
_RUNS_KEPT = 64
"""Of a key, the ones seen last."""
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


@attrs.define
class _Run:
    """What was seen of one run of one key."""

    first_seq: int
    next_seq: int
    partition: int
    last_offset: int
    last_epoch: int
    is_interrupted: bool = False
    """What comes next was not read by us: another reader of the group had the partition meanwhile."""
    missing: deque[tuple[int, int]] | None = None
    """(first, last) of each hole, the newest ones."""
    elsewhere: dict[int, int] | None = None
    """The last offsets in other partitions."""

    def goes_on(self, book: NormalizedBook, partition: int, offset: int) -> bool:
        """Take the next record if all is as it must be: what nearly every record is."""
        if (
            book.publish_seq != self.next_seq
            or partition != self.partition
            or offset <= self.last_offset
            or book.epoch < self.last_epoch
        ):
            return False
        self.next_seq += 1
        self.last_offset, self.last_epoch = offset, book.epoch
        self.is_interrupted = False
        return True

    def has_read(self, partition: int, offset: int) -> bool:
        """Tell whether this offset was read before."""
        if partition == self.partition:
            return offset <= self.last_offset
        return self.elsewhere is not None and offset <= self.elsewhere.get(partition, -1)

    def read(self, partition: int, offset: int) -> None:
        """Take note of an offset."""
        if partition == self.partition:
            self.last_offset = offset
        elif self.elsewhere is None:
            self.elsewhere = {partition: offset}
        else:
            self.elsewhere[partition] = offset

    def miss(self, first: int, last: int) -> None:
        """Take note of a hole."""
        if self.missing is None:
            self.missing = deque(maxlen=_HOLES_KEPT)
        self.missing.append((first, last))

    def is_missing(self, seq: int) -> bool:
        """Tell whether this number is in a hole."""
        return seq < self.first_seq or any(first <= seq <= last for first, last in self.missing or ())


@attrs.define
class Findings:
    """What was counted of some records."""

    records: int = 0
    holes: int = 0
    doubles: int = 0
    disorder: int = 0
    foreign: int = 0

    def add(self, other: "Findings") -> None:
        """Count these as well."""
        self.records += other.records
        self.holes += other.holes
        self.doubles += other.doubles
        self.disorder += other.disorder
        self.foreign += other.foreign

    def subtract(self, other: "Findings") -> None:
        """Count these no more."""
        self.records -= other.records
        self.holes -= other.holes
        self.doubles -= other.doubles
        self.disorder -= other.disorder
        self.foreign -= other.foreign


@attrs.define
class KeyProof:
    """What was seen of one key."""

    records: int = 0
    holes: int = 0
    """Missing records."""
    doubles: int = 0
    disorder: int = 0
    foreign: int = 0
    """Records that were left out, since another run was followed."""
    returns: int = 0
    """How often an older run was followed again, because the newer one had ended or fallen silent."""
    rereads: int = 0
    conflated: int = 0
    newest_run: str = ""
    partition: int = 0
    """Where its last record lies."""
    reading: int | None = None
    """Counts how often reading of that partition began."""
    first_time: int | None = None
    """When the first record was published, µs since 1970 UTC."""
    is_interrupted: bool = False
    """As of a run, of those that are not known yet."""
    has_forgotten: bool = False
    """There were more runs than are kept."""
    runs: OrderedDict[str, _Run] = attrs.field(factory=OrderedDict)

    @property
    def findings(self) -> Findings:
        """Sum up what was counted so far."""
        return Findings(self.records, self.holes, self.doubles, self.disorder, self.foreign)

    @property
    def is_proven(self) -> bool:
        """Tell whether all that was seen is complete, single and in order."""
        return not (self.holes or self.doubles or self.disorder)

    def has_seen_begin(self, run: str) -> bool:
        """Tell whether a run that is not known yet must have begun before our eyes."""
        if self.first_time is None or self.is_interrupted:
            return False
        started = started_at(run)
        return started is not None and started > self.first_time

    def may_have_forgotten(self, run: str) -> bool:
        """Tell whether a run that is not known may have been."""
        return self.has_forgotten and run <= self.newest_run

    def interrupt(self) -> None:
        """Take it that what comes next may not follow what came last."""
        self.is_interrupted = True
        for run in self.runs.values():
            run.is_interrupted = True


class OrderProof:
    """The proof over all keys. The sums count for those that were forgotten, too."""

    def __init__(self, most_keys: int = MOST_KEYS, most_runs: int = MOST_RUNS) -> None:
        self.keys: OrderedDict[str, KeyProof] = OrderedDict()
        """The one seen last at the end."""
        self.holes = 0
        """Missing records."""
        self.doubles = 0
        self.disorder = 0
        """Records that came after a later one."""
        self.foreign = 0
        """Records that were left out, since another run of their instrument was followed."""
        self.returns = 0
        """How often an older run of an instrument was followed again, because the newer one spoke no more."""
        self.forgotten = 0
        """How many keys were forgotten for want of room."""
        self._forgotten_records = 0
        self._most_keys = most_keys
        self._most_runs = most_runs
        self._runs = 0

    @property
    def is_proven(self) -> bool:
        """Tell whether nothing was seen to be missing, doubled or out of order."""
        return not (self.holes or self.doubles or self.disorder)

    @property
    def findings(self) -> Findings:
        """Sum up what was counted so far, of all keys; takes longer the more there are."""
        records = self._forgotten_records + sum(proof.records for proof in self.keys.values())
        return Findings(records, self.holes, self.doubles, self.disorder, self.foreign)

    def leave_out(self, key: str) -> None:
        """Count a record that is not of the run that is followed."""
        self.foreign += 1
        if (proof := self.keys.get(key)) is not None:
            proof.foreign += 1

    def go_back(self, key: str) -> None:
        """Count that an older run is followed again."""
        self.returns += 1
        if (proof := self.keys.get(key)) is not None:
            proof.returns += 1

    def interrupt(self, key: str) -> None:
        """Another reader of the group had this instrument meanwhile: what it read is not missing."""
        if (proof := self.keys.get(key)) is not None:
            proof.interrupt()

    def check(
        self,
        book: NormalizedBook,
        offset: int,
        published: int | None = None,
        *,
        partition: int = 0,
        reading: int = 0,
        is_whole: bool = False,
    ) -> Verdict:
        """Take the next record as it was read from its partition.

        ``published`` is Kafka's time of it, µs since 1970 UTC; ``reading`` counts how often reading of the partition
        began: between two of them another reader of the group may have had it; ``is_whole``: reading began with the
        first record that the partition ever held, so that every run must begin with number 0.
        """
        proof = self._proof_of(book.key)
        if proof.reading != reading:
            if proof.reading is not None:
                proof.interrupt()
            proof.reading = reading
        proof.partition = partition
        run = proof.runs.get(book.run)
        if run is None:
            run = _Run(book.publish_seq, book.publish_seq + 1, partition, offset, book.epoch)
            verdict = self._begin(proof, book, run, is_whole=is_whole)
        elif run.goes_on(book, partition, offset):
            proof.runs.move_to_end(book.run)
            verdict = Verdict.NEXT
        elif run.has_read(partition, offset):
            proof.rereads += 1
            run.is_interrupted = proof.is_interrupted = False
            return Verdict.REREAD
        else:
            proof.runs.move_to_end(book.run)
            run.read(partition, offset)
            verdict = self._follow(proof, run, book, is_elsewhere=partition != run.partition)
        proof.records += 1
        proof.conflated += book.conflated
        proof.is_interrupted = False
        if proof.first_time is None:
            proof.first_time = published
        proof.newest_run = max(proof.newest_run, book.run)
        return verdict

    def _proof_of(self, key: str) -> KeyProof:
        proof = self.keys.get(key)
        if proof is None:
            proof = self.keys[key] = KeyProof()
            self._forget()
        else:
            self.keys.move_to_end(key)
        return proof

    def _forget(self) -> None:
        """Forget the keys not seen for longest, as long as there are too many of them or of their runs."""
        while len(self.keys) > self._most_keys or (self._runs > self._most_runs and len(self.keys) > 1):
            _, gone = self.keys.popitem(last=False)
            self._runs -= len(gone.runs)
            self.forgotten += 1
            self._forgotten_records += gone.records

    def _begin(self, proof: KeyProof, book: NormalizedBook, run: _Run, *, is_whole: bool) -> Verdict:
        is_whole = is_whole and not self.forgotten
        must_be_first = not proof.may_have_forgotten(book.run) and (is_whole or proof.has_seen_begin(book.run))
        proof.runs[book.run] = run
        self._runs += 1
        if len(proof.runs) > _RUNS_KEPT:
            proof.runs.popitem(last=False)
            proof.has_forgotten = True
            self._runs -= 1
        self._forget()
        if must_be_first and book.publish_seq:
            return self._miss(proof, run, 0, book.publish_seq - 1)
        return Verdict.NEXT

    def _follow(self, proof: KeyProof, run: _Run, book: NormalizedBook, *, is_elsewhere: bool) -> Verdict:
        seq = book.publish_seq
        if seq < run.next_seq:
            return self._disorder(proof) if run.is_missing(seq) else self._double(proof)
        if seq > run.next_seq and not run.is_interrupted:
            verdict = self._miss(proof, run, run.next_seq, seq - 1)
        elif book.epoch < run.last_epoch or is_elsewhere:
            verdict = self._disorder(proof)
        else:
            verdict = Verdict.NEXT
        run.next_seq = seq + 1
        run.last_epoch = book.epoch
        run.is_interrupted = False
        return verdict

    def _miss(self, proof: KeyProof, run: _Run, first: int, last: int) -> Verdict:
        run.miss(first, last)
        proof.holes += last + 1 - first
        self.holes += last + 1 - first
        return Verdict.HOLE

    def _double(self, proof: KeyProof) -> Verdict:
        proof.doubles += 1
        self.doubles += 1
        return Verdict.DOUBLE

    def _disorder(self, proof: KeyProof) -> Verdict:
        proof.disorder += 1
        self.disorder += 1
        return Verdict.DISORDER


def started_at(run: str) -> int | None:
    """Tell when a run began, by its name, µs since 1970 UTC; None where the name does not say."""
    try:
        started = datetime.strptime(run.partition("-")[0], _RUN_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(started.timestamp() * 1_000_000)
