"""Finds the Chromium of this machine, starts it headless, controls one tab and stops it."""

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
class Viewport:
    """The width of the window in CSS pixels, and whether its colour scheme is dark."""

    width: int
    dark: bool = False


class Tab:
    """One tab, over Chromium's own protocol. JavaScript arguments are expressions."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._last = connection, 0

    def open(self, url: str, viewport: Viewport, height: int) -> None:
        """Open a page in a window of this width and height, and wait until it has loaded."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if viewport.dark else "light"}
        self._send("Emulation.setEmulatedMedia", features=[scheme])
        self.resize(viewport, height)
        self._send("Page.enable")
        self._send("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'")

    def resize(self, viewport: Viewport, height: int) -> None:
        """Set width and height of the window."""
        size = {
            "width": viewport.width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": viewport.width < 600,
        }
        self._send("Emulation.setDeviceMetricsOverride", **size)

    def picture(self) -> bytes:
        """The content of the window as PNG."""
        return base64.b64decode(self._send("Page.captureScreenshot", format="png")["data"])

    def value(self, expression: str) -> Any:
        """The value of an expression in the page. ProcessFailed when it raises."""
        answer = self._send("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            thrown = answer["exceptionDetails"].get("exception", {}).get("description", "unreadable answer")
            raise ProcessFailed(f"Chromium: {expression}: {thrown}")
        return answer["result"].get("value")

    def wait_for(self, expression: str, *, seconds: float = WAIT_SECONDS) -> Any:
        """The first true value of an expression. Use `a?.b` for elements that may not exist yet."""
        deadline = time.monotonic() + seconds
        while not (value := self.value(expression)):
            if time.monotonic() > deadline:
                raise ProcessFailed(f"Chromium: not true within {seconds:.0f} s: {expression}")
            time.sleep(0.1)
        return value

    def type(self, text: str) -> None:
        """Type into the focused element, and press Enter."""
        self._send("Input.insertText", text=text)
        enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        self._send("Input.dispatchKeyEvent", type="keyDown", text="\r", **enter)
        self._send("Input.dispatchKeyEvent", type="keyUp", **enter)

    def keep_cookie(self, url: str, name: str, value: str) -> None:
        """Set a cookie for the pages under this address."""
        self._send("Network.setCookie", url=url, name=name, value=value)

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        self._connection.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while (answer := json.loads(self._connection.recv(timeout=WAIT_SECONDS))).get("id") != self._last:
            continue
        if "error" in answer:
            raise ProcessFailed(f"Chromium: {method}: {answer['error']['message']}")
        return dict(answer["result"])


def find_browser() -> str:
    """The path of the browser: `CHROMIUM`, or one of the usual names."""
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else NAMES:
        if path := shutil.which(name):
            return path
    raise ProcessFailed(
        f"No Chromium on this machine (looked for {named or ', '.join(NAMES)}): install one, for example "
        "`apt-get install chromium`, or name it: CHROMIUM=/path/to/chrome make screenshots"
    )


@contextmanager
def open_tab() -> Iterator[Tab]:
    """A new browser. At the end it stops, and its profile is removed."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        # --no-sandbox: root in a container has no sandbox, and we open our own files only
        options = (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--remote-debugging-port=0",
        )
        process = subprocess.Popen(
            (find_browser(), *options, f"--user-data-dir={profile}", "about:blank"),
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
    """The address of the tab. Chromium writes its port to its profile when it listens."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        written = profile / "DevToolsActivePort"
        if written.exists() and (port := written.read_text().partition("\n")[0]):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
                pages = [page for page in json.load(answer) if page["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(0.1)
    raise ProcessFailed(f"Chromium ({find_browser()}) did not start")
