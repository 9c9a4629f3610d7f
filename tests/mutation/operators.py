"""What is changed: one place of a module's source, as a person slips. The rest of the text stays as it is."""

import ast
import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

__all__ = ["Mutant", "changes_in", "mutants_of", "walk"]

_COMPARISONS = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_ARITHMETIC = {ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*")}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_OPPOSITES = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)


@attrs.frozen
class Mutant:
    """One change of one file below ``src/market_data``; ``start`` and ``end`` are bytes of its source."""

    file: str
    number: int
    line: int
    what: str
    start: int
    end: int
    text: str
    was: str
    """The line as it stands, without its indentation."""
    within: str
    """The class and function that it stands in, as in ``BookSide.apply``."""

    @property
    def name(self) -> str:
        """Say which it is, as the command line takes it."""
        return f"{self.file}:{self.number}"

    def apply(self, source: str) -> str:
        """Give the changed source."""
        content = source.encode()
        return (content[: self.start] + self.text.encode() + content[self.end :]).decode()

    def diff(self, source: str) -> str:
        """Show the change as a patch."""
        lines = source.splitlines(), self.apply(source).splitlines()
        return "\n".join(difflib.unified_diff(*lines, self.file, self.name, lineterm="", n=2))


def walk(package: Path, rooms: Sequence[str] = ("domain", "application")) -> Iterator[str]:
    """Name the files that are changed."""
    for room in rooms:
        for path in sorted((package / room).glob("*.py")):
            if path.name != "__init__.py":
                yield f"{room}/{path.name}"


def mutants_of(package: Path, file: str) -> Sequence[Mutant]:
    """List every change of a file, in the order of its text."""
    return changes_in((package / file).read_text(), file)


def changes_in(source: str, file: str) -> Sequence[Mutant]:
    """List every change of a source, in the order of its text."""
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    lines = source.splitlines()
    return [
        Mutant(file, number, line, what, start, end, text, lines[line - 1].strip(), finder.within.get(start, ""))
        for number, (start, end, line, what, text) in enumerate(sorted(set(finder.found)))
    ]


class _Finder(ast.NodeVisitor):
    """Goes through all that is run; annotations, texts and what is said to people stay."""

    def __init__(self, source: str) -> None:
        self.found: list[tuple[int, int, int, str, str]] = []
        self._content = source.encode()
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line.encode()))
        self.within: dict[int, str] = {}
        """By where a change starts."""
        self._within = ""

    # where things stand

    def _span(self, node: ast.AST) -> tuple[int, int]:
        start = self._starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def _text(self, node: ast.AST) -> str:
        start, end = self._span(node)
        return self._content[start:end].decode()

    def _change(self, node: ast.AST, what: str, text: str) -> None:
        self._note(*self._span(node), node.lineno, what, text)  # type: ignore[attr-defined]

    def _note(self, start: int, end: int, line: int, what: str, text: str) -> None:
        self.found.append((start, end, line, what, text))
        self.within[start] = self._within

    def _change_between(self, left: ast.AST, right: ast.AST, was: str, text: str) -> None:
        start, end = self._span(left)[1], self._span(right)[0]
        pattern = re.escape(was).replace(r"\ ", r"\s+")
        found = re.search(
            rf"(?<!\w){pattern}(?!\w)" if was[0].isalpha() else pattern, self._content[start:end].decode()
        )
        if found is not None:
            line = self._content.count(b"\n", 0, start + found.start()) + 1
            self._note(start + found.start(), start + found.end(), line, f"{was} becomes {text}", text)

    # what is left alone

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(default)
        self._visit_inside(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_inside(node)

    def _visit_inside(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        outer, self._within = self._within, f"{self._within}.{node.name}".removeprefix(".")
        for statement in node.body:
            self.visit(statement)
        self._within = outer

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Nothing: what is said to people; before 3.12 its places are not known either."""

    def visit_Raise(self, node: ast.Raise) -> None:
        """Nothing: another error is noticed at once, or is a text."""

    # expressions

    def visit_Compare(self, node: ast.Compare) -> None:
        for left, operator, right in zip((node.left, *node.comparators), node.ops, node.comparators, strict=False):
            if type(operator) in _COMPARISONS:
                self._change_between(left, right, *_COMPARISONS[type(operator)])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        words = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._change_between(left, right, *words)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if type(node.op) in _ARITHMETIC:
            self._change_between(node.left, node.right, *_ARITHMETIC[type(node.op)])
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._change(node, "not is left out", f"({self._text(node.operand)})")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        match node.value:
            case bool():
                self._change(node, f"{node.value} becomes {not node.value}", str(not node.value))
            case int():
                self._change(node, f"{node.value} becomes {node.value + 1}", str(node.value + 1))
            case float():
                other = node.value * 2 or 1.0
                self._change(node, f"{node.value} becomes {other}", repr(other))
            case _:
                pass

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in _NAMES:
            other = _NAMES[node.func.id]
            self._change(node.func, f"{node.func.id} becomes {other}", other)
        self.generic_visit(node)

    # conditions

    def _negate(self, test: ast.expr) -> None:
        is_opposite = isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], _OPPOSITES)
        is_not = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        if not (is_opposite or is_not or isinstance(test, ast.Constant)):
            self._change(test, "the condition is negated", f"(not ({self._text(test)}))")

    def visit_If(self, node: ast.If | ast.While | ast.IfExp) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    visit_While = visit_If
    visit_IfExp = visit_If

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._negate(test)
        self.generic_visit(node)

    # statements

    def _drop(self, node: ast.stmt) -> None:
        self._change(node, "the statement is left out", "pass")

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant | ast.Yield):
            self._drop(node)
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if len(node.targets) > 1:
            for at, target in enumerate(node.targets):
                others = [self._text(each) for each in node.targets if each is not target]
                text = " = ".join([*others, self._text(node.value)])
                self._change(node, f"{self._text(node.targets[at])} is not set", text)
        elif not self._within.endswith("__init__") and not isinstance(node.targets[0], ast.Name):
            self._drop(node)
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._drop(node)
        if type(node.op) in _ARITHMETIC:
            was, text = _ARITHMETIC[type(node.op)]
            self._change_between(node.target, node.value, f"{was}=", f"{text}=")
        self.visit(node.value)

    def visit_Delete(self, node: ast.Delete) -> None:
        self._drop(node)

    def visit_Continue(self, node: ast.Continue) -> None:
        self._drop(node)

    def visit_Break(self, node: ast.Break) -> None:
        self._drop(node)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is None:
            self._drop(node)
        else:
            self.visit(node.value)
