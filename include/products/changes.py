"""What a run would change of the catalogue at once: the shares of the mass-change guard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd

from include.pipeline.guards import Share
from include.products.sent_catalogue import TEXTS, filled_texts
from include.settings import Settings

_NAMES = {
    "categories": "a category",
    "description": "a description",
    "brand": "a brand",
    "imageUrl": "a picture",
}
_ON_A_FIRST_RUN = ("categories", "imageUrl")
"""A shop may do without brands and descriptions, hardly without these."""


class CatalogueChanges:
    """Counts, part by part, what differs from `last` (see `last_prices`; None on the first run)."""

    def __init__(self, last: pd.DataFrame | None, settings: Settings) -> None:
        self.last, self._limits = last, settings.mass_change
        self._id_source = settings.products.product_id_source
        self._compared = self._other_price = 0
        self._had: Counter[str] = Counter()
        self._blank: Counter[str] = Counter()

    def add(self, rows: pd.DataFrame) -> None:
        """Take in mapped rows."""
        if self.last is None:
            before = pd.Series(2 ** len(TEXTS) - 1, index=rows.index)
        else:
            known = self.last.reindex(rows["productId"]).set_axis(rows.index)
            ours = known["idSource"] == self._id_source
            self._count_prices(known.loc[ours, "unitPrice"], rows.loc[ours, "unitPrice"])
            before = known["filled"].where(ours, 0).fillna(0).astype("int64")
        now = filled_texts(rows)
        for place, column in enumerate(TEXTS):
            had = (before.to_numpy(dtype="int64") >> place & 1).astype(bool)
            self._had[column] += int(had.sum())
            self._blank[column] += int((had & (now.to_numpy() >> place & 1 == 0)).sum())

    def _count_prices(self, before: pd.Series, now: pd.Series) -> None:
        old, new = (pd.to_numeric(prices, errors="coerce").to_numpy() for prices in (before, now))
        both = (old > 0) & (new > 0)
        times = new[both] / old[both]
        self._compared += int(both.sum())
        factor = self._limits.price_factor
        self._other_price += int(np.count_nonzero((times >= factor) | (times <= 1 / factor)))

    def gone(self, sent: int, turning: int, vanishing: int, others: str) -> Share:
        """Products of those `sent` last time that would turn out of stock or vanish; `others` says why so
        many may be."""
        return Share(
            turning + vanishing,
            sent,
            "products sent last time",
            f"{turning} would turn out of stock and {vanishing} would vanish{others}",
            self._limits.products_gone_percent,
            self._limits.products_gone_minimum,
            "Check that the shop shows them, in the sales channel of vtex_default, with stock.",
        )

    def hidden(self, listed: int, shown: int) -> Share:
        """Products of a first run that search does not show."""
        return Share(
            listed - shown,
            listed,
            "products that VTEX lists",
            f"{listed - shown:,} are hidden from search",
            self._limits.products_hidden_percent,
            self._limits.minimum,
            "Check the sales channel of vtex_default.",
        )

    def shares(self) -> Iterator[Share]:
        """Prices and texts."""
        limits = self._limits
        yield Share(
            self._other_price,
            self._compared,
            "products sent last time",
            f"{self._other_price:,} would cost {limits.price_factor:g} times as much, or as little",
            limits.prices_changed_percent,
            limits.minimum,
            "Check the prices in VTEX, and the sales channel of vtex_default.",
        )
        first = self.last is None
        for column in _ON_A_FIRST_RUN if first else TEXTS:
            yield Share(
                self._blank[column],
                self._had[column],
                "products" if first else f"products that had {_NAMES[column]} last time",
                _without(self._blank[column], column, first),
                99.0 if first else limits.fields_blanked_percent,
                limits.minimum,
                "Check these products in VTEX's catalogue.",
            )


def _without(number: int, column: str, first: bool) -> str:
    return f"{number:,} do not have {_NAMES[column]}" if first else f"{number:,} have none now"
