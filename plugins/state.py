"""`python -m plugins.state`: upgrades, copies and cleans the state store. See docs/shops.md."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial

from include.connectif.client import ConnectifClient
from include.connectif.store import read_store_id
from include.errors import ConfigurationError, SyncError
from include.setting_types import Settings
from include.settings import load_settings
from include.shops import DEFAULT, ConfiguredShop, load_shops
from include.staging_folder import folder_at
from include.state import Shop, upgrade
from include.state.copying import copy_state
from include.state.shops import ShopTable
from plugins.hooks.accounts import connectif_account, shop_of, shop_of_connections, vtex_account
from plugins.hooks.airflow_connections import (
    connectif_connection,
    state_connection,
    vtex_connection,
)
from plugins.hooks.state_store import database_url
from plugins.runs.open_run import staging_base

USAGE = """\
usage: python -m plugins.state upgrade
           create or upgrade the tables
       python -m plugins.state adopt SHOP [EARLIER NAME]
           after a move: let the shop's state belong to the accounts of its connections now
       python -m plugins.state copy FROM TO
           copy a whole state store. FROM and TO: sqlite:////path/to/file, postgresql://…, or the id of an
           Airflow connection, which keeps passwords out of the shell's history
       python -m plugins.state forget SHOP [--yes]
           remove all that is kept about a shop; the accounts at VTEX and Connectif stay as they are
       python -m plugins.state forget-people [--yes]
           if the hash_key is lost: remove what only that key can read, of all shops"""
YES = "--yes"
_URL = re.compile(r"[a-z0-9+]+://")


def main(arguments: list[str]) -> int:
    """Do what the arguments say. Returns the exit code: 1 for a problem, 2 for wrong arguments."""
    command: Callable[[], None]
    match arguments:
        case ["upgrade"]:
            command = run_upgrade
        case ["adopt", shop, *earlier] if len(earlier) < 2:
            command = partial(adopt, shop, *earlier)
        case ["copy", source, target]:
            command = partial(copy, source, target)
        case ["forget", shop, *flags] if set(flags) <= {YES}:
            command = partial(forget, shop, confirmed=YES in flags)
        case ["forget-people", *flags] if set(flags) <= {YES}:
            command = partial(forget_people, confirmed=YES in flags)
        case _:
            print(USAGE, file=sys.stderr)
            return 2
    try:
        shops = load_shops()  # a wrong setting stops a deployment here, not in its first task
        for problem in shops.problems.values():
            print(problem, file=sys.stderr)  # it stops that shop alone, and not the deployment
        command()
    except SyncError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run_upgrade() -> None:
    """Create or upgrade the tables of the state store."""
    revision = upgrade(database_url(state_connection()))
    print(f"sync_state: the tables are at revision {revision}")


def adopt(key: str, earlier: str = "") -> None:
    """Let a shop's state belong to the accounts that its connections lead to now."""
    table = ShopTable(database_url(state_connection()))
    configured = _configured(key)
    vtex = vtex_account(vtex_connection(configured.vtex_connection))
    connectif = connectif_account(connectif_connection(configured.connectif_connection))
    shop = shop_of(vtex, connectif, configured.section)
    known = table.get(earlier or shop.name)
    table.adopt(known, shop, partial(read_store_id, ConnectifClient(connectif)))
    print(f"Before: {_described(known)}")
    print(f"Now:    {_described(shop)}")
    print("The next runs continue where the last ones were: there is no new first load.")


def copy(source: str, target: str) -> None:
    """Copy a whole state store."""
    copy_state(_url_of(source), _url_of(target), print)
    print("Copied. Give the connection sync_state the new database, and keep its extra hash_key.")


def forget(name: str, *, confirmed: bool) -> None:
    """Remove a shop's rows and files."""
    table = ShopTable(database_url(state_connection()))
    known = table.get(name)
    if name in (problems := load_shops().problems):
        raise problems[name]  # the place of its files is one of its settings
    rows, folder = table.count_rows(name), staging_base(_settings_of(known)) / known.folder
    staged = folder_at(folder)
    files = f"its files in {folder}" if staged.exists() else f"no files (there is no {folder})"
    what = f"{rows:,} rows of the shop {name}, and {files}"
    if not confirmed:
        raise ConfigurationError(
            f"This would remove {what}. A later run of this shop would begin with a full load, and apply old "
            f"subscription changes again if Connectif repeats them. To do it: python -m plugins.state forget "
            f"{name} {YES}"
        )
    table.forget(name)
    if staged.exists():
        staged.remove_all()
    print(f"Removed {what}. Hashes of erased people stay.")


def forget_people(*, confirmed: bool) -> None:
    """Remove the rows that a lost hash key makes useless, so that runs start again."""
    table = ShopTable(database_url(state_connection()))
    rows = (
        f"{table.count_people_rows():,} rows about people: who was erased, and the subscription changes that "
        "wait or were applied"
    )
    if not confirmed:
        raise ConfigurationError(
            f"This would remove {rows}. The sync would send erased people again until you erase them again. "
            f"First look for the lost hash_key. To do it: python -m plugins.state forget-people {YES}"
        )
    table.forget_people()
    print(f"Removed {rows}. Erase all people of your own register again before the next run.")


def _configured(key: str) -> ConfiguredShop:
    """The shop with this key. The shop without a section can also be called by its VTEX account."""
    shops = load_shops()
    if key not in {DEFAULT, *shops.problems, *(shop.section for shop in shops)}:
        default = next((shop for shop in shops if not shop.section), None)
        if default and shop_of_connections(default).name == key:
            return default
    return shops.get(key)


def _settings_of(known: Shop) -> Settings:
    """The settings of the shop; the common ones if no setting names it any more."""
    own = (shop.settings for shop in load_shops() if shop.section == known.name)
    return next(own, load_settings())


def _described(shop: Shop) -> str:
    return (
        f"shop {shop.name}: VTEX account {shop.vtex_account or 'unnamed'} at {shop.vtex_host}, "
        f"Connectif at {shop.connectif_host}, key {shop.connectif_key_id}"
    )


def _url_of(place: str) -> str:
    """The database URL; of the id of an Airflow connection, the URL that it holds."""
    if _URL.match(place):
        return place
    return database_url(state_connection(place))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
