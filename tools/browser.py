"""A Chromium of this machine, headless: found, started, told what to do, and stopped."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tools.processes import ProcessFailed

NAMES = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "google-chrome-stable")
START_SECONDS = 60
WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Look:
    """How wide the window is, in CSS pixels, and whether it is dark."""

    width: int
    dark: bool = False


class Tab:
    """One tab, over Chromium's own protocol. What it is told in JavaScript are expressions."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._last = connection, 0

    def open(self, url: str, look: Look, height: int) -> None:
        """Go to a page, in a window of that look and height, and wait until it has loaded."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if look.dark else "light"}
        self._tell("Emulation.setEmulatedMedia", features=[scheme])
        self.resize(look, height)
        self._tell("Page.enable")
        self._tell("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'")

    def resize(self, look: Look, height: int) -> None:
        """Make the window as wide as the look says, and so high."""
        size = {"width": look.width, "height": height, "deviceScaleFactor": 1, "mobile": look.width < 600}
        self._tell("Emulation.setDeviceMetricsOverride", **size)

    def picture(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self._tell("Page.captureScreenshot", format="png")["data"])

    def value(self, expression: str) -> Any:
        """What an expression comes to in the page. ProcessFailed when it raises."""
        answer = self._tell("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            thrown = answer["exceptionDetails"].get("exception", {}).get("description", "it cannot be read")
            raise ProcessFailed(f"Chromium: {expression}: {thrown}")
        return answer["result"].get("value")

    def wait_for(self, expression: str, *, seconds: float = WAIT_SECONDS) -> Any:
        """The first true value of an expression. What is not there yet counts as false (`a?.b`)."""
        deadline = time.monotonic() + seconds
        while not (found := self.value(expression)):
            if time.monotonic() > deadline:
                raise ProcessFailed(f"Chromium: not so within {seconds:.0f} s: {expression}")
            time.sleep(0.1)
        return found

    def type(self, text: str) -> None:
        """Type into what has the focus, and press Enter."""
        self._tell("Input.insertText", text=text)
        enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        self._tell("Input.dispatchKeyEvent", type="keyDown", text="\r", **enter)
        self._tell("Input.dispatchKeyEvent", type="keyUp", **enter)

    def keep_cookie(self, url: str, name: str, value: str) -> None:
        """Set a cookie for the pages under this address."""
        self._tell("Network.setCookie", url=url, name=name, value=value)

    def _tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        self._connection.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while (answer := json.loads(self._connection.recv(timeout=WAIT_SECONDS))).get("id") != self._last:
            continue
        if "error" in answer:
            raise ProcessFailed(f"Chromium: {method}: {answer['error']['message']}")
        return dict(answer["result"])


def found() -> str:
    """The browser's path: CHROMIUM, or one of the usual names."""
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else NAMES:
        if path := shutil.which(name):
            return path
    raise ProcessFailed(
        f"No Chromium on this machine (looked for {named or ', '.join(NAMES)}): install one, e.g. "
        "`apt-get install chromium`, or name it: CHROMIUM=/path/to/chrome make screenshots"
    )


@contextmanager
def open_tab() -> Iterator[Tab]:
    """A fresh browser, gone at the end, with its profile."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        # no sandbox: root in a container has none to offer, and only our own files are opened
        options = (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--remote-debugging-port=0",
        )
        process = subprocess.Popen(
            (found(), *options, f"--user-data-dir={profile}", "about:blank"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with connect(_address(process, Path(profile)), max_size=None) as connection:
                yield Tab(connection)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _address(process: subprocess.Popen[bytes], profile: Path) -> str:
    """Chromium writes its port into its profile once it listens."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        written = profile / "DevToolsActivePort"
        if written.exists() and (port := written.read_text().partition("\n")[0]):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
                pages = [page for page in json.load(answer) if page["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(0.1)
    raise ProcessFailed(f"Chromium ({found()}) did not start")
