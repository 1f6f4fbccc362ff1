"""What a transport sends, how often, and what it returns or raises."""

from __future__ import annotations

import gzip
import io
import logging
import socket
import time
import traceback
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from include.errors import ConfigurationError, ContractError, TemporaryError
from include.http.retry import RetryPolicy
from include.http.route import Repeat, Route
from include.http.transport import (
    AnswerLost,
    NoSuchId,
    RequestRefused,
    Timeouts,
    TooSlow,
    Transport,
    Unexpected,
    UnreadableAnswer,
    VendorError,
)
from tests.scripted_server import CUT, Answer, ScriptedServer

READ = Route("list of things", "GET", "/api/things", "Things / Read")
ONE = Route("thing", "PATCH", "/api/things/{id}/{part}", "Things / Write")
CONTINUE = Route("scroll", "GET", "/api/scroll", "Things / Read", repeat=Repeat.AFTER_ANSWER)
POST = Route("post thing", "POST", "/api/things", "Things / Write", repeat=Repeat.WHEN_REFUSED)
OK = Answer(200, {"fine": True})


class RecordingRateLimiter:
    """Records the statuses that it learns, and how many calls are under way."""

    def __init__(self) -> None:
        self.under_way = 0
        self.learned: list[int | None] = []

    def acquire(self) -> None:
        self.under_way += 1

    def learn(self, status: int | None, headers: Mapping[str, str]) -> None:
        self.under_way -= 1
        self.learned.append(status)


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def rate_limit() -> RecordingRateLimiter:
    return RecordingRateLimiter()


def transport_to(url: str, slept: list[float], **options: Any) -> Transport:
    return Transport(
        "Vendor",
        url,
        {"Authorization": "key its-secret"},
        read_error=lambda response: VendorError("E1", "not like that") if response.content else VendorError(),
        retry=RetryPolicy(sleep=slept.append),
        **options,
    )


@pytest.fixture
def transport(
    server: ScriptedServer, slept: list[float], rate_limit: RecordingRateLimiter
) -> Iterator[Transport]:
    transport = transport_to(
        server.url,
        slept,
        rate_limits={"default": rate_limit},
        timeouts=Timeouts(connect_seconds=5, read_seconds=0.3),
    )
    yield transport
    transport.session.close()
    assert rate_limit.under_way == 0, "the transport called `learn` for every `acquire`"


# --- what is sent


def test_request__path_and_query_are_percent_encoded(server: ScriptedServer, transport: Transport) -> None:
    server.script(OK)
    transport.call(
        ONE,
        path={"id": "ana+news/x@example.com", "part": "a b?#%é"},
        params={"_where": "(email=ana+news@example.com) OR [a:b]", "x": "/"},
        json={"ok": True},
    )
    assert server.requests[0].target == (
        "/api/things/ana%2Bnews%2Fx%40example.com/a%20b%3F%23%25%C3%A9"
        "?_where=%28email%3Dana%2Bnews%40example.com%29%20OR%20%5Ba%3Ab%5D&x=%2F"
    )
    assert server.requests[0].method == "PATCH"
    assert server.requests[0].json == {"ok": True}


@pytest.mark.parametrize("id_", ["", ".", "..", "%2e%2e", "../x", "a/../../b", "a\x00"])
def test_request__is_not_sent_with_an_id_that_would_change_the_path(
    id_: str, server: ScriptedServer, transport: Transport
) -> None:
    server.script(OK)
    with pytest.raises(NoSuchId, match="Vendor, thing: not called") as refused:
        transport.call(ONE, path={"id": "1", "part": id_})
    assert refused.value.status == 404
    assert server.requests == []


def test_request__query_may_repeat_a_name(server: ScriptedServer, transport: Transport) -> None:
    server.script(OK)
    transport.call(READ, params=[("fq", "productId:1"), ("fq", "productId:2"), ("_from", "0")])
    assert server.requests[0].target == "/api/things?fq=productId%3A1&fq=productId%3A2&_from=0"


def test_request__absolute_url_is_used_unchanged(server: ScriptedServer, transport: Transport) -> None:
    server.script(OK)
    transport.call(READ, url=f"{server.url}/files/1.csv?sig=a%2Bb")
    assert server.requests[0].target == "/files/1.csv?sig=a%2Bb"


