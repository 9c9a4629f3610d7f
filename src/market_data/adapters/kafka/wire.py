"""A produce request and its answer as bytes, in the version that any broker since 2.1 (2018) speaks.

aiokafka walks its description of a request or an answer field by field, with an object for each; at few records a
second that is a good part of what a request costs. Here both are written and read in one go, byte for byte as aiokafka
would. A broker that does not speak this version is spoken to as aiokafka does.
"""

from collections.abc import Iterator
from io import BytesIO
from struct import Struct
from typing import Any, NamedTuple

from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v7, ProduceResponse_v7

__all__ = ["LeanProduceRequest"]

_VERSION = 7
_HEAD = Struct(">hhih").pack
"""Which request, version, correlation, length of the client's name."""
_BODY = Struct(">hhii").pack
"""No transaction, acknowledgements, timeout in ms, number of topics."""
_INT = Struct(">i")
_COUNT = Struct(">I")
_LENGTH = Struct(">H")
"""No count or length is negative here, which would mean that there is none."""
_BATCH = Struct(">ii").pack
"""Partition, bytes."""
_WRITTEN = Struct(">ihqqq")
"""Partition, error, offset, time, first offset that is kept."""


class _Head(NamedTuple):
    """What comes before a request, written."""

    written: bytes

    def encode(self) -> bytes:
        return self.written


class _AnswerHead(NamedTuple):
    """What comes before an answer."""

    correlation_id: int


class _Answer(ProduceResponse_v7):  # type: ignore[misc]  # aiokafka has no types
    """How it went, by topic and partition."""

    @classmethod
    def decode(cls, data: BytesIO) -> "_Answer":
        """Read it; struct.error where it is cut short."""
        answer = data.read()
        (count,) = _COUNT.unpack_from(answer)
        at = _COUNT.size
        topics = []
        for _ in range(count):
            (length,) = _LENGTH.unpack_from(answer, at)
            at += _LENGTH.size
            topic = answer[at : at + length].decode()
            at += length
            (partitions,) = _COUNT.unpack_from(answer, at)
            at += _COUNT.size
            end = at + partitions * _WRITTEN.size
            topics.append((topic, list(_WRITTEN.iter_unpack(answer[at:end]))))
            at = end
        (throttle_ms,) = _INT.unpack_from(answer, at)
        return cls(topics, throttle_ms)


class _Request(ProduceRequest_v7):  # type: ignore[misc]  # aiokafka has no types
    """Batches by topic and partition."""

    RESPONSE_TYPE = _Answer

    def build_request_header(self, correlation_id: int, client_id: str) -> _Head:
        name = client_id.encode()
        return _Head(_HEAD(self.API_KEY, self.API_VERSION, correlation_id, len(name)) + name)

    def parse_response_header(self, read_buffer: BytesIO) -> _AnswerHead:
        return _AnswerHead(*_INT.unpack(read_buffer.read(_INT.size)))

    def encode(self) -> bytes:
        return b"".join(self._parts())

    def _parts(self) -> Iterator[bytes]:
        yield _BODY(-1, self.required_acks, self.timeout, len(self.topics))
        for topic, batches in self.topics:
            name = topic.encode()
            yield _LENGTH.pack(len(name)) + name + _COUNT.pack(len(batches))
            for partition, batch in batches:
                yield _BATCH(partition, len(batch))
                yield batch


class LeanProduceRequest(ProduceRequest):  # type: ignore[misc]  # aiokafka has no types
    """As aiokafka's, without a transaction."""

    def prepare(self, versions: dict[int, tuple[int, int]]) -> Any:  # noqa: ANN401 - aiokafka has no types
        """Choose the version that a broker speaks."""
        least, most = versions.get(self.API_KEY, (0, 0))
        if least <= _VERSION <= most:
            return self.build(_Request)
        return super().prepare(versions)
