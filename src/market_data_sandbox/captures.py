"""Recorded frames on disk: which venue they are of, what they hold, and one after the other.

A file is plain or gzip text with one JSON message a line, with or without the local time of its receipt before it:

    1723161253937085768 {"stream":"btcusdt@depth@100ms","data":{...}}        nanoseconds, as in the Binance files
    {"channel":"l2_data","timestamp":"2026-08-24T22:34:13.793075885Z",...}   the message's own time

Files of one venue, given one after the other, are one run. The body of a REST `/depth` may stand among Binance's
frames.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import msgspec

from market_data_sandbox.errors import CaptureError
from market_data_sandbox.exchanges.dialect import dialect_of
from market_data_sandbox.options import Venue
from market_data_sandbox.recording import Format, Recording, lines_of

__all__ = ["load_recordings"]


def load_recordings(paths: Sequence[Path]) -> dict[Venue, Recording]:
    """Look through capture files and put those of a venue together, in the order given.

    Raises:
        CaptureError: A file is not a capture that can be played.
    """
    formats = {venue: found for venue in Venue if (found := dialect_of(venue).recording) is not None}
    files: dict[Venue, list[Path]] = {}
    for path in paths:
        files.setdefault(_recognise(path, formats), []).append(path)
    return {venue: _scan(Recording(venue, formats[venue], tuple(found))) for venue, found in files.items()}


def _recognise(path: Path, formats: Mapping[Venue, Format]) -> Venue:
    for _, text in lines_of(path):
        try:
            keys = set(msgspec.json.decode(text, type=dict[str, msgspec.Raw]))
        except (msgspec.DecodeError, RecursionError) as error:
            raise CaptureError(path, f"its first line holds no JSON object ({error})") from error
        for venue, found in formats.items():
            if found.is_of(keys):
                return venue
        if "type" in keys and "channel" not in keys:
            raise CaptureError(path, "is of Coinbase Exchange, which numbers no changes; only Advanced Trade is played")
        raise CaptureError(path, f"is neither of these whose frames can be played: {', '.join(formats)}")
    raise CaptureError(path, "is empty")


def _scan(recording: Recording) -> Recording:
    scan, paths = recording.format.scan(), recording.paths
    try:
        for line in recording.lines():
            scan.take(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CaptureError(paths[0] if len(paths) == 1 else list(map(str, paths)), str(error)) from error
    return attrs.evolve(recording, listings=scan.listings(), snapshots=scan.snapshots())