def test_session__reuses_its_connection(server: ScriptedServer, transport: Transport) -> None:
    server.script(*[OK] * 5)
    for _ in range(5):
        transport.call(READ)
    assert server.connections == 1


def test_session__netrc_file_does_not_replace_the_key(
    server: ScriptedServer, slept: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.script(OK)
    transport_to(server.url, slept).call(READ)
    assert server.requests[0].headers["Authorization"] == "key its-secret"


# --- what is accepted


@pytest.mark.parametrize("status", [204, 304])
def test_accepted__answer_without_a_body(status: int, server: ScriptedServer, transport: Transport) -> None:
    server.script(Answer(status))
    assert transport.call(ONE, path={"id": "1", "part": "2"}).status_code == status


def test_json__html_instead_of_json_is_unreadable(server: ScriptedServer, transport: Transport) -> None:
    page = Answer(200, "<html>Back soon, ana@example.com</html>", {"Content-Type": "text/html"})
    server.script(*[page] * 6)
    with pytest.raises(UnreadableAnswer) as caught:
        transport.json(READ)
    host = server.url.removeprefix("http://")
    assert str(caught.value) == (
        "Vendor, list of things: HTTP 200 holds text/html instead of JSON, 6 times in a row. Check that "
        f"{host} is the API's host; if it is, Vendor has changed its answers"
    )
    assert len(server.requests) == 6
    assert "ana@" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("name", "read_as"),
    [
        (b'"Ana \\ud83d"', "Ana "),
        (b'"\\ud83d\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\\\ud83d \\ud83d"', "\\ud83d "),
        (b'"\\ude00\\n\xff"', "\n\ufffd"),
        (b'"Ana \xff"', "Ana \ufffd"),
        (b'"Ana \\ud83d\\ude00"', "Ana \U0001f600"),
    ],
)
def test_json__half_an_emoji_is_dropped_and_the_page_is_read(
    name: bytes, read_as: str, server: ScriptedServer, transport: Transport
) -> None:
    server.script(
        Answer(200, b'[{"n": 1.10, "name": ' + name + b'}, {"n": 12345678901234567, "name": "Bo"}]')
    )
    expected = [{"n": 1.1, "name": read_as}, {"n": 12345678901234567, "name": "Bo"}]
    assert transport.json(READ) == expected


# --- what is sent again


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("route", [READ, CONTINUE], ids=["always", "after an answer"])
def test_retry__repeats_after_an_error_answer(
    status: int, route: Route, server: ScriptedServer, transport: Transport, rate_limit: RecordingRateLimiter
) -> None:
    server.script(Answer(status, "<html>"), Answer(status), OK)
    assert transport.json(route) == {"fine": True}
    assert rate_limit.learned == [status, status, 200]
    assert transport.counter.by_route == {route.name: 3}
    assert transport.counter.repeated == 2
    assert transport.counter.throttled == 2 * (status == 429)


def test_retry__retry_after_in_seconds(
    server: ScriptedServer, transport: Transport, slept: list[float]
) -> None:
    server.script(Answer(429, headers={"Retry-After": "77"}), OK)
    transport.call(READ)
    assert slept == [77.0]


def test_retry__retry_after_as_a_date_on_the_servers_clock(
    server: ScriptedServer, transport: Transport, slept: list[float]
) -> None:
    servers_now = datetime(2031, 1, 1, tzinfo=UTC)
    until = servers_now + timedelta(seconds=55)
    headers = {
        name: format_datetime(instant, usegmt=True)
        for name, instant in (("Date", servers_now), ("Retry-After", until))
    }
    server.script(Answer(503, headers=headers), OK)
    transport.call(READ)
    assert slept == [55.0]


def test_retry__route_sets_the_pause_after_a_429_without_retry_after(
    server: ScriptedServer, transport: Transport, slept: list[float]
) -> None:
    orders = Route("orders", "GET", "/orders", "Orders / Read", throttled_pause_seconds=60)
    server.script(Answer(429), Answer(429, headers={"Retry-After": "70"}), Answer(503), OK)
    transport.call(orders)
    assert slept[:2] == [60.0, 70.0]
    assert slept[2] < 60


