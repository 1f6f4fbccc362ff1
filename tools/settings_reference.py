"""The reference of the settings: the comments of include/settings.toml, with default, limits and variable."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from include.setting_types import Settings
from include.settings import ENV_PREFIX, SETTINGS_FILE, SHOPS, variable_of
from include.shops import DEFAULT_SHOP

_SECTION = re.compile(r"\[(\w+)\]")
_SETTING = re.compile(r"(?:# )?(\w+) = ")


class Comment(NamedTuple):
    """The comment of one setting, and the introduction of its section where the setting is the first one."""

    section: str
    name: str
    text: list[str]
    introduction: list[str]


def settings_page() -> str:
    """All settings by section."""
    source = SETTINGS_FILE.read_text(encoding="utf-8")
    comments = {(comment.section, comment.name): comment for comment in read_comments(source)}
    defaults, schema = tomllib.loads(source), Settings.model_json_schema()
    lines: list[str] = []
    for section, field in Settings.model_fields.items():
        lines += [f"## {section}", ""]
        properties = schema["$defs"][schema["properties"][section]["$ref"].rpartition("/")[2]]["properties"]
        model: Any = field.annotation
        for name in model.model_fields:
            comment = comments[section, name]
            default = defaults[section].get(name)
            limits = _limits(properties[name], model.model_fields[name])
            lines += [*_with_gap(comment.introduction), f"### {section}.{name}", "", *comment.text, ""]
            lines += [
                f"- Default: {_code(default)}",
                f"- Allowed: {limits}",
                f"- Variable: `{ENV_PREFIX}{section.upper()}__{name.upper()}`",
                "",
            ]
    return "\n".join([*lines, *_shops_part(source)])


def _shops_part(source: str) -> list[str]:
    """The table of the shops: the comment before it, and its one setting."""
    before, _, table = source.partition(f"\n[{SHOPS}]\n")
    about = takewhile(lambda line: line.startswith("#"), reversed(before.splitlines()))
    text = [line.removeprefix("#").removeprefix(" ") for line in reversed(list(about))]
    meaning = [line.removeprefix("# ") for line in table.splitlines() if line.startswith("#")]
    return [
        f"## {SHOPS}", "", *_with_code(text), "", f"### {SHOPS}.{DEFAULT_SHOP}", "", *meaning, "",
        f"- Default: {_code(tomllib.loads(source)[SHOPS][DEFAULT_SHOP])}", "- Allowed: `true` or `false`",
        f"- Variable: `{variable_of(SHOPS, DEFAULT_SHOP)}`", "",
    ]  # fmt: skip


def read_comments(source: str) -> Iterator[Comment]:
    """The comment of each setting of the file, in its order. A setting without one yields no text."""
    section, text = "", list[str]()
    names = {
        (section, name)
        for section, field in Settings.model_fields.items()
        for name in _names_of(field.annotation)
    }
    for line in source.splitlines():
        if found := _SECTION.fullmatch(line):
            section, text = found[1], []
        elif (found := _SETTING.match(line)) and (section, found[1]) in names:
            yield Comment(section, found[1], *_split(text))
            text = []
        elif line.startswith("#"):
            text.append(line.removeprefix("#").removeprefix(" "))
        elif not line:
            text = []


def _names_of(section: Any) -> list[str]:
    return list(section.model_fields)


def _split(text: list[str]) -> tuple[list[str], list[str]]:
    """The text of a setting and what is before it: an empty comment line separates them."""
    own = list(takewhile(bool, reversed(text)))[::-1]
    return list(_with_code(own)), text[: -len(own) - 1] if len(own) < len(text) else []


def _with_code(text: list[str]) -> Iterator[str]:
    """Indented lines as a block of code."""
    inside = False
    for line in text:
        indented = line.startswith("    ")
        if indented != inside:
            yield from ("", "```toml") if indented else ("```", "")
            inside = indented
        yield line.removeprefix("    ") if indented else line
    if inside:
        yield "```"


def _with_gap(lines: list[str]) -> list[str]:
    return [*lines, ""] if lines else []


def _code(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return "an empty list"
    return f"`{value}`" if value != "" else "empty"


def _limits(schema: Mapping[str, Any], field: Any) -> str:
    """What the setting may be, in words."""
    if "anyOf" in schema:
        schema = schema["anyOf"][0]
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    kind = schema["type"]
    if kind in {"integer", "number"}:
        return f"{'whole number' if kind == 'integer' else 'number'}{_bounds(schema)}"
    if kind == "boolean":
        return "`true` or `false`"
    if kind == "array":
        return "list"
    return _required_form(field) or "text"


def _bounds(schema: Mapping[str, Any]) -> str:
    words = {
        "minimum": "{} or more",
        "exclusiveMinimum": "more than {}",
        "maximum": "{} or less",
        "exclusiveMaximum": "less than {}",
    }
    bounds = [text.format(f"{schema[key]:g}") for key, text in words.items() if key in schema]
    return f", {' and '.join(bounds)}" if bounds else ""


def _required_form(field: Any) -> str | None:
    """How our own check describes a text, such as a cron expression. None: any text is allowed."""
    try:
        TypeAdapter(field.rebuild_annotation()).validate_python("?")
    except ValidationError as error:
        problem = error.errors()[0]
        if problem["type"] == "value_error":
            return problem["msg"].removeprefix("Value error, ").replace("*", r"\*")
        return problem["msg"].removeprefix("String should ") if "pattern" not in problem["type"] else None
    return None
