# ruff: noqa: S608 - the SQL consists of our own names; values are bound
"""The index of CL: search with its windows, scroll with its tokens and slots."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from sandbox.core.clock import Clock
from sandbox.core.database import Database
from sandbox.vtex.errors import message_error
from sandbox.vtex.fields import FIELDS, json_expression
from sandbox.vtex.filter_language import Condition, FilterOptions, compile_filter
from sandbox.vtex.knobs import VtexKnobs
from sandbox.vtex.rules_documents import Documents
from sandbox.vtex.scrolls import Scroll, Scrolls

MOST_SEARCH = 10_000
MOST_SCROLL_PAGE = 1_000
BLOCKED = "Wildcard queries temporarily blocked due to excessive usage."


@dataclass(frozen=True)
class Query:
    """The parameters of search and scroll: `_where`, `field=value`, `_fields`, `_sort`, `_keyword`."""

    where: str | None = None
    equals: Mapping[str, str] = field(default_factory=dict)
    fields: str | None = None
    sort: str | None = None
    keyword: str | None = None


@dataclass(frozen=True)
class Page:
    """A page of documents as JSON text, with the values of its headers."""

    body: str
    total: int
    first: int = 0
    last: int = 0
    token: str = ""


class Index:
    """Search and scroll. Thread-safe: every method takes the database's lock."""

    def __init__(self, documents: Documents, database: Database, clock: Clock, knobs: VtexKnobs) -> None:
        self._documents, self._database, self._clock, self._knobs = documents, database, clock, knobs
        self._scrolls = Scrolls(clock, knobs)
        self.reset()

    @property
    def open_scrolls(self) -> int:
        return len(self._scrolls)

    def reset(self) -> None:
        """Forgets the state outside the tables: scrolls, wildcard queries and counters."""
        self._scrolls.clear()
        self._wildcards: list[datetime] = []
        self._blocked_until: datetime | None = None
        self._unsorted_searches = 0
        self._scrolls_opened = 0

    def search(self, query: Query, rest_range: str | None) -> Page:
        """One window. Without `_sort` each answer has a different order: pages overlap and leave gaps."""
        first, last = self._range(rest_range)
        condition = self._condition(query, blocked_status=503)
        expression = json_expression(query.fields)
        with self._database.transaction():
            self._documents.apply_writes()
            total = self._count(condition)
            matching = f"SELECT row FROM client WHERE {condition.sql}"
            order = self._order(query.sort)
            ordered = f"{matching} ORDER BY {order}" if order else self._shuffle(matching)
            rows = self._rows(f"{ordered} LIMIT {last - first} OFFSET {first}", condition.values)
            body = self._print(rows, expression)
        shown = min(total, self._knobs.md_total_at_most or total)
        return Page(body, shown, first, min(last, max(total, first)))

    def open_scroll(self, query: Query, size: int | None) -> Page:
        """The first page. The first call fixes which documents the scroll has, but not their contents."""
        condition = self._condition(query, blocked_status=429)
        expression = json_expression(query.fields)
        order = self._order(query.sort)
        with self._database.transaction():
            self._documents.apply_writes()
            self._scrolls.check_slot()
            matching = f"SELECT row FROM client WHERE {condition.sql}"
            rows = self._rows(f"{matching} ORDER BY {order}" if order else matching, condition.values)
            page_size = min(size or MOST_SCROLL_PAGE, MOST_SCROLL_PAGE)
            self._check_timeout(page_size, len(rows))
            scroll = self._scrolls.open(rows if order else sorted(rows), page_size, expression)
            return self._next_page(scroll)

    def continue_scroll(self, token: str) -> Page:
        """The next page, with the first call's size, filter and fields. Each call renews the token."""
        with self._database.transaction():
            self._documents.apply_writes()
            return self._next_page(self._scrolls.find(token))

    def _next_page(self, scroll: Scroll) -> Page:
        first, rows = scroll.next, scroll.take(self._clock.now())
        if not rows and self._knobs.scroll_slot_freed_at_end:
            self._scrolls.close(scroll)
        body = self._print(rows.tolist(), scroll.expression)
        return Page(body, len(scroll.rows), first, scroll.next, scroll.token)

    def _check_timeout(self, size: int, total: int) -> None:
        """408 for the share of large first calls that the knob `scroll_408_share` sets."""
        self._scrolls_opened += 1
        share = self._knobs.scroll_408_share
        fails = int(self._scrolls_opened * share) > int((self._scrolls_opened - 1) * share)
        if size > 250 and total >= self._knobs.scroll_large_entity and fails:
            raise message_error(408, "Request Timeout")

    def _condition(self, query: Query, *, blocked_status: int) -> Condition:
        knobs = self._knobs
        options = FilterOptions(knobs.md_between, knobs.md_email_case, knobs.md_not_filterable)
        condition = compile_filter(query.where, query.equals, options)
        if query.keyword is not None:
            likes = " OR ".join(f'"{name}" LIKE ?' for name in ("email", "firstName", "lastName"))
            values = (*condition.values, *[f"%{query.keyword.strip('*')}%"] * 3)
            condition = Condition(f"{condition.sql} AND ({likes})", values, True)
        if condition.has_wildcard:
            self._count_wildcard(blocked_status)
        return condition

    def _count_wildcard(self, blocked_status: int) -> None:
        """After too many wildcard queries in a minute, all of them are refused for some time."""
        now = self._clock.now()
        with self._database.lock:
            recent = [at for at in self._wildcards if now - at < timedelta(seconds=60)]
            self._wildcards = [*recent, now]
            if len(self._wildcards) > self._knobs.md_wildcards_allowed:
                self._blocked_until = now + timedelta(seconds=self._knobs.md_wildcard_block_seconds)
                self._wildcards = []
            if self._blocked_until is not None and now < self._blocked_until:
                raise message_error(blocked_status, BLOCKED)

    def _range(self, rest_range: str | None) -> tuple[int, int]:
        """Reads REST-Range: `resources=0-100`, without the end. Without the header: 15 documents."""
        if rest_range is None:
            return 0, 15
        name, _, numbers = rest_range.partition("=")
        low, _, high = numbers.partition("-")
        if name.strip() != "resources" or not (low.isdigit() and high.isdigit()) or int(low) > int(high):
            raise message_error(400, "Invalid REST-Range header")
        first, last = int(low), int(high)
        if last - first > 100 and self._knobs.md_range_over_100 == "reject":
            raise message_error(400, "REST-Range: at most 100 resources")
        if self._knobs.md_range_over_100 == "clamp":
            last = min(last, first + 100)
        if last > MOST_SEARCH:
            raise message_error(400, f"The search returns at most {MOST_SEARCH} documents. Use scroll.")
        return first, last

    def _order(self, sort: str | None) -> str:
        if not sort:
            return ""
        name, _, direction = sort.strip().partition(" ")
        if name not in FIELDS or direction.upper() not in ("", "ASC", "DESC"):
            raise message_error(400, f"Invalid _sort: '{sort}'")
        return f'"{name}" {direction or "ASC"}, row'

    def _shuffle(self, matching: str) -> str:
        """Orders the rows in a different way for each search: only as many rows as a search can show."""
        self._unsorted_searches += 1
        salt = self._unsorted_searches
        order = f"(row * 2654435761 + {salt} * 40503) % 4294967291 * (row + {salt})"
        return f"SELECT row FROM ({matching} LIMIT {MOST_SEARCH}) ORDER BY {order} % 1000003"

    def _count(self, condition: Condition) -> int:
        count: int = self._database.value(
            f"SELECT count(*) FROM client WHERE {condition.sql}", condition.values
        )
        return count

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[int]:
        rows: list[int] = orjson.loads(
            self._database.value(f"SELECT json_group_array(row) FROM ({sql})", values)
        )
        return rows

    def _print(self, rows: list[int], expression: str) -> str:
        """The documents of `rows`, in this order, as a JSON array.

        One SQLite step prints the page. A step per document would take Python's lock a thousand times.
        """
        documents = (
            f"SELECT {expression} AS document FROM json_each(?) AS place"
            " CROSS JOIN client ON client.row = place.value ORDER BY place.key"
        )
        members = self._database.value(
            f"SELECT group_concat(document) FROM ({documents})", (orjson.dumps(rows).decode(),)
        )
        return f"[{members or ''}]"
