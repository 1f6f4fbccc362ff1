"""Builds what the Dockerfile builds: an environment of Python packages, and a folder with the code."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.cluster.compose import ROOT
from tools.processes import ProcessFailed, run

DOCKERFILE = ROOT / "Dockerfile"
REQUIREMENTS = "/tmp/build/requirements-image.txt"  # noqa: S108 - the path in the Dockerfile

_OPTIONAL = re.compile(r"\$\{\w+:\+(?:[^{}]|\{[^{}]*\})*\}")
"""An option of the image that is off without its build argument: `${STAGING:+--requirement …}`."""


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Yield `("COPY", "a b")` …, with joined lines and without comments."""
    plain = "\n".join(line for line in dockerfile.splitlines() if not line.lstrip().startswith("#"))
    for line in plain.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()


def pip_arguments() -> list[str]:
    """The arguments of `pip` in the Dockerfile, with the list of packages of this folder."""
    for word, rest in instructions(DOCKERFILE.read_text()):
        if word == "RUN" and (found := re.search(r"&& (pip install [^&]+)&&", rest)):
            words = shlex.split(_OPTIONAL.sub("", found[1]))[1:]
            return [str(ROOT / "requirements-image.txt") if one == REQUIREMENTS else one for one in words]
    raise ProcessFailed("the Dockerfile has no `pip install`: tools/cluster/image.py reads it from there")


def install_packages(home: Path, say: Callable[[str], None]) -> Path:
    """The `bin` folder of an environment with the image's packages; reused while the list is the same.

    There is no base image here. The list holds every package of the image, Airflow too, so `pip` gets the
    same command in an empty environment. `pip check` then proves that the list is complete.
    """
    arguments = pip_arguments()
    key = " ".join(arguments) + sys.version
    mark = hashlib.sha256(key.encode() + (ROOT / "requirements-image.txt").read_bytes()).hexdigest()
    done, log = home / "venv" / "installed", home / "logs" / "install.log"
    python = home / "venv" / "bin" / "python"
    if not done.exists() or done.read_text() != mark:
        say("installing the image's packages (once, about two minutes)")
        shutil.rmtree(home / "venv", ignore_errors=True)
        steps = [
            (sys.executable, "-m", "venv", str(home / "venv")),
            (str(python), "-m", "pip", *arguments),
            (str(python), "-m", "pip", "check"),
        ]
        for step in steps:
            run("pip", step, environment=_pip_environment(), cwd=ROOT, log=log)
        done.write_text(mark)
    return python.parent


def _pip_environment() -> dict[str, str]:
    """The caller's environment: it may name a package index."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def copy_code(folder: Path, python: Path) -> None:
    """Copy what the Dockerfile copies into the project's home, and compile it."""
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "tests")
    sources = []
    for word, rest in instructions(DOCKERFILE.read_text()):
        if word == "COPY" and "--chown" in rest:
            _, source, target = rest.split()
            sources.append(target)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, folder / target, ignore=ignored)
            else:
                (folder / target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, folder / target)
    subprocess.run([python, "-m", "compileall", "-q", *sources], cwd=folder, check=True)
