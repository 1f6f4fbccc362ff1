"""Checks what a shop shares with the other shops of the installation: accounts, rates and secrets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from include.doctor.check import Line, error, ok, warning
from include.setting_types import Settings
from include.state import Shop

_SCROLLS_OF_AN_ACCOUNT = 10


@dataclass(frozen=True)
class ShopFacts:
    """A shop as its settings and connections describe it. `key` names it in commands."""

    key: str
    shop: Shop
    settings: Settings
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)


def check_other_shops(own: ShopFacts, others: Sequence[ShopFacts]) -> Iterator[Line]:
    """Yield a line for each account and each secret that the shop shares with others."""
    at_vtex = [other for other in others if _account(other) == _account(own)]
    at_connectif = [other for other in others if _is_same_store(own.shop, other.shop)]
    if twice := [other for other in at_vtex if other in at_connectif]:
        yield error(
            "other shops",
            f"{_names(twice)} has the same accounts at VTEX and Connectif, so each record is sent twice",
            "Remove one of the shops from the settings",
        )
    if at_vtex:
        yield _check_rates(own, at_vtex)
    if at_connectif:
        yield ok(
            "other shops, Connectif",
            f"one account with {_names(at_connectif)}: they share its 100 requests a minute by its headers",
        )
    if same := [other for other in others if set(own.webhook_secrets) & set(other.webhook_secrets)]:
        yield error(
            "webhook secret",
            f"{_names(same)} has the same one, so a callback with a mistyped shop would be accepted",
            "Give each shop a secret of its own (openssl rand -hex 32)",
        )


def _check_rates(own: ShopFacts, others: Sequence[ShopFacts]) -> Line:
    subject = "other shops, VTEX"
    shops = [own, *others]
    share = sum(one.settings.vtex.share_percent for one in shops)
    scrolls = sum(one.settings.vtex.master_data_parallel for one in shops)
    found = f"one account with {_names(others)}, and together {share:g} % of its rates and {scrolls} scrolls"
    if share > 100 or scrolls > _SCROLLS_OF_AN_ACCOUNT:
        advice = (
            "Lower vtex.share_percent of the shops to a sum of 100, and vtex.master_data_parallel to one of "
            f"{_SCROLLS_OF_AN_ACCOUNT} (docs/shops.md)"
        )
        return warning(subject, found, advice)
    return ok(subject, found)


def _account(one: ShopFacts) -> str:
    return (one.shop.vtex_account or one.shop.vtex_host).lower()


def _is_same_store(one: Shop, other: Shop) -> bool:
    if one.connectif_host != other.connectif_host:
        return False
    same_id = one.connectif_store_id and one.connectif_store_id == other.connectif_store_id
    return one.connectif_key_id == other.connectif_key_id or bool(same_id)


def _names(shops: Sequence[ShopFacts]) -> str:
    return ", ".join(one.key for one in shops)
