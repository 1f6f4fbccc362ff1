"""Runs the steps of the Dockerfile without Docker, on a stand-in for Airflow's image, whose user is 50000.

With buildah the steps run in a separate root file system. Without buildah the RUN lines run as that user in a
folder with the files that COPY would create. Both need root but no network: `pip` and `python` are scripts
that only read their input.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.image_versions import lowered, main

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
USER = 50000
"""`airflow` of apache/airflow, in the group 0 (its Dockerfile: AIRFLOW_UID, read 2026-11-28)."""
PIP = """#!/bin/sh
set -e
case " $* " in *" --require-hashes --no-deps --only-binary :all: "*) ;; *) exit 3 ;; esac
while [ $# -gt 0 ]; do
    case "$1" in --requirement)
        grep -q '^apache-airflow' "$2" && grep -q -- '--hash=sha256:' "$2"
        echo "${2##*/}" >> "${2%/*}/../installed" ;;
    esac
    shift
done
"""
PYTHON = """#!/bin/sh
set -e
case "$1" in
    -m) shift 3; while [ $# -gt 0 ]; do mkdir "$1/__pycache__"; shift; done ;;
    *) grep -q 'def lowered' "$1"
       case "$2" in note) echo '{}' > "$3" ;; compare) grep -q '{}' "$3" ;; esac ;;
esac
"""
STAND_INS = {"pip": PIP, "python": PYTHON}
PROGRAMS = ("sh", "bash", "grep", "mkdir", "rm", "chmod", "chown")
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the steps run as another user, which needs root")


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Yield `("COPY", "a b")` …, with joined lines and without comments."""
    plain = "\n".join(line for line in dockerfile.splitlines() if not line.lstrip().startswith("#"))
    for line in plain.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()


class ImageFolder:
    """A folder in place of an image's root file system; `step` runs one instruction in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workdir = "/"
        self.arguments: dict[str, str] = {}
        for folder, owner, mode in (("tmp", 0, 0o1777), ("opt/airflow", USER, 0o775), ("bin", 0, 0o755)):
            (root / folder).mkdir(parents=True)
            os.chown(root / folder, owner, 0)
            (root / folder).chmod(mode)
        _write_stand_ins(root / "bin")

    def step(self, word: str, rest: str) -> None:
        if word == "ARG":
            name, _, default = rest.partition("=")
            self.arguments[name] = default
        elif word == "WORKDIR":
            self.workdir = self._fill_in(rest)
        elif word == "COPY":
            self._copy(self._fill_in(rest))
        elif word == "RUN":
            self._run(self._fill_in(rest))
        elif word not in {"FROM", "ENV", "USER"}:
            raise AssertionError(f"the test does not know {word}: add it to the test")

    def _fill_in(self, text: str) -> str:
        for name, value in self.arguments.items():
            text = text.replace(f"${{{name}}}", value)
        return text

    def _copy(self, text: str) -> None:
        options = [part for part in text.split() if part.startswith("--")]
        *sources, target = (part for part in text.split() if not part.startswith("--"))
        owner = USER if "--chown=airflow:0" in options else 0
        folder = self.root / self.workdir.lstrip("/") / target if target[0] != "/" else self.root / target[1:]
        for source in map(Path, sources):
            into = folder / source.name if target.endswith("/") else folder
            into.parent.mkdir(parents=True, exist_ok=True)  # as in Docker, root owns it despite --chown
            if (ROOT / source).is_dir():
                into.mkdir()
            else:
                shutil.copy(ROOT / source, into)
                into.chmod(0o644)
            os.chown(into, owner, 0)

    def _run(self, command: str) -> None:
        here = re.sub(r"(?<![\w./])/(tmp|opt)/", rf"{self.root}/\1/", command)
        done = subprocess.run(
            ["/bin/sh", "-c", here],
            cwd=self.root / self.workdir.lstrip("/"),
            env={"PATH": f"{self.root}/bin:/usr/bin:/bin", **self.arguments},
            user=USER,
            group=0,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"RUN {command}: {done.stderr}"


@pytest.fixture
def open_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that every user may enter, unlike the folders of pytest."""
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(("staging", "lists"), [("", 1), ("s3", 2)])
def test_run_lines__succeed_as_the_user_of_the_base_image(staging: str, lists: int, open_path: Path) -> None:
    machine = ImageFolder(open_path / "image")
    steps = [
        (word, f"STAGING={staging}" if rest == "STAGING=" else rest)
        for word, rest in instructions(DOCKERFILE)
    ]
    assert [word for word, _ in steps].count("RUN") >= 2
    for word, rest in steps:
        machine.step(word, rest)
    installed = (open_path / "image/tmp/installed").read_text().split()
    assert installed == [f"requirements-{name}.txt" for name in ("image", "s3")[:lists]]
    for folder in ("logs", "staging"):
        assert (open_path / "image/opt/airflow" / folder).stat().st_uid == USER


