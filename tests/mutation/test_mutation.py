"""What is changed of a source, that every change of the program can be made, and that one is noticed by its tests."""

import ast

import pytest
from tests.mutation.equivalent import EQUIVALENT, place_of
from tests.mutation.killers import KILLERS, kill, near_tests
from tests.mutation.operators import changes_in, mutants_of, walk
from tests.support.copies import PACKAGE, program_copy

_EVERY = 20
"""Of the program's changes one in so many is made."""


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        pytest.param("a = b < c", ["a = b <= c"], id="bound"),
        pytest.param("a = b is  not c", ["a = b is c"], id="identity"),
        pytest.param("a = b and (c) and d", ["a = b or (c) and d", "a = b and (c) or d"], id="and"),
        pytest.param("a = not b", ["a = (b)"], id="not"),
        pytest.param("a = 5 + b", ["a = 6 + b", "a = 5 - b"], id="number and sum"),
        pytest.param("a = 0.0\nb = True", ["a = 1.0\nb = True", "a = 0.0\nb = False"], id="constants"),
        pytest.param("a = min(b)", ["a = max(b)"], id="least"),
        pytest.param("if a:\n    b()", ["if (not (a)):\n    b()", "if a:\n    pass"], id="condition and call"),
        pytest.param("a.b = a.c = d", ["a.c = d", "a.b = d"], id="one of several targets"),
        pytest.param("a.b = d", ["pass"], id="one target"),
        pytest.param("a += b", ["pass", "a -= b"], id="in place"),
        pytest.param(
            "a = [b for b in c if b > d]",
            ["a = [b for b in c if (not (b > d))]", "a = [b for b in c if b >= d]"],
            id="comprehension",
        ),
        pytest.param('"""Text."""\na: int | None\nraise E("x", 1)\na = f"{a + 1}"', [], id="what is left alone"),
        pytest.param(
            "class A:\n    def __init__(self):\n        self.a = b\n        self.c()",
            ["class A:\n    def __init__(self):\n        self.a = b\n        pass"],
            id="making",
        ),
        pytest.param('a = "é" if b else c', ['a = "é" if (not (b)) else c'], id="letters of two bytes"),
    ],
)
def test_a_source_is_changed_in_one_place_at_a_time(source: str, changed: list[str]) -> None:
    assert sorted(mutant.apply(source) for mutant in changes_in(source, "x.py")) == sorted(changed)


def test_every_change_of_the_program_can_be_made_and_is_another_program() -> None:
    total = 0
    for file in walk(PACKAGE):
        source = (PACKAGE / file).read_text()
        tree = ast.dump(ast.parse(source))
        mutants = mutants_of(PACKAGE, file)
        total += len(mutants)
        for mutant in mutants[::_EVERY]:
            assert ast.dump(ast.parse(mutant.apply(source))) != tree, mutant.name
    assert total > 1000


def test_what_is_said_to_change_nothing_is_still_a_change() -> None:
    known = {place_of(mutant) for file in walk(PACKAGE) for mutant in mutants_of(PACKAGE, file)}
    assert known >= EQUIVALENT.keys(), EQUIVALENT.keys() - known


def test_every_module_has_tests_that_are_there() -> None:
    for file in walk(PACKAGE):
        for test in near_tests(file):
            assert (PACKAGE.parents[1] / test).exists(), f"{file}: {test}"


@pytest.mark.timeout(120)
def test_a_change_is_noticed_by_the_tests_that_are_near() -> None:
    file = "domain/top.py"
    with program_copy() as copy:
        path = copy.package / file
        path.write_text(path.read_text().replace("spread, mid)", "mid, spread)"))
        killer, told = kill(copy, file, 0, 100.0)
    assert killer == KILLERS[0]
    assert "test_top.py" in told[0]
