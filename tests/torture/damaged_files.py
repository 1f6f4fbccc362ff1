"""Every staged file of every area, gone or damaged in each way, before every stage that could read it.

`tried` yields a row for each; a row is held when the stage fails at once by a SyncError that names the file
and says what to do, and has called no vendor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from include.errors import StagingError, SyncError, UnsafeChange
from include.outcomes import Area
from include.plan import RunPlan
from include.staging import Staging
from include.sync.finish import RunIdentity, finish
from include.sync.reconcile.report import finish_comparison
from include.sync.run import SyncRun, run_stage
from tests.builders import COMPARISONS, EVERYTHING, FLOWS, Office, window_ending

WAYS_OUT = ("Clear the whole run", "trigger the DAG with allow_mass_change")


def _gone(file: Path) -> None:
    file.unlink()


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _half(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def _zeroed(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def _flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0b100
    file.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "gone": _gone,
    "empty": _empty,
    "half": _half,
    "zeroed": _zeroed,
    "bit flip": _flipped,
}


class Row(NamedTuple):
    """One trial. `problem` is empty when it held."""

    area: str
    stage: str
    file: str
    damage: str
    problem: str
    message: str


@dataclass(frozen=True)
class Step:
    """A stage that can be begun again, and the folders that it must not read unchecked."""

    name: str
    folders: Sequence[Path]
    do: Callable[[], Any]


AREAS: dict[str, Callable[[Office], list[Step]]] = {}


def area_of(name: str) -> Callable[[Callable[[Office], list[Step]]], Callable[[Office], list[Step]]]:
    def named(steps: Callable[[Office], list[Step]]) -> Callable[[Office], list[Step]]:
        AREAS[name] = steps
        return steps

    return named


def tried(name: str, office: Office) -> Iterator[Row]:
    """All trials of an area. The run goes well first; then each of its stages is begun again, with damage."""
    for step in AREAS[name](office):
        whole = {file: file.read_bytes() for folder in step.folders for file in _files(folder)}
        for file, (damage, harm) in product(whole, DAMAGES.items()):
            harm(file)
            problem, message = _problem(step, office, file)
            _restore(step.folders, whole)
            yield Row(name, step.name, f"{file.parent.name}/{file.name}", damage, problem, message)


def _restore(folders: Iterable[Path], whole: Mapping[Path, bytes]) -> None:
    for one in (file for folder in folders for file in _files(folder) if file not in whole):
        one.unlink()
    for one, content in whole.items():
        one.write_bytes(content)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _problem(step: Step, office: Office, file: Path) -> tuple[str, str]:
    before = _calls(office)
    try:
        step.do()
    except (StagingError, UnsafeChange) as error:
        message = str(error)
        if file.name not in message:
            return "the message does not name the file", message
        if not any(way in message for way in WAYS_OUT):
            return "the message does not say what to do", message
        calls = _calls(office) - before
        return (f"{calls} calls before it failed", message) if calls else ("", message)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        kind = "another SyncError" if isinstance(error, SyncError) else "no error of ours"
        return f"{kind}: {type(error).__name__}: {error}", ""
    return "green", ""


def _calls(office: Office) -> int:
    return office.vtex.transport.counter.calls + office.connectif.transport.counter.calls


def _daily(office: Office, area: Area, plan: RunPlan) -> list[Step]:
    run, flow = office.run(area, plan, "damaged"), FLOWS[area]
    names = ("extract", "transform", "load")
    folders = {name: Staging(Path(str(run.staging)) / name) for name in names}
    paths = {name: Path(str(folder)) for name, folder in folders.items()}
    steps = [
        Step("extract", [paths["extract"]], lambda: run_stage(run, "extract", flow.extract)),
        Step(
            "transform",
            [paths["extract"], paths["transform"]],
            lambda: run_stage(run, "transform", flow.transform, source=Staging(paths["extract"])),
        ),
        Step(
            "load",
            [paths["transform"], paths["load"]],
            lambda: run_stage(run, "load", flow.load, source=Staging(paths["transform"])),
        ),
        Step(
            "report",
            list(paths.values()),
            lambda: finish(
                run,
                RunIdentity(f"sync_{area}", "damaged", 0, run.now()),
                {name: Staging(path) for name, path in paths.items()},
            ),
        ),
    ]
    for step in steps:
        step.do()
    return steps


@area_of("contacts")
def _contacts(office: Office) -> list[Step]:
    return _daily(office, Area.CONTACTS, EVERYTHING)


@area_of("products")
def _products(office: Office) -> list[Step]:
    return _daily(office, Area.PRODUCTS, EVERYTHING)


@area_of("purchases")
def _purchases(office: Office) -> list[Step]:
    return _daily(office, Area.PURCHASES, window_ending())


@area_of("replay of contacts")
def _replay(office: Office) -> list[Step]:
    office.sync(Area.CONTACTS, EVERYTHING, "before")
    return _daily(office, Area.CONTACTS, RunPlan("replay", None, (), "a replay", replay="all"))


@area_of("the kept catalogue")
def _kept(office: Office) -> list[Step]:
    """The next run, an `only`, a comparison: the file that was sent last is read across runs."""
    office.sync(Area.PRODUCTS, EVERYTHING, "before")
    kept = [office.folder / "kept"]
    product_id = sorted(office.world.target()["products"])[0]
    one = office.run(Area.PRODUCTS, RunPlan("only", None, (), "one", product_id), "one")
    look = office.run(Area.PRODUCTS, EVERYTHING, "look")
    flow, comparison = FLOWS[Area.PRODUCTS], COMPARISONS[Area.PRODUCTS]
    nexts = [office.run(Area.PRODUCTS, EVERYTHING, f"next-{number}") for number in range(3)]
    extracted = [run_stage(run, "extract", flow.extract) for run in nexts[1:]]
    transformed = run_stage(nexts[2], "transform", flow.transform, source=extracted[1])
    return [
        Step("extract", kept, lambda: run_stage(nexts[0], "extract", flow.extract)),
        Step(
            "transform", kept, lambda: run_stage(nexts[1], "transform", flow.transform, source=extracted[0])
        ),
        Step("load", kept, lambda: run_stage(nexts[2], "load", flow.load, source=transformed)),
        Step("extract of one", kept, lambda: run_stage(one, "extract", flow.extract)),
        Step("compare", kept, lambda: run_stage(look, "compare_products", comparison.compare)),
    ]


def _comparison(office: Office, area: Area, plan: RunPlan, *below: str) -> tuple[SyncRun, list[Step]]:
    run, name = replace(office.run(area, plan, "look"), backfill=True), f"compare_{area}"
    folder = Path(str(run.staging)) / name

    def report() -> None:
        run_ = replace(run, area=Area.RECONCILE)
        identity = RunIdentity("reconcile", "look", 0, run.now())
        finish_comparison(run_, identity, {area: Staging(folder)}, run.staging.within("repair"))

    compare = Step(
        name,
        [folder, *(folder / one for one in below)],
        lambda: run_stage(run, name, COMPARISONS[area].compare),
    )
    compare.do()
    report()
    return run, [compare, Step("report", [folder], report)]


@area_of("reconcile contacts")
def _reconcile_contacts(office: Office) -> list[Step]:
    office.sync(Area.CONTACTS, EVERYTHING, "before")
    return _comparison(office, Area.CONTACTS, EVERYTHING, "extract")[1]


@area_of("reconcile products")
def _reconcile_products(office: Office) -> list[Step]:
    office.sync(Area.PRODUCTS, EVERYTHING, "before")
    return _comparison(office, Area.PRODUCTS, EVERYTHING)[1]


@area_of("reconcile purchases")
def _reconcile_purchases(office: Office) -> list[Step]:
    plan = window_ending(office.world.clock.now() - timedelta(days=1))
    run, steps = _comparison(office, Area.PURCHASES, plan, "extract", "transform")
    compared = Path(str(run.staging)) / "compare_purchases"
    repaired = Path(str(run.staging)) / "repair"

    def repair() -> Any:
        return run_stage(run, "repair", COMPARISONS[Area.PURCHASES].repair, source=Staging(compared))

    repair()
    return [*steps, Step("repair", [compared, compared / "transform", repaired], repair)]
