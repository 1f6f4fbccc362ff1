"""Read the complete list of product ids. Its positions move when the shop adds or removes products."""

from __future__ import annotations

import logging
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from include.errors import ContractError, TemporaryError
from include.http.calls import in_parallel
from include.values.wording import plural
from include.vtex import limits
from include.vtex.client import VtexClient

log = logging.getLogger(__name__)

# A product that is added before a page may disturb pages that are read in parallel, but not in sequence.
_WORKERS_BY_ATTEMPT = (8, 1, 1)
_MOST_PRODUCTS = 10_000_000


class _Page(NamedTuple):
    products: dict[str, list[int]]
    total: int


def complete_list(vtex: VtexClient) -> dict[str, list[int]]:
    """All products of the account, also hidden ones: {product id: its SKU ids}.

    Repeats a list that may be incomplete; TemporaryError after too many attempts, because a short list would
    look like withdrawn products.
    """
    for workers in _WORKERS_BY_ATTEMPT:
        pages = _read(vtex, workers)
        listed = {key: skus for page in pages for key, skus in page.products.items()}
        announced = min(page.total for page in pages)
        if len(listed) >= announced and not _has_gap(pages):
            return listed
        log.warning(
            "the list of product ids is repeated: got %s of %s products, or some moved between pages",
            f"{len(listed):,}",
            f"{announced:,}",
        )
    raise TemporaryError(
        f"VTEX, list of product ids: got {len(listed)} of {announced} products, or some moved between pages, "
        f"{len(_WORKERS_BY_ATTEMPT)} times. Nothing was sent: a short list must not look like a withdrawal. "
        "Retry the task later"
    )


def _read(vtex: VtexClient, workers: int) -> list[_Page]:
    """Pages that overlap by one position, up to the total that VTEX announces last.

    The pages end early if one is empty or repeats the page before it. Then the list is not complete.
    """
    pages = [_page(vtex, 1)]
    while (reached := len(pages) * _step() + 1) < pages[-1].total:
        starts = range(reached, pages[-1].total, _step())
        for _, page in in_parallel(partial(_page, vtex), starts, workers=workers):
            pages.append(page)
            if not page.products or page.products == pages[-2].products:
                position = (len(pages) - 1) * _step() + 1
                log.warning(
                    "the list of product ids stops at position %s of %s", f"{position:,}", f"{page.total:,}"
                )
                return pages
            if len(pages) * _step() > _MOST_PRODUCTS:
                raise ContractError(
                    f"VTEX, product id list: VTEX announces {page.total:,} products, and the list does not "
                    f"end after {_MOST_PRODUCTS:,}. Nothing was sent. Ask VTEX's support"
                )
    log.info("VTEX lists %s", plural(pages[-1].total, "product"))
    return pages


def _page(vtex: VtexClient, first: int) -> _Page:
    return _Page(*vtex.product_ids(first, first + _step()))


def _step() -> int:
    return limits.PRODUCT_IDS_PAGE - 1


def _has_gap(pages: list[_Page]) -> bool:
    """Whether two adjacent pages share no product: products may have moved past their border unseen."""
    return any(not one.products.keys() & other.products.keys() for one, other in pairwise(pages))
