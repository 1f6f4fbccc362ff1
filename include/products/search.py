"""Read all listed products by catalogue search, part by part. It requests missing products twice."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from include.batching import in_batches
from include.http.calls import in_parallel
from include.pipeline.progress import Progress
from include.products.mapping import ProductRules, used_fields, without_offer
from include.staging import Staging
from include.values.shapes import key_of
from include.values.wording import plural
from include.vtex import limits
from include.vtex.client import VtexClient

log = logging.getLogger(__name__)

PART = "part-"
CALLS_A_PART = 20
_WORKERS = 12
# A call asks for 50 new ids, and for some ids that an earlier answer did not have: 75 ids are 1.8 KB of URL.
_REPEATED_PER_CALL = 25


class StagedProduct(NamedTuple):
    """A product as it is staged.

    `json` holds its used fields, `without_offer` its records without an offer.
    """

    key: str
    json: bytes
    without_offer: bytes | None


class _Question(NamedTuple):
    new: list[str]
    repeated: list[str]


class _Answer(NamedTuple):
    products: list[StagedProduct]
    unseen: list[str]


def to_staged(products: Iterable[dict[str, Any]], rules: ProductRules) -> list[StagedProduct]:
    """Answered products in the form for staging; ContractError for a product without an id."""
    return [_to_staged(product, rules) for product in products]


def _to_staged(product: dict[str, Any], rules: ProductRules) -> StagedProduct:
    unavailable = without_offer([product], rules)
    return StagedProduct(
        key_of(product, "productId"),
        orjson.dumps(used_fields(product)),
        orjson.dumps(unavailable) if unavailable else None,
    )


def write_part(
    target: Staging, name: str, products: Iterable[StagedProduct], unseen: Iterable[str] = ()
) -> None:
    """Stage products, and the ids that were requested but not shown (their `json` is null)."""
    rows = [*products, *(StagedProduct(key, b"", None) for key in unseen)]
    columns = {
        "productId": pa.array([row.key for row in rows], pa.string()),
        "shown": pa.array([bool(row.json) for row in rows], pa.bool_()),
        "json": pa.array([row.json or None for row in rows], pa.large_binary()),
        "without_offer": pa.array([row.without_offer for row in rows], pa.large_binary()),
    }
    target.write_table(name, pa.table(columns))


def products_in(source: Staging, name: str) -> list[dict[str, Any]]:
    """The products of one part with their used fields."""
    return [orjson.loads(encoded) for encoded in _values(source, name, "json")]


def records_without_offer(source: Staging) -> Iterator[tuple[str, list[str]]]:
    """(key, SKU ids ascending) of all staged records that have no offer."""
    parts = (_values(source, name, "without_offer") for name in source.names(PART))
    for encoded in chain.from_iterable(parts):
        yield from ((key, skus) for key, skus in orjson.loads(encoded))


def _values(source: Staging, name: str, column: str) -> list[bytes]:
    values: list[bytes] = source.read_table(name, [column])[column].drop_null().to_pylist()
    return values


class CatalogueSearch:
    """Requests all `ids`, 50 new ones per call, and once more each id that its answer did not have.

    The second request is part of a later call, so it costs hardly a call. Staged parts hold the requested and
    the shown ids, so a retry continues from there.
    """

    def __init__(self, vtex: VtexClient, target: Staging, ids: Iterable[str], rules: ProductRules) -> None:
        self._vtex, self._target, self._rules = vtex, target, rules
        self.shown: set[str] = set()
        self._misses: Counter[str] = Counter()  # id → how often a complete answer did not have it
        staged = target.names(PART)
        self._parts = len(staged)
        for name in staged:
            part = target.read_table(name, ["productId", "shown"])
            self.shown.update(part.filter(part["shown"])["productId"].to_pylist())
            self._misses.update(part.filter(pc.invert(part["shown"]))["productId"].to_pylist())
        self._new = deque(key for key in ids if key not in self.shown and key not in self._misses)
        self._to_repeat = deque(
            key for key, times in self._misses.items() if times == 1 and key not in self.shown
        )

    def read(self) -> None:
        """Stage what is missing. Afterwards `shown` has the ids of all products that search shows."""
        progress = Progress(log, "products", len(self._new))
        if self.shown:
            log.info("an earlier attempt read %s", plural(len(self.shown), "product"))
        while self._new or self._to_repeat:
            answers = in_parallel(self._ask, self._questions(), workers=_WORKERS)
            resolved = (self._resolve(question, products, progress) for question, products in answers)
            for some in in_batches(resolved, CALLS_A_PART):
                self._stage(some)
        log.info("%s", progress.line())

    def _questions(self) -> Iterator[_Question]:
        """Ids for each call, chosen while answers arrive. Missing ids are added to the next new ids, or are
        requested alone at the end."""
        if not self._new:
            rest = [*self._to_repeat]
            self._to_repeat.clear()
            yield from (_Question([], page) for page in in_batches(rest, limits.PRODUCT_SEARCH_PAGE))
        while self._new:
            new = _take(self._new, limits.PRODUCT_SEARCH_PAGE)
            yield _Question(new, _take(self._to_repeat, _REPEATED_PER_CALL))

    def _ask(self, question: _Question) -> list[StagedProduct]:
        return to_staged(self._vtex.search_products(question.new + question.repeated), self._rules)

    def _resolve(self, question: _Question, products: list[StagedProduct], progress: Progress) -> _Answer:
        asked = question.new + question.repeated
        shown = {product.key for product in products}
        unseen = [key for key in asked if key not in shown]
        self.shown |= shown
        progress.add(len(question.new))
        if len(products) >= limits.PRODUCT_SEARCH_PAGE < len(asked):
            self._to_repeat.extend(unseen)  # a full answer may have left them out
            return _Answer(products, [])
        self._misses.update(unseen)
        self._to_repeat.extend(key for key in unseen if self._misses[key] == 1)
        return _Answer(products, unseen)

    def _stage(self, answers: list[_Answer]) -> None:
        self._parts += 1
        products = chain.from_iterable(answer.products for answer in answers)
        unseen = chain.from_iterable(answer.unseen for answer in answers)
        write_part(self._target, f"{PART}{self._parts:05}.parquet", products, unseen)


def _take(ids: deque[str], most: int) -> list[str]:
    return [ids.popleft() for _ in range(min(most, len(ids)))]
