"""`make airflow`: Airflow with UI, scheduler and triggerer, and the simulated shop, until Ctrl-C.

`SHOPS=3` simulates several shops. The state stays in `.airflow/local`: runs, connections, the password and
the state store. The simulated shops start fresh each time, from the same seed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from include.airflow_paths import STATUS_PAGE
from tools.airflow_rest import AirflowRest
from tools.command import run_command
from tools.first_commands import FirstCommands, Try
from tools.local_stack import ROOT, USERNAME, LocalStack, StackSettings
from tools.processes import LOOPBACK, ProcessFailed, free_port, is_free, only_one
from tools.progress import Progress
from tools.sandbox_shop import Sandbox, register_callbacks, running_sandbox, sandbox_connections
from tools.shop_reads import ShopReads

HOME = ROOT / ".airflow" / "local"
PORTS = {"LOCAL_AIRFLOW_PORT": 8080, "LOCAL_VTEX_PORT": 8101, "LOCAL_CONNECTIF_PORT": 8102}

MOST_SHOPS = 20
_CONNECTION = "AIRFLOW_CONN_"


def main() -> int:
    """Start everything, print the addresses, and run until a signal or until a process ends."""
    progress = Progress()
    try:
        with only_one(HOME):
            _serve(progress)
    except KeyboardInterrupt:
        print("Stopped. The state is kept in .airflow/local; `make airflow` continues with it.")
    return 0


def _serve(progress: Progress) -> None:
    airflow, vtex, connectif = (chosen_port(name) for name in PORTS)
    options = ("--shops", str(chosen_number_of_shops()))
    progress.say("starting the simulated shop")
    logs = HOME / "logs" / "components"
    with running_sandbox(logs, vtex_port=vtex, connectif_port=connectif, options=options) as sandbox:
        own = own_connections(os.environ)
        settings = StackSettings(
            home=HOME,
            port=airflow,
            triggerer=True,
            scheduled=True,
            environment={**shop_settings(sandbox), **own},
        )
        progress.say("starting Airflow (the first time takes a minute)")
        with LocalStack(settings, progress.say) as stack:
            is_simulated = connect(stack.rest, sandbox_connections(sandbox)) and not own
            for shop in sandbox.shops if is_simulated else ():
                register_callbacks(shop, stack.url)
            first = list(commands(stack, sandbox)) if is_simulated else []
            print(welcome(stack, sandbox, first) + note_on(own), flush=True)
            while True:
                stack.check()
                sandbox.service.check()
                time.sleep(1)


def chosen_port(variable: str) -> int:
    """The port that the environment names, which must be free; else the usual port; else any free port."""
    wanted = os.environ.get(variable)
    if wanted is None:
        return PORTS[variable] if is_free(PORTS[variable]) else free_port()
    if not wanted.isdecimal() or not 0 < int(wanted) < 65536:
        raise ProcessFailed(f"{variable} is {wanted!r}: give a port number")
    if not is_free(int(wanted)):
        raise ProcessFailed(f"{variable}: port {wanted} is in use on {LOOPBACK}; choose another port")
    return int(wanted)


def chosen_number_of_shops() -> int:
    """The number of simulated shops that `SHOPS` asks for; one without it."""
    wanted = os.environ.get("SHOPS", "") or "1"
    if not wanted.isdecimal() or not 0 < int(wanted) <= MOST_SHOPS:
        raise ProcessFailed(f"SHOPS is {wanted!r}: give a number from 1 to {MOST_SHOPS}")
    return int(wanted)


def shop_settings(sandbox: Sandbox) -> dict[str, str]:
    """The settings that add the sandbox's further shops."""
    return {
        f"SYNC_SHOPS__{shop.name.upper()}__SCHEDULE__TIME_ZONE": shop.time_zone for shop in sandbox.shops[1:]
    }


def own_connections(environment: Mapping[str, str]) -> dict[str, str]:
    """The connections that the caller's environment holds. Airflow reads them before its database."""
    return {name: value for name, value in environment.items() if name.startswith(_CONNECTION)}


def note_on(own: Mapping[str, str]) -> str:
    """Which connections of the environment count; empty without one."""
    if not own:
        return ""
    names = ", ".join(sorted(name.removeprefix(_CONNECTION).lower() for name in own))
    return f"\n\nConnections of your environment: {names}. They count before Admin > Connections."


def connect(rest: AirflowRest, connections: Mapping[str, Mapping[str, Any]]) -> bool:
    """Save the sandbox's connections in Airflow's database, where the UI shows and edits them.

    A connection that an operator changed to a real account stays. Returns whether none was changed.
    """
    ours = {conn_id: fields for conn_id, fields in connections.items() if _is_simulated(rest, conn_id)}
    for conn_id, fields in ours.items():
        rest.save_connection(conn_id, fields)
    return len(ours) == len(connections)


def _is_simulated(rest: AirflowRest, conn_id: str) -> bool:
    """Whether the connection does not exist or leads to a sandbox."""
    host = (rest.connection(conn_id) or {}).get("host", f"http://{LOOPBACK}")
    return str(host or "").startswith(f"http://{LOOPBACK}")


def commands(stack: LocalStack, sandbox: Sandbox) -> Iterator[Try]:
    """Commands to try first, with the address of a customer who exists in the simulated shop."""
    with closing(ShopReads(sandbox.first)) as shop:
        first = FirstCommands(stack, sandbox, shop.subscriber())
    yield first.login()
    yield from first.syncs()
    yield from first.newsletter()


def welcome(stack: LocalStack, sandbox: Sandbox, first: Sequence[Try]) -> str:
    """The addresses, the login, and the commands to try first."""
    second_terminal = ["Or paste these commands into a second terminal:", "", *map("{}\n".format, first)]
    lines = [
        "",
        f"Airflow    {stack.url}    user {USERNAME}    password {stack.keys.password}",
        f"Status     {stack.url}/plugin/{STATUS_PAGE}        (what was sent, what was not, and why)",
        f"VTEX       {sandbox.vtex}/_sandbox/        (simulated: its data and its changes)",
        f"Connectif  {sandbox.connectif}/_sandbox/        "
        "(simulated: contacts, products, purchases, imports)",
        "",
        "The daily syncs are paused. Switch one on in the UI: it runs at once, then every night.",
        *(second_terminal if first else [""]),
        f"Logs: {stack.home.relative_to(ROOT)}/logs. Ctrl-C stops everything and keeps the state.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(run_command(main))
