"""The commands of the Makefile: a mistake is one sentence, and Ctrl-C is answered at once."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from include.errors import ConfigurationError
from tools.airflow_rest import RestError
from tools.command import FAILED, STOPPED, run_command
from tools.local_stack import ROOT
from tools.processes import ProcessFailed

RECIPES = dict(
    re.findall(
        r"^([a-z]+): \$\(READY\).*\n\t@\$\(BIN\)/python -m (.*)$", (ROOT / "Makefile").read_text(), re.M
    )
)
WITHOUT_SETTINGS = {"test", "audit", "licences", "sbom"}
COMMANDS = {
    f"make {name}": tuple(re.sub(r" \$\(\w+\)", "", recipe).split())
    for name, recipe in RECIPES.items()
    if name not in WITHOUT_SETTINGS
} | {"plugins.state": ("plugins.state", "upgrade")}
SENTENCE = (
    "settings: run.overlap_minutes (or SYNC_RUN__OVERLAP_MINUTES) is 'x', allowed is a whole number; "
    "purchases.statuses (or SYNC_PURCHASES__STATUSES) is 'invoicd', allowed is a list of VTEX's order "
    "statuses, such as invoiced; 'invoicd' is none of them, the nearest is invoiced"
)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a caller without an Airflow and without other settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "SYNC_"))}
    paths = os.pathsep.join((str(ROOT), str(ROOT / "plugins")))
    return kept | {"PYTHONPATH": paths, "AIRFLOW_HOME": str(folder)} | more


def test_commands__are_found_in_the_makefile() -> None:
    expected = ("demo", "airflow", "doctor", "explain", "erase", "bench", "docs", "screenshots", "torture")
    assert COMMANDS.keys() >= {f"make {name}" for name in expected}


@pytest.mark.parametrize("command", COMMANDS)
def test_command__says_a_wrong_setting_in_one_line_before_anything_else(command: str, tmp_path: Path) -> None:
    wrong = {"SYNC_RUN__OVERLAP_MINUTES": "x", "SYNC_PURCHASES__STATUSES": "invoicd"}
    ended = subprocess.run(
        (sys.executable, "-m", *COMMANDS[command]),
        env=environment(tmp_path, **wrong),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (FAILED, "", f"{SENTENCE}\n")


@pytest.mark.parametrize(
    ("module", "arguments", "says"),
    [
        ("plugins.state", (), "usage: python -m plugins.state upgrade"),
        ("plugins.state", ("upgarde",), "usage: python -m plugins.state upgrade"),
        ("sandbox", ("--nonsense",), "unrecognized arguments: --nonsense"),
        ("sandbox", ("--contacts", "-1"), "argument --contacts: '-1' is not a whole number of 0 or more"),
        ("sandbox", ("--vtex-port", "99999"), "'99999' is not a whole number from 0 to 65535"),
        ("sandbox", ("--tracked-share", "7"), "argument --tracked-share: '7' is not a number from 0 to 1"),
        ("sandbox", ("--rate-window-seconds", "0"), "'0' is not a number of 0.01 or more"),
        ("sandbox", ("--today", "yesterday"), "invalid fromisoformat value: 'yesterday'"),
        ("tools.bench", ("orders",), "no such pipeline: orders; use contacts, products"),
        ("tools.torture", ("nonsense",), "invalid choice: 'nonsense'"),
    ],
)
def test_command__refuses_wrong_arguments(
    module: str, arguments: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    ended = subprocess.run(
        (sys.executable, "-m", module, *arguments),
        env=environment(tmp_path), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def raise_(problem: BaseException) -> Callable[[], int]:
    def main() -> int:
        raise problem

    return main


@pytest.mark.parametrize("error", [ConfigurationError, ProcessFailed, RestError])
def test_run_command__prints_the_message_of_a_problem(
    error: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(raise_(error("the port is taken"))) == FAILED
    assert capsys.readouterr().err == "the port is taken\n"


def test_run_command__shows_the_traceback_of_a_mistake_of_ours() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command(raise_(ZeroDivisionError()))


def test_run_command__end_of_input_stops_it() -> None:
    assert run_command(raise_(EOFError())) == STOPPED


def processes_with(home: Path) -> list[list[str]]:
    """The command lines of all running processes with this AIRFLOW_HOME."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("AIRFLOW_HOME") == str(home):
                found.append(process.cmdline())
    return found


SLOW = """
import sys, time
from tools.command import run_command

def main():
    print("started", flush=True)
    try:
        time.sleep(60)
    finally:
        time.sleep(2)

sys.exit(run_command(main))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("arguments", "first_word"),
    [(("-c", SLOW), "started"), (("-m", "tools.bench", "contacts", "--records", "200"), "contacts")],
    ids=["slow", "bench"],
)
def test_command__answers_a_signal_within_a_second(
    arguments: tuple[str, ...], first_word: str, number: signal.Signals, tmp_path: Path
) -> None:
    with subprocess.Popen(
        (sys.executable, *arguments),
        env=environment(tmp_path), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as command:  # fmt: skip
        assert command.stdout is not None
        assert command.stderr is not None
        assert first_word in command.stdout.readline()
        command.send_signal(number)
        sent_at = time.monotonic()
        assert command.stderr.readline() == "\n"
        assert command.stderr.readline() == "Stopping…\n"
        assert time.monotonic() - sent_at < 1
        assert command.stderr.read() == "Stopped. All processes have ended.\n"
        assert command.wait(timeout=60) == STOPPED
    assert processes_with(tmp_path) == []


def test_make__names_the_package_index_if_it_cannot_be_reached(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("no make on this machine")
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    nowhere = "http://127.0.0.1:9/simple"
    index = {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", "PIP_INDEX_URL": nowhere}
    ended = subprocess.run(
        ("make", f"PYTHON={sys.executable}", "doctor"),
        env=environment(tmp_path, **index, UV_DEFAULT_INDEX=nowhere),
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 2
    assert (
        "name your package index in PIP_INDEX_URL and UV_DEFAULT_INDEX; then run make again." in ended.stderr
    )
    assert not list((tmp_path / ".venv").glob(".ready*"))
