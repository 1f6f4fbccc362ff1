"""Compare VTEX's orders of a window with Connectif's export by id, and send the missing purchases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pandas as pd

from include.http.calls import in_parallel
from include.outcomes import Cause, Reason
from include.pipeline.differences import ComparedRecords, keep_differences
from include.pipeline.run import SyncRun, outcomes_in
from include.purchases.checkout import read_checkout, read_order
from include.purchases.extract import SELECTION, extract
from include.purchases.load import load
from include.purchases.order_selection import OrderSelection
from include.purchases.orders import PurchaseRules, classify_orders, earliest_instants
from include.purchases.reconcile_match import (
    CAUSES_AT_CONNECTIF,
    cause_of_missing,
    cause_of_outcomes,
    checkouts,
    only_at_connectif,
)
from include.purchases.reconcile_sides import Sides, read_both_sides
from include.purchases.rules import currency_of_shop, rules_of
from include.purchases.staged import PURCHASES, staged_purchases
from include.purchases.transform import transform
from include.report import Compared, StageCounts
from include.staging import Staging
from include.values.mapped import OUTCOME_COLUMNS
from include.vtex.client import VtexClient

EXTRACTED = "extract"
TRANSFORMED = "transform"
LOOKED_UP = "looked-up.json"
TO_REPAIR = "to-repair.json"
_WORKERS = 8
_PLAIN_ID = re.compile(r"[\w.-]{1,100}")
_REPAIRED_CAUSES = frozenset({Cause.NEVER_SENT, Cause.NOT_COVERED, Cause.GONE, Cause.REJECTED, Cause.HELD})


def compare(run: SyncRun, target: Staging) -> StageCounts:
    """Compare the purchases of the run's window, and stage the differences; nothing else is written.

    Only orders that Connectif lacks, or whose status in the list is doubtful, are read with all details. The
    stages of `sync_purchases` read them, and their outcomes become the causes.
    """
    for below in (EXTRACTED, TRANSFORMED):
        target.within(below).begin()
    sides, rules = read_both_sides(run, target), rules_of(run)
    sold = checkouts(sides.orders, sides.exported["id"], by_group=rules.purchase_id_source == "order_group")
    sold = sold[(sold["began"] >= sides.window.start) & (sold["began"] < sides.window.end)]
    left_out = sold["left_out"] != ""
    present = sold["there"] | sold["otherwise"]
    unsure = sold[~left_out & (~present | (sold["there"] & sold["doubtful"]))]
    details = _read_details(run, target, sides, unsure)
    unknown = only_at_connectif(sides.exported, sides.orders, sides.window)
    unknown = unknown[~unknown.isin(list(details.purchase_of.values()))]

    compared_records = ComparedRecords()
    compared_records.add_same(int((~left_out & sold["there"] & ~sold["doubtful"]).sum()))
    for key, there, why in (
        sold.assign(present=present).loc[left_out, ["present", "left_out"]].itertuples(name=None)
    ):
        compared_records.add(key, Cause.EXCLUDED_BUT_THERE if there else Cause.EXCLUDED, why, there=there)
    for key in sold.index[~left_out & sold["otherwise"]]:
        compared_records.add(key, Cause.OTHER_ID, there=True)
    to_repair = _classify_unsure(run, compared_records, unsure, details, sides)
    for key, cause, detail in _look_up(run, target, sides, list(unknown)):
        compared_records.add(_loggable_id(run, key), Cause(cause) if cause else None, detail, there=True)
    target.write_json(TO_REPAIR, to_repair)
    compared = Compared(
        at_vtex=len(sold),
        at_connectif=compared_records.there,
        compared=len(sold) + len(unknown),
        same=compared_records.number_same,
        notes=[f"purchases of {sides.window.in_zone(run.settings.schedule.zone)}"],
    )
    keep_differences(run, target, compared, compared_records.differences())
    return StageCounts()


def repair(run: SyncRun, target: Staging, *, source: Staging) -> StageCounts:
    """Send the purchases that `compare` found missing, as `sync_purchases` does, without workflows.

    Purchases of the next run (`too_young`) are left to that run, because it may still trigger workflows.
    """
    wanted, chosen = set(source.read_json(TO_REPAIR)), target.within("chosen")
    transformed = source.within(TRANSFORMED)
    transformed.require_complete()
    orders = 0
    for name in transformed.names(PURCHASES):
        missing = [purchase for purchase in transformed.read_json(name) if purchase["purchase_id"] in wanted]
        orders += sum(len(purchase["order_ids"]) for purchase in missing)
        chosen.write_json(name, missing)
    counts = load(replace(run, backfill=True), target, source=chosen)
    counts.read += orders
    # The run of a day reports the tracking loss of that day.
    counts.tracking = {}
    return counts


@dataclass(frozen=True)
class _Details:
    """The result of the sync's own stages: the purchase of each order that can be sent, else its outcome."""

    purchase_of: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, tuple[Reason, str]] = field(default_factory=dict)


