"""What is written and read in one go, held against aiokafka's own way."""

import struct
from io import BytesIO

import pytest
from aiokafka.protocol.produce import ProduceRequest, ProduceResponse_v7
from hypothesis import given
from hypothesis import strategies as st

from market_data.adapters.kafka.wire import LeanProduceRequest

_INT32, _INT64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
_TOPICS = st.lists(
    st.tuples(st.text(max_size=20), st.lists(st.tuples(_INT32, st.binary(max_size=100)), max_size=4)), max_size=3
)
_WRITTEN = st.lists(
    st.tuples(
        st.text(max_size=20),
        st.lists(st.tuples(_INT32, st.integers(-1, 100), _INT64, _INT64, _INT64), max_size=4),
    ),
    max_size=3,
)


@given(_TOPICS, st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.text(max_size=20))
def test_a_request_is_written_as_aiokafka_writes_it(
    topics: list[tuple[str, list[tuple[int, bytes]]]], timeout_ms: int, correlation: int, client: str
) -> None:
    def write(request: type[ProduceRequest]) -> bytes:
        chosen = request(None, -1, timeout_ms, topics).prepare({0: (3, 9)})
        head = chosen.build_request_header(correlation_id=correlation, client_id=client)
        return bytes(head.encode() + chosen.encode())

    assert write(LeanProduceRequest) == write(ProduceRequest)


@given(_WRITTEN, st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_an_answer_is_read_as_aiokafka_reads_it(
    topics: list[tuple[str, list[tuple[int, int, int, int, int]]]], throttle: int, correlation: int
) -> None:
    written = correlation.to_bytes(4) + ProduceResponse_v7(topics, throttle).encode()
    request = LeanProduceRequest(None, -1, 1000, []).prepare({0: (3, 9)})
    data = BytesIO(written)
    assert request.parse_response_header(data).correlation_id == correlation
    answer = request.RESPONSE_TYPE.decode(data)
    assert answer == ProduceResponse_v7.decode(written[4:])
    for size in range(4, len(written)):
        with pytest.raises((struct.error, UnicodeDecodeError)):
            request.RESPONSE_TYPE.decode(BytesIO(written[4:size]))


@pytest.mark.parametrize("at", [0, 11], ids=["topics", "partitions"])
def test_an_answer_that_says_none_for_its_topics_or_partitions_is_refused(at: int) -> None:
    written = bytearray(ProduceResponse_v7([("books", [])], 0).encode())
    written[at : at + 4] = b"\xff" * 4
    request = LeanProduceRequest(None, -1, 1000, []).prepare({0: (3, 9)})
    with pytest.raises(struct.error):
        request.RESPONSE_TYPE.decode(BytesIO(written))