def test_retry__raises_a_temporary_error_after_the_last_attempt(
    server: ScriptedServer, transport: Transport, slept: list[float]
) -> None:
    server.script(*[Answer(503, "<h1>no</h1>", {"Retry-After": "9"})] * 6)
    with pytest.raises(TemporaryError) as caught:
        transport.call(READ, params={"email": "ana@example.com"})
    host = server.url.removeprefix("http://")
    assert str(caught.value) == (
        f"Vendor, list of things: HTTP 503 from {host}, 6 times in a row. "
        "Finished work is kept: retry the task later"
    )
    assert caught.value.retry_after_seconds == 9.0
    assert len(server.requests) == 6


def test_retry__stops_early_after_the_given_number_of_timeouts(
    server: ScriptedServer, transport: Transport
) -> None:
    slow = Answer(408)
    server.script(slow, Answer(503), slow, OK)
    assert transport.json(READ, most_timeouts=2) == {"fine": True}, "the two 408 were not in a row"
    server.script(slow, slow, OK)
    with pytest.raises(TooSlow, match=r"HTTP 408 from .*, 2 times in a row"):
        transport.call(READ, most_timeouts=2)
    assert transport.json(READ) == {"fine": True}


def test_retry__repeats_a_read_after_a_cut_connection(server: ScriptedServer, transport: Transport) -> None:
    server.script(CUT, CUT, OK)
    assert transport.json(READ) == {"fine": True}
    assert len(server.requests) == 3


def test_retry__repeats_a_read_after_a_time_out(server: ScriptedServer, transport: Transport) -> None:
    server.script(Answer(200, {"late": True}, after_seconds=0.6), OK)
    assert transport.json(READ) == {"fine": True}


def test_timeouts__route_can_extend_but_not_shorten_them(
    server: ScriptedServer, transport: Transport
) -> None:
    slow = Route("slow", "GET", "/slow", "", repeat=Repeat.AFTER_ANSWER, read_timeout_seconds=5)
    quick = Route("quick", "GET", "/quick", "", repeat=Repeat.AFTER_ANSWER, read_timeout_seconds=0.001)
    server.script(Answer(200, {}, after_seconds=0.5), Answer(200, {}, after_seconds=0.05))
    assert transport.call(slow).ok
    assert transport.call(quick).ok


# --- what must not be sent again blindly


@pytest.mark.parametrize("route", [CONTINUE, POST])
def test_lost_answer__is_not_repeated(route: Route, server: ScriptedServer, transport: Transport) -> None:
    server.script(CUT, OK)
    with pytest.raises(AnswerLost, match="whether the call took effect is unknown"):
        transport.call(route)
    assert len(server.requests) == 1


@pytest.mark.parametrize("route", [CONTINUE, POST])
def test_lost_answer__includes_a_time_out(route: Route, server: ScriptedServer, transport: Transport) -> None:
    server.script(Answer(200, after_seconds=0.6), OK)
    with pytest.raises(AnswerLost, match="ReadTimeout"):
        transport.call(route)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_lost_answer__includes_a_5xx_after_a_creation(
    status: int, server: ScriptedServer, transport: Transport
) -> None:
    server.script(Answer(status), OK)
    with pytest.raises(AnswerLost):
        transport.call(POST)
    assert len(server.requests) == 1


def test_lost_answer__429_had_no_effect_and_is_repeated(server: ScriptedServer, transport: Transport) -> None:
    server.script(Answer(429), OK)
    assert transport.json(POST) == {"fine": True}


# --- errors for the operator or the caller


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_refused__message_has_the_status_and_the_vendors_words(
    status: int, server: ScriptedServer, transport: Transport
) -> None:
    server.script(Answer(status, {"any": "thing"}))
    with pytest.raises(RequestRefused) as caught:
        transport.call(READ)
    assert str(caught.value) == f"Vendor, list of things: HTTP {status} (E1: not like that)"
    assert (caught.value.status, caught.value.error.code) == (status, "E1")
    assert len(server.requests) == 1


def test_401__message_says_what_to_check_and_the_call_is_not_repeated(
    server: ScriptedServer, transport: Transport
) -> None:
    server.script(Answer(401, "Unauthorized"))
    with pytest.raises(ConfigurationError) as caught:
        transport.call(READ)
    assert "HTTP 401" in str(caught.value)
    assert str(caught.value).endswith(
        "The key or its secret is wrong or revoked: check both in the connection"
    )
    assert len(server.requests) == 1


