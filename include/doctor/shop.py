"""Checks sales channels, their currency and time zone, against the settings and Connectif's account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import get_global

from include.connectif.client import ConnectifClient
from include.doctor.account import read_account
from include.doctor.check import CheckContext, Line, error, ok, warning
from include.http.transport import AccessRefused
from include.vtex import routes
from include.vtex.client import VtexClient

Channel = dict[str, Any]
_HALF_A_YEAR = timedelta(days=182)


def check_sales_channels(vtex: VtexClient, context: CheckContext) -> Iterator[Line]:
    """Check the channels of the connection and of the setting, and the time zone of the first one."""
    channels = _channels(vtex)
    if channels is None:
        yield warning(
            "VTEX, sales channel",
            f"not checked, the key lacks {routes.SALES_CHANNELS.right}",
            "Give it that permission, or compare channel, currency and time zone by hand",
        )
        return
    own_channel = vtex.account.sales_channel
    for number in dict.fromkeys((own_channel, *context.settings.purchases.sales_channels)):
        yield _check_channel(number, channels, vtex.account.connection)
    if own_channel in channels:
        yield _check_time_zone(channels[own_channel], context)


def check_currency(vtex: VtexClient, connectif: ConnectifClient, _: CheckContext) -> Iterator[Line]:
    """Compare the currencies: an account of Connectif has one, and reads every price in it."""
    subject = "currency"
    channel = (_channels(vtex) or {}).get(vtex.account.sales_channel)
    if channel is None:
        yield warning(subject, "not checked, the sales channel is unknown", "Fix the sales channel first")
        return
    at_vtex, at_connectif = str(channel.get("CurrencyCode")), read_account(connectif).currency
    if at_connectif and at_connectif != at_vtex:
        found = f"the sales channel sells in {at_vtex}, Connectif's account uses {at_connectif}"
        advice = "Choose the sales channel whose prices Connectif shows, or another account of Connectif"
        yield error(subject, found, advice)
    elif at_connectif:
        yield ok(subject, f"{at_vtex} in both systems")
    else:
        advice = "Compare with Store settings > General at Connectif"
        found = f"prices are sent in {at_vtex}; Connectif shows no currency of its account to this key"
        yield warning(subject, found, advice)
    digits = channel.get("CurrencyDecimalDigits")
    if digits not in (None, 2):
        advice = "Compare the total of one order with the result of a dry run of sync_purchases"
        found = f"{at_vtex} has {digits} decimal digits in VTEX; the sync reads amounts as hundredths"
        yield warning(subject, found, advice)


def _channels(vtex: VtexClient) -> dict[str, Channel] | None:
    """By id; None if the key may not read them."""
    try:
        return vtex.sales_channels()
    except AccessRefused:
        return None


def _check_channel(number: str, channels: dict[str, Channel], connection: str) -> Line:
    subject = f"VTEX, sales channel {number}"
    active = [
        f"{key} ({channel.get('Name')})" for key, channel in channels.items() if channel.get("IsActive")
    ]
    advice = (
        f"Active channels: {', '.join(active)}. Change the sales channel of {connection} or the setting "
        "purchases.sales_channels"
    )
    if number not in channels:
        return error(subject, "it does not exist", advice)
    if not channels[number].get("IsActive"):
        return error(subject, f"{channels[number].get('Name')} is not active", advice)
    return ok(subject, f"{channels[number].get('Name')}, active")


def _check_time_zone(channel: Channel, context: CheckContext) -> Line:
    """Compare the UTC offsets now and in half a year, because VTEX uses Windows' names of time zones."""
    subject, setting = "time zone", context.settings.schedule.time_zone
    at_vtex = get_global("windows_zone_mapping").get(str(channel.get("TimeZone")))
    if at_vtex is None:
        found = f"not checked, VTEX names the shop's time zone {channel.get('TimeZone')!r}"
        return warning(subject, found, f"Check that it is {setting}, the setting schedule.time_zone")
    instants = (context.now(), context.now() + _HALF_A_YEAR)
    if all(_offset(setting, instant) == _offset(at_vtex, instant) for instant in instants):
        return ok(subject, f"{setting}, equal to the shop's")
    return error(
        subject,
        f"the setting is {setting}, the shop's sales channel uses {at_vtex}",
        "Correct schedule.time_zone (SYNC_SCHEDULE__TIME_ZONE): days start and end by it",
    )


def _offset(zone: str, instant: datetime) -> timedelta | None:
    return instant.astimezone(ZoneInfo(zone)).utcoffset()
