from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.processes import (
    ProcessFailed,
    Service,
    deferring_signals,
    free_port,
    is_free,
    kill,
    members,
    only_one,
    run,
    start,
    stop,
    stopping_on_signals,
)

# Like Airflow's scheduler: forks a child that moves to a process group of its own; the child ignores SIGTERM.
STUBBORN = """
import os, signal, sys, time
if os.fork() == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("child", os.getpid(), flush=True)
time.sleep(60)
"""


def start_python(code: str, folder: Path) -> Service:
    command = (sys.executable, "-c", code)
    return start("probe", command, environment=os.environ, cwd=folder, log=folder / "probe.log")


def wait_for(text: str, log: Path) -> None:
    while text not in log.read_text():
        time.sleep(0.02)


def test_stop__ends_a_whole_session_even_a_child_that_ignores_sigterm(tmp_path: Path) -> None:
    service = start_python(STUBBORN, tmp_path)
    wait_for("child", service.log)
    session = {service.process.pid}
    assert len(members(session)) == 2
    stop([service], grace_seconds=0.5)
    assert members(session) == []


def test_stop__accepts_a_process_that_ended_before(tmp_path: Path) -> None:
    service = start_python("pass", tmp_path)
    service.process.wait()
    stop([service])


def test_check__shows_the_end_of_the_log(tmp_path: Path) -> None:
    service = start_python("raise SystemExit('the port is taken')", tmp_path)
    service.process.wait()
    with pytest.raises(ProcessFailed, match=r"probe ended with status 1(.|\n)*the port is taken"):
        service.check()


def test_run__fails_with_the_output_of_the_command(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "raise SystemExit('no such table')")
    with pytest.raises(ProcessFailed, match="no such table"):
        run("migrate", command, environment=os.environ, cwd=tmp_path, log=tmp_path / "migrate.log")


def test_log__is_readable_by_its_owner_only(tmp_path: Path) -> None:
    service = start_python("pass", tmp_path)
    stop([service])
    assert service.log.stat().st_mode & 0o077 == 0


def test_only_one__refuses_a_second_process_and_accepts_the_next(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with only_one(home), pytest.raises(ProcessFailed, match="another process uses"), only_one(home):
        pass
    with only_one(home):
        assert not home.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals__stop_like_ctrl_c_and_say_so(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    with stopping_on_signals(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert capfd.readouterr().err == "\nStopping…\n"


def test_deferred_signal__is_raised_after_the_block() -> None:
    done = []

    def start_something() -> None:
        with deferring_signals():
            signal.raise_signal(signal.SIGTERM)
            done.append("in the block")

    with stopping_on_signals(), pytest.raises(KeyboardInterrupt):
        start_something()
    assert done


def test_deferred_signal__a_thread_can_start_a_process() -> None:
    """Python allows signal handlers in the main thread only."""

    def defer() -> bool:
        with deferring_signals():
            return True

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(defer).result()


def test_free_port__can_be_listened_on() -> None:
    port = free_port()
    assert is_free(port)
    with subprocess.Popen((sys.executable, "-c", LISTEN, str(port)), stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        assert not is_free(port)
        server.kill()


LISTEN = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    print("listening", flush=True)
    sys.stdin.read() or __import__("time").sleep(30)
"""


def test_kill__ends_a_whole_session_at_once(tmp_path: Path) -> None:
    service = start_python(STUBBORN, tmp_path)
    wait_for("child", service.log)
    kill(service)
    assert service.process.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while members({service.process.pid}) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert members({service.process.pid}) == []


def test_start__can_keep_earlier_lines_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for word in ("first", "second"):
        command = (sys.executable, "-c", f"print('{word}')")
        start("one", command, environment=os.environ, cwd=tmp_path, log=log, append=True).process.wait()
    assert log.read_text().split() == ["first", "second"]
