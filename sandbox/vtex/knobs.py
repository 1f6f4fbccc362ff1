"""Behaviour that VTEX's documents leave open. A default is the documented one, or else the harder case."""

from typing import Literal

from pydantic import Field

from sandbox.core.vendor import Knobs


class VtexKnobs(Knobs):
    """Change them at any time over `/_sandbox/knobs`."""

    strict_parameters: bool = Field(
        True, description="unknown query parameters answer 400, which reveals typos"
    )

    # VTEX documents 6,000 for order details and 15,000 for each catalogue route; the others are invented.
    rate_window_seconds: float = Field(60, gt=0, description="how long a rate-limit minute lasts")
    rate_master_data: int = Field(1_000, ge=0, description="calls a minute; 0 = no limit")
    rate_search: int = Field(1_000, ge=0, description="calls a minute; 0 = no limit")
    rate_catalog: int = Field(15_000, ge=0, description="calls a minute for each route; 0 = no limit")
    rate_pricing: int = Field(2_000, ge=0, description="calls a minute; 0 = no limit")
    rate_order_list: int = Field(1_000, ge=0, description="calls a minute; 0 = no limit")
    rate_order_detail: int = Field(6_000, ge=0, description="calls a minute; 0 = no limit")
    retry_after: Literal["seconds", "date", "none"] = Field("seconds", description="Retry-After of a 429")

    # Master Data
    md_index_lag_seconds: float = Field(2, ge=0, description="delay of a write in search and scroll")
    md_range_over_100: Literal["clamp", "reject", "honour"] = "clamp"
    md_range_header: Literal["space", "equals"] = Field(
        "space", description="'resources 0-9/19' or 'resources=…'"
    )
    md_total_at_most: int = Field(0, ge=0, description="largest total in search's header; 0 = no cap")
    md_between: Literal["inclusive", "exclusive"] = "inclusive"
    md_email_case: Literal["ignored", "exact"] = Field("ignored", description="case in the filter email=…")
    md_patch_unknown_id: Literal["404", "create"] = "404"
    md_patch_status: Literal["204", "200"] = Field("204", description="answer to PATCH and PUT by id")
    md_create_status: Literal["201", "200"] = Field("201", description="answer to an insert")
    md_duplicate_post: Literal["304", "400"] = Field("304", description="answer to POST of a known e-mail")
    md_not_filterable: list[str] = Field(
        default_factory=list, description="fields of CL that are not filterable in this account"
    )
    md_wildcards_allowed: int = Field(
        5, ge=0, description="wildcard or _keyword queries a minute before a block"
    )
    md_wildcard_block_seconds: float = Field(60, ge=0)
    scroll_slots: int = Field(10, ge=1)
    scroll_idle_seconds: float = Field(1_200, gt=0)
    scroll_slot_freed_at_end: bool = False
    scroll_408_share: float = Field(
        0, ge=0, le=1, description="share of first calls (_size above 250, large entity) that get 408"
    )
    scroll_large_entity: int = Field(100_000, ge=0, description="documents that make an entity large")

    # Catalogue
    ids_arrivals_per_page: int = Field(
        0, ge=0, le=100, description="products inserted at the front after each id page"
    )
    search_omission_share: float = Field(
        0, ge=0, le=1, description="share of products missing from an answer at random"
    )

    # Orders
    oms_index_lag_seconds: float = Field(240, ge=0)
    oms_page_31_status: Literal["400", "404", "416"] = "400"
    oms_empty_pages: Literal["0", "1"] = Field("0", description="paging.pages of an empty list")
    oms_stale_status_seconds: float = Field(
        21_600, ge=0, description="age of the status in the list, for one order in ten"
    )
    oms_group_answer: Literal["full", "brief", "empty", "404"] = Field(
        "full", description="order group: whole orders, a few members of each, none, or 404"
    )
    oms_arrivals_per_page: int = Field(0, ge=0, le=100, description="new orders after each page of the list")
