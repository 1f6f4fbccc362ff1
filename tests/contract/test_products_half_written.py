"""A process that ends in the middle of a file: the half-written file is ignored and removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from include.manifest import MANIFEST
from include.outcomes import PipelineName
from include.staging import Staging
from tests.builders import EVERYTHING, Killed, SimulatedShop, SyncRunner, stages_of
from tests.contract.test_kills import differences, steady, undisturbed


class EndsWhileWriting:
    """Ends the process like SIGKILL, in the middle of the first staged file with this prefix."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
        self.left_behind: list[Path] = []
        writing = Staging.writing

        @contextmanager
        def half_written(folder: Staging, name: str) -> Iterator[IO[bytes]]:
            if not name.startswith(prefix) or self.left_behind:
                with writing(folder, name) as file:
                    yield file
                return
            try:
                with writing(folder, name) as file:
                    file.write(b"half")
                    file.flush()
                    self.left_behind = [*Path(str(folder)).glob(f"{name}?*")]
                    left = [path.read_bytes() for path in self.left_behind]
                    raise Killed
            finally:
                # An exception removes the file; SIGKILL does not.
                for path, content in zip(self.left_behind, left, strict=True):
                    path.write_bytes(content)

        monkeypatch.setattr(Staging, "writing", half_written)


@pytest.mark.parametrize("prefix", ["ids.json", "part-", "base-prices-", "rows-", "products-", "files.json"])
def test_staged_file__that_is_half_written_is_written_again(
    prefix: str,
    runner: SyncRunner,
    shop: SimulatedShop,
    undisturbed_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = undisturbed(shop, undisturbed_folder, PipelineName.PRODUCTS, EVERYTHING)
    fate = EndsWhileWriting(monkeypatch, prefix)
    run = runner.run(PipelineName.PRODUCTS, EVERYTHING, "run")
    report = stages_of(run, tries=2)
    assert fate.left_behind, "the test must kill something"
    assert report.missing == 0
    assert differences(steady(shop.target()), expected) == []


def test_snapshot__that_is_half_written_is_removed(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is not retried, and the next run uses another file name."""
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "yesterday")
    old = runner.state.catalogue.last_path()
    fate = EndsWhileWriting(monkeypatch, "sent-")
    with suppress(Killed):
        runner.sync(PipelineName.PRODUCTS, EVERYTHING, "today")
    assert runner.state.catalogue.last_path() == old
    assert [path.exists() for path in fate.left_behind] == [True]
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "tomorrow")
    assert {file.name for file in (runner.folder / "kept").iterdir()} == {
        MANIFEST,
        runner.state.catalogue.last_path(),
    }