def test_403__message_names_the_permission_and_the_vendors_words(
    server: ScriptedServer, transport: Transport
) -> None:
    server.script(Answer(403, {"any": "thing"}))
    with pytest.raises(ConfigurationError) as caught:
        transport.call(READ)
    assert str(caught.value) == (
        "Vendor, list of things: HTTP 403 (E1: not like that). "
        "The key lacks a permission: give it Things / Read"
    )


def test_redirect__is_not_followed_with_the_key(server: ScriptedServer, transport: Transport) -> None:
    server.script(Answer(302, headers={"Location": f"{server.url}/login"}), OK)
    with pytest.raises(ConfigurationError, match="redirects, so it is not the API's host"):
        transport.call(READ)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [405, 415, 418])
def test_undocumented_status__is_a_contract_error(
    status: int, server: ScriptedServer, transport: Transport
) -> None:
    server.script(Answer(status, "whatever"))
    with pytest.raises(ContractError, match=f"HTTP {status}, which Vendor does not document here"):
        transport.call(READ)
    assert len(server.requests) == 1


def test_unknown_host__is_a_configuration_error(slept: list[float]) -> None:
    transport = transport_to("https://no-such-shop.invalid", slept)
    with pytest.raises(ConfigurationError) as caught:
        transport.call(READ, params={"email": "ana@example.com"})
    assert "There is no host no-such-shop.invalid: check Base URL of the connection, and Account" in str(
        caught.value
    )
    assert slept == []


def test_certificate__server_without_tls_is_a_configuration_error(
    server: ScriptedServer, slept: list[float]
) -> None:
    transport = transport_to(server.url.replace("http:", "https:"), slept)
    with pytest.raises(ConfigurationError, match=r"certificate of 127\.0\.0\.1:\d+ is not accepted"):
        transport.call(READ)


def test_key_with_a_line_break__is_not_reported_as_a_missing_host(slept: list[float]) -> None:
    transport = Transport(
        "Vendor", "http://127.0.0.1:9", {"Key": "abc\n"}, read_error=lambda _: VendorError()
    )
    with pytest.raises(ConfigurationError, match="check both in the connection"):
        transport.call(READ)


def test_refused_connection__is_retried(slept: list[float]) -> None:
    with ScriptedServer() as server:
        url = server.url
    with pytest.raises(TemporaryError, match="no answer"):
        transport_to(url, slept).call(READ)
    assert len(slept) == 5


def test_bug__request_that_is_not_json_frees_its_place_in_the_rate_limit(
    transport: Transport, rate_limit: RecordingRateLimiter
) -> None:
    with pytest.raises(TypeError):
        transport.call(POST, json={"price": object()})
    assert rate_limit.under_way == 0


# --- what messages must not contain


