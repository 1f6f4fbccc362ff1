"""What Connectif's documents leave open and what an account can set. Defaults are the strict reading."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sandbox.core.vendor import Knobs as CoreKnobs

Blank = Literal["reject", "clear", "keep"]


class Knobs(CoreKnobs):
    """Settable at any time over `/_sandbox/knobs`; a wrong name or value is refused."""

    # Guide "Rate limit", help centre 360014605220: 100 a minute for the account; the rest is unknown.
    rate_limit: int = Field(
        100, ge=0, description="requests in a window for the whole account; 0 switches it off"
    )
    rate_window: Literal["fixed", "sliding"] = "fixed"
    retry_after: Literal["none", "seconds"] = Field("none", description="whether a 429 carries Retry-After")

    # Account settings.
    authorised_domains: list[str] = Field(
        default_factory=list, description="empty: the sandbox shop's domain"
    )
    default_newsletter_status: Literal["subscribed", "unsubscribed", "none"] = Field(
        "subscribed", description="what a new contact gets when nobody says (help centre 360015286579)"
    )
    phone_prefix: str = Field("+55", pattern=r"^\+\d{1,3}$", description="fills in for phones without prefix")
    currency: str = "BRL"
    language: str = "pt-BR"

    # Writing.
    created_status: Literal[200, 201] = Field(200, description="answer to a PATCH that creates")
    unknown_keys: Literal["reject", "ignore"] = Field("reject", description="unknown keys in a JSON body")
    null_values: Literal["reject", "clear"] = Field("reject", description="null for a field of a JSON body")
    email_case: Literal["keep", "lower"] = Field(
        "keep", description="keep: A@x.example and a@x.example differ"
    )
    cart_id_required: bool = Field(
        True, description="the purchase page prints cartId without the optional mark"
    )
    purchase_precedence: Literal["conflict_first", "references_first"] = Field(
        "conflict_first", description="409 before or after E0101 to E0103"
    )
    product_precedence: Literal["body_first", "domain_first"] = Field(
        "body_first", description="422 for what a new product lacks before or after E0201"
    )
    products_key: Literal["productIds", "productsId"] = Field(
        "productIds", description="the guide's table and its sample spell it differently"
    )

    # Imports and exports.
    import_rows_per_second: float = Field(0, ge=0, description="0: as fast as it goes")
    imports_paused: bool = Field(False, description="leaves imports in the queue")
    import_missing_columns: Literal["error", "422"] = "error"
    import_blank_typed: Blank = Field(
        "reject", description="blank phone, date, number or option of a contact (help centre 360014217640)"
    )
    import_blank_text: Literal["clear", "keep"] = Field("clear", description="blank text of a contact")
    import_checks_domains: bool = Field(
        False, description="whether E0201's rule holds for rows of a product file"
    )
    import_lost_rows: int = Field(
        0, ge=0, description="the last rows of a file that are neither imported nor counted as errors"
    )
    import_lost_kind: Literal["all", "contacts", "products", "consent"] = Field(
        "all", description="which imports lose rows; consent: contacts without overrideExisting"
    )
    import_lost_in_total: bool = Field(True, description="whether `total` still has the lost rows")
    import_proxy_bytes: int = Field(
        0, ge=0, description="a proxy refuses larger bodies of POST /imports/ with 413; 0: there is no proxy"
    )
    import_proxy_body: Literal["html", "empty"] = Field("html", description="what comes with the proxy's 413")
    error_report_column: str = Field("error", description="the column of an error report that has the reason")
    error_report_rows: Literal["row", "key", "line"] = Field(
        "row", description="how a report names a row: all its cells, its key, or its line (the header is 1)"
    )
    error_report_delimiter: Literal[",", ";", "\t"] = ","
    error_report_link: Literal["absolute", "relative", "redirect", "404"] = Field(
        "absolute", description="redirect: the link answers 302; 404: the link leads nowhere"
    )
    exports_paused: bool = Field(False, description="leaves exports in the queue")
    export_rows_per_file: int = Field(50_000, ge=1)
    export_columns: dict[str, str] = Field(
        default_factory=dict, description="renames columns of export files"
    )
    list_page_size: int = Field(25, ge=1)

    # Newsletter callbacks.
    callback_on_api_unsubscribe: bool = False
    callback_checksum_key: str = Field(
        "", description="when set, callbacks carry checksum=HMAC-SHA1 of the e-mail"
    )
    callback_form: Literal["query", "plain_query", "form", "json"] = Field(
        "query",
        description="how a subscription or cancellation is told: GET with a query (plain: + is not encoded), "
        "POST of a form, or POST of nested JSON, as a custom integration",
    )
    callback_timeout_seconds: float = Field(10, gt=0)

    # The seeded world.
    web_viewed_share: float = Field(
        0.7, ge=0, le=1, description="of products, seen by the web tag; to be given at the start"
    )
    web_purchase_id: Literal["orderGroup", "orderId"] = Field(
        "orderGroup",
        description="what the web tag reports as purchase id; to be given at the start",
    )
