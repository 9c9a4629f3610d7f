"""Input logs in memory."""

from collections.abc import Sequence

import attrs

from market_data.application.inputlog import CoreSetup, InputLog, InputRecorder, Logged, digest
from market_data.application.inputs import Input, Output
from market_data.domain.moment import Moment

__all__ = ["MemoryLog", "Recorder"]


@attrs.define
class Recorder(InputRecorder):
    """One core's log."""

    setup: CoreSetup
    logged: list[Logged] = attrs.field(factory=list)

    def take(self, given: Input, moment: Moment) -> None:
        self.logged.append(Logged(given, moment, None))

    def gave(self, outputs: Sequence[Output]) -> None:
        self.logged[-1] = attrs.evolve(self.logged[-1], digest=digest(outputs))


@attrs.define
class MemoryLog(InputLog):
    """All cores' logs."""

    recorders: list[Recorder] = attrs.field(factory=list)

    def begin(self, setup: CoreSetup) -> InputRecorder:
        self.recorders.append(Recorder(setup))
        return self.recorders[-1]
