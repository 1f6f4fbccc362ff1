"""The changes of a run to the catalogue: shares for the mass-change guard, and facts for the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd

from include.pipeline.guards import Share
from include.products.sent_catalogue import TEXTS, filled_texts
from include.report import CatalogueChange, PriceChange
from include.setting_types import Settings

_NAMES = {
    "categories": "a category",
    "description": "a description",
    "brand": "a brand",
    "imageUrl": "a picture",
}
_ON_A_FIRST_RUN = ("categories", "imageUrl")
"""A shop may have no brands or descriptions, but hardly no categories or pictures."""


_LARGEST = 10
_LONGEST_NAME = 80


class CatalogueChanges:
    """Counts the differences from `last`, part by part (see `last_prices`; None on the first run).

    `connection` is the id of the VTEX connection, for messages.
    """

    def __init__(
        self, last: pd.DataFrame | None, settings: Settings, connection: str = "vtex_default"
    ) -> None:
        self.last, self._limits, self._connection = last, settings.mass_change, connection
        self._id_source = settings.products.product_id_source
        self._compared = self._changed_price = 0
        self._facts = CatalogueChange()
        self._largest = pd.DataFrame()
        self._filled_before: Counter[str] = Counter()
        self._blank_now: Counter[str] = Counter()

    def add(self, rows: pd.DataFrame) -> None:
        """Count the differences of mapped rows."""
        if self.last is None:
            before = pd.Series(2 ** len(TEXTS) - 1, index=rows.index)
        else:
            known = self.last.reindex(rows["productId"]).set_axis(rows.index)
            same_source = known["idSource"] == self._id_source
            self._facts.new += int((~same_source | known["withdrawn"].eq(True)).sum())
            self._count_prices(known.loc[same_source, "unitPrice"], rows.loc[same_source])
            before = known["filled"].where(same_source, 0).fillna(0).astype("int64")
        now = filled_texts(rows)
        for place, column in enumerate(TEXTS):
            was_filled = (before.to_numpy(dtype="int64") >> place & 1).astype(bool)
            self._filled_before[column] += int(was_filled.sum())
            self._blank_now[column] += int((was_filled & (now.to_numpy() >> place & 1 == 0)).sum())

    def _count_prices(self, before: pd.Series, rows: pd.DataFrame) -> None:
        old, new = (pd.to_numeric(each, errors="coerce").to_numpy() for each in (before, rows["unitPrice"]))
        both = (old > 0) & (new > 0)
        times = new[both] / old[both]
        self._compared += int(both.sum())
        factor = self._limits.price_factor
        self._changed_price += int(np.count_nonzero((times >= factor) | (times <= 1 / factor)))
        self._facts.price_up += int((times > 1).sum())
        self._facts.price_down += int((times < 1).sum())
        self._keep_largest(rows.loc[both].assign(before=before[both], change=abs(times - 1)))

    def _keep_largest(self, rows: pd.DataFrame) -> None:
        changed = rows.loc[rows["change"] > 0, ["productId", "name", "before", "unitPrice", "change"]]
        self._largest = pd.concat([self._largest, changed]) if len(self._largest) else changed
        self._largest = self._largest.nlargest(_LARGEST, "change")

    def facts(self, withdrawn: int) -> CatalogueChange:
        """The changes so far, for the report, with the number of products that the run withdraws."""
        largest = [
            PriceChange(product_id=key, name=_short_name(name), before=before, after=after)
            for key, name, before, after, _ in self._largest.itertuples(index=False, name=None)
        ]
        return self._facts.model_copy(update={"withdrawn": withdrawn, "largest": largest})

    def gone_share(self, sent: int, out_of_stock: int, vanishing: int, others: str) -> Share:
        """Products of those `sent` last time that would turn out of stock or vanish. `others` is a text with
        a possible cause."""
        return Share(
            out_of_stock + vanishing,
            sent,
            "products sent last time",
            f"{out_of_stock} would turn out of stock and {vanishing} would vanish{others}",
            self._limits.products_gone_percent,
            self._limits.products_gone_minimum,
            f"Check that the shop shows them with stock in the sales channel of {self._connection}.",
        )

    def hidden_share(self, listed: int, shown: int) -> Share:
        """Products that search does not show, on a first run."""
        return Share(
            listed - shown,
            listed,
            "products that VTEX lists",
            f"{listed - shown:,} are hidden from search",
            self._limits.products_hidden_percent,
            self._limits.minimum,
            f"Check the sales channel of {self._connection}.",
        )

    def shares(self) -> Iterator[Share]:
        """The shares of changed prices and of blank texts."""
        limits = self._limits
        yield Share(
            self._changed_price,
            self._compared,
            "products sent last time",
            f"{self._changed_price:,} would change price by a factor of {limits.price_factor:g} or more",
            limits.prices_changed_percent,
            limits.minimum,
            f"Check the prices in VTEX and the sales channel of {self._connection}.",
        )
        first = self.last is None
        for column in _ON_A_FIRST_RUN if first else TEXTS:
            yield Share(
                self._blank_now[column],
                self._filled_before[column],
                "products" if first else f"products that had {_NAMES[column]} last time",
                _without(self._blank_now[column], column, first),
                99.0 if first else limits.fields_blanked_percent,
                limits.minimum,
                "Check these products in VTEX's catalogue.",
            )


def _short_name(name: object) -> str:
    return name[:_LONGEST_NAME] if isinstance(name, str) else ""


def _without(number: int, column: str, first: bool) -> str:
    return f"{number:,} do not have {_NAMES[column]}" if first else f"{number:,} have none now"
