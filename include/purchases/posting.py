"""Post one purchase to Connectif, and create its missing contact and products once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from include.batching import in_batches
from include.connectif.client import ContactMissing, PostResult, ProductsMissing
from include.errors import RecordRejected
from include.http.transport import RequestRefused
from include.outcomes import Outcome, Reason
from include.pipeline.run import SyncRun
from include.products.mapping import product_body
from include.purchases.missing_products import ProductSearch
from include.purchases.missing_references import products_from_lines, without_products
from include.purchases.once_per_key import OncePerKey
from include.purchases.staged import PurchaseHead
from include.state import PostMark, PurchaseOutcome, PurchaseToPost, StateStore, StoredPurchase
from include.vtex import limits

log = logging.getLogger(__name__)

Body = dict[str, Any]


@dataclass(frozen=True)
class PurchaseResult:
    """The outcome of a purchase. A sent purchase has no `reason`. `private` is Connectif's own text, which
    only the state store may keep."""

    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    lines_left_out: int = 0
    private: str = field(default="", repr=False)


class Poster:
    """Posts marked purchases (`StateStore.post_marks.mark`); safe to use from several threads.

    A contact or product that several purchases lack is created once: the second thread waits for the first.
    `hidden` are products that search does not show. For the posts `in_doubt`, by purchase id, a 409 means
    that an interrupted attempt of the run has sent the purchase.
    """

    def __init__(
        self, run: SyncRun, hidden: Iterable[str] = (), in_doubt: Mapping[str, PostMark] | None = None
    ) -> None:
        self._run, self._search = run, ProductSearch(run)
        self._in_doubt = in_doubt or {}
        self._contacts, self._products = OncePerKey(), OncePerKey()
        self._searched: dict[str, Body | None] = dict.fromkeys(hidden)

    def post(self, body: Body, *, contact: Body, fire_workflows: bool) -> PurchaseResult:
        """Post the purchase; create the contact after E0101 or the products after E0102, and post again.

        After E0101 the purchase is first posted again without creating the contact. The shop's tag may have
        created the contact since the refusal, because our call may wait a minute for the rate limit, and an
        existing contact must keep its status. To read the contact would need one more permission.
        """
        lines = len(body["products"])
        attempts = {ContactMissing: 2, ProductsMissing: 1}
        while True:
            try:
                posted = self._run.connectif.post_purchase(body, fire_workflows=fire_workflows)
                return self._result(body, posted, lines - len(body["products"]))
            except (ContactMissing, ProductsMissing) as missing:
                attempts[type(missing)] -= 1
                if attempts[type(missing)] < 0:
                    return _rejected(missing)
                if attempts[type(missing)] > 0:
                    continue
                try:
                    body_to_repeat = self._create_missing(body, contact, missing)
                except RecordRejected as refused:
                    return _rejected(refused)
                if body_to_repeat is None:
                    return PurchaseResult(Reason.NO_LINES.outcome, Reason.NO_LINES, "no line has a price")
                body = body_to_repeat
                self._mark(body, lines - len(body["products"]))
            except RecordRejected as refused:
                return _rejected(refused)

    def _result(self, body: Body, posted: PostResult, lines_left_out: int) -> PurchaseResult:
        if posted is PostResult.CREATED:
            return PurchaseResult(Outcome.SENT, lines_left_out=lines_left_out)
        if mark := self._in_doubt.get(body["purchaseId"]):
            return PurchaseResult(Outcome.SENT, lines_left_out=mark.lines_left_out)
        return PurchaseResult(Outcome.ALREADY_THERE, Reason.ALREADY_TRACKED)

    def _mark(self, body: Body, lines_left_out: int) -> None:
        """Mark a post without some of its lines again, so that a restart knows how many are missing."""
        if lines_left_out:
            person = self._run.state.hashed(body["contactEmail"])
            post = PurchaseToPost(body["purchaseId"], person, lines_left_out)
            self._run.state.post_marks.mark(self._run.run_key, [post])

    def _create_missing(
        self, body: Body, contact: Body, missing: ContactMissing | ProductsMissing
    ) -> Body | None:
        """Create the missing records, and return the body to post again; None if it has no line left."""
        if isinstance(missing, ProductsMissing):
            return self._create_products(body, missing.product_ids)
        with self._contacts.reserve([body["contactEmail"]]) as emails:
            for email in emails:
                self._run.connectif.patch_contact(email, contact)
                self._contacts.mark_done(email)
        return body

    def _create_products(self, body: Body, product_ids: list[str]) -> Body | None:
        """Create the products from catalogue search, else from the purchase's own lines.

        A product without a price is left out of the purchase. A product id that is not on the purchase is not
        created: Connectif's next answer decides.
        """
        named = {line["productId"] for line in body["products"]}.intersection(product_ids)
        with self._products.reserve(named) as missing:
            fields = products_from_lines(body["products"], missing) | self._searched_products(missing)
            for product_id in fields:
                self._run.connectif.patch_product(product_id, fields[product_id])
                self._products.mark_done(product_id)
                self._searched.pop(product_id)
        priceless = set(missing) - fields.keys()
        return without_products(body, priceless) if priceless else body

    def _searched_products(self, product_ids: list[str]) -> dict[str, Body]:
        """By product id, the products that search shows.

        Each is searched once, even if many purchases have it.
        """
        new = [key for key in product_ids if key not in self._searched]
        for batch in in_batches(new, limits.PRODUCT_SEARCH_PAGE):
            self._searched |= dict.fromkeys(batch) | self._search_for(batch)
        found = {key: self._searched[key] for key in product_ids}
        return {key: body for key, body in found.items() if body is not None}

    def _search_for(self, product_ids: list[str]) -> dict[str, Body]:
        try:
            rows = self._search.rows(product_ids, were_sent=True)
        except RequestRefused as refused:
            log.warning(
                "products are created from the lines of their purchase, because VTEX refused the search: %s",
                refused,
            )
            return {}
        records = ({str(k): v for k, v in row.items()} for row in rows.to_dict("records"))
        return {row["productId"]: product_body(row) for row in records}


def _rejected(refused: RecordRejected) -> PurchaseResult:
    """The known part of the refusal, and Connectif's own text as private."""
    detail = ": ".join(part for part in (refused.code, refused.detail) if part)
    return PurchaseResult(Outcome.REJECTED, Reason.TARGET_REJECTED, detail, private=refused.private)


def outcome_to_store(purchase: PurchaseHead, result: PurchaseResult, state: StateStore) -> PurchaseOutcome:
    """The result as a row of the state store.

    The row names the buyer by a hash, so that an erasure finds it; the row of an erased person has no hash.
    """
    email = None if result.reason is Reason.ERASED else purchase.email
    return PurchaseOutcome(
        purchase.purchase_id,
        result.outcome,
        result.reason,
        result.detail,
        list(purchase.order_ids),
        purchase.happened,
        state.hashed(email) if email is not None else None,
        result.lines_left_out,
        purchase.payment_method or None,
        purchase.sales_channel or None,
    )


def recorded_result(stored: StoredPurchase) -> PurchaseResult:
    """The result that an earlier attempt of this run recorded.

    A row with a reason may be a sent purchase that a later attempt repeated, so the reason decides.
    """
    outcome = stored.reason.outcome if stored.reason else stored.outcome
    left_out = 0 if stored.reason else stored.lines_left_out
    return PurchaseResult(outcome, stored.reason, stored.detail, left_out)
