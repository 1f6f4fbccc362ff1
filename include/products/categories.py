"""The paths of categories, `Kitchen/Glasses`: as many levels as VTEX has ids for.

Catalogue search lists each category with its ancestors, and the paths of their ids beside them:

    "categories": ["/Counters/Displays/Dry/", "/Counters/Displays/"], "categoriesIds": ["/1/2/", "/1/"]

A category may be called `Counters/Displays` (deco-cx/apps#833 names a shop with "Balcões/Vitrines"; read
2026-11-28), so only the ids tell how many levels there are. An answer of 2019 has fewer of them than paths.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from include.values.shapes import Json, name, records
from include.values.text import tidy_one

if TYPE_CHECKING:
    from collections.abc import Sequence

Names = tuple[str, ...]

_SEPARATORS = re.compile(r"[/|](?:\s*[/|])*")


def category_name(text: str) -> str:
    """A category's own name as one level of a path and one entry of a list: `/` and `|` in it become `-`."""
    return _SEPARATORS.sub("-", text.strip(" /|"))


def product_categories(paths: Sequence[str | None], ids: Sequence[str | None]) -> list[str]:
    """Tidied `categories` and their `categoriesIds` (None where an entry is no text) → the deepest paths, in
    their order and each once: none that is an ancestor of another."""
    named, keys = list(map(_parts, paths)), list(map(_parts, ids))
    if len(named) == len(keys):
        pairs = [(names, key) for names, key in zip(named, keys, strict=True) if names]
        named, keys = [names for names, _ in pairs], [key for _, key in pairs]
    found = _named_by_ids(named, keys) if _is_paired(named, keys) else named
    return _deepest(["/".join(filter(None, map(category_name, names))) for names in found])


def line_categories(more: Json) -> list[str]:
    """The category of an order's line, from its `additionalInfo`: one path, as `product_categories` gives it.

    VTEX lists the names in any order and the path by ids. When an id has no name, each name stands alone.
    """
    named = {name(entry.get("id")): tidy_one(entry.get("name")) for entry in records(more.get("categories"))}
    names = {key: category_name(text) for key, text in named.items() if text}
    path = _parts(name(more.get("categoriesIds")))
    if path and all(names.get(key) for key in path):
        return ["/".join(names[key] for key in path)]
    return list(dict.fromkeys(filter(None, names.values())))


def _parts(path: str | None) -> Names:
    """What stands between slashes, as it is written: it may be only a piece of a name."""
    return tuple(part for part in (path or "").split("/") if part.strip())


def _is_paired(named: Sequence[Names], keys: Sequence[Names]) -> bool:
    """Whether the two lists belong together entry by entry. A path shorter than its ids shows that not."""
    return len(named) == len(keys) and all(
        bool(key) and len(key) <= len(parts) for parts, key in zip(named, keys, strict=True)
    )


def _named_by_ids(named: Sequence[Names], keys: Sequence[Names]) -> list[Names]:
    """The names of each path, one for each of its ids: the entry of an ancestor tells what it is called."""
    known: dict[Names, tuple[Names, Names]] = {(): ((), ())}  # ids → the parts of the path, its names
    found: dict[int, Names] = {}
    for place in sorted(range(len(keys)), key=lambda place: len(keys[place])):
        found[place] = _names(named[place], keys[place], known)
        known.setdefault(keys[place], (named[place], found[place]))
    return [found[place] for place in range(len(keys))]


def _names(parts: Names, key: Names, known: dict[Names, tuple[Names, Names]]) -> Names:
    """After the names of the nearest ancestor whose own parts begin these. Where what is left could belong to
    several levels, the deepest takes the surplus."""
    ancestors = ((depth, *known[key[:depth]]) for depth in reversed(range(len(key))) if key[:depth] in known)
    missing, rest, names = next(
        (len(key) - depth, parts[len(begins) :], names)
        for depth, begins, names in ancestors
        if parts[: len(begins)] == begins and len(parts) - len(begins) >= len(key) - depth
    )
    return (*names, *rest[: missing - 1], "/".join(rest[missing - 1 :]))


def _deepest(paths: list[str]) -> list[str]:
    return [
        path
        for path in dict.fromkeys(filter(None, paths))
        if not any(other.startswith(f"{path}/") for other in paths)
    ]
