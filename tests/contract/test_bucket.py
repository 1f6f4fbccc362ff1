"""Staged files in a bucket: each pipeline on a local S3, killed and resumed, with retention and erasure."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from include.bucket_folder import PART_BYTES, BucketFolder
from include.doctor import Level
from include.doctor.staging import check_staging
from include.erasure import erase
from include.errors import ConfigurationError, InfrastructureError, StagingError, StagingFolderGone, SyncError
from include.manifest import MANIFEST
from include.outcomes import PipelineName
from include.pipeline.run import SyncRun, kept_in, run_stage
from include.pipeline.staging_retention import remove_old
from include.pipelines import DAILY_PIPELINES
from include.plan import RunPlan
from include.run_name import attempt_name
from include.staging import Staging
from tests.builders import EVERYTHING, SimulatedShop, SyncRunner, stages_of
from tests.contract.each_pipeline import EACH_PIPELINE
from tests.contract.test_kills import KILLS_A_RUN, Fate, fate_of, undisturbed
from tests.s3_server import SECRET, S3Server, needs_s3, s3_server
from tests.steady_target import differences, steady

pytestmark = needs_s3
BUCKET = "staging-of-the-tests"
NOTHING_THERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        running.make_bucket(BUCKET)
        yield running


@pytest.fixture
def base(server: S3Server, tmp_path: Path) -> Any:
    return server.path(f"s3://{BUCKET}/{tmp_path.name}/staging")


@pytest.fixture
def in_bucket(shop: SimulatedShop, base: Any, tmp_path: Path) -> Iterator[SyncRunner]:
    """A runner whose state store is on the disk, and whose staged files are in a bucket."""
    (tmp_path / "runner").mkdir()
    made = SyncRunner(shop, tmp_path / "runner", base=base)
    yield made
    made.close()


# --- whole runs


@EACH_PIPELINE
def test_run__in_a_bucket_gives_the_target_and_the_files_of_a_disk(
    pipeline: PipelineName,
    plan: RunPlan,
    in_bucket: SyncRunner,
    undisturbed_folder: Path,
    server: S3Server,
) -> None:
    expected = undisturbed(in_bucket.shop, undisturbed_folder, pipeline, plan)
    report = in_bucket.sync(pipeline, plan, "run")
    assert report.counts.written > 0
    assert differences(steady(in_bucket.shop.target()), expected) == []
    on_disk = {
        str(file.relative_to(undisturbed_folder)) for file in (undisturbed_folder / "run").rglob("*.*")
    }
    assert set(staged(server, in_bucket)) >= on_disk
    assert not [key for key in staged(server, in_bucket) if "unfinished" in key]
    assert not list(in_bucket.folder.glob("run*")), "nothing is staged on the disk"


@EACH_PIPELINE
def test_run__that_is_killed_in_the_middle_resumes(
    pipeline: PipelineName, plan: RunPlan, in_bucket: SyncRunner, undisturbed_folder: Path
) -> None:
    expected = undisturbed(in_bucket.shop, undisturbed_folder, pipeline, plan)
    fate = Fate(1, every=60 if pipeline is PipelineName.PURCHASES else 12)
    with fate_of(in_bucket, fate):
        report = stages_of(in_bucket.run(pipeline, plan, "run"), tries=KILLS_A_RUN + 1)
    assert fate.kills >= 2, "the test must kill the process"
    assert report.missing == 0
    assert differences(steady(in_bucket.shop.target()), expected) == []


def test_run__another_machine_continues_it(in_bucket: SyncRunner, server: S3Server) -> None:
    """Each stage has a file system of its own, whose cache knows nothing of the others' files."""
    code = DAILY_PIPELINES[PipelineName.CONTACTS].code()
    path = str(in_bucket.base / "run")

    def elsewhere(name: str) -> Staging:
        return Staging(server.path(f"{path}/{name}", skip_instance_cache=True))

    run = in_bucket.run(PipelineName.CONTACTS, EVERYTHING, "run")
    extracted, loaded = elsewhere("extract"), elsewhere("transform")
    assert not extracted.names()
    run_stage(run, "extract", code.extract)
    run_stage(run, "transform", code.transform, source=extracted)
    run_stage(run, "load", code.load, source=loaded)
    assert in_bucket.shop.table("contacts", by="email")


def test_catalogue__sent_last_is_kept_and_replaced(in_bucket: SyncRunner, server: S3Server) -> None:
    for key in ("first", "second"):
        in_bucket.sync(PipelineName.PRODUCTS, EVERYTHING, key)
        in_bucket.shop.clock.advance(3_600)
    kept = [key for key in staged(server, in_bucket) if key.startswith("kept/")]
    assert kept == ["kept/manifest.json", "kept/sent-second.parquet"]


