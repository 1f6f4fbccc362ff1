"""`python -m sandbox` as a process."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from sandbox.__main__ import set_knobs
from sandbox.connectif.knobs import ConnectifKnobs
from sandbox.vtex.knobs import VtexKnobs

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "sandbox", "--vtex-port", "0", "--connectif-port", "0", "--contacts", "30"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sandbox__prints_one_ready_line_and_stops_cleanly(number: int) -> None:
    options = ["--today", "2026-11-23", "--knob", "oms_page_31_status=404", "--rate-window-seconds", "1"]
    with subprocess.Popen([*COMMAND, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        try:
            knobs = requests.get(f"{ready['vtex']}/_sandbox/knobs", timeout=5).json()
            clocks = [
                requests.get(f"{ready[name]}/_sandbox/clock", timeout=5).json()
                for name in ("vtex", "connectif")
            ]
        finally:
            process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert process.stdout.read() == ""
    assert ready["ready"] is True
    assert (ready["account"], ready["shop_domain"]) == ("sandboxshop", "www.sandbox-shop.example")
    assert ready["today"] == "2026-11-23"
    assert (knobs["oms_page_31_status"], knobs["rate_window_seconds"]) == ("404", 1)
    assert all(clock["now"].startswith("2026-11-23T12:0") for clock in clocks)
    assert [(shop["account"], shop["vtex"]) for shop in ready["shops"]] == [("sandboxshop", ready["vtex"])]


def test_sandbox__serves_several_shops() -> None:
    with subprocess.Popen([*COMMAND, "--shops", "3"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        try:
            accounts = [
                requests.get(f"{shop['vtex']}/_sandbox/state", timeout=5).json()["account"]
                for shop in ready["shops"]
            ]
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert accounts == ["sandboxshop", "sandboxspain", "sandboxmexico"]
    assert ready["shops"][1] == {
        "name": "es",
        "account": "sandboxspain",
        "shop_domain": "www.sandbox-spain.example",
        "country": "ES",
        "currency": "EUR",
        "time_zone": "Europe/Madrid",
        "vtex": f"{ready['vtex']}/sandboxspain",
        "connectif": ready["connectif"],
        "vtex_key": "vtexappkey-sandboxspain-DEMO",
        "connectif_key": "sandbox-key-id-es",
    }
    assert (ready["account"], ready["shop_domain"]) == ("sandboxshop", "www.sandbox-shop.example")


def test_knobs__are_json_or_text_and_go_to_each_vendor_that_has_them() -> None:
    vtex, connectif = VtexKnobs(), ConnectifKnobs()
    set_knobs(["oms_page_31_status=404", "scroll_slots=3", "journal_bodies=true"], vtex, connectif)
    assert (vtex.oms_page_31_status, vtex.scroll_slots) == ("404", 3)
    assert vtex.journal_bodies is connectif.journal_bodies is True


@pytest.mark.parametrize("setting", ["no_such_knob=1", "scroll_slots=many", "scroll_slots"])
def test_knobs__invalid_settings_stop_the_start(setting: str) -> None:
    with pytest.raises(SystemExit, match=setting.partition("=")[0]):
        set_knobs([setting], VtexKnobs())
