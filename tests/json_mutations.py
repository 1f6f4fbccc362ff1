"""Hypothesis strategies: JSON of any shape, and valid answers with one change."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutations(draw: st.DrawFn, good: Any) -> Any:
    """A valid answer with one change: a value is changed, removed, added or nested deeply."""
    if draw(st.integers(0, 5)) == 0 or not isinstance(good, dict | list) or not good:
        return draw(ANY_JSON | st.just([[[[[[]]]]]]))
    if isinstance(good, list):
        place = draw(st.integers(0, len(good) - 1))
        changed = [*good[:place], draw(mutations(good[place])), *good[place + 1 :]]
        return draw(st.sampled_from([changed, [*good, *changed], good[:place]]))
    key = draw(st.sampled_from(sorted(good)))
    without = {name: value for name, value in good.items() if name != key}
    return draw(st.sampled_from([without, {**good, key: draw(mutations(good[key]))}, {**good, "more": []}]))
