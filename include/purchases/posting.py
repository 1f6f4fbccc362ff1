"""One purchase into Connectif, healing once each what is missing: its contact, its products."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from include.batching import in_batches
from include.connectif.client import ContactMissing, PostResult, ProductsMissing
from include.errors import RecordRejected
from include.http.transport import RequestRefused
from include.outcomes import OUTCOME_OF, Outcome, Reason
from include.pipeline.run import SyncRun
from include.products.mapping import product_body
from include.purchases.missing_products import ProductSearch
from include.purchases.missing_references import products_from_lines, without_products
from include.purchases.once_per_key import OncePerKey
from include.state import PostMark, PurchaseToPost
from include.vtex import limits

log = logging.getLogger(__name__)

Body = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What became of a purchase; `reason` is None when it was plainly sent. `private` is Connectif's own
    text, for the store alone.
    """

    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    lines_left_out: int = 0
    private: str = field(default="", repr=False)


class Poster:
    """Posts purchases that are marked (`StateStore.mark_posts`); safe to use from several threads.

    What several purchases lack is created once: a thread that comes second waits for the first. `hidden` are
    products that search is known not to show. For posts `in_doubt`, by purchase id, a 409 says that an
    interrupted attempt of the run has sent them.
    """

    def __init__(
        self, run: SyncRun, hidden: Iterable[str] = (), in_doubt: Mapping[str, PostMark] | None = None
    ) -> None:
        self._run, self._search = run, ProductSearch(run)
        self._in_doubt = in_doubt or {}
        self._contacts, self._products = OncePerKey(), OncePerKey()
        self._searched: dict[str, Body | None] = dict.fromkeys(hidden)

    def post(self, body: Body, *, contact: Body, fire_workflows: bool) -> Answer:
        """Send it; on E0101 create the contact, on E0102 the products, and send again, once each.

        A contact that exists keeps its status, and one may have come into being since the refusal: the shop's
        tag knows at once who signs up, while our call may wait a minute for its turn. So the purchase is sent
        a second time before the contact is created: to ask for the contact takes a right that we do without.
        """
        lines = len(body["products"])
        chances = {ContactMissing: 2, ProductsMissing: 1}
        while True:
            try:
                posted = self._run.connectif.post_purchase(body, fire_workflows=fire_workflows)
                return self._answer(body, posted, lines - len(body["products"]))
            except (ContactMissing, ProductsMissing) as missing:
                chances[type(missing)] -= 1
                if chances[type(missing)] < 0:
                    return _rejected(missing)
                if chances[type(missing)] > 0:
                    continue
                try:
                    resolved_keys = self._create_missing(body, contact, missing)
                except RecordRejected as refused:
                    return _rejected(refused)
                if resolved_keys is None:
                    return Answer(OUTCOME_OF[Reason.NO_LINES], Reason.NO_LINES, "no line has a price")
                body = resolved_keys
                self._mark(body, lines - len(body["products"]))
            except RecordRejected as refused:
                return _rejected(refused)

    def _answer(self, body: Body, posted: PostResult, lines_left_out: int) -> Answer:
        if posted is PostResult.CREATED:
            return Answer(Outcome.SENT, lines_left_out=lines_left_out)
        if mark := self._in_doubt.get(body["purchaseId"]):
            return Answer(Outcome.SENT, lines_left_out=mark.lines_left_out)
        return Answer(Outcome.ALREADY_THERE, Reason.ALREADY_TRACKED)

    def _mark(self, body: Body, lines_left_out: int) -> None:
        """A post that goes without some lines is marked anew, so that a restart knows how many."""
        if lines_left_out:
            person = self._run.state.hashed(body["contactEmail"])
            post = PurchaseToPost(body["purchaseId"], person, lines_left_out)
            self._run.state.mark_posts(self._run.run_key, [post])

    def _create_missing(
        self, body: Body, contact: Body, missing: ContactMissing | ProductsMissing
    ) -> Body | None:
        """The body to send again; None when no line is left of it."""
        if isinstance(missing, ProductsMissing):
            return self._create_products(body, missing.product_ids)
        with self._contacts.left_of([body["contactEmail"]]) as emails:
            for email in emails:
                self._run.connectif.patch_contact(email, contact)
                self._contacts.mark_done(email)
        return body

    def _create_products(self, body: Body, product_ids: list[str]) -> Body | None:
        """Create the products as `sync_products` would, else as the purchase's own line shows them.

        A product without any price is left out of the purchase. What is not one of ours by this spelling is
        not created: the next answer tells.
        """
        named = {line["productId"] for line in body["products"]}.intersection(product_ids)
        with self._products.left_of(named) as missing:
            fields = products_from_lines(body["products"], missing) | self._shown(missing)
            for product_id in fields:
                self._run.connectif.patch_product(product_id, fields[product_id])
                self._products.mark_done(product_id)
                self._searched.pop(product_id)
        priceless = set(missing) - fields.keys()
        return without_products(body, priceless) if priceless else body

    def _shown(self, product_ids: list[str]) -> dict[str, Body]:
        """By product id those that search shows; each is asked for once, however many purchases name it."""
        new = [key for key in product_ids if key not in self._searched]
        for batch in in_batches(new, limits.PRODUCT_SEARCH_PAGE):
            self._searched |= dict.fromkeys(batch) | self._search_for(batch)
        found = {key: self._searched[key] for key in product_ids}
        return {key: body for key, body in found.items() if body is not None}

    def _search_for(self, product_ids: list[str]) -> dict[str, Body]:
        try:
            rows = self._search.rows(product_ids, were_sent=True)
        except RequestRefused as refused:
            log.warning("products of a purchase come by its lines: %s", refused)
            return {}
        records = ({str(k): v for k, v in row.items()} for row in rows.to_dict("records"))
        return {row["productId"]: product_body(row) for row in records}


def _rejected(refused: RecordRejected) -> Answer:
    """What is known of the refusal, and Connectif's own text."""
    detail = ": ".join(part for part in (refused.code, refused.detail) if part)
    return Answer(Outcome.REJECTED, Reason.TARGET_REJECTED, detail, private=refused.private)
