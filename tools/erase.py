"""`make erase`: removes a person here and keeps them out of every later write. `UNDO=1` undoes it.

The command asks for the address, or reads it from a pipe, so that neither the shell's history nor the list of
processes holds it. Use the variable `EMAIL` only on a machine without other users.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from include.erasure import by_hand, check_address, erase, restore
from include.pipelines import NEWSLETTER
from include.shops import load_shops
from plugins.runs.open_run import open_explain_context, staging_base
from tools.command import run_command
from tools.shop_choice import chosen_shop

USAGE = """\
usage: make erase                 asks for the e-mail address (or: make erase < file)
       make erase EMAIL=…         the shell's history and the list of processes then hold the address
       make erase UNDO=1          the person is a customer again and asks for it
       make erase SHOP=es         if there are several shops. It erases from all shops of the VTEX account"""


def main() -> int:
    """Exit code 0: done. 2: wrong arguments. Raises SyncError if a connection is missing or unreachable."""
    undo = os.environ.get("UNDO", "") not in {"", "0"}
    email = os.environ.pop("EMAIL", "").strip() or _read_address(undo=undo)
    if not email:
        print(USAGE, file=sys.stderr)
        return 2
    address = check_address(email)
    shop = chosen_shop()
    with open_explain_context(shop) as context:
        if undo:
            lines = restore(context.state, address)
        else:
            base = staging_base(shop.settings)
            bases = {str(staging_base(one.settings)): staging_base(one.settings) for one in load_shops()}
            others = [other for place, other in bases.items() if place != str(base)]
            lines = erase(context.state, context.vtex, base, address, datetime.now(UTC), other_bases=others)
        for line in lines:
            print(line, flush=True)
    if not undo:
        dags = (shop.dag_id(NEWSLETTER.dag_id) for shop in load_shops())
        print(f"\n{by_hand(dags)}")
    return 0


def _read_address(*, undo: bool) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return input(f"e-mail address to {'restore' if undo else 'erase'}: ").strip()


if __name__ == "__main__":
    sys.exit(run_command(main))
