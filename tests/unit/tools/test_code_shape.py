"""Functions and modules keep their size, and a file name says where it belongs."""

from __future__ import annotations

from pathlib import Path

from tools.code_shape import limits_of, modules, shape_of

SAMPLE = '''"""A module."""

import os  # needed


def one() -> str:
    """Two
    lines."""
    # a comment
    return """text
    of two lines""" + os.sep
'''


def test_code_lines__leave_out_docstrings_comments_and_blank_lines(tmp_path: Path) -> None:
    file = tmp_path / "sample.py"
    file.write_text(SAMPLE + SAMPLE.replace("one", "two"))
    shape = shape_of([file])
    assert (shape.lines, shape.code_lines, shape.functions) == (22, 8, 2)


def test_code__keeps_its_shape() -> None:
    exceeded = [limit for limit in limits_of(shape_of(modules())) if limit.value > limit.most]
    assert exceeded == [], "python -m tools.code_shape names the modules"
