"""Functions and modules keep their size, and a file name says where it belongs."""

from __future__ import annotations

from tools.code_shape import limits_of, modules, shape_of


def test_code__keeps_its_shape() -> None:
    exceeded = [limit for limit in limits_of(shape_of(modules())) if limit.value > limit.most]
    assert exceeded == [], "python -m tools.code_shape names the modules"
