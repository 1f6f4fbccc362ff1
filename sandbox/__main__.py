"""`python -m sandbox`: serves both vendors with the data of one seed, until SIGTERM or Ctrl-C."""

import argparse
import math
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, date, datetime, time

import orjson
from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp

from sandbox.connectif.knobs import knobs_of
from sandbox.connectif.vendor import Connectif
from sandbox.core.clock import Clock
from sandbox.core.dispatch import AccountDispatcher
from sandbox.core.server import Server
from sandbox.core.vendor import Knobs, Vendor
from sandbox.shop import ShopData, Sizes
from sandbox.shop.identity import ShopIdentity, identity_of
from sandbox.vtex.knobs import VtexKnobs
from sandbox.vtex.vendor import Vtex

MOST_SHOPS = 100


def number(read: Callable[[str], float], least: float, most: float = math.inf) -> Callable[[str], float]:
    """The type of an argument: a number from `least` to `most`."""

    def parse(text: str) -> float:
        with suppress(ValueError):
            if least <= (value := read(text)) <= most:
                return value
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a {'whole ' if read is int else ''}number "
            + (f"of {least:g} or more" if math.isinf(most) else f"from {least:g} to {most:g}")
        )

    return parse


def parse_arguments() -> argparse.Namespace:
    sizes = Sizes()
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (0.0.0.0 in a container)")
    parser.add_argument("--vtex-port", type=number(int, 0, 65_535), default=8101, help="0 takes a free port")
    parser.add_argument(
        "--connectif-port", type=number(int, 0, 65_535), default=8102, help="0 takes a free port"
    )
    parser.add_argument(
        "--shops",
        type=number(int, 1, MOST_SHOPS),
        default=1,
        help="accounts, each with its own country and data; the sizes are those of each shop",
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--today", type=date.fromisoformat, help="the clock starts at noon UTC of this day (default: now)"
    )
    parser.add_argument("--contacts", type=number(int, 0), default=sizes.contacts)
    parser.add_argument(
        "--products", type=number(int, 0), default=sizes.products, help="about four SKUs each"
    )
    parser.add_argument("--orders-per-day", type=number(int, 0), default=sizes.orders_per_day)
    parser.add_argument(
        "--days", type=number(int, 1), default=sizes.days, help="days with orders; the last is today"
    )
    parser.add_argument(
        "--tracked-share",
        type=number(float, 0, 1),
        default=sizes.tracked_share,
        help="share of orders that the web tag reported",
    )
    parser.add_argument(
        "--rate-window-seconds", type=number(float, 0.01), default=60, help="length of a rate-limit minute"
    )
    parser.add_argument(
        "--knob", action="append", default=[], metavar="NAME=VALUE", help="see /_sandbox/knobs"
    )
    return parser.parse_args()


def build_shops(options: argparse.Namespace) -> list[ShopData]:
    now = datetime.combine(options.today, time(12), UTC) if options.today else datetime.now(UTC)
    sizes = Sizes(
        options.contacts, options.products, options.orders_per_day, options.days, options.tracked_share
    )
    return [
        ShopData(seed=options.seed, now=now, sizes=sizes, identity=identity_of(number))
        for number in range(options.shops)
    ]


def set_knobs(settings: list[str], *vendors: Knobs) -> None:
    """Sets `name=value` at each vendor that has the knob. Values are JSON, or else plain text."""
    for setting in settings:
        name, _, text = setting.partition("=")
        owners = [knobs for knobs in vendors if name in type(knobs).model_fields]
        if not owners:
            sys.exit(f"--knob {setting}: neither vendor has this knob; see /_sandbox/knobs")
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            value = text
        for knobs in owners:
            set_knob(knobs, name, value, text)


def set_knob(knobs: BaseModel, name: str, value: object, text: str) -> None:
    """Tries the JSON value, then the text: the value of some knobs is a text such as `404`."""
    for attempt in (value, text):
        try:
            setattr(knobs, name, attempt)
        except ValidationError:
            continue
        return
    sys.exit(f"--knob {name}={text}: the knob does not take this value; see /_sandbox/")


def main() -> None:
    options = parse_arguments()
    # Threads switch more often, so that one vendor answers quickly during a large import at the other.
    sys.setswitchinterval(0.001)
    shops = build_shops(options)
    clock = Clock(shops[0].now)
    with ExitStack() as closing:
        vtex: list[Vendor] = []
        connectif: list[Vendor] = []
        for shop in shops:
            for vendors, vendor in zip((vtex, connectif), build_vendors(shop, clock, options), strict=True):
                vendors.append(vendor)
                closing.callback(vendor.close)
        try:
            serve(shops, AccountDispatcher(vtex, clock), AccountDispatcher(connectif, clock), options)
        except (OSError, OverflowError) as error:
            sys.exit(
                f"The sandbox cannot listen: {error}. "
                "Choose other ports with --vtex-port and --connectif-port."
            )


def build_vendors(shop: ShopData, clock: Clock, options: argparse.Namespace) -> tuple[Vtex, Connectif]:
    """The shop's account at each vendor, with its data."""
    window = options.rate_window_seconds
    vtex_knobs = VtexKnobs(rate_window_seconds=window)
    connectif_knobs = knobs_of(shop.identity.country)
    set_knobs(options.knob, vtex_knobs, connectif_knobs)
    return (
        Vtex(shop, clock, knobs=vtex_knobs),
        Connectif(shop, clock, knobs=connectif_knobs, window_seconds=window),
    )


def serve(shops: list[ShopData], vtex: ASGIApp, connectif: ASGIApp, options: argparse.Namespace) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with (
        Server(vtex, options.host, options.vtex_port) as first,
        Server(connectif, options.host, options.connectif_port) as second,
    ):
        print(orjson.dumps(ready_line(shops, first.url, second.url)).decode(), flush=True)
        stop.wait()


def ready_line(shops: list[ShopData], vtex: str, connectif: str) -> dict[str, object]:
    """The base URLs, the first shop, and all shops."""
    return {
        "ready": True,
        "vtex": vtex,
        "connectif": connectif,
        "account": shops[0].account,
        "shop_domain": shops[0].domain,
        "today": f"{shops[0].now:%Y-%m-%d}",
        "shops": [shop_line(shop.identity, vtex, connectif) for shop in shops],
    }


def shop_line(shop: ShopIdentity, vtex: str, connectif: str) -> dict[str, str]:
    """What a client needs, except the secrets. Only the base URL of VTEX names the account."""
    return {
        "name": shop.name,
        "account": shop.account,
        "shop_domain": shop.domain,
        "country": shop.country.code,
        "currency": shop.country.currency,
        "time_zone": shop.country.time_zone,
        "vtex": f"{vtex}{shop.path}",
        "connectif": connectif,
        "vtex_key": shop.vtex_key,
        "connectif_key": shop.connectif_key,
    }


if __name__ == "__main__":
    main()
