"""Map the staged catalogue, guard against mass changes, withdraw products, write the files of the import."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pandas as pd

from include.errors import MassChangeBlocked
from include.pipeline.csv_files import CsvFiles
from include.pipeline.guards import Share, guard_against_mass_change
from include.pipeline.progress import Progress
from include.pipeline.replay import keys_to_replay, note_on_missing_records
from include.pipeline.run import SyncRun, count_outcomes, keep_outcomes
from include.products.changes import CatalogueChanges
from include.products.extract import IDS
from include.products.mapping import IN_STOCK, OUT_OF_STOCK, map_products, split_by_columns
from include.products.prices import base_prices_in
from include.products.search import PART, products_in
from include.products.sent_catalogue import last_prices, last_rows, rules_of
from include.products.snapshot import count_vanishing, withdrawn_rows
from include.report import StageCounts
from include.staging import Staging
from include.values.mapped import Mapped
from include.values.wording import plural

log = logging.getLogger(__name__)

FILES = "files.json"
ROWS = "rows-"
WITHDRAWN = "withdrawn-"


def transform(run: SyncRun, target: Staging, *, source: Staging) -> StageCounts:
    """Staged products → `rows-<part>.parquet`, `withdrawn-<number>.parquet`, CSV files, and outcomes.

    MassChangeBlocked, before anything is sent, if too many products would turn out of stock or vanish.
    """
    counts, shown, refused, out_of_stock = StageCounts(), set[str](), set[str](), 0
    progress = Progress(log, "products mapped")
    last, id_source = last_prices(run), run.settings.products.product_id_source
    if run.plan.is_partial:
        _require_same_id_source(run, last)
    was_in_stock, changes = (
        _in_stock(last, id_source),
        CatalogueChanges(last, run.settings, run.vtex.account.connection),
    )
    for number, all_mapped in enumerate(_mapped_parts(run, source, last), start=1):
        new = all_mapped.keys - shown
        mapped = all_mapped if new == all_mapped.keys else _only(all_mapped, new)
        shown |= new
        refused.update(mapped.outcomes["key"])
        target.write_frame(f"{ROWS}{number:05}.parquet", mapped.rows)
        out_of_stock += len(was_in_stock & _with_availability(mapped.rows, OUT_OF_STOCK))
        changes.add(mapped.rows)
        keep_outcomes(target, f"{number:05}", mapped.outcomes)
        count_outcomes(counts, mapped.outcomes)
        counts.drops += mapped.drops
        progress.add(len(new))
    log.info("%s", progress.line())
    counts.read = len(shown)
    # A run of chosen records says nothing about the others: there are no withdrawals and no mass change.
    guard_against_mass_change(run, _shares(run, source, changes, shown, out_of_stock))
    if not run.plan.is_partial and last is not None:
        withdrawn = _write_withdrawn(run, target, shown, refused)
        counts.read += withdrawn
        counts.catalogue = changes.facts(count_vanishing(last, shown, id_source))
        counts.notes = [f"{withdrawn:,} withdrawn"] if withdrawn else []
    if run.plan.replay:
        counts.notes += note_on_missing_records(len(keys_to_replay(run, source)), len(shown))
    _write_files(target)
    return counts


def _mapped_parts(run: SyncRun, source: Staging, last: pd.DataFrame | None) -> Iterator[Mapped]:
    rules, prices = rules_of(run), base_prices_in(source)
    for name in source.names(PART):
        yield map_products(products_in(source, name), rules, last_sent=last, base_prices=prices)


def _only(mapped: Mapped, wanted: set[str]) -> Mapped:
    rows = mapped.rows[mapped.rows["productId"].isin(wanted)].reset_index(drop=True)
    outcomes = mapped.outcomes[mapped.outcomes["key"].isin(wanted)].reset_index(drop=True)
    return Mapped(rows, outcomes, mapped.drops)


def _in_stock(last: pd.DataFrame | None, id_source: str) -> set[str]:
    if last is None:
        return set()
    return _with_availability(last[~last["withdrawn"] & (last["idSource"] == id_source)], IN_STOCK)


def _with_availability(rows: pd.DataFrame, availability: str) -> set[str]:
    return set(rows.loc[rows["availability"] == availability, "productId"])


def _shares(
    run: SyncRun, source: Staging, changes: CatalogueChanges, shown: set[str], out_of_stock: int
) -> Iterator[Share]:
    """The shares for the guard. An incomplete catalogue must not take products out of all recommendations."""
    if run.plan.is_partial:
        return
    if changes.last is None:
        yield changes.hidden_share(len(source.read_json(IDS)), len(shown))
    else:
        id_source = run.settings.products.product_id_source
        others, sent = _changed_id_source(changes.last, id_source), int((~changes.last["withdrawn"]).sum())
        vanishing = count_vanishing(changes.last, shown, id_source)
        yield changes.gone_share(sent, out_of_stock, vanishing, others)
    yield from changes.shares()


def _require_same_id_source(run: SyncRun, last: pd.DataFrame | None) -> None:
    """MassChangeBlocked for chosen records after a change of the kind of id.

    They would overwrite some old products, and the others would never be withdrawn. The whole catalogue must
    be sent first.
    """
    if last is None or run.allow_mass_change:
        return
    id_source, on_sale = run.settings.products.product_id_source, last[~last["withdrawn"]]
    if len(on_sale) and not (on_sale["idSource"] == id_source).any():
        raise MassChangeBlocked(
            f"products: {len(on_sale)} products were sent last time{_changed_id_source(last, id_source)}. "
            "Nothing was sent. If the setting is right, send the whole catalogue first: trigger the DAG with "
            "mode full and allow_mass_change"
        )


def _changed_id_source(last: pd.DataFrame, id_source: str) -> str:
    others = int((~last["withdrawn"] & (last["idSource"] != id_source)).sum())
    return f" ({others} because product_id_source was not {id_source} then)" if others else ""


def _write_withdrawn(run: SyncRun, target: Staging, shown: set[str], refused: set[str]) -> int:
    """Stage the rows that withdraw products, and return their number."""
    number, id_source = 0, run.settings.products.product_id_source
    for place, piece in enumerate(last_rows(run), start=1):
        rows = withdrawn_rows(piece, shown, refused, id_source, again=run.full_asked)
        if len(rows):
            target.write_frame(f"{WITHDRAWN}{place:05}.parquet", rows)
            number += len(rows)
    return number


def _write_files(target: Staging) -> None:
    with CsvFiles(target, "products") as files:
        for name in [*target.names(ROWS), *target.names(WITHDRAWN)]:
            for _, alike in split_by_columns(target.read_frame(name)):
                files.append(alike)
    log.info("wrote %s for Connectif", plural(len(files.files), "file"))
    target.write_json(FILES, [file.to_json() for file in files.files])