def test_run_lines__cannot_write_to_a_folder_that_copy_created(open_path: Path) -> None:
    machine = ImageFolder(open_path / "image")
    machine.step("COPY", "requirements.txt /tmp/build/")
    with pytest.raises(AssertionError, match="Permission denied"):
        machine.step("RUN", "grep a /tmp/build/requirements.txt > /tmp/build/constraints.txt")


@pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed")
def test_image__is_built_by_buildah_on_a_stand_in_of_the_base_image(open_path: Path) -> None:
    _write_base_image(open_path / "base")
    storage = ("--root", f"{open_path}/storage", "--runroot", f"{open_path}/run", "--storage-driver", "vfs")
    build = ("buildah", *storage, "bud", "--isolation", "chroot", "--pull-never", "--tag")
    _check((*build, "stand-in", str(open_path / "base")))
    base = ("--build-arg", "BASE_IMAGE=localhost/stand-in")
    _check((*build, "sync", *base, str(ROOT)))
    user = _output(("buildah", *storage, "inspect", "--format", "{{.OCIv1.Config.User}}", "sync"))
    assert user.strip() == "airflow"
    digest = _output(("buildah", *storage, "inspect", "--format", "{{.FromImageDigest}}", "stand-in")).strip()
    _check((*build, "pinned", *base, "--build-arg", f"BASE_DIGEST={digest}", str(ROOT)))
    other = f"sha256:{'0' * 64}"
    failed = _run((*build, "pinned", *base, "--build-arg", f"BASE_DIGEST={other}", str(ROOT)))
    assert failed.returncode != 0
    assert f"localhost/stand-in@{other}" in failed.stderr


@pytest.mark.parametrize(
    ("before", "after", "accepted", "expected"),
    [
        ({"a": "1.10"}, {"a": "1.9"}, [], ["a 1.10 → 1.9"]),
        ({"a": "1.9"}, {"a": "1.10", "b": "1"}, [], []),
        ({"a": "2.0"}, {"a": "2.0rc1"}, [], ["a 2.0 → 2.0rc1"]),
        ({"a-b": "2", "c": "2"}, {"a-b": "1", "c": "1"}, ["A_b"], ["c 2 → 1"]),
        ({"a": "2"}, {}, [], ["a 2 → removed"]),
        ({"a": "2"}, {}, ["a"], []),
        ({}, {"a": "1"}, [], []),
    ],
)
def test_lowered__names_packages_of_the_base_image_that_the_lock_downgrades(
    before: dict[str, str], after: dict[str, str], accepted: list[str], expected: list[str]
) -> None:
    assert lowered(before, after, accepted) == expected


def test_build__stops_if_a_package_of_the_base_image_is_downgraded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "base.json"
    assert main(["note", str(file)]) == 0
    assert main(["compare", str(file)]) == 0
    versions = json.loads(file.read_text())
    file.write_text(json.dumps(versions | {"requests": "9999.0"}))
    assert main(["compare", str(file)]) == 1
    assert f"requests 9999.0 → {versions['requests']}" in capsys.readouterr().err
    assert main(["compare", str(file), "requests"]) == 0


def test_image__does_not_run_as_root() -> None:
    users = [rest for word, rest in instructions(DOCKERFILE) if word == "USER"]
    assert users == ["${RUN_AS}"]
    assert "ARG RUN_AS=airflow\n" in DOCKERFILE


def test_digest__is_an_argument_and_not_in_the_files() -> None:
    assert "FROM ${BASE_IMAGE}${BASE_DIGEST:+@${BASE_DIGEST}}\n" in DOCKERFILE
    assert "ARG BASE_DIGEST=\n" in DOCKERFILE
    for file in ("Dockerfile", "docker-compose.yaml", ".env.example"):
        assert not re.search(r"sha256:[0-9a-f]", (ROOT / file).read_text()), file


def _run(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _check(command: tuple[str, ...]) -> None:
    done = _run(command)
    assert done.returncode == 0, done.stderr[-2000:]


def _write_base_image(folder: Path) -> None:
    """Write a build context whose image has a shell, the programs of the steps, and the user airflow."""
    root = folder / "root"
    for name in PROGRAMS:
        program = Path(str(shutil.which(name))).resolve()
        _install(program, root / "bin" / name)
        for library in re.findall(r"(/\S+) \(0x", _output(("ldd", str(program)))):
            _install(Path(library), root / library.lstrip("/"))
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text(f"root:x:0:0::/:/bin/sh\nairflow:x:{USER}:0::/opt/airflow:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    _write_stand_ins(root / "bin")
    (folder / "Dockerfile").write_text(
        "FROM scratch\nCOPY root /\nENV PATH=/bin\n"
        f"RUN mkdir -p /tmp /opt/airflow && chmod 1777 /tmp && chown {USER}:0 /opt/airflow\n"
        "USER airflow\n"
    )


def _write_stand_ins(folder: Path) -> None:
    for name, script in STAND_INS.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)


def _install(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _output(command: tuple[str, ...]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