def _read_details(run: SyncRun, target: Staging, sides: Sides, unsure: pd.DataFrame) -> _Details:
    """Extract and transform as `sync_purchases` does, with these checkouts as its order selection."""
    extracted, transformed = target.within(EXTRACTED), target.within(TRANSFORMED)
    if not extracted.has(SELECTION):
        wanted = sides.orders[sides.orders["order_id"].isin(unsure["orders"].explode())]
        listed = {
            str(order_id): sides.window.start if pd.isna(began) else began.to_pydatetime()
            for order_id, began in wanted[["order_id", "began"]].itertuples(index=False, name=None)
        }
        extracted.write_json(SELECTION, OrderSelection(listed, (sides.window,), {}).to_json())
    extract(run, extracted)
    transform(run, transformed, source=extracted)
    transformed.complete()
    details = _Details()
    for purchase in staged_purchases(transformed):
        details.purchase_of.update(dict.fromkeys(purchase["order_ids"], purchase["purchase_id"]))
    for outcomes in outcomes_in(transformed):
        for key, _, reason, detail in outcomes[list(OUTCOME_COLUMNS)].itertuples(index=False, name=None):
            details.outcomes[key] = Reason(reason), detail
    return details


def _classify_unsure(
    run: SyncRun, compared_records: ComparedRecords, unsure: pd.DataFrame, details: _Details, sides: Sides
) -> list[str]:
    """Add a cause for each checkout whose details were read; returns the purchases to repair."""
    to_repair: list[str] = []
    to_send = {key: id_ for key, orders in unsure["orders"].items() if (id_ := _purchase(orders, details))}
    recorded = run.state.purchases.recorded(to_send.values())
    covered = run.state.progress.covered(run.pipeline)
    young_since = run.now() - timedelta(days=run.settings.run.coverage_days)
    exported = set(sides.exported["id"][sides.exported["id"].isin(list(to_send.values()))])
    for key, began, there, orders in unsure[["began", "there", "orders"]].itertuples(name=None):
        purchase_id = to_send.get(key)
        if purchase_id and (there or purchase_id in exported):
            compared_records.add(purchase_id, None, there=True)
        elif purchase_id:
            cause, detail = cause_of_missing(
                began, recorded.get(purchase_id), covered, young_since=young_since
            )
            compared_records.add(purchase_id, cause, detail)
            to_repair += [purchase_id] if cause in _REPAIRED_CAUSES else []
        else:
            outcomes = [details.outcomes[order_id] for order_id in orders if order_id in details.outcomes]
            cause, detail = cause_of_outcomes(outcomes) if outcomes else (Cause.OTHER_TIME, "")
            compared_records.add(key, CAUSES_AT_CONNECTIF.get(cause) if there else cause, detail, there=there)
    return to_repair


def _purchase(orders: list[str], details: _Details) -> str | None:
    return next(
        (details.purchase_of[order_id] for order_id in orders if order_id in details.purchase_of), None
    )


def _look_up(run: SyncRun, target: Staging, sides: Sides, ids: list[str]) -> Iterator[tuple[str, str, str]]:
    """Look up at VTEX the purchases that only Connectif has: (id, cause or "", detail)."""
    most = run.settings.reconcile.lookups
    if not target.has(LOOKED_UP):
        rules = rules_of(run, currency_of_shop(run))
        answers = in_parallel(
            lambda id_: _cause_at_vtex(run.vtex, id_, rules, sides), ids[:most], workers=_WORKERS
        )
        target.write_json(LOOKED_UP, [(id_, *answer) for id_, answer in answers])
    yield from (tuple(one) for one in target.read_json(LOOKED_UP))
    yield from ((id_, Cause.NOT_LOOKED_UP, "") for id_ in ids[most:])


def _cause_at_vtex(vtex: VtexClient, id_: str, rules: PurchaseRules, sides: Sides) -> tuple[str, str]:
    """Why VTEX's list does not have the purchase; empty if VTEX has it now, because it was listed late."""
    orders = _read_orders(vtex, id_) if _PLAIN_ID.fullmatch(id_) else []
    if not orders:
        return Cause.UNKNOWN_AT_VTEX, ""
    outcomes, accepted = classify_orders(orders, rules)
    if not accepted:
        reasons = [
            (Reason(reason), detail)
            for reason, detail in zip(outcomes["reason"], outcomes["detail"], strict=True)
        ]
        cause, detail = cause_of_outcomes(reasons)
        return CAUSES_AT_CONNECTIF.get(cause, Cause.OTHER_TIME), detail
    started = min(earliest_instants(orders, rules).values(), default=None)
    return ("", "") if started and started in sides.window else (Cause.OTHER_TIME, "")


def _read_orders(vtex: VtexClient, id_: str) -> list[dict[str, Any]]:
    """The orders of the group with this id, else the order with this id."""
    if orders := read_checkout(vtex, id_).orders:
        return orders
    order = read_order(vtex, id_)
    return [order] if order else []


def _loggable_id(run: SyncRun, id_: str) -> str:
    """The id, or a hash if it does not look like an id, because it may then hold personal data."""
    return id_ if _PLAIN_ID.fullmatch(id_) else f"unusual id {run.state.hashed(id_)[:12]}"
