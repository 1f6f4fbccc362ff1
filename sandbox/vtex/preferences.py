"""What VTEX prints of the shop's country: sales channels, currency and time zone."""

from typing import Any

from sandbox.shop.countries import Country

# Channel 3 sells in US dollars in every country.
DOLLAR = ("$", 1033)
"""The symbol of the US dollar, and the locale (LCID) of the USA."""


def sales_channels(country: Country) -> list[dict[str, Any]]:
    """The shop, its wholesale, and its sales abroad."""
    home = (country.code3, country.culture, country.currency)
    markets = (home, home, ("USA", "en-US", "USD"))
    channels = zip(country.words.sales_channels, markets, strict=True)
    return [
        _sales_channel(country, number, name, market)
        for number, (name, market) in enumerate(channels, start=1)
    ]


def _sales_channel(shop: Country, number: int, name: str, market: tuple[str, str, str]) -> dict[str, Any]:
    country, culture, currency = market
    symbol, locale = _symbol(shop, currency)
    return {
        "Id": number,
        "Name": name,
        "IsActive": True,
        "ProductClusterId": None,
        "CountryCode": country,
        "CultureInfo": culture,
        "TimeZone": shop.windows_zone,
        "CurrencyCode": currency,
        "CurrencySymbol": symbol,
        "CurrencyLocale": locale,
        "CurrencyFormatInfo": _currency_format(shop),
        "Origin": None,
        "Position": number,
        "ConditionRule": None,
        "CurrencyDecimalDigits": 2,
    }


def store_preferences(country: Country, currency: str | None) -> dict[str, Any]:
    """The member of an order's detail. The order may be in another currency than the shop's."""
    symbol, locale = _symbol(country, currency)
    return {
        "countryCode": country.code3,
        "currencyCode": currency,
        "currencyFormatInfo": _currency_format(country),
        "currencyLocale": locale,
        "currencySymbol": symbol,
        "timeZone": country.windows_zone,
    }


def _symbol(country: Country, currency: str | None) -> tuple[str | None, int | None]:
    """Symbol and locale of a currency; the code alone if no sales channel sells in it."""
    known = {"USD": DOLLAR, country.currency: (country.symbol, country.locale)}
    return known.get(currency or "", (currency, None))


def _currency_format(country: Country) -> dict[str, Any]:
    return {
        "CurrencyDecimalDigits": 2,
        "CurrencyDecimalSeparator": country.decimal_mark,
        "CurrencyGroupSeparator": country.group_mark,
        "CurrencyGroupSize": 3,
        "StartsWithCurrencySymbol": country.symbol_is_first,
    }
