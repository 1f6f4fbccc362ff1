"""Paths of categories: examples from shops, and the property that ids give the number of levels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.products.categories import category_name, line_categories, product_categories


@pytest.mark.parametrize(
    ("paths", "ids", "expected"),
    [
        (["/Computers/Keyboards/", "/Computers/"], ["/1/2/", "/1/"], ["Computers/Keyboards"]),
        (
            ["/Counters/Displays/Dry/", "/Counters/Displays/"],
            ["/1/2/", "/1/"],
            ["Counters-Displays/Dry"],
        ),
        (["/TV/Áudio/", "/Sale/"], ["/7/", "/8/"], ["TV-Áudio", "Sale"]),
        (["/Home/TV/Audio/", "/Home/"], ["/1/2/", "/1/"], ["Home/TV-Audio"]),
        (["/Home/TV / Audio/", "/Home/"], ["/1/2/", "/1/"], ["Home/TV - Audio"]),
        (
            ["/A/B/C/D/E/", "/A/B/C/", "/A/B/"],
            ["/1/2/3/", "/1/2/", "/1/"],
            ["A-B/C/D-E"],
        ),
        # an ancestor of another branch, or a name with the same beginning, has no effect
        (["/A/B/C/", "/A/", "/A/B/"], ["/1/2/", "/3/", "/1/"], ["A-B/C", "A"]),
        # VTEX always lists the ancestors. Without them the deepest level takes the surplus
        (["/A/B/C/D/"], ["/1/2/"], ["A/B-C-D"]),
        (["/Men | Women/Low shoes/", "/Men | Women/"], ["/1/2/", "/1/"], ["Men - Women/Low shoes"]),
        (["/TV//Audio/", "//"], ["/1/", "/2/"], ["TV-Audio"]),
        (["Shoes", "/Shoes/Run"], ["1", "1/2"], ["Shoes/Run"]),
        # several trees, one of them twice
        (
            ["/Lamps/Chairs/", "/Lamps/", "/Sale/50/50/", "/Sale/", "/Lamps/Chairs/"],
            ["/1/2/", "/1/", "/8/9/", "/8/", "/1/2/"],
            ["Lamps/Chairs", "Sale/50-50"],
        ),
        # fewer ids than categories: the lists do not match
        (["/Food/Greens/Chlorella/", "/Food/Greens/", "/Food/", "/Food/Detox/"], ["/7/8/9/"],
         ["Food/Greens/Chlorella", "Food/Detox"]),
        (["/Food/Greens/"], [], ["Food/Greens"]),
        # the ids have another order: a path has fewer parts than ids
        (["/Food/Greens/", "/Food/"], ["/7/", "/7/8/"], ["Food/Greens"]),
        (["/Food/Greens/", "/Food/"], ["/7/8/", None], ["Food/Greens"]),
        ([], [], []),
        ([None, " / "], ["/1/", "/2/"], []),
    ],
)  # fmt: skip
def test_product_categories__have_the_levels_of_their_ids(
    paths: list[str | None], ids: list[str | None], expected: list[str]
) -> None:
    assert product_categories(paths, ids) == expected


NAMES = st.text(alphabet=st.sampled_from("ab /|"), max_size=6).map(lambda text: f"x{text}y")
BRANCHES = st.lists(st.lists(NAMES, min_size=1, max_size=4), min_size=1, max_size=3)


@given(BRANCHES)
def test_product_categories__are_exact_if_every_ancestor_is_listed(branches: list[list[str]]) -> None:
    paths = [
        ("/" + "/".join(branch[:depth]) + "/", f"/{'/'.join(f'{number}{level}' for level in range(depth))}/")
        for number, branch in enumerate(branches)
        for depth in range(len(branch), 0, -1)
    ]
    found = product_categories([path for path, _ in paths], [key for _, key in paths])
    expected = ["/".join(map(category_name, branch)) for branch in branches]
    assert set(found) <= set(expected)
    assert {path.count("/") for path in found} <= {len(branch) - 1 for branch in branches}
    assert max(path.count("/") for path in found) == max(len(branch) - 1 for branch in branches)
    assert not any("|" in path for path in found)


@given(
    st.lists(st.tuples(st.text(max_size=8), st.lists(st.integers(0, 3), min_size=1, max_size=4)), max_size=4)
)
def test_product_categories__never_have_more_levels_than_ids(pairs: list[tuple[str, list[int]]]) -> None:
    paths = [f"/{'/'.join(['a'] * len(key))}{text}/" for text, key in pairs]
    ids = [f"/{'/'.join(map(str, key))}/" for _, key in pairs]
    deepest = max((len(key) for _, key in pairs), default=0)
    for path in product_categories(paths, ids):
        assert 1 <= len(path.split("/")) <= deepest
    assert product_categories(paths, ids) == product_categories(paths, ids)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"categoriesIds": "/1/9/", "categories": [{"id": 9, "name": "Glass"}, {"id": 1, "name": "Kitchen"}]},
         ["Kitchen/Glass"]),
        ({"categoriesIds": "/1/9/", "categories": [{"id": 9, "name": "A/B"}, {"id": 1, "name": "TV / Som"}]},
         ["TV - Som/A-B"]),
        ({"categoriesIds": "/1/9/", "categories": [{"id": 9, "name": "A|B"}, {"id": 1, "name": "/C/"}]},
         ["C/A-B"]),
        ({"categoriesIds": "/1/7/9/", "categories": [{"id": 9, "name": "A/B"}, {"id": 1, "name": "C"}]},
         ["A-B", "C"]),
        ({"categoriesIds": None, "categories": [{"id": "9", "name": "A"}, {"id": 1, "name": None}]}, ["A"]),
        ({"categoriesIds": "/9/", "categories": "x"}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_line_categories__have_the_levels_of_their_ids(more: dict[str, object], expected: list[str]) -> None:
    assert line_categories(more) == expected


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_line_categories__are_the_same_as_of_the_product(names: list[str]) -> None:
    keys = [str(number) for number in range(len(names))]
    entries = [{"id": key, "name": name} for key, name in zip(keys, names, strict=True)]
    line = line_categories({"categoriesIds": f"/{'/'.join(keys)}/", "categories": entries})
    depths = range(len(names), 0, -1)
    paths = [f"/{'/'.join(' '.join(name.split()) for name in names[:depth])}/" for depth in depths]
    product = product_categories(paths, [f"/{'/'.join(keys[:depth])}/" for depth in depths])
    assert line == product
