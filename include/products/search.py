"""Every listed product by catalogue search, staged part by part; what an answer lacks is asked for again."""

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
from include.http.parallel import in_parallel
from include.pipeline.progress import Progress
from include.products.mapping import ProductRules, essentials, without_offer
from include.staging import Staging
from include.values.shapes import key_of
from include.vtex import limits
from include.vtex.client import VtexClient

log = logging.getLogger(__name__)

PART = "part-"
CALLS_A_PART = 20
_WORKERS = 12
# Beside its 50 new ids a call asks for some that an earlier answer lacked: 75 ids are 1.8 KB of URL.
_AGAIN_BESIDE_NEW = 25


class Found(NamedTuple):
    """An answered product: `json` is what is used of it, `wanting` the records of it that have no offer."""

    key: str
    json: bytes
    wanting: bytes | None


class _Question(NamedTuple):
    new: list[str]
    again: list[str]


class _Answer(NamedTuple):
    products: list[Found]
    unseen: list[str]


def found(products: Iterable[dict[str, Any]], rules: ProductRules) -> list[Found]:
    """Answered products as they are staged; ContractError for one without an id."""
    return [_found(product, rules) for product in products]


def _found(product: dict[str, Any], rules: ProductRules) -> Found:
    wanting = without_offer([product], rules)
    return Found(
        key_of(product, "productId"),
        orjson.dumps(essentials(product)),
        orjson.dumps(wanting) if wanting else None,
    )


def write_part(target: Staging, name: str, products: Iterable[Found], unseen: Iterable[str] = ()) -> None:
    """Stage products, and the ids (`json` null) that were asked for and not shown."""
    rows = [*products, *(Found(key, b"", None) for key in unseen)]
    columns = {
        "productId": pa.array([row.key for row in rows], pa.string()),
        "shown": pa.array([bool(row.json) for row in rows], pa.bool_()),
        "json": pa.array([row.json or None for row in rows], pa.large_binary()),
        "wanting": pa.array([row.wanting for row in rows], pa.large_binary()),
    }
    target.write_table(name, pa.table(columns))


def products_in(source: Staging, name: str) -> list[dict[str, Any]]:
    """The products of one part as search answered them, without what nobody uses."""
    return [orjson.loads(encoded) for encoded in _values(source, name, "json")]


def wanting_in(source: Staging) -> Iterator[tuple[str, list[str]]]:
    """(key, SKU ids ascending) of all staged records that have no offer."""
    parts = (_values(source, name, "wanting") for name in source.names(PART))
    for encoded in chain.from_iterable(parts):
        yield from ((key, skus) for key, skus in orjson.loads(encoded))


def _values(source: Staging, name: str, column: str) -> list[bytes]:
    values: list[bytes] = source.read_table(name, [column])[column].drop_null().to_pylist()
    return values


class CatalogueSearch:
    """Asks for all `ids`, 50 new ones a call, and once more, later, for each that its answer lacked.

    The second time costs hardly a call of its own: it goes along with the next ones. Parts that are staged
    hold what was asked and what was shown, so that another attempt goes on from there.
    """

    def __init__(self, vtex: VtexClient, target: Staging, ids: Iterable[str], rules: ProductRules) -> None:
        self._vtex, self._target, self._rules = vtex, target, rules
        self.shown: set[str] = set()
        self._lacked: Counter[str] = Counter()  # how often an answer had room for it and lacked it
        staged = target.names(PART)
        self._parts = len(staged)
        for name in staged:
            part = target.read_table(name, ["productId", "shown"])
            self.shown.update(part.filter(part["shown"])["productId"].to_pylist())
            self._lacked.update(part.filter(pc.invert(part["shown"]))["productId"].to_pylist())
        self._new = deque(key for key in ids if key not in self.shown and key not in self._lacked)
        self._again = deque(
            key for key, times in self._lacked.items() if times == 1 and key not in self.shown
        )

    def read(self) -> None:
        """Stage what is not staged yet; then `shown` holds the ids of all products that search shows."""
        progress = Progress(log, "products", len(self._new))
        if self.shown:
            log.info("%s products were read by an earlier attempt", f"{len(self.shown):,}")
        while self._new or self._again:
            answers = in_parallel(self._ask, self._questions(), workers=_WORKERS)
            resolved = (self._resolve(question, products, progress) for question, products in answers)
            for some in in_batches(resolved, CALLS_A_PART):
                self._stage(some)
        log.info("%s", progress.line())

    def _questions(self) -> Iterator[_Question]:
        """Drawn while answers come in: what they lack goes along with the next new ids, or alone."""
        if not self._new:
            rest = [*self._again]
            self._again.clear()
            yield from (_Question([], page) for page in in_batches(rest, limits.PRODUCT_SEARCH_PAGE))
        while self._new:
            new = _taken(self._new, limits.PRODUCT_SEARCH_PAGE)
            yield _Question(new, _taken(self._again, _AGAIN_BESIDE_NEW))

    def _ask(self, question: _Question) -> list[Found]:
        return found(self._vtex.search_products(question.new + question.again), self._rules)

    def _resolve(self, question: _Question, products: list[Found], progress: Progress) -> _Answer:
        asked = question.new + question.again
        shown = {product.key for product in products}
        unseen = [key for key in asked if key not in shown]
        self.shown |= shown
        progress.add(len(question.new))
        if len(products) >= limits.PRODUCT_SEARCH_PAGE < len(asked):
            self._again.extend(unseen)  # an answer without room says nothing of them
            return _Answer(products, [])
        self._lacked.update(unseen)
        self._again.extend(key for key in unseen if self._lacked[key] == 1)
        return _Answer(products, unseen)

    def _stage(self, answers: list[_Answer]) -> None:
        self._parts += 1
        products = chain.from_iterable(answer.products for answer in answers)
        unseen = chain.from_iterable(answer.unseen for answer in answers)
        write_part(self._target, f"{PART}{self._parts:05}.parquet", products, unseen)


def _taken(ids: deque[str], most: int) -> list[str]:
    return [ids.popleft() for _ in range(min(most, len(ids)))]