@EACH_PIPELINE
@pytest.mark.parametrize("stage", ["transform", "load"])
def test_stage__without_the_folder_of_the_stage_before_it_names_setting_and_path(
    pipeline: PipelineName, plan: RunPlan, stage: str, in_bucket: SyncRunner
) -> None:
    run = in_bucket.run(pipeline, plan, "run")
    elsewhere = run.staging.within("never-written")
    with pytest.raises(StagingFolderGone) as caught:
        run_stage(run, stage, getattr(DAILY_PIPELINES[pipeline].code(), stage), source=elsewhere)
    assert str(caught.value).startswith(f"staged files: {elsewhere} is gone. ")
    assert "SYNC_RUN__STAGING_PATH must name one folder or bucket that all workers reach" in str(caught.value)


# --- retention and erasure


def test_retention__removes_old_runs_and_nothing_else(
    in_bucket: SyncRunner, base: Any, server: S3Server
) -> None:
    shop, names = in_bucket.shop, in_bucket.state.erasure.shops_of_the_vtex_account()[0].folder
    now = shop.clock.now()
    folder = base / names / "sync_contacts" / "run-1"
    old, young = (attempt_name(0, now - timedelta(days=days)) for days in (8, 6))
    for attempt in (old, young):
        for number in range(3):
            Staging(folder / attempt / "extract").write_json(f"{number}.json", number)
    Staging(base / "other" / "application").write_json("a.json", 1)
    remove_old(in_bucket.state, base, in_bucket.settings, now)
    left = staged(server, in_bucket)
    assert not [key for key in left if old in key]
    assert len([key for key in left if young in key]) == 4
    assert "other/application/a.json" in left


def test_erasure__removes_the_finished_runs(
    in_bucket: SyncRunner, base: Any, server: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    shop = in_bucket.shop
    folder = base / in_bucket.state.erasure.shops_of_the_vtex_account()[0].folder

    def run_of(run_id: str) -> SyncRun:
        attempt = attempt_name(0, shop.clock.now())
        run = in_bucket.run(PipelineName.CONTACTS, EVERYTHING, f"{run_id}/{attempt}")
        place = folder / "sync_contacts" / f"{run_id}-{attempt}" / attempt
        return replace(run, staging=Staging(place), kept=kept_in(folder))

    stages_of(run_of("finished"))
    running = run_of("running")
    run_stage(running, "extract", DAILY_PIPELINES[PipelineName.CONTACTS].code().extract)
    shop.clock.advance(1)
    said = "\n".join(erase(in_bucket.state, in_bucket.vtex, base, "a.person@example.com", shop.clock.now()))
    assert "1 finished runs" in said
    assert "sync_contacts/running-0" in said
    assert not [key for key in staged(server, in_bucket) if "/finished-" in key]
    assert [key for key in staged(server, in_bucket) if "/running-" in key]
    assert "could not be removed" not in caplog.text


def test_removal__that_the_bucket_refuses_is_an_error(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """s3fs says nothing of objects that S3 refuses to delete."""
    Staging(base / "run").write_json("a.json", 1)
    folder = BucketFolder(base / "run")
    monkeypatch.setattr(folder._fs, "rm", lambda *_arguments, **_options: [])
    with pytest.raises(ConfigurationError, match=r"2 objects of .*run could not be deleted"):
        folder.remove_all()


# --- files


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES])
def test_file__of_any_size_is_read_as_written(size: int, base: Any) -> None:
    content = bytes(size)
    Staging(base).write_bytes("a.bin", content)
    assert Staging(base).read_bytes("a.bin") == content
    Staging(base).check()


def test_frames__are_read_in_pieces(base: Any) -> None:
    frame = pd.DataFrame({"id": [str(number) for number in range(20_000)]})
    assert Staging(base).write_frames("rows.parquet", [frame, frame]) == 40_000
    pieces = list(Staging(base).frames("rows.parquet"))
    assert len(pieces) == 8
    assert list(Staging(base).read_frame("rows.parquet")["id"]) == 2 * list(frame["id"])


@pytest.mark.parametrize("size", [10, PART_BYTES + 1])
def test_error__while_writing_leaves_the_old_file_and_no_part(size: int, base: Any, server: S3Server) -> None:
    staging = Staging(base)
    staging.write_bytes("a.bin", b"old")
    before = server.keys(BUCKET)
    with pytest.raises(RuntimeError), staging.writing("a.bin") as file:  # noqa: PT012 - the block is under test
        file.write(bytes(size))
        raise RuntimeError
    assert Staging(base).read_bytes("a.bin") == b"old"
    assert server.keys(BUCKET) == before


