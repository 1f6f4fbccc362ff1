"""Every staged file of every pipeline, gone or damaged in each way, before every stage that could read it.

`tried` yields a row for each; a row is held when the stage fails at once by a SyncError that names the file
and says what to do, and has called no vendor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

from include.errors import StagingError, SyncError, UnsafeChange
from include.outcomes import PipelineName
from include.pipeline.comparison import finish_comparison
from include.pipeline.finish import finish
from include.pipeline.run import SyncRun, run_stage
from include.pipelines import DAILY_PIPELINES
from include.plan import RunPlan
from include.purchases.reconcile import repair as repair_purchases
from include.run_name import RunIdentity
from include.staging import Staging
from sandbox.shop import Sizes
from tests.builders import EVERYTHING, SyncRunner, simulated_shop, window_ending
from tests.torture.tried import Tried

KIND = "damaged files"
SIZES = Sizes(contacts=220, products=60, orders_per_day=40, days=4)
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


@dataclass(frozen=True)
class Step:
    """A stage that can be begun again, and the folders that it must not read unchecked."""

    name: str
    folders: Sequence[Path]
    do: Callable[[], Any]


STEPS_OF: dict[str, Callable[[SyncRunner], list[Step]]] = {}


def pipeline_of(
    name: str,
) -> Callable[[Callable[[SyncRunner], list[Step]]], Callable[[SyncRunner], list[Step]]]:
    def named(steps: Callable[[SyncRunner], list[Step]]) -> Callable[[SyncRunner], list[Step]]:
        STEPS_OF[name] = steps
        return steps

    return named


def tried(name: str, runner: SyncRunner) -> Iterator[Tried]:
    """Yield all trials of a pipeline: a run without damage, and then each stage again with damage."""
    for step in STEPS_OF[name](runner):
        whole = {file: file.read_bytes() for folder in step.folders for file in _files(folder)}
        for file, (damage, harm) in product(whole, DAMAGES.items()):
            harm(file)
            begun = time.monotonic()
            problem = _problem(step, runner, file)
            seconds = time.monotonic() - begun
            _restore(step.folders, whole)
            case = f"{file.parent.name}/{file.name}, {damage}"
            yield Tried(KIND, f"{name}, {step.name}", case, problem, seconds=seconds)


def tried_in_all_pipelines(folder: Path) -> Iterator[Tried]:
    """Yield all trials of all pipelines, with a shop of their own."""
    with simulated_shop(SIZES) as shop:
        for pipeline in STEPS_OF:
            shop.reset()
            (folder / pipeline).mkdir()
            runner = SyncRunner(shop, folder / pipeline)
            yield from tried(pipeline, runner)
            runner.close()


def _restore(folders: Iterable[Path], whole: Mapping[Path, bytes]) -> None:
    for one in (file for folder in folders for file in _files(folder) if file not in whole):
        one.unlink()
    for one, content in whole.items():
        one.write_bytes(content)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _problem(step: Step, runner: SyncRunner, file: Path) -> str:
    before = _calls(runner)
    try:
        step.do()
    except (StagingError, UnsafeChange) as error:
        message = str(error)
        if file.name not in message:
            return f"the message does not name the file: {message}"
        if not any(way in message for way in WAYS_OUT):
            return f"the message does not say what to do: {message}"
        calls = _calls(runner) - before
        return f"{calls} calls before it failed: {message}" if calls else ""
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        kind = "another SyncError" if isinstance(error, SyncError) else "no error of ours"
        return f"{kind}: {type(error).__name__}: {error}"
    return "green"


def _calls(runner: SyncRunner) -> int:
    return runner.vtex.transport.counter.calls + runner.connectif.transport.counter.calls


def _daily(runner: SyncRunner, pipeline: PipelineName, plan: RunPlan) -> list[Step]:
    run, code = runner.run(pipeline, plan, "damaged"), DAILY_PIPELINES[pipeline].code()
    names = ("extract", "transform", "load")
    folders = {name: Staging(Path(str(run.staging)) / name) for name in names}
    paths = {name: Path(str(folder)) for name, folder in folders.items()}
    steps = [
        Step("extract", [paths["extract"]], lambda: run_stage(run, "extract", code.extract)),
        Step(
            "transform",
            [paths["extract"], paths["transform"]],
            lambda: run_stage(run, "transform", code.transform, source=Staging(paths["extract"])),
        ),
        Step(
            "load",
            [paths["transform"], paths["load"]],
            lambda: run_stage(run, "load", code.load, source=Staging(paths["transform"])),
        ),
        Step(
            "report",
            list(paths.values()),
            lambda: finish(
                run,
                RunIdentity(f"sync_{pipeline}", "damaged", 0, run.now()),
                {name: Staging(path) for name, path in paths.items()},
            ),
        ),
    ]
    for step in steps:
        step.do()
    return steps


@pipeline_of("contacts")
def _contacts(runner: SyncRunner) -> list[Step]:
    return _daily(runner, PipelineName.CONTACTS, EVERYTHING)


@pipeline_of("products")
def _products(runner: SyncRunner) -> list[Step]:
    return _daily(runner, PipelineName.PRODUCTS, EVERYTHING)


@pipeline_of("purchases")
def _purchases(runner: SyncRunner) -> list[Step]:
    return _daily(runner, PipelineName.PURCHASES, window_ending())


@pipeline_of("replay of contacts")
def _replay(runner: SyncRunner) -> list[Step]:
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "before")
    return _daily(runner, PipelineName.CONTACTS, RunPlan("replay", None, (), "a replay", replay="all"))


@pipeline_of("the kept catalogue")
def _kept(runner: SyncRunner) -> list[Step]:
    """The next run, an `only`, a comparison: the file that was sent last is read across runs."""
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "before")
    kept = [runner.folder / "kept"]
    product_id = sorted(runner.shop.target()["products"])[0]
    one = runner.run(PipelineName.PRODUCTS, RunPlan("only", None, (), "one", product_id), "one")
    look = runner.run(PipelineName.PRODUCTS, EVERYTHING, "look")
    code, comparison = (
        DAILY_PIPELINES[PipelineName.PRODUCTS].code(),
        DAILY_PIPELINES[PipelineName.PRODUCTS].code(),
    )
    nexts = [runner.run(PipelineName.PRODUCTS, EVERYTHING, f"next-{number}") for number in range(3)]
    extracted = [run_stage(run, "extract", code.extract) for run in nexts[1:]]
    transformed = run_stage(nexts[2], "transform", code.transform, source=extracted[1])
    return [
        Step("extract", kept, lambda: run_stage(nexts[0], "extract", code.extract)),
        Step(
            "transform", kept, lambda: run_stage(nexts[1], "transform", code.transform, source=extracted[0])
        ),
        Step("load", kept, lambda: run_stage(nexts[2], "load", code.load, source=transformed)),
        Step("extract of one", kept, lambda: run_stage(one, "extract", code.extract)),
        Step("compare", kept, lambda: run_stage(look, "compare_products", comparison.compare)),
    ]


def _comparison(
    runner: SyncRunner, pipeline: PipelineName, plan: RunPlan, *below: str
) -> tuple[SyncRun, list[Step]]:
    run, name = replace(runner.run(pipeline, plan, "look"), backfill=True), f"compare_{pipeline}"
    folder = Path(str(run.staging)) / name

    def report() -> None:
        run_ = replace(run, pipeline=PipelineName.RECONCILE)
        identity = RunIdentity("reconcile", "look", 0, run.now())
        finish_comparison(run_, identity, {pipeline: Staging(folder)}, run.staging.within("repair"))

    compare = Step(
        name,
        [folder, *(folder / one for one in below)],
        lambda: run_stage(run, name, DAILY_PIPELINES[pipeline].code().compare),
    )
    compare.do()
    report()
    return run, [compare, Step("report", [folder], report)]


@pipeline_of("reconcile contacts")
def _reconcile_contacts(runner: SyncRunner) -> list[Step]:
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "before")
    return _comparison(runner, PipelineName.CONTACTS, EVERYTHING, "extract")[1]


@pipeline_of("reconcile products")
def _reconcile_products(runner: SyncRunner) -> list[Step]:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "before")
    return _comparison(runner, PipelineName.PRODUCTS, EVERYTHING)[1]


@pipeline_of("reconcile purchases")
def _reconcile_purchases(runner: SyncRunner) -> list[Step]:
    plan = window_ending(runner.shop.clock.now() - timedelta(days=1))
    run, steps = _comparison(runner, PipelineName.PURCHASES, plan, "extract", "transform")
    compared = Path(str(run.staging)) / "compare_purchases"
    repaired = Path(str(run.staging)) / "repair"

    def repair() -> Any:
        return run_stage(run, "repair", repair_purchases, source=Staging(compared))

    repair()
    return [*steps, Step("repair", [compared, compared / "transform", repaired], repair)]
