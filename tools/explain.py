"""`make explain RECORD=…`: explains one record on the terminal, with masked e-mails. Stores nothing.

The variables `RECORD` and `KIND` name the record. Without `RECORD` the command asks for it, so that neither
the shell's history nor the list of processes holds an address.
"""

from __future__ import annotations

import os
import sys

from include.explain import explain
from include.outcomes import Kind
from plugins.runs.open_run import open_explain_context
from tools.command import run_command
from tools.explain_text import as_text
from tools.shop_choice import chosen_shop

USAGE = """\
usage: make explain RECORD=<an e-mail, customer document id, product id, order id or order group>
       make explain RECORD=… KIND=customer|product|order      if the form of the id does not tell its kind
       make explain RECORD=… SHOP=es                          if there are several shops"""


def main() -> int:
    """Exit code 0: a side knows the record. 1: no side knows it. 2: wrong arguments."""
    record, kind = os.environ.get("RECORD", "").strip(), os.environ.get("KIND", "").strip()
    if not record and sys.stdin.isatty():
        record = input("e-mail, customer document id, product id or order id: ").strip()
    if not record or kind not in {"", *Kind}:
        print(USAGE, file=sys.stderr)
        return 2
    with open_explain_context(chosen_shop()) as context:
        found = explain(context, record, among=(Kind(kind),) if kind else tuple(Kind))
    print(as_text(found))
    return 0 if found.is_known else 1


if __name__ == "__main__":
    sys.exit(run_command(main))
