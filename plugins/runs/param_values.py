"""Says in words which values of a run's conf Airflow's API refuses. Airflow itself prints the JSON schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Param

_MOST_PROBLEMS = 5
_WANTED = {"boolean": "true or false", "object": "an object", "string": "a text without spaces and @"}


def wrong_values(conf: Mapping[str, Any], params: Mapping[str, Param]) -> str | None:
    """A sentence for each wrong value, with parameter, index and field; None if the API accepts all values.

    `events[1].subscribed must be true or false`. It quotes no value: a value may be an address.
    """
    problems = list(dict.fromkeys(_problems(conf, params)))
    more = len(problems) - _MOST_PROBLEMS
    shown = problems[:_MOST_PROBLEMS] + ([f"there are {more} more problems"] if more > 0 else [])
    return "; ".join(shown) or None


def _problems(conf: Mapping[str, Any], params: Mapping[str, Param]) -> Iterator[str]:
    """Use the same validator as Airflow (`Param.resolve`, 3.3.2)."""
    # Airflow depends on jsonschema, which has no type stubs; imported here to keep the module light
    import jsonschema  # type: ignore[import-untyped]  # noqa: PLC0415

    for name, param in params.items():
        value = conf.get(name, param.value if param.has_value else None)
        validator_class = jsonschema.validators.validator_for(param.schema)
        validator = validator_class(param.schema, format_checker=jsonschema.FormatChecker())
        yield from (_sentence(name, error) for error in validator.iter_errors(value))


def _sentence(name: str, error: Any) -> str:
    """`error` is jsonschema's ValidationError."""
    where = name + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    schema: Any = error.schema
    if error.validator == "required":
        missing = [field for field in schema["required"] if field not in (error.instance or {})]
        return f"{where} has no {' and no '.join(missing)}"
    if error.validator == "additionalProperties":
        return f"{where} has an unknown field; known are {', '.join(schema['properties'])}"
    return f"{where} must be {_wanted(schema)}"


def _wanted(schema: Mapping[str, Any]) -> str:
    """What a schema allows, in words. It may describe itself in its `description`."""
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    (kind,) = [kind for kind in kinds if kind != "null"]
    if "description" in schema:
        return str(schema["description"])
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    if kind == "array":
        return _wanted_list(schema)
    if schema.get("format") == "date-time":
        return "a date and time with offset, such as 2026-11-23T10:00:00Z"
    return _WANTED[kind]


def _wanted_list(schema: Mapping[str, Any]) -> str:
    """`a list of 1 to 500 objects with email, subscribed, occurred_at`."""
    items = schema["items"]
    of = (
        f"of {', '.join(items['enum'])}"
        if "enum" in items
        else f"objects with {', '.join(items['required'])}"
    )
    most = f" to {schema['maxItems']} " if "maxItems" in schema else " or more "
    return f"a list of {schema['minItems']}{most}{of}"
