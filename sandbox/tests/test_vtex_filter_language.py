"""Master Data's filter language."""

import pytest

from sandbox.core.errors import VendorError
from sandbox.vtex.filter_language import FilterOptions, compile_filter, parse_instant


@pytest.mark.parametrize(
    ("where", "sql", "values"),
    [
        ("email=a@b.example", '"email" = ?', ("a@b.example",)),
        ("firstName=Ana Maria", '"firstName" = ?', ("Ana Maria",)),
        ('firstName="Ana AND Maria"', '"firstName" = ?', ("Ana AND Maria",)),
        ("firstName=Tom and Jerry", '"firstName" = ?', ("Tom and Jerry",)),
        ("firstName<>Ana", '"firstName" <> ?', ("Ana",)),
        ("updatedIn is null", '"updatedIn" IS NULL', ()),
        ("updatedIn IS NOT NULL", '"updatedIn" IS NOT NULL', ()),
        ("createdIn > 2026-01-01", '"createdIn" > ?', ("2026-01-01T00:00:00.0000000Z",)),
        (
            "(firstName=Jon OR lastName=Smith) AND isNewsletterOptIn=true",
            '(("firstName" = ? OR "lastName" = ?) AND "isNewsletterOptIn" = ?)',
            ("Jon", "Smith", "true"),
        ),
        (
            "firstName=a OR firstName=b AND lastName=c",
            '("firstName" = ? OR ("firstName" = ? AND "lastName" = ?))',
            ("a", "b", "c"),
        ),
        (
            "createdIn between 2026-01-01T00:00:00Z AND 2026-01-02T00:00:00.5-03:00",
            '("createdIn" >= ? AND "createdIn" <= ?)',
            ("2026-01-01T00:00:00.0000000Z", "2026-01-02T03:00:00.5000000Z"),
        ),
    ],
)
def test_compile_filter__returns_sql_and_bound_values(where: str, sql: str, values: tuple[str, ...]) -> None:
    found = compile_filter(where, {}, FilterOptions())
    assert (found.sql, found.values, found.has_wildcard) == (sql, values, False)


def test_compile_filter__joins_parameters_and_where() -> None:
    found = compile_filter("userId=u", {"email": "a@b.example"}, FilterOptions())
    assert found.sql == '("email" = ? AND "userId" = ?)'


def test_compile_filter__reads_wildcards_and_escapes_other_signs() -> None:
    found = compile_filter("firstName=50%_*", {}, FilterOptions())
    assert (found.values, found.has_wildcard) == (("50\\%\\_%",), True)


@pytest.mark.parametrize(
    "where",
    ["email", "email=", "(email=a", "email=a)", "email=a AND", "OR email=a", "createdIn between 2026-01-01",
     "a b c",
     "()", "(" * 100 + "email=a" + ")" * 100, "email=a'; DROP TABLE client; --)"],
)  # fmt: skip
def test_compile_filter__refuses_other_syntax(where: str) -> None:
    with pytest.raises(VendorError) as raised:
        compile_filter(where, {}, FilterOptions())
    assert raised.value.status == 400


@pytest.mark.parametrize(
    "text", ["2026-13-01", "2026-01-01T25:00Z", "tomorrow", "2026-01-01T00:00:00.12345678Z"]
)
def test_parse_instant__refuses_other_forms(text: str) -> None:
    with pytest.raises(VendorError):
        parse_instant(text)