def test_messages__hold_no_query_body_or_key(
    server: ScriptedServer, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(CUT, Answer(500, "ana@example.com"), Answer(418, "ana@example.com"), CUT)
    for route in (READ, POST):
        with pytest.raises((TemporaryError, ContractError)) as caught:
            transport.call(route, params={"email": "ana@example.com"})
        error: BaseException | None = caught.value
        while error is not None:
            assert "ana" not in str(error)
            assert "its-secret" not in str(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert "ana" not in caplog.text


# --- answers that are unreadable, too large, or never end


ODD = [
    Answer(200, "<html>Back soon</html>", {"Content-Type": "text/html"}),
    Answer(200, ""),
    Answer(200, '{"fine": tr'),
    Answer(200, '{"fine": true}', length=400),
    Answer(200, {"other": 1}),
    Answer(200, [1]),
    Answer(200, "null"),
    Answer(200, b"\x1f\x8b broken", {"Content-Encoding": "gzip"}),
    CUT,
]


def is_fine(body: Any, _headers: Mapping[str, str]) -> bool:
    return bool(body["fine"])


@pytest.mark.parametrize("odd", ODD)
def test_odd__read_is_repeated_after_an_unreadable_answer(
    odd: Answer, server: ScriptedServer, transport: Transport
) -> None:
    server.script(odd, OK)
    assert transport.read(READ, is_fine) is True
    assert transport.counter.calls == 2


@pytest.mark.parametrize("odd", ODD)
def test_odd__call_that_must_not_be_repeated_blindly_is_not_repeated(
    odd: Answer, server: ScriptedServer, transport: Transport
) -> None:
    server.script(odd, OK)
    with pytest.raises(AnswerLost):
        transport.read(CONTINUE, is_fine)
    assert len(server.requests) == 1


def test_odd__parser_names_the_field_and_never_its_value(
    server: ScriptedServer, transport: Transport
) -> None:
    def number(body: Any, _headers: Mapping[str, str]) -> int:
        if not isinstance(body["fine"], int):
            raise Unexpected("`fine` is no number")
        return int(body["fine"])

    server.script(*[Answer(200, {"fine": "ana@example.com"})] * 6, *[Answer(200, {"fine": "x"})] * 6)
    with pytest.raises(UnreadableAnswer, match="HTTP 200 is not as documented: `fine` is no number, 6 times"):
        transport.read(READ, number)
    with pytest.raises(UnreadableAnswer, match="is not as documented: ValueError, 6 times"):
        transport.read(READ, lambda body, _headers: int(body["fine"]))


@pytest.mark.parametrize("levels", [65, 400, 5_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_json__too_many_levels_are_unreadable(
    levels: int, opening: str, closing: str, server: ScriptedServer, transport: Transport
) -> None:
    inner = opening * levels + "1" + closing * levels
    server.script(*[Answer(200, f"[{','.join(['{}'] * 200)},{inner}]")] * 6)
    with pytest.raises(UnreadableAnswer, match="list of things: the answer has more than 64 levels of JSON"):
        transport.json(READ)


@pytest.mark.parametrize("one", ["{}", "[]", "1", '""', "{},[]"])
def test_json__too_many_values_are_unreadable(one: str, server: ScriptedServer, transport: Transport) -> None:
    server.script(Answer(200, f"[{','.join([one] * 2_000_001)}]"))
    with pytest.raises(UnreadableAnswer, match="the answer has more than 2,000,000 values of JSON"):
        transport.json(READ)


def test_json__64_levels_are_read_and_brackets_in_texts_do_not_count(
    server: ScriptedServer, transport: Transport
) -> None:
    deep = "[" * 64 + "]" * 64
    server.script(Answer(200, deep), Answer(200, [{"a": "[" * 900}, {"b": ["{" * 900]}]))
    assert transport.json(READ)
    assert transport.json(READ)[0] == {"a": "[" * 900}


SMALL = Route("small", "GET", "/api/things", "Things / Read", most_bytes=100_000, deadline_seconds=0.5)


def test_most_bytes__reading_stops_at_the_limit(server: ScriptedServer, transport: Transport) -> None:
    server.script(Answer(200, b"x" * 200_000), Answer(200, b"x" * 50_000_000))
    for _ in range(2):
        with pytest.raises(UnreadableAnswer, match="Vendor, small: the answer has more than 100,000 bytes"):
            transport.call(SMALL)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_most_bytes__counts_decompressed_bytes(
    coding: str, server: ScriptedServer, transport: Transport
) -> None:
    bomb = {"gzip": gzip.compress, "deflate": zlib.compress}[coding](b"\0" * 50_000_000)
    assert len(bomb) < 60_000
    server.script(Answer(200, bomb, {"Content-Encoding": coding}))
    with pytest.raises(UnreadableAnswer, match="small: the answer has more than 100,000 bytes"):
        transport.call(SMALL)


@pytest.mark.parametrize(("status", "error"), [(302, ConfigurationError), (400, RequestRefused)])
def test_budget__of_an_error_only_the_beginning_is_read(
    status: int, error: type[Exception], server: ScriptedServer, transport: Transport
) -> None:
    """The 50 MB that the answer announces never arrive: a caller that waits for them exceeds the deadline."""
    headers = {"Location": "/elsewhere"} if status == 302 else {}
    server.script(Answer(status, b"x" * 2_000_000, headers, length=50_000_000))
    with pytest.raises(error, match=f"HTTP {status}"):
        transport.call(SMALL)
    assert len(server.requests) == 1


@pytest.mark.parametrize("place", ["http://[::1", "http://127.0.0.1:99999/", "//", ""])
def test_redirect__to_an_invalid_address_is_a_redirect(
    place: str, server: ScriptedServer, transport: Transport
) -> None:
    server.script(Answer(302, headers={"Location": place}))
    with pytest.raises(ConfigurationError, match="redirects, so it is not the API's host"):
        transport.call(READ)


def test_headers__that_cannot_be_read_are_not_logged(
    server: ScriptedServer, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(Answer(200, {"fine": True}, {"X-A": "1\r\nana@example.com"}))
    transport.call(READ, params={"email": "bo@example.com"})
    assert "example.com" not in caplog.text


@pytest.mark.parametrize("length", [None, -1, 10_000])
def test_deadline__ends_a_call_whose_bytes_arrive_slowly(
    length: int | None, server: ScriptedServer, transport: Transport
) -> None:
    """Slow headers, a slow body, and a body that looks complete when its connection closes."""
    server.script(*[Answer(200, {"fine": True}, drip_seconds=0.05, length=length)] * 6)
    started = time.monotonic()
    with pytest.raises(
        TemporaryError, match=r"small: no complete answer within 0\.5 s from .*, 6 times in a row"
    ):
        transport.json(SMALL)
    assert time.monotonic() - started < 6 * 0.5 + 2
    server.script(OK)
    assert transport.read(READ, is_fine), "closed connections are not used again"


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_deadline__holds_for_a_body_whose_connection_is_not_kept(
    connection: str, server: ScriptedServer, slept: list[float]
) -> None:
    """http.client drops its socket when it has read `Connection: close`."""
    transport = transport_to(server.url, slept, timeouts=Timeouts(connect_seconds=5, read_seconds=30))
    server.script(*[Answer(200, b" " * 300, {"Connection": connection}, drip_seconds=0.05)] * 6)
    begun = time.monotonic()
    with pytest.raises(TemporaryError, match="no complete answer within"):
        transport.json(SMALL)
    assert time.monotonic() - begun < 6 * 0.5 + 2


def test_deadline__holds_for_a_tls_handshake(slept: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"https://127.0.0.1:{listener.getsockname()[1]}"
        transport = transport_to(address, slept, timeouts=Timeouts(connect_seconds=30, read_seconds=30))
        begun = time.monotonic()
        with pytest.raises(TemporaryError, match="no complete answer within"):
            transport.json(SMALL)
    assert time.monotonic() - begun < 6 * 0.5 + 2


def test_deadline__leaves_no_descriptor_open(server: ScriptedServer, transport: Transport) -> None:
    server.script(*[OK] * 21)
    transport.call(READ)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        transport.call(READ)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_deadline__nothing_after_the_headers(server: ScriptedServer, slept: list[float]) -> None:
    transport = transport_to(server.url, slept, timeouts=Timeouts(connect_seconds=5, read_seconds=30))
    hole = Answer(200, b"", length=500)
    server.script(*[hole] * 6)
    with pytest.raises(TemporaryError):
        transport.json(SMALL)
    transport.session.close()


def test_save__writes_the_file_from_the_start_at_each_attempt(
    server: ScriptedServer, transport: Transport
) -> None:
    file = io.BytesIO()
    server.script(Answer(200, b"half of it", length=40), Answer(200, b"all of it"))
    transport.save(READ, f"{server.url}/files/1", file)
    assert file.getvalue() == b"all of it"


def test_save__does_not_write_an_error(server: ScriptedServer, transport: Transport) -> None:
    file = io.BytesIO()
    server.script(Answer(404, {"no": "such file"}))
    with pytest.raises(RequestRefused):
        transport.save(READ, f"{server.url}/files/1", file)
    assert file.getvalue() == b""


@pytest.mark.parametrize("retry_after", ["1e9", "99999999", "Fri, 01 Jan 2099 00:00:00 GMT"])
def test_pause__is_limited_and_logged(
    retry_after: str,
    server: ScriptedServer,
    transport: Transport,
    slept: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.script(Answer(503, headers={"Retry-After": retry_after}), OK)
    with caplog.at_level("INFO"):
        transport.call(READ)
    assert slept == [300]
    assert "Vendor, list of things: HTTP 503; waiting 300 s before attempt 2 of 6" in caplog.text


def test_guard__blocks_each_request_of_its_block(
    server: ScriptedServer, transport: Transport, slept: list[float]
) -> None:
    def refuse() -> None:
        raise TemporaryError("the work is another run's")

    server.script(OK)
    with transport.guarded(refuse), pytest.raises(TemporaryError, match="another run's"):
        transport.call(READ)
    assert server.requests == []
    assert slept == []
    assert transport.call(READ).status_code == 200
