"""Purchases of a range, VTEX's orders against Connectif's export, by id; and the sending of missing ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pandas as pd

from include.http.parallel import in_parallel
from include.outcomes import Cause, Reason
from include.pipeline.differences import ComparedRecords, keep_differences
from include.pipeline.run import SyncRun, outcomes_in
from include.purchases.checkout import read_checkout, read_order
from include.purchases.rules import currency_of_shop
from include.purchases.extract import SELECTION, extract
from include.purchases.load import load
from include.purchases.order_selection import OrderSelection
from include.purchases.orders import PurchaseRules, classify_orders, earliest_instants
from include.purchases.reconcile import ADVICE
from include.purchases.reconcile_match import (
    BUT_THERE,
    cause_of_missing,
    cause_of_outcomes,
    checkouts,
    only_theirs,
)
from include.purchases.reconcile_sides import Sides, both_sides
from include.purchases.rules import rules_of
from include.purchases.transform import PURCHASES, transform
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
_WORTH_SENDING = frozenset({Cause.NEVER_SENT, Cause.NOT_COVERED, Cause.GONE, Cause.REJECTED, Cause.HELD})


def compare(run: SyncRun, target: Staging) -> StageCounts:
    """Compare the purchases of the run's window, and stage what differs; nothing is written anywhere else.

    Only orders that Connectif lacks, or whose state in the list raises a doubt, are read in full, by the very
    flow that would send them: its outcomes are the causes.
    """
    for below in (EXTRACTED, TRANSFORMED):
        target.within(below).begin()
    sides, rules = both_sides(run, target), rules_of(run)
    ours = checkouts(sides.orders, sides.theirs["id"], by_group=rules.purchase_id_source == "order_group")
    ours = ours[(ours["began"] >= sides.window.start) & (ours["began"] < sides.window.end)]
    elsewhere = ours["left_out"] != ""
    met = ours["there"] | ours["otherwise"]
    unsure = ours[~elsewhere & (~met | (ours["there"] & ours["doubtful"]))]
    full = _read_in_full(run, target, sides, unsure)
    alien = only_theirs(sides.theirs, sides.orders, sides.window)
    alien = alien[~alien.isin(list(full.purchase_of.values()))]

    compared_records = ComparedRecords()
    compared_records.add_same(int((~elsewhere & ours["there"] & ~ours["doubtful"]).sum()))
    for key, there, why in ours.assign(met=met).loc[elsewhere, ["met", "left_out"]].itertuples(name=None):
        compared_records.add(key, Cause.EXCLUDED_BUT_THERE if there else Cause.EXCLUDED, why, there=there)
    for key in ours.index[~elsewhere & ours["otherwise"]]:
        compared_records.add(key, Cause.OTHER_ID, there=True)
    to_repair = _classify_unsure(run, compared_records, unsure, full, sides)
    for key, cause, detail in _looked_up(run, target, sides, list(alien)):
        compared_records.add(_shown(run, key), Cause(cause) if cause else None, detail, there=True)
    target.write_json(TO_REPAIR, to_repair)
    compared = Compared(
        at_vtex=len(ours),
        at_connectif=compared_records.there,
        compared=len(ours) + len(alien),
        same=compared_records.number_same,
        notes=[f"purchases of {sides.window}"],
    )
    keep_differences(run, target, compared, compared_records.differences(), ADVICE)
    return StageCounts()


def repair(run: SyncRun, target: Staging, *, source: Staging) -> StageCounts:
    """Send what `compare` found missing in `source`, as `sync_purchases` does, and always quietly.

    What the next run takes anyway (`too_young`) is left to it: it may still fire the shop's workflows.
    """
    wanted, chosen = set(source.read_json(TO_REPAIR)), target.within("chosen")
    transformed = source.within(TRANSFORMED)
    transformed.require_complete()
    orders = 0
    for name in transformed.names(PURCHASES):
        going = [purchase for purchase in transformed.read_json(name) if purchase["purchase_id"] in wanted]
        orders += sum(len(purchase["order_ids"]) for purchase in going)
        chosen.write_json(name, going)
    counts = load(replace(run, backfill=True), target, source=chosen)
    counts.read += orders
    # What the tag missed on a day is for the run of that day to say.
    counts.tracking = {}
    return counts


@dataclass(frozen=True)
class _InFull:
    """What the sync's own flow makes of orders: the purchase of each that could go, else its outcomes."""

    purchase_of: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, tuple[Reason, str]] = field(default_factory=dict)


