"""Sales channels, their currency and time zone against the settings and Connectif's account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import get_global

from include.connectif.client import ConnectifClient
from include.doctor.account import account_of
from include.doctor.check import CheckContext, Line, error, ok, warning
from include.http.transport import AccessRefused
from include.vtex import routes
from include.vtex.client import VtexClient

Channel = dict[str, Any]
_HALF_A_YEAR = timedelta(days=182)


def sales_channels(vtex: VtexClient, context: CheckContext) -> Iterator[Line]:
    """The channel of the connection and those of the setting, and the clock of the first one."""
    channels = _channels(vtex)
    if channels is None:
        yield warning(
            "VTEX, sales channel",
            f"not checked, the key lacks {routes.SALES_CHANNELS.right}",
            "Give it that right, or compare channel, currency and time zone by hand",
        )
        return
    ours = vtex.account.sales_channel
    for number in dict.fromkeys((ours, *context.settings.purchases.sales_channels)):
        yield _channel(number, channels)
    if ours in channels:
        yield _time_zone(channels[ours], context)


def currency(vtex: VtexClient, connectif: ConnectifClient, _: CheckContext) -> Iterator[Line]:
    """One account has one currency, and no call names it: prices are taken for what they are not."""
    subject = "currency"
    channel = (_channels(vtex) or {}).get(vtex.account.sales_channel)
    if channel is None:
        yield warning(subject, "not checked, the sales channel is not known", "Mend the sales channel first")
        return
    ours, theirs = str(channel.get("CurrencyCode")), account_of(connectif).currency
    if theirs and theirs != ours:
        advice = "Choose the sales channel whose prices Connectif shows, or another account of Connectif"
        yield error(subject, f"the sales channel sells in {ours}, Connectif's account is in {theirs}", advice)
    elif theirs:
        yield ok(subject, f"{ours} on both sides")
    else:
        advice = "Compare with Store settings > General at Connectif"
        yield warning(subject, f"prices go in {ours}; the account's own currency is not told", advice)
    digits = channel.get("CurrencyDecimalDigits")
    if digits not in (None, 2):
        advice = "Compare the total of one order with what a dry run of sync_purchases shows"
        yield warning(
            subject, f"{ours} has {digits} decimal digits in VTEX, amounts count as hundredths", advice
        )


def _channels(vtex: VtexClient) -> dict[str, Channel] | None:
    """By id; None when the key may not see them."""
    try:
        return vtex.sales_channels()
    except AccessRefused:
        return None


def _channel(number: str, channels: dict[str, Channel]) -> Line:
    subject = f"VTEX, sales channel {number}"
    active = [
        f"{key} ({channel.get('Name')})" for key, channel in channels.items() if channel.get("IsActive")
    ]
    advice = (
        f"Active are {', '.join(active)}: change the sales channel of vtex_default or the setting "
        "purchases.sales_channels"
    )
    if number not in channels:
        return error(subject, "there is none", advice)
    if not channels[number].get("IsActive"):
        return error(subject, f"{channels[number].get('Name')} is not active", advice)
    return ok(subject, f"{channels[number].get('Name')}, active")


def _time_zone(channel: Channel, context: CheckContext) -> Line:
    """VTEX says it in Windows' words: compared is what the clocks show, now and half a year from now."""
    subject, ours = "time zone", context.settings.schedule.time_zone
    theirs = get_global("windows_zone_mapping").get(str(channel.get("TimeZone")))
    if theirs is None:
        found = f"not checked, VTEX calls the shop's {channel.get('TimeZone')!r}"
        return warning(subject, found, f"See that it is {ours}, the setting schedule.time_zone")
    instants = (context.now(), context.now() + _HALF_A_YEAR)
    if all(_offset(ours, instant) == _offset(theirs, instant) for instant in instants):
        return ok(subject, f"{ours}, as the shop's")
    return error(
        subject,
        f"the setting says {ours}, the shop's sales channel {theirs}",
        "Correct schedule.time_zone (SYNC_SCHEDULE__TIME_ZONE): days begin and end by it",
    )


def _offset(zone: str, instant: datetime) -> timedelta | None:
    return instant.astimezone(ZoneInfo(zone)).utcoffset()
