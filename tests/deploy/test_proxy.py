"""The proxy of docker-compose.yaml: TLS, forwarded headers, no callback path in a log, waiting while down.

Needs the program `caddy` on PATH, or its path in CADDY.
"""

from __future__ import annotations

import http.server
import os
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from tools.cluster.compose import read_compose, read_env_file
from tools.processes import LOOPBACK, deferring_signals, free_port, start, stop

ROOT = Path(__file__).resolve().parents[2]
CADDYFILE = ROOT / "deploy" / "proxy" / "Caddyfile"
SERVICE = read_compose(read_env_file(ROOT / ".env.example"))["proxy"]
CALLBACK = "/connectif/newsletter/the-secret-of-the-path/unsubscribe?email=ana@example.com"


@dataclass
class Upstream:
    """An api-server that keeps the headers of each request; it can be away."""

    port: int = field(default_factory=free_port)
    headers: list[dict[str, str]] = field(default_factory=list)
    server: http.server.ThreadingHTTPServer | None = None

    def start(self) -> None:
        received = self.headers

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                received.append({name.lower(): value for name, value in self.headers.items()})
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keep the test's output clean."""

        self.server = http.server.ThreadingHTTPServer((LOOPBACK, self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()


@dataclass
class Proxy:
    upstream: Upstream
    port: int
    log: Path

    def get(self, path: str, headers: dict[str, str] | None = None) -> int:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # a certificate of Caddy's own
        connection = HTTPSConnection("localhost", self.port, context=context, timeout=30)
        try:
            connection.request("GET", path, headers=headers or {})
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    program = os.environ.get("CADDY") or shutil.which("caddy")
    if program is None:
        pytest.skip("caddy is not installed: apt-get install caddy, or name its program in CADDY")
    upstream, port = Upstream(), free_port()
    config = tmp_path / "Caddyfile"
    config.write_text(CADDYFILE.read_text().replace("admin off", f"admin off\n\thttp_port {free_port()}", 1))
    environment = {
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "SITE_ADDRESS": f"localhost:{port}",
        "UPSTREAM": f"{LOOPBACK}:{upstream.port}",
    }
    command = [program, *SERVICE.command[1:3], str(config), *SERVICE.command[4:]]
    upstream.start()
    with deferring_signals():
        process = start("caddy", command, environment=environment, cwd=tmp_path, log=tmp_path / "log")
    found = Proxy(upstream, port, tmp_path / "log")
    try:
        for _ in range(100):
            process.check()
            if "serving initial configuration" in found.log.read_text():
                break
            time.sleep(0.1)
        yield found
    finally:
        stop([process])
        upstream.stop()


def test_proxy__tells_the_upstream_scheme_host_and_caller(proxy: Proxy) -> None:
    spoofed = {
        "X-Forwarded-For": "198.51.100.9",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
    }
    assert proxy.get("/", spoofed) == 202
    (headers,) = proxy.upstream.headers
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-host"] == f"localhost:{proxy.port}"
    assert headers["x-forwarded-for"] in {"127.0.0.1", "::1"}


def test_proxy__writes_no_callback_path_to_its_log(proxy: Proxy) -> None:
    proxy.get(CALLBACK)
    limited = "lb_try_duration 60s"
    assert limited in CADDYFILE.read_text()
    proxy.upstream.stop()
    with pytest.raises((TimeoutError, OSError)):
        _short_get(proxy)
    time.sleep(1)
    log = proxy.log.read_text()
    assert log
    for word in ("the-secret-of-the-path", "ana@example.com", "unsubscribe"):
        assert word not in log
    proxy.upstream.server = None


def _short_get(proxy: Proxy) -> None:
    """A caller that gives up while the upstream is away, which Caddy logs as an error."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = HTTPSConnection("localhost", proxy.port, context=context, timeout=1)
    try:
        connection.request("GET", CALLBACK)
        connection.getresponse()
    finally:
        connection.close()


def test_proxy__lets_a_callback_wait_while_the_api_server_restarts(proxy: Proxy) -> None:
    proxy.upstream.stop()
    threading.Timer(2.0, proxy.upstream.start).start()
    begun = time.monotonic()
    assert proxy.get(CALLBACK) == 202
    assert 1.5 < time.monotonic() - begun < 10


def test_caddyfile__is_formatted() -> None:
    program = os.environ.get("CADDY") or shutil.which("caddy")
    if program is None:
        pytest.skip("caddy is not installed")
    done = subprocess.run([program, "fmt", CADDYFILE], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == CADDYFILE.read_text().strip()
