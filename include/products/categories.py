"""Paths of categories, such as `Kitchen/Glasses`, with as many levels as VTEX has ids.

Catalogue search lists each category with its ancestors, and the same paths as ids:

    "categories": ["/Counters/Displays/Dry/", "/Counters/Displays/"], "categoriesIds": ["/1/2/", "/1/"]

A category may be called `Counters/Displays` (deco-cx/apps#833 names a shop with "Balcões/Vitrines"; read
2026-11-28), so only the ids show how many levels there are. An answer of 2019 has fewer ids than paths.
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
    """The name of one category as a level of a path and an entry of a list: `/` and `|` become `-`."""
    return _SEPARATORS.sub("-", text.strip(" /|"))


def product_categories(paths: Sequence[str | None], ids: Sequence[str | None]) -> list[str]:
    """Tidied `categories` and `categoriesIds` (None for an entry that is not a text) → the deepest paths.

    They keep their order. Repeated paths, and paths that are an ancestor of another one, are left out.
    """
    named, keys = list(map(_parts, paths)), list(map(_parts, ids))
    if len(named) == len(keys):
        pairs = [(names, key) for names, key in zip(named, keys, strict=True) if names]
        named, keys = [names for names, _ in pairs], [key for _, key in pairs]
    levels = _split_levels(named, keys) if _is_paired(named, keys) else named
    return _drop_ancestors(["/".join(filter(None, map(category_name, names))) for names in levels])


def line_categories(more: Json) -> list[str]:
    """The category of an order's line, from its `additionalInfo`: one path, as in `product_categories`.

    VTEX lists the names in any order, and the path as ids. If an id has no name, each name is a path of its
    own.
    """
    named = {name(entry.get("id")): tidy_one(entry.get("name")) for entry in records(more.get("categories"))}
    names = {key: category_name(text) for key, text in named.items() if text}
    path = _parts(name(more.get("categoriesIds")))
    if path and all(names.get(key) for key in path):
        return ["/".join(names[key] for key in path)]
    return list(dict.fromkeys(filter(None, names.values())))


def _parts(path: str | None) -> Names:
    """The texts between slashes. One text may be only a part of a name."""
    return tuple(part for part in (path or "").split("/") if part.strip())


def _is_paired(named: Sequence[Names], keys: Sequence[Names]) -> bool:
    """Whether each entry has its ids at the same place. If a path has fewer parts than ids, it has not."""
    return len(named) == len(keys) and all(
        bool(key) and len(key) <= len(parts) for parts, key in zip(named, keys, strict=True)
    )


def _split_levels(named: Sequence[Names], keys: Sequence[Names]) -> list[Names]:
    """The names of each path, one for each of its ids. The entry of an ancestor gives the ancestor's name."""
    known: dict[Names, tuple[Names, Names]] = {(): ((), ())}  # ids → the parts of the path, its names
    levels: dict[int, Names] = {}
    for place in sorted(range(len(keys)), key=lambda place: len(keys[place])):
        levels[place] = _names(named[place], keys[place], known)
        known.setdefault(keys[place], (named[place], levels[place]))
    return [levels[place] for place in range(len(keys))]


def _names(parts: Names, key: Names, known: dict[Names, tuple[Names, Names]]) -> Names:
    """The names of the nearest ancestor whose parts these begin with, then the rest.

    If the rest has more parts than levels, the deepest level takes the surplus.
    """
    ancestors = ((depth, *known[key[:depth]]) for depth in reversed(range(len(key))) if key[:depth] in known)
    missing, rest, names = next(
        (len(key) - depth, parts[len(begins) :], names)
        for depth, begins, names in ancestors
        if parts[: len(begins)] == begins and len(parts) - len(begins) >= len(key) - depth
    )
    return (*names, *rest[: missing - 1], "/".join(rest[missing - 1 :]))


def _drop_ancestors(paths: list[str]) -> list[str]:
    return [
        path
        for path in dict.fromkeys(filter(None, paths))
        if not any(other.startswith(f"{path}/") for other in paths)
    ]
