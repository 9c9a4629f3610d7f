"""What is run against a change: first what is quick and near, then chaos, then the tests of both rooms."""

from collections.abc import Iterator, Mapping, Sequence

from tests.support.copies import ProgramCopy

__all__ = ["KILLERS", "kill", "near_tests"]

_DOMAIN, _APPLICATION = "tests/unit/domain", "tests/unit/application"
_CORE = (
    f"{_APPLICATION}/test_core_numbered.py",
    f"{_APPLICATION}/test_core_ranges.py",
    f"{_APPLICATION}/test_core_slow_lines.py",
    f"{_APPLICATION}/test_core_unnumbered.py",
)
_NEAR: Mapping[str, Sequence[str]] = {
    "domain/sync.py": (_DOMAIN, *_CORE),
    "domain/instrument.py": ("tests/unit/venues", "tests/unit/test_shards.py"),
    "domain/errors.py": (f"{_DOMAIN}/test_errors.py", "tests/unit/venues", "tests/unit/kafka"),
    "domain/normalized.py": ("tests/unit/kafka/test_kafka_records.py", f"{_APPLICATION}/test_outbox.py"),
    "application/core.py": (*_CORE, f"{_APPLICATION}/test_succession.py"),
    "application/clocks.py": _CORE,
    "application/inputs.py": ("tests/unit/inputlog",),
    "application/inputlog.py": ("tests/unit/inputlog",),
    "application/shard.py": ("tests/unit/test_shards.py",),
    "application/proven.py": (f"{_APPLICATION}/test_proven.py", f"{_APPLICATION}/test_consume.py"),
    "domain/overdue.py": (f"{_DOMAIN}/test_market.py", f"{_APPLICATION}/test_proven.py"),
    "application/check.py": ("tests/unit", "tests/e2e/test_commands.py"),
    "application/demo.py": ("tests/e2e/test_commands_demo.py",),
    "application/children.py": ("tests/e2e/test_commands_demo.py",),
    "application/times.py": (_APPLICATION, "tests/e2e/test_reader.py"),
    "application/probe.py": (f"{_APPLICATION}/test_verify.py",),
    "application/reports.py": (f"{_APPLICATION}/test_verify.py",),
}
_CHAOS = ("domain/book.py", "domain/counted.py", "domain/splice.py", "domain/sync.py", "application/core.py")
KILLERS = ("near tests", "chaos", "other tests", "nobody")


def near_tests(file: str) -> Sequence[str]:
    """Give the tests of one module: those that bear its name, unless others are nearer."""
    if (tests := _NEAR.get(file)) is not None:
        return tests
    room, _, name = file.partition("/")
    if room == "adapters":
        return ("tests/unit/venues",)
    root = ProgramCopy.root()
    found = sorted((root / "tests" / "unit" / room).glob(f"test_{name.removesuffix('.py')}*.py"))
    return [str(path.relative_to(root)) for path in found] or (_DOMAIN, _APPLICATION)


def kill(copy: ProgramCopy, file: str, schedules: int, seconds: float) -> tuple[str, list[str]]:
    """Try everything until something fails; give which kind of killer it was, and what it says."""
    for kind, told in _tries(copy, file, schedules, seconds):
        if told:
            return kind, told
    return KILLERS[-1], []


def _tries(copy: ProgramCopy, file: str, schedules: int, seconds: float) -> Iterator[tuple[str, list[str]]]:
    yield KILLERS[0], copy.by_tests(near_tests(file), seconds=seconds)
    if file in _CHAOS and schedules:
        yield KILLERS[1], copy.by_chaos(schedules, 1, seconds)
    yield KILLERS[2], copy.by_tests((_DOMAIN, _APPLICATION, "tests/chaos/test_found.py"), seconds=seconds)
