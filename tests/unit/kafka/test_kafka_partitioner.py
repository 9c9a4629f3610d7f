"""The partition of a key is the one that Kafka's Java producer picks."""

import pytest

from market_data.adapters.kafka.partitioner import partition_of

# Known hashes of org.apache.kafka.common.utils.Utils.murmur2 (Kafka's own UtilsTest.testMurmur2), as signed integers.
_JAVA = [
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
]


# What kafka-clients 4.1.2 (Java) itself answered: org.apache.kafka.common.utils.Utils.murmur2(key) and, for 4, 12, 50
# and 100 partitions, org.apache.kafka.clients.producer.internals.BuiltInPartitioner.partitionForKey(key, partitions).
_ANSWERED_BY_JAVA = [
    ("binance:BTC-USDT", 646878651, 3, 3, 1, 51),
    ("binance:ETH-USDT", 331253766, 2, 6, 16, 66),
    ("binance:SOL-USDT", 1644223164, 0, 0, 14, 64),
    ("binance:XRP-USDT", -936209405, 3, 3, 43, 43),
    ("binance:ADA-USDT", -1675764575, 1, 9, 23, 73),
    ("binance:DOGE-USDT", -1911993489, 3, 11, 9, 59),
    ("binance:LTC-USDT", -1252454745, 3, 11, 3, 3),
    ("binance:LINK-USDT", 705890099, 3, 11, 49, 99),
    ("binance:AVAX-USDT", -192158574, 2, 2, 24, 74),
    ("binance:DOT-USDT", 1988944031, 3, 11, 31, 31),
    ("binance:1000SATS-USDT", 1340856951, 3, 3, 1, 51),
    ("binance:1INCH-USDT", -1408242266, 2, 6, 32, 82),
    ("binance:ACA-USDT", 770374098, 2, 6, 48, 98),
    ("binance_us:BTC-USDT", -1566106562, 2, 6, 36, 86),
    ("binance_us:ETH-USDT", -1317448829, 3, 3, 19, 19),
    ("binance_us:SOL-USDT", 1866036908, 0, 8, 8, 8),
    ("coinbase:BTC-USD", 300975881, 1, 5, 31, 81),
    ("coinbase:ETH-USD", 870579068, 0, 8, 18, 68),
    ("coinbase:SOL-USD", 944380859, 3, 11, 9, 59),
    ("coinbase:XRP-USD", -2145173759, 1, 9, 39, 89),
    ("coinbase:ADA-USD", 1311685047, 3, 3, 47, 47),
    ("coinbase:DOGE-USD", -419903925, 3, 11, 23, 23),
    ("coinbase:LTC-USD", -732045922, 2, 10, 26, 26),
    ("coinbase:LINK-USD", -1908435698, 2, 6, 0, 50),
    ("coinbase:AVAX-USD", -2051528153, 3, 3, 45, 95),
    ("coinbase:DOT-USD", 381082099, 3, 7, 49, 99),
    ("coinbase:BTC-EUR", 1669950379, 3, 7, 29, 79),
    ("coinbase:BTC-USDC", -2111332232, 0, 0, 16, 16),
    ("coinbase:00-USD", 1436203770, 2, 6, 20, 70),
    ("binance:ETH-BTC", -1886437968, 0, 8, 30, 80),
    ("x:A-B", 1906401647, 3, 11, 47, 47),
    ("x:AA-B", -2009988743, 1, 9, 5, 5),
    ("x:AAA-B", -767986028, 0, 0, 20, 20),
    ("x:AAAA-B", 652732395, 3, 3, 45, 95),
    ("büro:Ω-€", 81556313, 1, 5, 13, 13),
]


@pytest.mark.parametrize(("key", "hashed"), _JAVA, ids=[key.decode() for key, _ in _JAVA])
@pytest.mark.parametrize("partitions", [1, 4, 12, 2**31 - 1])
def test_partition_of_is_the_positive_part_of_javas_murmur2(key: bytes, hashed: int, partitions: int) -> None:
    assert partition_of(key, partitions) == (hashed & 0x7FFFFFFF) % partitions


@pytest.mark.parametrize(("key", "hashed", "of_4", "of_12", "of_50", "of_100"), _ANSWERED_BY_JAVA)
def test_partition_of_is_what_javas_own_producer_answered(
    key: str, hashed: int, of_4: int, of_12: int, of_50: int, of_100: int
) -> None:
    found = [partition_of(key.encode(), partitions) for partitions in (2**31, 4, 12, 50, 100)]
    assert found == [hashed & 0x7FFFFFFF, of_4, of_12, of_50, of_100]
