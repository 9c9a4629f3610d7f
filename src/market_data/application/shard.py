"""Several producers share the instruments: which of them follows which."""

import attrs

__all__ = ["Shard"]


@attrs.frozen
class Shard:
    """One of ``count`` producers, by its ``number`` from 1 on.

    Who follows an instrument is decided by its key alone, as its partition is: the positive part of murmur2 of the key
    over ``count``. So every instrument is in exactly one shard, whatever else is configured here or elsewhere, and
    adding one moves no other; only another ``count`` does. Where ``count`` divides the number of partitions, no two
    producers write to the same partition. Shards are as even as chance makes them: within a few per cent for thousands
    of instruments, not for ten.
    """

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
