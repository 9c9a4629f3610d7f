"""The partition of a key is the one that Kafka's Java producer picks."""

import pytest

from app.adapters.kafka.partitioner import partition_of

# Known hashes of org.apache.kafka.common.utils.Utils.murmur2 (Kafka's own UtilsTest.testMurmur2), as signed integers.
_JAVA = [
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
]


@pytest.mark.parametrize(("key", "hashed"), _JAVA, ids=[key.decode() for key, _ in _JAVA])
@pytest.mark.parametrize("partitions", [1, 4, 12, 2**31 - 1])
def test_partition_of_is_the_positive_part_of_javas_murmur2(key: bytes, hashed: int, partitions: int) -> None:
    assert partition_of(key, partitions) == (hashed & 0x7FFFFFFF) % partitions
