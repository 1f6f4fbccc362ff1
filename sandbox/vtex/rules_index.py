# ruff: noqa: S608 - the SQL is put together from names of ours; values are bound
"""Reading CL through its index: search with its windows, scroll with its tokens and slots."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from sandbox.core.clock import Clock
from sandbox.core.database import Database
from sandbox.vtex.errors import message
from sandbox.vtex.fields import FIELDS, json_of
from sandbox.vtex.filter_language import Condition, Options, compiled
from sandbox.vtex.knobs import VtexKnobs
from sandbox.vtex.rules_documents import Documents
from sandbox.vtex.scrolls import Scroll, Scrolls

WINDOW = 10_000
SCROLL_MOST = 1_000
BLOCKED = "Wildcard queries temporarily blocked due to excessive usage."


@dataclass(frozen=True)
class Query:
    """What both ways of reading take: `_where`, plain `field=value`, `_fields`, `_sort`, `_keyword`."""

    where: str | None = None
    equals: Mapping[str, str] = field(default_factory=dict)
    fields: str | None = None
    sort: str | None = None
    keyword: str | None = None


@dataclass(frozen=True)
class Page:
    """A page of documents as JSON text, with what the headers say."""

    body: str
    total: int
    first: int = 0
    last: int = 0
    token: str = ""


class Index:
    """Search and scroll. All methods are thread-safe through the database's lock."""

    def __init__(self, documents: Documents, database: Database, clock: Clock, knobs: VtexKnobs) -> None:
        self._documents, self._database, self._clock, self._knobs = documents, database, clock, knobs
        self._scrolls = Scrolls(clock, knobs)
        self.forget()

    @property
    def open_scrolls(self) -> int:
        return len(self._scrolls)

    def forget(self) -> None:
        """What is remembered beside the tables: scrolls, wildcard use, and how many pages were served."""
        self._scrolls.clear()
        self._wildcards: list[datetime] = []
        self._blocked_until: datetime | None = None
        self._unsorted = 0
        self._first_calls = 0

    def search(self, query: Query, asked: str | None) -> Page:
        """One window. Without `_sort` every answer has an order of its own: pages overlap and leave gaps."""
        first, last = self._range(asked)
        condition = self._condition(query, blocked_status=503)
        printed = json_of(query.fields)
        with self._database.transaction():
            self._documents.settle()
            total = self._count(condition)
            # All that a search can show is in the window: only as many are put in an order that changes.
            found = f"SELECT row FROM client WHERE {condition.sql}"
            order = self._order(query.sort)
            ordered = f"{found} ORDER BY {order}" if order else self._shuffled(f"{found} LIMIT {WINDOW}")
            rows = self._rows(f"{ordered} LIMIT {last - first} OFFSET {first}", condition.values)
            body = self._printed(rows, printed)
        shown = min(total, self._knobs.md_total_at_most or total)
        return Page(body, shown, first, min(last, max(total, first)))

    def open_scroll(self, query: Query, size: int | None) -> Page:
        """The first page. Which documents it has is settled here; what they say, page by page."""
        condition = self._condition(query, blocked_status=429)
        printed = json_of(query.fields)
        order = self._order(query.sort)
        with self._database.transaction():
            self._documents.settle()
            self._scrolls.check_slot()
            found = f"SELECT row FROM client WHERE {condition.sql}"
            rows = self._rows(f"{found} ORDER BY {order}" if order else found, condition.values)
            wanted = min(size or SCROLL_MOST, SCROLL_MOST)
            self._perhaps_408(wanted, len(rows))
            return self._next_page(self._scrolls.begin(rows if order else sorted(rows), wanted, printed))

    def continue_scroll(self, token: str) -> Page:
        """The next page, by the first call's size, filter and fields. Each call renews the token's life."""
        with self._database.transaction():
            self._documents.settle()
            return self._next_page(self._scrolls.find(token))

    def _next_page(self, scroll: Scroll) -> Page:
        first, rows = scroll.next, scroll.take(self._clock.now())
        if not rows and self._knobs.scroll_slot_freed_at_end:
            self._scrolls.end(scroll)
        body = self._printed(rows.tolist(), scroll.printed)
        return Page(body, len(scroll.rows), first, scroll.next, scroll.token)

    def _perhaps_408(self, size: int, total: int) -> None:
        self._first_calls += 1
        share = self._knobs.scroll_408_share
        fails = int(self._first_calls * share) > int((self._first_calls - 1) * share)
        if size > 250 and total >= self._knobs.scroll_large_entity and fails:
            raise message(408, "Request Timeout")

    def _condition(self, query: Query, *, blocked_status: int) -> Condition:
        options = Options(self._knobs.md_between, self._knobs.md_email_case, self._knobs.md_not_filterable)
        condition = compiled(query.where, query.equals, options)
        if query.keyword is not None:
            likes = " OR ".join(f'"{name}" LIKE ?' for name in ("email", "firstName", "lastName"))
            values = (*condition.values, *[f"%{query.keyword.strip('*')}%"] * 3)
            condition = Condition(f"{condition.sql} AND ({likes})", values, True)
        if condition.has_wildcard:
            self._count_wildcard(blocked_status)
        return condition

    def _count_wildcard(self, blocked_status: int) -> None:
        """Too many of them in a minute, and all of them are refused for a while."""
        now = self._clock.now()
        with self._database.lock:
            recent = [used for used in self._wildcards if now - used < timedelta(seconds=60)]
            self._wildcards = [*recent, now]
            if len(self._wildcards) > self._knobs.md_wildcards_allowed:
                self._blocked_until = now + timedelta(seconds=self._knobs.md_wildcard_block_seconds)
                self._wildcards = []
            if self._blocked_until is not None and now < self._blocked_until:
                raise message(blocked_status, BLOCKED)

    def _range(self, asked: str | None) -> tuple[int, int]:
        """REST-Range, `resources=0-100`; the end is exclusive. 15 documents without it."""
        if asked is None:
            return 0, 15
        name, _, numbers = asked.partition("=")
        low, _, high = numbers.partition("-")
        if name.strip() != "resources" or not (low.isdigit() and high.isdigit()) or int(low) > int(high):
            raise message(400, "Invalid REST-Range header")
        first, last = int(low), int(high)
        if last - first > 100 and self._knobs.md_range_over_100 == "reject":
            raise message(400, "REST-Range: at most 100 resources")
        if self._knobs.md_range_over_100 == "clamp":
            last = min(last, first + 100)
        if last > WINDOW:
            raise message(400, f"The search returns at most {WINDOW} documents. Use scroll.")
        return first, last

    def _order(self, sort: str | None) -> str:
        if not sort:
            return ""
        name, _, way = sort.strip().partition(" ")
        if name not in FIELDS or way.upper() not in ("", "ASC", "DESC"):
            raise message(400, f"Invalid _sort: '{sort}'")
        return f'"{name}" {way or "ASC"}, row'

    def _shuffled(self, found: str) -> str:
        self._unsorted += 1
        order = f"(row * 2654435761 + {self._unsorted} * 40503) % 4294967291 * (row + {self._unsorted})"
        return f"SELECT row FROM ({found}) ORDER BY {order} % 1000003"

    def _count(self, condition: Condition) -> int:
        found: int = self._database.value(
            f"SELECT count(*) FROM client WHERE {condition.sql}", condition.values
        )
        return found

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[int]:
        rows: list[int] = orjson.loads(
            self._database.value(f"SELECT json_group_array(row) FROM ({sql})", values)
        )
        return rows

    def _printed(self, rows: list[int], printed: str) -> str:
        """The documents of these rows, in this order, as a JSON array. SQLite prints it in one step: a step
        for each would take and give back Python's lock a thousand times a page."""
        documents = (
            f"SELECT {printed} AS document FROM json_each(?) AS place"
            " CROSS JOIN client ON client.row = place.value ORDER BY place.key"
        )
        listed = self._database.value(
            f"SELECT group_concat(document) FROM ({documents})", (orjson.dumps(rows).decode(),)
        )
        return f"[{listed or ''}]"
