"""What a venue says of each instrument that is wanted of it, as the operator was told."""

from collections.abc import Collection, Mapping, Sequence

from market_data.application.ports import Telemetry
from market_data.domain.errors import UnknownInstrument
from market_data.domain.instrument import Listing, nearest_symbols

__all__ = ["ListedStates"]

_TOLD_ALONE = 5
"""So many instruments that are not listed are told with what may have been meant; the others by their names."""
_NAMED = 10
_TRADED = "instruments are traded now"


class ListedStates:
    """Of one venue."""

    def __init__(self, exchange: str, telemetry: Telemetry, asked_again_after_seconds: float) -> None:
        self._exchange = exchange
        self._telemetry = telemetry
        self._again = asked_again_after_seconds
        self._states: dict[str, str] = {}
        """The venue's word for each instrument, by its symbol; empty where it is not listed."""

    @property
    def were_told(self) -> bool:
        """Whether the venue has answered at all."""
        return bool(self._states)

    def is_unlisted(self, symbol: str) -> bool:
        """Whether the venue was said not to list it."""
        return self._states.get(symbol) == ""

    def keep(self, symbols: Collection[str]) -> None:
        """Forget all others."""
        self._states = {symbol: state for symbol, state in self._states.items() if symbol in symbols}

    def tell(self, symbols: Sequence[str], listed: Mapping[str, Listing], index: Mapping[str, Listing]) -> None:
        """Tell what is not as it should be, and each change; many of a kind are one line.

        ``listed`` holds what is listed of ``symbols``, ``index`` all that the venue lists, by symbol.
        """
        alike: dict[tuple[str, str], list[str]] = {}
        unlisted: list[str] = []
        for symbol in symbols:
            listing = listed.get(symbol)
            state = "" if listing is None else listing.state
            before, self._states[symbol] = self._states.get(symbol), state
            if state == before or (before is None and listing is not None and listing.is_tradable):
                continue
            if listing is None and before is None and len(unlisted) < _TOLD_ALONE:
                unlisted.append(symbol)
            else:
                alike.setdefault((_meaning(listing, before), state), []).append(symbol)
        for symbol in unlisted:
            unknown = UnknownInstrument(self._exchange, symbol, nearest=nearest_symbols(symbol, index))
            self._telemetry.warn(str(unknown), asked_again_after_seconds=self._again)
        for (meaning, state), names in alike.items():
            tell = self._telemetry.note if meaning is _TRADED else self._telemetry.warn
            named = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
            tell(meaning, exchange=self._exchange, instruments=named, count=len(names), state=state or "not listed")


def _meaning(listing: Listing | None, before: str | None) -> str:
    if listing is None:
        return "instruments are not listed" if before is None else "instruments are not listed any more"
    if listing.is_tradable:
        return _TRADED
    return "instruments have no book now" if not listing.has_book else "instruments are not traded now, only followed"
