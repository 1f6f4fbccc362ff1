"""The complete list of product ids, by positions that move while products come and go."""

from __future__ import annotations

import logging
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from include.errors import ContractError, TemporaryError
from include.http.parallel import in_parallel
from include.vtex import limits
from include.vtex.client import VtexClient

log = logging.getLogger(__name__)

# Pages read one after the other do not mind what is added before them; eight at once may.
_WORKERS_BY_READING = (8, 1, 1)
_MOST_PRODUCTS = 10_000_000


class _Page(NamedTuple):
    products: dict[str, list[int]]
    total: int


def complete_list(vtex: VtexClient) -> dict[str, list[int]]:
    """Every product of the account, hidden ones too: {product id: its SKU ids}.

    A list that is not seen to be complete is read anew. Raises TemporaryError when it stays so: a short list
    would look like withdrawn products.
    """
    for workers in _WORKERS_BY_READING:
        pages = _read(vtex, workers)
        listed = {key: skus for page in pages for key, skus in page.products.items()}
        announced = min(page.total for page in pages)
        if len(listed) >= announced and not _slipped(pages):
            return listed
        log.warning(
            "the list of ids is read anew: %s of %s products came, or some moved out of sight meanwhile",
            f"{len(listed):,}",
            f"{announced:,}",
        )
    raise TemporaryError(
        f"VTEX, product id list: {len(listed)} of {announced} products came, or some moved out of sight, "
        f"{len(_WORKERS_BY_READING)} times. Nothing was sent: a short list must not look like a withdrawal. "
        "Retry the task later"
    )


def _read(vtex: VtexClient, workers: int) -> list[_Page]:
    """Pages that overlap by one position, on until they reach the end that VTEX names last, or until a page
    before it is empty or repeats its neighbour: then the list is not complete, however long it is read."""
    pages = [_page(vtex, 1)]
    while (reached := len(pages) * _step() + 1) < pages[-1].total:
        starts = range(reached, pages[-1].total, _step())
        for _, page in in_parallel(partial(_page, vtex), starts, workers=workers):
            pages.append(page)
            if not page.products or page.products == pages[-2].products:
                log.warning("the list of ids stops at position %s of %s", f"{reached:,}", f"{page.total:,}")
                return pages
            if len(pages) * _step() > _MOST_PRODUCTS:
                raise ContractError(
                    f"VTEX, product id list: it announces {page.total:,} products and does not end after "
                    f"{_MOST_PRODUCTS:,}. Nothing was sent. Ask VTEX's support"
                )
    log.info("%s products are listed", f"{pages[-1].total:,}")
    return pages


def _page(vtex: VtexClient, first: int) -> _Page:
    return _Page(*vtex.product_ids(first, first + _step()))


def _step() -> int:
    return limits.PRODUCT_IDS_PAGE - 1


def _slipped(pages: list[_Page]) -> bool:
    """Whether neighbours have nothing in common: what went before them has moved others past the seam."""
    return any(not one.products.keys() & other.products.keys() for one, other in pairwise(pages))