def test_error__during_an_upload_in_parts_completes_no_file(
    base: Any, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(5, "the service answers no more")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(InfrastructureError, match=r"the task is\s+retried"):
        Staging(base).write_bytes("a.bin", bytes(PART_BYTES + 1))
    assert Staging(base).names() == []
    assert "Uploads" not in server.client.list_multipart_uploads(Bucket=BUCKET)


@pytest.mark.parametrize("damage", [b"", b"[1", b"[1, 2, 3]"])
def test_damage__of_another_size_is_found_by_the_check(damage: bytes, base: Any) -> None:
    staging = Staging(base)
    staging.write_json("a.json", [1, 2])
    staging.complete()
    base.fs.pipe_file(f"{base.path}/a.json", damage)
    for look in (Staging.check, Staging.require_complete, lambda s: s.read_json("a.json")):
        with pytest.raises(StagingError, match=r"a\.json of s3://.* is damaged: .* bytes instead of 5"):
            look(Staging(base))


def test_damage__of_the_same_size_is_found_before_the_first_byte_is_used(base: Any) -> None:
    Staging(base).write_json("a.json", [1, 2])
    base.fs.pipe_file(f"{base.path}/a.json", b"[1,3]")
    with pytest.raises(StagingError, match="its checksum does not match"):
        Staging(base).read_json("a.json")


@pytest.mark.parametrize("name", ["a.json", MANIFEST])
def test_loss__is_named(name: str, base: Any) -> None:
    Staging(base).write_json("a.json", [1])
    Staging(base).write_json("b.json", [1])
    base.fs.rm_file(f"{base.path}/{name}")
    for look in (Staging.check, lambda s: s.read_json("a.json")):
        with pytest.raises(StagingError, match=rf"{name} of s3://.* is gone"):
            look(Staging(base))


def test_threads__that_write_at_once_have_all_files_listed(base: Any) -> None:
    staging = Staging(base)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: staging.write_json(f"{number:03}.json", number), range(40)))
    assert Staging(base).names() == [f"{number:03}.json" for number in range(40)]
    Staging(base).check()


# --- what is wrong with a bucket


def _missing_bucket(server: S3Server) -> Any:
    return server.path("s3://no-such-bucket-here/staging")


def _no_answer(server: S3Server) -> Any:
    quick = {"connect_timeout": 0.2, "retries": {"max_attempts": 0}}
    return server.path(f"s3://{BUCKET}/staging", endpoint_url=NOTHING_THERE, config_kwargs=quick)


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (_missing_bucket, ConfigurationError, "does not exist. Create it, or correct SYNC_RUN__STAGING_PATH"),
        (_no_answer, InfrastructureError, "Check that this machine reaches the bucket's service"),
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        lambda staging: staging.begin(),
        lambda staging: staging.write_bytes("a", b"1"),
        lambda staging: staging.read_bytes("a"),
        lambda staging: staging.require_complete(),
    ],
    ids=["begin", "write", "read", "complete"],
)
def test_bucket__that_cannot_be_used_is_one_sentence(
    use: Callable[[Staging], Any],
    make: Callable[[S3Server], Any],
    kind: type[SyncError],
    says: str,
    server: S3Server,
) -> None:
    with pytest.raises(kind) as caught:
        use(Staging(make(server)))
    assert says in str(caught.value)
    assert caught.value.__suppress_context__, "the log shows no call of a library"


def test_bucket__with_wrong_credentials_names_no_secret(server: S3Server, base: Any) -> None:
    with server.checking_credentials(), pytest.raises(ConfigurationError) as caught:
        Staging(base).begin()
    assert "access to s3://" in str(caught.value)
    assert "is refused (InvalidAccessKeyId)" in str(caught.value)
    assert SECRET not in str(caught.value)


# --- the doctor


def test_doctor__tries_the_bucket_and_leaves_nothing(base: Any, server: S3Server) -> None:
    before = server.keys(BUCKET)
    (line,) = check_staging(base)
    assert line.level is Level.OK
    assert f"write, replace, list, read and delete work in {base} (" in line.found
    assert server.keys(BUCKET) == before


def test_doctor__warns_of_a_bucket_that_keeps_versions(server: S3Server) -> None:
    bucket = server.make_bucket("with-versions")
    server.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    levels = {line.subject: line.level for line in check_staging(server.path(f"s3://{bucket}/sync"))}
    assert levels == {"staged files": Level.OK, "staged files, versions": Level.WARNING}


@pytest.mark.parametrize("make", [_missing_bucket, _no_answer])
def test_doctor__says_what_is_wrong(make: Callable[[S3Server], Any], server: S3Server) -> None:
    (line,) = check_staging(make(server))
    assert line.level is Level.ERROR
    assert line.found.startswith("bucket: ")


def staged(server: S3Server, runner: SyncRunner) -> list[str]:
    """The staged objects, relative to the base."""
    start = f"{runner.base.path.removeprefix(BUCKET).strip('/')}/"
    return [key.removeprefix(start) for key in server.keys(BUCKET) if key.startswith(start)]
