"""`python -m tools.code_shape`: sizes of functions and modules, repeated file names, and their limits."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGES = ("include", "plugins")
PIPELINE_FOLDERS = frozenset({"contacts", "products", "purchases", "newsletter"})
"""Each holds an extract.py, a load.py and so on: there, equal names are the point."""
SMALL_MODULE_LINES = 40
_NO_CODE = frozenset(
    {
        *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
        *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
    }
)


class Shape(NamedTuple):
    """`median` and `p90` count the lines of a function's statements, without signature and docstring.

    `code_lines` are the lines that hold code: no docstring, no comment, no blank line.
    """

    lines: int
    code_lines: int
    functions: int
    median: float
    p90: float
    modules: int
    small_modules: list[str]
    repeated_names: dict[str, int]

    @property
    def small_percent(self) -> float:
        return 100 * len(self.small_modules) / self.modules


class Limit(NamedTuple):
    what: str
    value: float
    most: float


def main() -> int:
    """0 when every figure is within its limit."""
    shape = shape_of(modules())
    print(
        f"{shape.lines:,} lines, {shape.code_lines:,} of them code, {shape.modules} modules, "
        f"{shape.functions:,} functions"
    )
    limits = limits_of(shape)
    for what, value, most in limits:
        print(f"{what:<58}{value:>8.1f}  at most {most:g}{'' if value <= most else '  EXCEEDED'}")
    print(*(f"small: {name}" for name in shape.small_modules), sep="\n")
    return 1 if any(value > most for _, value, most in limits) else 0


def limits_of(shape: Shape) -> list[Limit]:
    """Each figure beside the most that it may be."""
    return [
        Limit("lines of a function, median", shape.median, 5),
        Limit("lines of a function, 90th percentile", shape.p90, 14),
        Limit(f"% of modules under {SMALL_MODULE_LINES} lines", shape.small_percent, 10),
        Limit(
            "most files of one name outside the pipelines' folders",
            max(shape.repeated_names.values(), default=0),
            2,
        ),
    ]


def modules() -> list[Path]:
    """The Python files of the product, without those that only mark a package."""
    found = (file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    return sorted(file for file in found if file.name != "__init__.py")


def shape_of(files: Iterable[Path]) -> Shape:
    """The figures of these files."""
    files = list(files)
    texts = {file: file.read_text() for file in files}
    sizes = sorted(size for text in texts.values() for size in _function_sizes(ast.parse(text)))
    cuts = quantiles(sizes, n=10)
    lengths = {file: text.count("\n") for file, text in texts.items()}
    names = Counter(file.name for file in files if not PIPELINE_FOLDERS & set(file.parts))
    return Shape(
        lines=sum(lengths.values()),
        code_lines=sum(map(_count_code_lines, texts.values())),
        functions=len(sizes),
        median=cuts[4],
        p90=cuts[8],
        modules=len(files),
        small_modules=[str(file) for file, length in lengths.items() if length < SMALL_MODULE_LINES],
        repeated_names={name: number for name, number in names.items() if number > 1},
    )


def _count_code_lines(text: str) -> int:
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE:
            found.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.end_lineno:
            found.difference_update(range(node.lineno, node.end_lineno + 1))
    return len(found)


def _function_sizes(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            yield body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno else 0


if __name__ == "__main__":
    sys.exit(main())
