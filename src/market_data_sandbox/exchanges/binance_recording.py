"""Recorded frames of Binance's combined stream, with bodies of REST `/depth` among them."""

import attrs
import msgspec

from market_data_sandbox.options import Options
from market_data_sandbox.pace import Pace
from market_data_sandbox.playing import BinancePlayer
from market_data_sandbox.recording import Decimals, Format, Line, Recording, Scan, split_symbol
from market_data_sandbox.source import Listing
from market_data_sandbox.wire import BinanceFrame

__all__ = ["FORMAT"]

_decode_binance = msgspec.json.Decoder(BinanceFrame).decode


@attrs.define
class _BinanceScan(Scan):
    decimals: dict[str, Decimals] = attrs.field(factory=dict)
    bodies: list[tuple[int, int]] = attrs.field(factory=list)
    """Index and id of each recorded REST body."""
    ids: list[tuple[int, str, int]] = attrs.field(factory=list)
    """Index, symbol and last id of each change."""

    def take(self, line: Line) -> None:
        if line.text.startswith('{"lastUpdateId"'):
            self.bodies.append((line.index, _decode_binance(line.text).last_update_id))
            return
        name, _, kind = line.text[11:60].partition("@")
        if name not in self.decimals or kind.startswith("depth"):
            frame = _decode_binance(line.text)
            symbol, _, kind = frame.stream.partition("@")
            decimals = self.decimals.setdefault(symbol, Decimals())
            if kind.startswith("depth") and frame.data.last_id:
                decimals.take(frame.data.levels())
                self.ids.append((line.index, symbol, frame.data.last_id))

    def listings(self) -> tuple[Listing, ...]:
        return tuple(
            Listing(*split_symbol(symbol.upper()), found.price, found.size) for symbol, found in self.decimals.items()
        )

    def snapshots(self) -> dict[int, str]:
        """Say whose book each body is, which it does not tell: that with the nearest id, seen nearby."""
        found = {}
        for index, body_id in self.bodies:
            nearby = sorted(self.ids, key=lambda entry: abs(entry[0] - index))[: 50 * len(self.decimals)]
            if nearby:
                symbol = min(nearby, key=lambda entry: abs(entry[2] - body_id))[1]
                found[index] = "-".join(split_symbol(symbol.upper()))
        return found


def _own_ns(text: str) -> int | None:
    return _decode_binance(text).data.time_ms * 10**6 or None


def _player(recording: Recording, options: Options) -> BinancePlayer:
    return BinancePlayer(recording, Pace(options.speed), options.wait_for, options.snapshot_wait_seconds)


FORMAT = Format(lambda keys: bool(keys & {"stream", "lastUpdateId"}), _own_ns, _BinanceScan, _player)
