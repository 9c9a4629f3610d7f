"""Recorded frames of Coinbase Advanced Trade."""

import attrs
import msgspec

from market_data_sandbox.options import Options
from market_data_sandbox.pace import Pace
from market_data_sandbox.playing import CoinbasePlayer
from market_data_sandbox.recording import Decimals, Format, Line, Recording, Scan
from market_data_sandbox.source import Listing
from market_data_sandbox.times import parse_rfc3339
from market_data_sandbox.wire import CoinbaseFrame

__all__ = ["FORMAT"]

_decode_coinbase = msgspec.json.Decoder(CoinbaseFrame).decode


@attrs.define
class _CoinbaseScan(Scan):
    decimals: dict[str, Decimals] = attrs.field(factory=dict)
    firsts: dict[str, int] = attrs.field(factory=dict)
    """Index of the first snapshot of each product."""

    def take(self, line: Line) -> None:
        frame = _decode_coinbase(line.text)
        if frame.channel == "l2_data":
            for event in frame.l2_events():
                self.decimals.setdefault(event.product_id, Decimals()).take(event.levels())
                if event.type == "snapshot":
                    self.firsts.setdefault(event.product_id, line.index)

    def listings(self) -> tuple[Listing, ...]:
        return tuple(Listing(*_halves(product), found.price, found.size) for product, found in self.decimals.items())

    def snapshots(self) -> dict[int, str]:
        return {index: product for product, index in self.firsts.items()}


def _halves(product: str) -> tuple[str, str]:
    base, _, quote = product.partition("-")
    return base, quote


def _own_ns(text: str) -> int | None:
    return parse_rfc3339(_decode_coinbase(text).timestamp)


def _player(recording: Recording, options: Options) -> CoinbasePlayer:
    return CoinbasePlayer(recording, Pace(options.speed), options.wait_for)


FORMAT = Format(lambda keys: "channel" in keys and not keys & {"data", "event"}, _own_ns, _CoinbaseScan, _player)