def _read_in_full(run: SyncRun, target: Staging, sides: Sides, unsure: pd.DataFrame) -> _InFull:
    """Extract and transform as `sync_purchases` does, with an agenda of these checkouts only."""
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
    full = _InFull()
    for name in transformed.names(PURCHASES):
        for purchase in transformed.read_json(name):
            full.purchase_of.update(dict.fromkeys(purchase["order_ids"], purchase["purchase_id"]))
    for outcomes in outcomes_in(transformed):
        for key, _, reason, detail in outcomes[list(OUTCOME_COLUMNS)].itertuples(index=False, name=None):
            full.outcomes[key] = Reason(reason), detail
    return full


def _classify_unsure(
    run: SyncRun, compared_records: ComparedRecords, unsure: pd.DataFrame, full: _InFull, sides: Sides
) -> list[str]:
    """A cause for each checkout that was read in full; returns the purchases that a repair would send."""
    to_repair: list[str] = []
    going = {key: id_ for key, orders in unsure["orders"].items() if (id_ := _purchase(orders, full))}
    recorded = run.state.recorded_purchases(going.values())
    covered = run.state.covered(run.pipeline)
    young_since = run.now() - timedelta(days=run.settings.run.coverage_days)
    theirs = set(sides.theirs["id"][sides.theirs["id"].isin(list(going.values()))])
    for key, began, there, orders in unsure[["began", "there", "orders"]].itertuples(name=None):
        purchase_id = going.get(key)
        if purchase_id and (there or purchase_id in theirs):
            compared_records.add(purchase_id, None, there=True)
        elif purchase_id:
            cause, detail = cause_of_missing(
                began, recorded.get(purchase_id), covered, young_since=young_since
            )
            compared_records.add(purchase_id, cause, detail)
            to_repair += [purchase_id] if cause in _WORTH_SENDING else []
        else:
            outcomes = [full.outcomes[order_id] for order_id in orders if order_id in full.outcomes]
            cause, detail = cause_of_outcomes(outcomes) if outcomes else (Cause.OTHER_TIME, "")
            compared_records.add(key, BUT_THERE.get(cause) if there else cause, detail, there=there)
    return to_repair


def _purchase(orders: list[str], full: _InFull) -> str | None:
    return next((full.purchase_of[order_id] for order_id in orders if order_id in full.purchase_of), None)


def _looked_up(run: SyncRun, target: Staging, sides: Sides, ids: list[str]) -> Iterator[tuple[str, str, str]]:
    """(id, cause or nothing, detail) of purchases that only Connectif names, looked up at VTEX."""
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
    """Why VTEX's list did not bring it; nothing when it is there and just came late into the list."""
    orders = _orders_called(vtex, id_) if _PLAIN_ID.fullmatch(id_) else []
    if not orders:
        return Cause.UNKNOWN_AT_VTEX, ""
    outcomes, going = classify_orders(orders, rules)
    if not going:
        reasons = [
            (Reason(reason), detail)
            for reason, detail in zip(outcomes["reason"], outcomes["detail"], strict=True)
        ]
        cause, detail = cause_of_outcomes(reasons)
        return BUT_THERE.get(cause, Cause.OTHER_TIME), detail
    began = min(earliest_instants(orders, rules).values(), default=None)
    return ("", "") if began and began in sides.window else (Cause.OTHER_TIME, "")


def _orders_called(vtex: VtexClient, id_: str) -> list[dict[str, Any]]:
    """The orders of the group of that id, else the order of that id."""
    if orders := read_checkout(vtex, id_).orders:
        return orders
    order = read_order(vtex, id_)
    return [order] if order else []


def _shown(run: SyncRun, id_: str) -> str:
    """An id as it may be listed: one that looks like no id may hold anything, and becomes a hash."""
    return id_ if _PLAIN_ID.fullmatch(id_) else f"unusual id {run.state.hashed(id_)[:12]}"
