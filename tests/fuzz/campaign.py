"""Many inputs, and what came of them: taken, refused by a documented error, or left by something else."""

import resource
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType

import attrs
from tests.fuzz.mutate import Mutator
from tests.fuzz.readers import Read, Reader

__all__ = ["Finding", "Outcome", "TooMuchText", "TooSlow", "fuzz", "input_of"]

MOST_SECONDS = 10.0
"""Of the processor, for one input: more is a finding."""
MOST_LETTERS = 1000
"""In what one error says, of several faults of each: more is a finding."""
_PROGRESS_INPUTS = 500
_PLACES = 12


class TooSlow(Exception):
    """One input took longer than any should."""


class TooMuchText(Exception):
    """A documented error says more than a person reads of one line."""


@attrs.frozen
class Finding:
    """An exception that is not documented, and the first input that made it."""

    number: int
    content: bytes
    error: str
    trace: str


@attrs.define
class Outcome:
    """What came of one reader's inputs."""

    reader: str
    seed: int
    inputs: int = 0
    repeated: int = 0
    """Inputs that had come before; they are not given again, for a reader makes the same of them."""
    accepted: int = 0
    refused: Counter[str] = attrs.field(factory=Counter)
    undocumented: Counter[str] = attrs.field(factory=Counter)
    """By exception and the line that raised it."""
    findings: list[Finding] = attrs.field(factory=list)
    """The first of each kind."""
    slowest_seconds: float = 0.0
    slowest_number: int = 0
    longest_message: int = 0
    """Letters of what one error says, of several faults of each."""
    grown_kib: int = 0
    """How much more memory the process took at its peak, some 60 bytes for each input to know its like by included."""

    def command(self, finding: Finding) -> str:
        """Say how to make one input again."""
        return f'python -m tests.fuzz --only "{self.reader}" --seed {self.seed} --first {finding.number} --inputs 1'


def input_of(mutator: Mutator, name: str, seed: int, number: int) -> bytes:
    """Make the input of this number; the first ones are the seeds themselves as they stand."""
    if number < len(mutator.seeds):
        return mutator.seeds[number]
    return mutator.make(Random(f"{seed}:{name}:{number}"))


def fuzz(
    reader: Reader,
    inputs: int,
    seed: int,
    *,
    first: int = 0,
    progress: Callable[[Outcome], None] = lambda outcome: None,  # noqa: ARG005 - a place to hear of it
) -> Outcome:
    """Feed so many inputs to one reader."""
    mutator = Mutator(reader.seeds(), reader.tokens)
    outcome = Outcome(reader.name, seed)
    seen = set[int]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with reader.open() as read:
        for number in range(first, first + inputs):
            content = input_of(mutator, reader.name, seed, number)
            outcome.inputs += 1
            if hash(content) in seen:
                outcome.repeated += 1
            else:
                seen.add(hash(content))
                _give(read, content, number, reader, outcome)
            if outcome.inputs % _PROGRESS_INPUTS == 0:
                progress(outcome)
    outcome.grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return outcome


def _give(read: Read, content: bytes, number: int, reader: Reader, outcome: Outcome) -> None:
    began = time.perf_counter()
    try:
        with _bounded(MOST_SECONDS):
            read(content)
    except reader.documented as error:
        outcome.refused[type(error).__name__] += 1
        letters = max(len(str(said)) for said in getattr(error, "faults", [error]))
        outcome.longest_message = max(outcome.longest_message, letters)
        if letters > MOST_LETTERS:
            _note(outcome, number, content, TooMuchText(f"{letters:,} letters").with_traceback(error.__traceback__))
    except Exception as error:  # noqa: BLE001 - what fuzzing is for
        _note(outcome, number, content, error)
    else:
        outcome.accepted += 1
    took = time.perf_counter() - began
    if took > outcome.slowest_seconds:
        outcome.slowest_seconds, outcome.slowest_number = took, number


def _note(outcome: Outcome, number: int, content: bytes, error: Exception) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/market_data" in frame.filename] or list(frames)
    name = type(error).__name__
    kind = f"{name} at {ours[-1].filename.rpartition('/src/')[2]}:{ours[-1].lineno} in {ours[-1].name}"
    outcome.undocumented[kind] += 1
    if outcome.undocumented[kind] == 1:
        text = "".join(traceback.format_exception(error, limit=-_PLACES))
        outcome.findings.append(Finding(number, content, f"{kind}: {str(error)[:200]}", text))


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Raise ``TooSlow`` after so much of the processor's time: by the timer that no test's own timeout uses."""
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)


def _too_slow(_number: int, _frame: FrameType | None) -> None:
    raise TooSlow(f"more than {MOST_SECONDS:g} s")


signal.signal(signal.SIGVTALRM, _too_slow)
