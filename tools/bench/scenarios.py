"""The scenarios: a pipeline, a number of records, with or without the vendors' rate limits."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from include.outcomes import PipelineName

DEFAULT_RECORDS = {
    PipelineName.CONTACTS: (100_000, 1_000_000),  # two sizes show that memory does not grow with the shop
    PipelineName.PRODUCTS: (5_000, 50_000),
    PipelineName.PURCHASES: (20_000,),
    PipelineName.NEWSLETTER: (200,),
}
_MINUTE_SECONDS = 60.0
# The sandbox alone answers some thirty searches for fifty products a second. This uses two thirds of it.
_HALF_A_MINUTE_SECONDS = 30.0
# Twenty orders a second become 120. The sandbox alone answers some eight hundred, and the client works too.
# Connectif gives the end of its minute in whole seconds, so a very short minute would be inexact.
_SHORT_MINUTE_SECONDS = 10.0
_HALF_TRACKED = 0.5
_MOST_UNTRACKED = 1_000
_ALMOST_ALL_TRACKED = 0.9


@dataclass(frozen=True)
class Scenario:
    """One run of one pipeline. `processes` run at once, each for a day of its own. Products without limits
    have two runs: a day and the next day.

    `minute_seconds` is the length of a rate-limit minute, at the sandbox and for the client's rate limits.
    0 removes every limit, which shows the speed of the code. The shop's web tag reported `tracked_share` of
    the orders. With `skus` each SKU is a product. The `catalogue` at Connectif is `empty`, or `full` after
    `sync_products`; otherwise it is small, and the tag reported a part of it. A `bucket` for staged files is
    served on this machine.
    """

    pipeline: PipelineName
    records: int
    minute_seconds: float = 0.0
    tracked_share: float = _HALF_TRACKED
    processes: int = 1
    skus: bool = False
    catalogue: Literal["", "empty", "full"] = ""
    staging: Literal["disk", "bucket"] = "disk"

    @property
    def title(self) -> str:
        what = f"{self.pipeline}, each SKU is one" if self.skus else str(self.pipeline)
        what += f", {self.catalogue} catalogue" if self.catalogue else ""
        what += ", staged in a bucket" if self.staging == "bucket" else ""
        at_once = "" if self.processes == 1 else f", {self.processes} processes at once"
        return f"{what}, {'with limits' if self.minute_seconds else 'no limits'}{at_once}"

    @property
    def days(self) -> int:
        """The second run knows the catalogue of the first run. It asks for fewer prices and uses more
        memory.
        """
        return 2 if self.pipeline is PipelineName.PRODUCTS and not self.minute_seconds else 1

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def settings(self) -> dict[str, str]:
        """The client's settings as variables. The seed has a share of invalid records, which must not fail a
        measured run.
        """
        source = {"SYNC_PRODUCTS__PRODUCT_ID_SOURCE": "sku"} if self.skus else {}
        return source | {"SYNC_RUN__REJECT_LIMIT_PERCENT": "100"}

    @property
    def sandbox_options(self) -> tuple[str, ...]:
        """A shop with about `records` of this pipeline, and few of the others."""
        sizes = {"contacts": 400, "products": 60, "orders-per-day": 1, "days": 3} | self._sizes()
        flags = [word for name, value in sizes.items() for word in (f"--{name}", str(value))]
        knobs = ["scroll_slots=100"] if self.minute_seconds else ["scroll_slots=100", *_NO_LIMITS]
        if self.catalogue:
            knobs.append("web_viewed_share=0")
        minute = ("--rate-window-seconds", str(self.minute_seconds or _MINUTE_SECONDS))
        return (*flags, *minute, *(word for knob in knobs for word in ("--knob", knob)))

    def _sizes(self) -> dict[str, float]:
        match self.pipeline:
            case PipelineName.CONTACTS:
                return {"contacts": self.records}
            case PipelineName.PRODUCTS:
                return {"products": self.records}
            case PipelineName.PURCHASES:
                products = {"products": self.records} if self.catalogue else {}
                return products | {
                    "orders-per-day": self.records,
                    "contacts": max(400, self.records // 2),
                    "tracked-share": self.tracked_share,
                }
            case PipelineName.NEWSLETTER:
                return {"contacts": 4 * self.records}
            case PipelineName.RECONCILE:
                raise ValueError("reconcile has no scenario: measure the pipelines")


_NO_LIMITS = [
    "rate_limit=0",
    *(
        f"rate_{name}=0"
        for name in ("master_data", "search", "catalog", "pricing", "order_list", "order_detail")
    ),
]


def usual_scenarios(pipelines: list[PipelineName], minute_seconds: float | None = None) -> list[Scenario]:
    """The scenarios of these pipelines at their usual sizes."""
    sizes = [(pipeline, records) for pipeline in pipelines for records in DEFAULT_RECORDS[pipeline]]
    return [s for pipeline, records in sizes for s in scenarios_of(pipeline, records, minute_seconds)]


def scenarios_of(pipeline: PipelineName, records: int, minute_seconds: float | None = None) -> list[Scenario]:
    """A pipeline without limits. Products and purchases also with the vendors' rate limits, products also by
    SKU, and untracked purchases also with an empty and a full catalogue.
    """
    unlimited = Scenario(pipeline, records)
    match pipeline:
        case PipelineName.PRODUCTS:
            with_limits = Scenario(pipeline, records, minute_seconds or _HALF_A_MINUTE_SECONDS)
            return [unlimited, with_limits, Scenario(pipeline, records, skus=True)]
        case PipelineName.PURCHASES:
            limited = _limited_purchases(records, minute_seconds or _SHORT_MINUTE_SECONDS)
            untracked = Scenario(pipeline, min(records, _MOST_UNTRACKED), tracked_share=0.0)
            return [
                unlimited,
                *limited,
                replace(untracked, catalogue="empty"),
                replace(untracked, catalogue="full"),
            ]
        case _:
            return [unlimited]


def _limited_purchases(records: int, minute_seconds: float) -> list[Scenario]:
    """A day of which the tag missed a tenth, to limit the time of posting. Two smaller days at once, which
    share Connectif's minute.
    """
    return [
        Scenario(PipelineName.PURCHASES, records, minute_seconds, _ALMOST_ALL_TRACKED),
        Scenario(PipelineName.PURCHASES, max(1, records // 20), minute_seconds, processes=2),
    ]
