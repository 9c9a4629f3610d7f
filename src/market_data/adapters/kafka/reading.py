"""Where reading of a partition begins, and what is handed out of what is read there."""

from collections.abc import Iterable, Mapping, Sequence

import attrs

from market_data.adapters.kafka.consumer import Consumer, Message
from market_data.application.ports import Start

__all__ = ["Beginning", "Reading", "find_beginnings"]


@attrs.frozen
class Beginning:
    """The first offset to hand out."""

    offset: int
    is_warm: bool = False
    """Whether the newest records before it are wanted too."""
    old_below: int = 0
    old_before_ms: int = 0
    """Records below this offset and older than this time are passed over."""


async def find_beginnings(consumer: Consumer, partitions: Iterable[int], start: Start) -> Mapping[int, Beginning]:
    """Ask the broker where each partition is to be read from.

    Raises:
        KafkaError: it does not say.
    """
    wanted = frozenset(partitions)
    match start.at:
        case "earliest":
            return {each: Beginning(offset) for each, offset in (await consumer.beginnings(wanted)).items()}
        case int(time):
            return await _at_time(consumer, wanted, time // 1000)
        case _:
            return {each: Beginning(offset, is_warm=True) for each, offset in (await consumer.ends(wanted)).items()}


async def _at_time(consumer: Consumer, partitions: frozenset[int], time_ms: int) -> Mapping[int, Beginning]:
    ends = await consumer.ends(partitions)
    beginnings = await consumer.beginnings(partitions)
    # Every record is younger than 1970: a broker that finds none (the embedded one) cannot look up times.
    oldest = await consumer.at_time(partitions, 0)
    if any(oldest[each] is None and beginnings[each] < ends[each] for each in partitions):
        return {each: Beginning(beginnings[each], False, ends[each], time_ms) for each in partitions}
    found = await consumer.at_time(partitions, time_ms)
    return {each: Beginning(ends[each] if (at := found[each]) is None else at) for each in partitions}


class Reading:
    """One partition: hands out each record once, in order, from its beginning on.

    When it reads back, the newest record of each key before the beginning comes first, once all of them are seen.
    """

    def __init__(
        self, beginning: Beginning, number: int = 1, *, reads_back_from: int | None = None, behind_until: int = 0
    ) -> None:
        self.number = number
        """The same as before where it goes on with nothing left out."""
        self.position = beginning.offset
        """Offset after the last record handed out."""
        self.seek_to = beginning.offset if reads_back_from is None else min(reads_back_from, beginning.offset)
        """Where the consumer has to start."""
        self.begins_at = beginning.offset
        """What has a lower offset is read back."""
        self.behind_until = behind_until
        """What has a lower offset was there already when reading began."""
        self._is_caught_up = False
        self._beginning = beginning
        self._newest: dict[bytes | None, Message] = {}
        self.is_reading_back = self.seek_to < beginning.offset

    def hand_out(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Take what was fetched next, and give what is to be handed out now."""
        if not messages:
            return ()
        given = messages
        if self.is_reading_back:
            first = self._beginning.offset
            index = next((at for at, message in enumerate(messages) if message.offset >= first), len(messages))
            self._newest |= {message.key: message for message in messages[:index]}
            given = messages[index:]
            if self.has_passed(messages[-1].offset + 1):
                given = [*self.end_reading_back(), *given]
        if self._beginning.old_below > messages[0].offset:
            given = [message for message in given if not self._is_old(message)]
        self.position = max(self.position, messages[-1].offset + 1)
        return given

    @property
    def is_behind(self) -> bool:
        """Tell whether there is more that was there before reading began."""
        return self.position < self.behind_until and not self._is_caught_up

    def catch_up(self, position: int) -> None:
        """Take it that there is no more of that, nor any record before a position of the consumer."""
        self._is_caught_up = True
        self.position = max(self.position, position)

    def has_passed(self, position: int) -> bool:
        """Tell whether reading back is over at a position of the consumer."""
        return position >= self._beginning.offset

    def end_reading_back(self) -> Sequence[Message]:
        """Give the newest record of each key, in order; no more will be read back."""
        newest, self._newest, self.is_reading_back = self._newest.values(), {}, False
        return sorted(newest, key=lambda message: message.offset)

    def _is_old(self, message: Message) -> bool:
        return message.offset < self._beginning.old_below and message.timestamp < self._beginning.old_before_ms
