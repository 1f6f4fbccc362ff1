"""Settings of the account, and behaviour that Connectif's documents leave open. Defaults are strict."""

from typing import Literal

from pydantic import Field

from sandbox.core.vendor import Knobs
from sandbox.shop.countries import Country

Blank = Literal["reject", "clear", "keep"]


class ConnectifKnobs(Knobs):
    """Change them at any time over `/_sandbox/knobs`."""

    # Guide "Rate limit", help centre 360014605220: 100 a minute for the account; the rest is unknown.
    rate_limit: int = Field(
        100, ge=0, description="requests in a window for the whole account; 0 switches it off"
    )
    rate_window: Literal["fixed", "sliding"] = "fixed"
    retry_after: Literal["none", "seconds"] = Field("none", description="whether a 429 carries Retry-After")

    # Account settings
    authorised_domains: list[str] = Field(
        default_factory=list, description="empty: the sandbox shop's domain"
    )
    default_newsletter_status: Literal["subscribed", "unsubscribed", "none"] = Field(
        "subscribed", description="status of a new contact without one (help centre 360015286579)"
    )
    phone_prefix: str = Field("+55", pattern=r"^\+\d{1,3}$", description="added to phones without a prefix")
    currency: str = "BRL"
    language: str = "pt-BR"

    # Writes
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
        "body_first", description="422 for missing fields of a new product before or after E0201"
    )
    products_key: Literal["productIds", "productsId"] = Field(
        "productIds", description="the guide's table and its sample spell it differently"
    )

    # Imports and exports
    import_rows_per_second: float = Field(0, ge=0, description="speed of an import; 0: as fast as possible")
    imports_paused: bool = Field(False, description="leaves imports in the queue")
    import_missing_columns: Literal["error", "422"] = "error"
    import_blank_typed: Blank = Field(
        "reject", description="blank phone, date, number or option of a contact (help centre 360014217640)"
    )
    import_blank_text: Literal["clear", "keep"] = Field("clear", description="blank text of a contact")
    import_checks_domains: bool = Field(
        False, description="whether the rule of E0201 applies to the rows of a product file"
    )
    import_lost_rows: int = Field(
        0, ge=0, description="the last rows of a file that are neither imported nor counted as errors"
    )
    import_lost_kind: Literal["all", "contacts", "products", "consent"] = Field(
        "all", description="which imports lose rows; consent: contacts without overrideExisting"
    )
    import_lost_in_total: bool = Field(True, description="whether `total` still has the lost rows")
    import_proxy_bytes: int = Field(
        0, ge=0, description="a proxy refuses larger bodies of POST /imports/ with 413; 0: no proxy"
    )
    import_proxy_body: Literal["html", "empty"] = Field("html", description="body of the proxy's 413")
    error_report_column: str = Field("error", description="column of an error report with the reason")
    error_report_rows: Literal["row", "key", "line"] = Field(
        "row", description="how a report identifies a row: all its cells, its key, or its line (header: 1)"
    )
    error_report_delimiter: Literal[",", ";", "\t"] = ","
    error_report_link: Literal["absolute", "relative", "redirect", "404"] = Field(
        "absolute", description="redirect: the link answers 302; 404: the file is missing"
    )
    exports_paused: bool = Field(False, description="leaves exports in the queue")
    export_rows_per_file: int = Field(50_000, ge=1)
    export_columns: dict[str, str] = Field(
        default_factory=dict, description="renames columns of export files"
    )
    list_page_size: int = Field(25, ge=1)

    # Newsletter callbacks
    callback_on_api_unsubscribe: bool = False
    callback_checksum_key: str = Field(
        "", description="if set, callbacks have checksum=HMAC-SHA1 of the e-mail"
    )
    callback_form: Literal["query", "plain_query", "form", "json"] = Field(
        "query",
        description="form of a subscription or cancellation: GET with a query (plain: + is not encoded), "
        "POST of a form, or POST of nested JSON, as a custom integration sends it",
    )
    callback_timeout_seconds: float = Field(10, gt=0)

    # The seed
    web_viewed_share: float = Field(
        0.7, ge=0, le=1, description="share of products that the web tag created; only at the start"
    )
    web_purchase_id: Literal["orderGroup", "orderId"] = Field(
        "orderGroup",
        description="purchase id of the web tag's reports; only at the start",
    )


def knobs_of(country: Country) -> ConnectifKnobs:
    """The settings of an account in this country; all else has the defaults."""
    return ConnectifKnobs(
        phone_prefix=f"+{country.calling_code}", currency=country.currency, language=country.culture
    )
