"""Secrets, checksums, and how often a wrong secret is listened to."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from include.errors import ConfigurationError
from include.newsletter.receiver.access import FewTries, Keys

NEW, OLD = "the new secret, made up", "the old secret, made up"


def test_keys__two_secrets_open_while_one_is_being_replaced() -> None:
    keys = Keys((NEW, OLD))
    assert keys.open_for(NEW)
    assert keys.open_for(OLD)
    for wrong in ("", NEW[:-1], NEW + "x", NEW.upper(), f"{NEW},{OLD}", "\udcff", "é" * 999):
        assert not keys.open_for(wrong)


@pytest.mark.parametrize("secrets", [(), ("",), ("short",), (NEW, "short")])
def test_keys__a_missing_or_short_secret_opens_to_nobody(secrets: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="webhook_secret") as error:
        Keys(secrets)
    assert "short" not in str(error.value)


def test_keys__their_repr_holds_no_secret() -> None:
    assert "secret, made up" not in repr(Keys((NEW, OLD), "a checksum key"))


def test_checksum__is_hmac_sha1_of_the_address_as_it_came() -> None:
    keys = Keys((NEW,), "a checksum key")
    right = hmac.new(b"a checksum key", b"Ana+x@example.com", hashlib.sha1).hexdigest()
    assert keys.checksum_is_valid("Ana+x@example.com", right)
    assert keys.checksum_is_valid("Ana+x@example.com", right.upper())
    for email, checksum in (("ana+x@example.com", right), ("Ana+x@example.com", ""), ("", right)):
        assert not keys.checksum_is_valid(email, checksum)


def test_checksum__without_a_key_is_not_looked_at() -> None:
    assert Keys((NEW,)).checksum_is_valid("ana@example.com", "anything")


def test_few_tries__then_wait_for_the_next_minute() -> None:
    now = [100.0]
    tries = FewTries(3, lambda: now[0])
    assert [tries.seconds_to_wait() for _ in range(5)] == [0, 0, 0, 60, 60]
    now[0] += 45
    assert tries.seconds_to_wait() == 15
    now[0] += 15
    assert tries.seconds_to_wait() == 0
