"""Reads the settings again while ``produce`` runs: instruments follow, everything else waits for the next start."""

from collections.abc import Callable, Sequence

from market_data.application.ports import Supervisor, Telemetry
from market_data.application.produce import VenuePlan
from market_data.config import LoadedSettings, Settings, differences
from market_data.domain.errors import AppError
from market_data.domain.printable import few

__all__ = ["Reloading"]

_NAMED = 10
_FOLLOWED_AT_ONCE = ("enabled", "instruments")


class Reloading:
    """What is followed now, and how that changes."""

    def __init__(
        self,
        loaded: LoadedSettings,
        load: Callable[[], LoadedSettings],
        plan: Callable[[Settings], list[VenuePlan]],
        follow: Callable[[Sequence[VenuePlan]], None],
        telemetry: Telemetry,
        supervisor: Supervisor,
    ) -> None:
        """``load`` reads all sources again, ``plan`` plans by settings, ``follow`` follows plans from now on."""
        self._started = loaded
        self._load = load
        self._plan = plan
        self._follow = follow
        self._telemetry = telemetry
        self._supervisor = supervisor
        self._plans: Sequence[VenuePlan] = plan(loaded.settings)
        self._venues = {plan.venue.name for plan in self._plans}
        """Venues that were followed at some time: of these, what is not their instruments stays as it was."""

    def reload(self) -> None:
        """Read again, follow what is wanted now, and say what has changed; what is wrong changes nothing."""
        self._supervisor.reloading()
        self._reload()
        self._supervisor.ready()

    def _reload(self) -> None:
        try:
            loaded = self._load()
            plans = self._plan(loaded.settings)
        except AppError as error:
            self._telemetry.warn(
                f"the settings cannot be used, going on with those of before: {'; '.join(error.lines)}"
            )
            return
        before, after = _keys(self._plans), _keys(plans)
        added = [key for key in after if key not in before]
        removed = [key for key in before if key not in after]
        if added or removed:
            self._follow(plans)
            self._plans = plans
        later = self._waiting_for_a_start(loaded)
        self._venues |= {plan.venue.name for plan in plans}
        self._telemetry.note(
            "settings read again", added=few(added, _NAMED) or "none", removed=few(removed, _NAMED) or "none"
        )
        if later:
            self._telemetry.warn("settings have changed that need a restart", settings=", ".join(later))

    def _waiting_for_a_start(self, loaded: LoadedSettings) -> list[str]:
        """Name the settings that are others than at the start and do not follow at once."""
        return [path for path in differences(self._started, loaded) if not self._follows_at_once(path)]

    def _follows_at_once(self, path: str) -> bool:
        section, _, rest = path.partition(".")
        venue, _, name = rest.partition(".")
        return section == "venues" and (venue not in self._venues or name in _FOLLOWED_AT_ONCE)


def _keys(plans: Sequence[VenuePlan]) -> dict[str, None]:
    return {f"{plan.venue.name}:{symbol}": None for plan in plans for symbol in plan.symbols}
