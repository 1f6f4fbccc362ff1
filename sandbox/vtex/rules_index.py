# ruff: noqa: S608 - the SQL is put together from names of ours; values are bound
"""Reading CL through its index: search with its windows, scroll with its tokens and slots."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sandbox.core.clock import Clock
from sandbox.core.database import Database
from sandbox.shop.instants import text
from sandbox.vtex.errors import message
from sandbox.vtex.fields import FIELDS, json_of
from sandbox.vtex.filter_language import Condition, Options, compiled
from sandbox.vtex.knobs import VtexKnobs
from sandbox.vtex.rules_documents import Documents

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
        self.forget()

    def forget(self) -> None:
        """What is remembered beside the tables: wildcard use, and how many pages were served."""
        self._wildcards: list[datetime] = []
        self._blocked_until: datetime | None = None
        self._unsorted = 0
        self._first_calls = 0

    def search(self, query: Query, asked: str | None) -> Page:
        """One window. Without `_sort` every answer has an order of its own: pages overlap and leave gaps."""
        first, last = self._range(asked)
        condition = self._condition(query, blocked_status=503)
        with self._database.transaction():
            self._documents.settle()
            total = self._count(condition)
            order = self._order(query.sort) or self._shuffled()
            window = f"LIMIT {last - first} OFFSET {first}"
            inner = f"SELECT * FROM client WHERE {condition.sql} ORDER BY {order} {window}"
            body = self._json(f"SELECT {json_of(query.fields)} FROM ({inner})", condition.values)
        shown = min(total, self._knobs.md_total_at_most or total)
        return Page(body, shown, first, min(last, max(total, first)))

    def open_scroll(self, query: Query, size: int | None) -> Page:
        """The first page. Which documents it has is settled here; what they say, page by page."""
        condition = self._condition(query, blocked_status=429)
        printed = json_of(query.fields)
        with self._database.transaction() as connection:
            self._documents.settle()
            self._take_slot()
            token, now = uuid4().hex.upper(), text(self._clock.now())
            place = f"row_number() OVER (ORDER BY {self._order(query.sort) or 'row'}) - 1"
            ranked = f"SELECT '{token}', {place}, row FROM client"
            total = connection.execute(
                f"INSERT INTO scroll_row {ranked} WHERE {condition.sql}", condition.values
            ).rowcount
            wanted = min(size or SCROLL_MOST, SCROLL_MOST)
            self._perhaps_408(wanted, total)
            connection.execute(
                "INSERT INTO scroll VALUES (?, ?, ?, ?, 0, ?)", (token, now, wanted, printed, total)
            )
            return self._next_page(token)

    def continue_scroll(self, token: str) -> Page:
        """The next page, by the first call's size, filter and fields. Each call renews the token's life."""
        with self._database.transaction():
            self._documents.settle()
            self._end_idle_scrolls()
            return self._next_page(token)

    def _next_page(self, token: str) -> Page:
        scroll = self._database.row("SELECT * FROM scroll WHERE token = ?", (token,))
        if scroll is None:
            raise message(400, f"Operation not found for this token: '{token}'")
        first, last = scroll["next"], min(scroll["next"] + scroll["size"], scroll["total"])
        body = self._json(
            f"SELECT {scroll['fields']} FROM scroll_row CROSS JOIN client USING (row)"
            " WHERE token = ? AND place >= ? AND place < ? ORDER BY place",
            (token, first, last),
        )
        self._database.execute(
            "UPDATE scroll SET used = ?, next = ? WHERE token = ?", (text(self._clock.now()), last, token)
        )
        if first >= scroll["total"] and self._knobs.scroll_slot_freed_at_end:
            self._end_scroll(token)
        return Page(body, scroll["total"], first, last, token)

    def _take_slot(self) -> None:
        self._end_idle_scrolls()
        slots = self._knobs.scroll_slots
        if self._database.value("SELECT count(*) FROM scroll") >= slots:
            raise message(400, f"Maximum simultaneous scrolls rate exceeded ({slots})")

    def _end_idle_scrolls(self) -> None:
        """There is no close call: a scroll ends when nobody has asked for a page long enough."""
        limit = text(self._clock.now() - timedelta(seconds=self._knobs.scroll_idle_seconds))
        for row in self._database.rows("SELECT token FROM scroll WHERE used < ?", (limit,)):
            self._end_scroll(row["token"])

    def _end_scroll(self, token: str) -> None:
        self._database.execute("DELETE FROM scroll WHERE token = ?", (token,))
        self._database.execute("DELETE FROM scroll_row WHERE token = ?", (token,))

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

    def _shuffled(self) -> str:
        self._unsorted += 1
        return (
            f"(row * 2654435761 + {self._unsorted} * 40503) % 4294967291 * (row + {self._unsorted}) % 1000003"
        )

    def _count(self, condition: Condition) -> int:
        found: int = self._database.value(
            f"SELECT count(*) FROM client WHERE {condition.sql}", condition.values
        )
        return found

    def _json(self, sql: str, values: tuple[Any, ...]) -> str:
        """SQLite prints the array: no Python per document."""
        rows = self._database.rows(sql, values)
        return "[" + ",".join([row[0] for row in rows]) + "]"
