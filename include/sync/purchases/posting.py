"""One purchase into Connectif, healing once each what is missing: its contact, its products."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pandas as pd

from include.batching import in_batches
from include.connectif.client import ContactMissing, Posted, ProductsMissing
from include.errors import RecordRejected, StagingError, TemporaryError, UnsafeChange
from include.mapping.healing import product_from_line, without_products
from include.mapping.products import map_products, never_priced, product_body, without_offer
from include.outcomes import OUTCOME_OF, Outcome, Reason
from include.rest.transport import AccessRefused, RequestRefused
from include.sync.products.catalogue import last_rows, rules_of
from include.sync.products.prices import Wanting, base_prices_of
from include.sync.run import SyncRun
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
    """Posts purchases; safe to use from several threads."""

    def __init__(self, run: SyncRun) -> None:
        self._run = run
        self._rules = rules_of(run)

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
                return _answer(posted, lines - len(body["products"]))
            except (ContactMissing, ProductsMissing) as missing:
                chances[type(missing)] -= 1
                if chances[type(missing)] < 0:
                    return _rejected(missing)
                if chances[type(missing)] > 0:
                    continue
                try:
                    healed = self._heal(body, contact, missing)
                except RecordRejected as refused:
                    return _rejected(refused)
                if healed is None:
                    return Answer(OUTCOME_OF[Reason.NO_LINES], Reason.NO_LINES, "no line has a price")
                body = healed
            except RecordRejected as refused:
                return _rejected(refused)

    def _heal(self, body: Body, contact: Body, missing: ContactMissing | ProductsMissing) -> Body | None:
        """The body to send again; None when no line is left of it."""
        if isinstance(missing, ProductsMissing):
            return self._create_products(body, missing.product_ids)
        self._run.connectif.patch_contact(body["contactEmail"], contact)
        return body

    def _create_products(self, body: Body, product_ids: list[str]) -> Body | None:
        """Create the products as `sync_products` would, else as the purchase's own line shows them.

        A product without any price is left out of the purchase.
        """
        shown = self._shown(product_ids)
        lines = {line["productId"]: line for line in body["products"]}
        priceless = []
        for product_id in product_ids:
            if product_id not in lines:
                continue  # not one of ours by this spelling: the next answer tells
            fields = shown.get(product_id) or product_from_line(lines[product_id])
            if fields is None:
                priceless.append(product_id)
            else:
                self._run.connectif.patch_product(product_id, fields)
        return without_products(body, priceless) if priceless else body

    def _shown(self, product_ids: list[str]) -> dict[str, Body]:
        found: list[dict[str, Any]] = []
        for batch in in_batches(product_ids, limits.PRODUCT_SEARCH_PAGE):
            found += self._run.vtex.search_products(batch, by=self._rules.searched_by)
        wanting = [record for record in without_offer(found, self._rules) if record[0] in product_ids]
        last = self._sent_last([key for key, _ in wanting])
        prices = self._base_prices(never_priced(wanting, last, self._rules))
        mapped = map_products(found, self._rules, last_sent=last, base_prices=prices)
        rows = [dict(row) for row in mapped.rows.to_dict("records")]
        return {str(row["productId"]): product_body({str(k): v for k, v in row.items()}) for row in rows}

    def _sent_last(self, keys: list[str]) -> pd.DataFrame | None:
        """What was sent of these products, as far as that is known: the catalogue's own run minds a loss."""
        if not keys:
            return None
        try:
            rows = [piece[piece["productId"].isin(keys)] for piece in last_rows(self._run)]
        except (UnsafeChange, StagingError):
            log.warning("the catalogue sent last cannot be read: prices for a purchase come without it")
            return None
        return pd.concat(rows) if rows else None

    def _base_prices(self, wanting: list[Wanting]) -> dict[str, Decimal]:
        """As far as they can be had; the others take the price of the purchase's line."""
        try:
            return base_prices_of(self._run.vtex, wanting)
        except (AccessRefused, RequestRefused, TemporaryError) as missing:
            log.warning("no base prices for a purchase: %s", missing)
            return {}


def _answer(posted: Posted, lines_left_out: int) -> Answer:
    if posted is Posted.ALREADY_THERE:
        return Answer(Outcome.ALREADY_THERE, Reason.ALREADY_TRACKED)
    return Answer(Outcome.SENT, lines_left_out=lines_left_out)


def _rejected(refused: RecordRejected) -> Answer:
    """What is known of the refusal, and Connectif's own text."""
    detail = ": ".join(part for part in (refused.code, refused.detail) if part)
    return Answer(Outcome.REJECTED, Reason.TARGET_REJECTED, detail, private=refused.private)
