"""VTEX's limits and their sources (all read 2026-11-23)."""

from __future__ import annotations

from datetime import timedelta

# Master Data v1, scroll: `_size` at most 1000; 250 after a 408 (known issue: scroll sometimes returns 408).
SCROLL_PAGE = 1000
SCROLL_PAGE_AFTER_TIMEOUT = 250
TIMEOUTS_OF_A_LARGE_PAGE = 2
# Master Data v1, search: 100 documents a page by `REST-Range`, 15 without it.
SEARCH_PAGE = 100
# Master Data, extracting data with search and scroll: a search lists at most 10,000 documents of a query.
SEARCH_WINDOW = 10_000
# Master Data v1, scroll: 10 at once for the whole account, each in use until 20 minutes after its last call.
SCROLL_SLOTS_OF_THE_ACCOUNT = 10
SCROLLS_AT_ONCE = 4
SCROLL_IDLE_MINUTES = 20
# Catalog API: 250 products a page of GetProductAndSkuIds, by 1-based positions.
PRODUCT_IDS_PAGE = 250
# Search API: 50 products a call; 10 without `_from` and `_to`.
PRODUCT_SEARCH_PAGE = 50
# Orders API: 100 orders a page, 30 pages a query.
ORDERS_PAGE = 100
ORDERS_PER_QUERY = 3_000
# Our own limit of alternatives in one `_where`: about 3 KB of URL.
ALTERNATIVES_PER_FILTER = 50
# VTEX publishes no limit. Servers and proxies commonly accept 8 KB of request line (nginx's default buffers).
LONGEST_FILTER_BYTES = 7_500
# Master Data, search and scroll: the index lags behind writes. VTEX does not publish by how much; public
# connectors read the last hour again.
INDEX_LAG = timedelta(minutes=60)
