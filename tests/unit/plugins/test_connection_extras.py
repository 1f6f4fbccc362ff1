"""A value in a connection of VTEX or Connectif is either used or refused by name."""

from __future__ import annotations

import io
import json
import ssl
import warnings
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from airflow.sdk._shared.secrets_masker import redact
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from requests import Session

from include.connectif.client import ConnectifClient
from include.errors import ConfigurationError
from include.http.retry import RetryPolicy
from plugins.hooks.connectif_hook import ConnectifHook
from plugins.hooks.vtex_hook import VtexHook
from tests.scripted_server import Answer, ScriptedServer

OK = Answer(200, [])
ONCE = RetryPolicy(attempts=1)


@pytest.fixture(autouse=True)
def _no_proxies_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "requests_ca_bundle",
        "curl_ca_bundle",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set both connections with these fields; a text is the part of a URI after `…://key:secret@`."""

    def set_connections(fields: dict[str, Any] | str) -> None:
        for kind in ("vtex", "connectif"):
            known = {"conn_type": kind, "login": "a-key", "password": "a-secret"}
            if kind == "vtex" and not isinstance(fields, str):
                known["extra"] = {"account": "myshop"} | fields.get("extra", {})
            value = (
                f"{kind}://a-key:a-secret@{fields}" if isinstance(fields, str) else json.dumps(fields | known)
            )
            monkeypatch.setenv(f"AIRFLOW_CONN_{kind.upper()}_DEFAULT", value)

    return set_connections


def accounts() -> tuple[Any, Any]:
    return VtexHook().client.account, ConnectifHook().client.account


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"host": "https://api.example.com"}, "https://api.example.com"),
        ({"host": "https://api.example.com/", "port": 0}, "https://api.example.com"),
        ({"host": "https://api.example.com", "port": 8443}, "https://api.example.com:8443"),
        ({"host": "https://api.example.com:8443", "port": 8443}, "https://api.example.com:8443"),
        ({"host": "https://api.example.com", "port": 443}, "https://api.example.com"),
        ({"host": "http://api.example.com:80"}, "http://api.example.com"),
        ({"host": "api.example.com", "schema": "https"}, "https://api.example.com"),
        ({"host": "api.example.com", "schema": "http", "port": 8080}, "http://api.example.com:8080"),
        ({"host": "https://gate.example.com/api/", "port": 444}, "https://gate.example.com:444/api"),
        ({"host": "http://[::1]", "port": 8101}, "http://[::1]:8101"),
        ("api.example.com:8443/https", "https://api.example.com:8443"),
    ],
)
def test_base_url__consists_of_host_schema_and_port(connect: Any, fields: Any, expected: str) -> None:
    connect(fields)
    vtex, connectif = accounts()
    assert (vtex.url, connectif.base_url) == (expected, expected)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"host": "api.example.com"}, "Base URL is not a URL"),
        ({"host": "ftp://api.example.com"}, "Base URL is not a URL"),
        ({"host": "https://api.example.com:99999"}, "Base URL is not a URL"),
        ({"host": "https://api.example.com", "schema": "http"}, "Base URL says https, and Schema http"),
        ({"host": "https://api.example.com:1", "port": 2}, "Base URL says port 1, and Port 2"),
        ({"host": "https://me:pw@api.example.com"}, "a user name"),
        ({"host": "https://api.example.com?x=1"}, "a query"),
        ({"port": 8443}, "Schema and Port have no effect without Base URL"),
        ({"schema": "http"}, "Schema and Port have no effect without Base URL"),
    ],
)
def test_base_url__contradicting_fields_are_refused(connect: Any, fields: Any, problem: str) -> None:
    connect(fields)
    for hook in (VtexHook(), ConnectifHook()):
        with pytest.raises(ConfigurationError, match=problem) as caught:
            _ = hook.client
        assert "_default: " in str(caught.value)


def test_base_url__default_port_is_allowed_without_a_host(connect: Any) -> None:
    connect({"port": 443, "schema": "https"})
    vtex, connectif = accounts()
    assert vtex.url == "https://myshop.vtexcommercestable.com.br"
    assert connectif.base_url == "https://api.connectif.cloud"


@pytest.mark.parametrize(
    ("extra", "attribute", "expected"),
    [
        ({}, "verify", None),
        ({"verify": False}, "verify", False),
        ({"verify": "false"}, "verify", False),
        ({"verify_ssl": "0"}, "verify", False),
        ({"verify": True}, "verify", True),
        ({"verify": __file__}, "verify", __file__),
        ({"cert": __file__}, "cert", __file__),
        ({"cert": [__file__, __file__]}, "cert", (__file__, __file__)),
        ({"timeout": 5}, "timeouts", (5.0, 5.0)),
        ({"timeout": "2.5"}, "timeouts", (2.5, 2.5)),
        ({"timeout": [3, 30]}, "timeouts", (3.0, 30.0)),
        ({"proxy": "http://p:1"}, "proxies", {"http": "http://p:1", "https": "http://p:1"}),
        ({"proxies": {"https": "http://p:1"}}, "proxies", {"https": "http://p:1"}),
        ({"trust_env": False}, "trust_env", False),
        ({"allow_redirects": False}, "trust_env", True),
        ({"verify": None, "cert": "", "proxies": None}, "proxies", {}),
    ],
)
def test_extra__is_read_as_in_http_hook(
    connect: Any, extra: dict[str, Any], attribute: str, expected: Any
) -> None:
    connect({"extra": extra})
    for account in accounts():
        assert getattr(account.http, attribute) == expected
    as_uri = quote(json.dumps({"account": "myshop"} | extra))
    connect(f"api.example.com/https?__extra__={as_uri}")
    assert getattr(VtexHook().client.account.http, attribute) == expected


def test_extra__texts_of_a_uri_are_parsed(connect: Any) -> None:
    proxies = quote('{"https": "http://p:1"}')
    connect(f"api.example.com/https?verify=false&timeout=7&trust_env=False&proxies={proxies}")
    options = ConnectifHook().client.account.http
    assert (options.verify, options.timeouts, options.trust_env) == (False, (7.0, 7.0), False)
    assert options.proxies == {"https": "http://p:1"}


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"stream": True}, "stream"),
        ({"max_redirects": 3}, "max_redirects"),
        ({"check_response": True}, "check_response"),
        ({"srv_lookup": True}, "srv_lookup"),
        ({"headers": {"X-Mine": "hunter2"}}, "headers"),
        ({"X-Mine": "hunter2", "Accept-Language": "pt"}, "Accept-Language, X-Mine"),
        ({"Verify": False}, "Verify"),
        ({"allow_redirects": True}, "allow_redirects"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"timeout": [1, 2, 3]}, "timeout"),
        ({"timeout": "inf"}, "timeout"),
        ({"trust_env": "perhaps"}, "trust_env"),
        ({"verify": {"a": 1}}, "verify"),
        ({"cert": ["a"]}, "cert"),
        ({"proxies": {"ftp": "http://p:1"}}, "proxies"),
        ({"proxies": {"https": "me:hunter2@p"}}, "proxies"),
        ({"proxies": ["http://p:1"]}, "proxies"),
        ({"proxy": "http://me:hunter2@[p"}, "proxy"),
        ({"proxy": "socks5://me:hunter2@p:1"}, "proxy"),
    ],
)
def test_extra__without_effect_is_refused_by_name(connect: Any, extra: dict[str, Any], named: str) -> None:
    connect({"extra": extra})
    for hook in (VtexHook(), ConnectifHook()):
        with pytest.raises(ConfigurationError, match=f"_default: the extra {named} ") as caught:
            _ = hook.client
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("extra", ["{not json", "[1]", '"text"'])
def test_extra__that_is_not_an_object_is_refused(monkeypatch: pytest.MonkeyPatch, extra: str) -> None:
    fields = {"conn_type": "connectif", "login": "a-key", "password": "a-secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_CONNECTIF_DEFAULT", json.dumps(fields))
    with pytest.raises(ConfigurationError, match="the extra is not a JSON object"):
        _ = ConnectifHook().client


@pytest.mark.parametrize(
    "extra", [{"verify": "/no/ca.pem"}, {"cert": "/no/ca.pem"}, {"cert": [__file__, "/no/ca.pem"]}]
)
def test_certificate_file__error_names_a_missing_file(connect: Any, extra: dict[str, Any]) -> None:
    connect({"extra": extra})
    with pytest.raises(ConfigurationError, match=r"names /no/ca\.pem, but this machine has no such file"):
        _ = VtexHook().client


def test_ca_bundle_of_the_environment__error_names_a_missing_file(
    connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/ca.pem")
    connect({})
    with pytest.raises(ConfigurationError, match=r"variable REQUESTS_CA_BUNDLE names /no/ca\.pem"):
        _ = VtexHook().client
    connect({"extra": {"trust_env": False}})
    assert VtexHook().client.transport.session.verify is True


def test_timeout__overrides_the_time_outs_of_the_routes(
    connect: Any, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect({"host": server.url, "extra": {"timeout": [3, 4]}})
    timeouts: list[Any] = []
    send = Session.send

    def record_timeout(self: Session, request: Any, **options: Any) -> Any:
        timeouts.append(options["timeout"])
        return send(self, request, **options)

    monkeypatch.setattr(Session, "send", record_timeout)
    server.script(OK, OK, Answer(200, {"id": "1", "status": "queued"}), OK)
    VtexHook().client.search_clients(where="x", fields=("id",))
    VtexHook().run("things")
    ConnectifHook().client.create_contacts_export()
    ConnectifHook().run("things")
    assert timeouts == [(3.0, 4.0)] * 4


def test_proxy__of_the_connection_is_used_for_api_and_result_files(
    connect: Any, server: ScriptedServer
) -> None:
    connect({"host": "http://api.invalid", "extra": {"proxies": {"http": server.url}}})
    client = ConnectifHook().client
    server.script(OK, Answer(200, "a,b\n"), Answer(200, "zip"), OK)
    client.check()
    client.read_import_report("http://files.invalid/report.csv?s=1")
    client.read_export_file("http://files.invalid/export.zip", io.BytesIO())
    ConnectifHook().run("things")
    assert [request.target.partition("?")[0] for request in server.requests] == [
        "http://api.invalid/imports/",
        "http://files.invalid/report.csv",
        "http://files.invalid/export.zip",
        "http://api.invalid/things",
    ]
    keys = [request.headers.get("Authorization") for request in server.requests]
    assert keys == ["apiKey a-key:a-secret", None, None, "apiKey a-key:a-secret"]


def test_proxy__of_the_environment_is_used_for_result_files_except_no_proxy(
    connect: Any, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    connect({"host": "http://api.invalid"})
    server.script(Answer(200, "a,b\n"), Answer(200, "a,b\n"))
    client = ConnectifHook().client
    client.read_import_report("http://files.invalid/report.csv")
    client.read_import_report(f"{server.url}/report.csv")
    assert [request.target for request in server.requests] == [
        "http://files.invalid/report.csv",
        "/report.csv",
    ]


def test_proxy__password_is_masked(connect: Any) -> None:
    connect({"extra": {"proxy": "http://me:a-proxy-password@proxy.example.com:3128"}})
    account = VtexHook().client.account
    assert "a-proxy-password" not in repr(account)
    assert redact("a-proxy-password") == "***"


class TlsServer(ScriptedServer):
    """Uses TLS with its own certificate; with `ca` it asks for a client certificate."""

    def __init__(self, certificate: Path, ca: Path | None = None) -> None:
        super().__init__()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        if ca:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(ca)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def url(self) -> str:
        return super().url.replace("http:", "https:")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def tls(certificate: Path) -> Iterator[TlsServer]:
    with TlsServer(certificate, certificate) as server:
        yield server


def client_of(hook: ConnectifHook) -> ConnectifClient:
    return ConnectifClient(hook.client.account, retry=ONCE)


def test_verify__ca_of_the_connection_is_used_for_api_and_result_files(
    connect: Any, tls: TlsServer, certificate: Path
) -> None:
    with TlsServer(certificate, certificate) as files:
        connect({"host": tls.url, "extra": {"verify": str(certificate)}})
        tls.script(OK)
        files.script(Answer(200, "a,b\n"))
        client = client_of(ConnectifHook())
        client.check()
        assert client.read_import_report(f"{files.url}/report.csv") == b"a,b\n"


def test_verify__certificate_is_refused_without_its_ca(connect: Any, tls: TlsServer) -> None:
    connect({"host": tls.url})
    with pytest.raises(ConfigurationError, match=r"certificate of 127\.0\.0\.1:[0-9]+ is not accepted"):
        client_of(ConnectifHook()).check()


def test_verify__false_accepts_any_certificate(connect: Any, tls: TlsServer) -> None:
    connect({"host": tls.url, "extra": {"verify": False}})
    tls.script(OK)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # urllib3 warns on each call that it does not check
        client_of(ConnectifHook()).check()


def test_cert__is_sent_only_to_the_api(connect: Any, certificate: Path) -> None:
    shown: dict[str, Any] = {}

    class CertificateServer(TlsServer):
        def next_answer(self, request: Any) -> Answer:
            return Answer(200, [])

    def record_certificate(server: CertificateServer, name: str) -> None:
        finish = server._server.finish_request

        def finish_request(request: Any, address: Any) -> None:
            request.do_handshake()
            shown[name] = request.getpeercert()
            finish(request, address)

        server._server.finish_request = finish_request  # type: ignore[method-assign]

    with (
        CertificateServer(certificate, certificate) as api,
        CertificateServer(certificate, certificate) as files,
    ):
        record_certificate(api, "api")
        record_certificate(files, "files")
        connect({"host": api.url, "extra": {"verify": str(certificate), "cert": str(certificate)}})
        client = client_of(ConnectifHook())
        with closing(client.transport.session):
            client.check()
            client.read_import_report(f"{files.url}/report.csv")
    assert shown["api"]
    assert not shown["files"]
