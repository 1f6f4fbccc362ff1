"""`make cluster`: the services of docker-compose.yaml with the simulated shop, until Ctrl-C."""

from __future__ import annotations

import sys
import time

from tools.cluster.shop import open_shop
from tools.cluster.topology import HOME, Cluster, ClusterSettings
from tools.command import run_command
from tools.local_stack import DAG_IDS
from tools.processes import is_free, only_one
from tools.progress import Progress

USUAL_PORTS = (8080, 8101, 8102)


def main() -> int:
    """Start everything, print the addresses, restart what ends, and run until a signal."""
    progress = Progress()
    with only_one(HOME):
        ports = {port: port for port in USUAL_PORTS if is_free(port)}
        with Cluster(ClusterSettings(ports=ports), progress.say) as cluster, open_shop(cluster) as shop:
            shop.wait_for_dags(DAG_IDS)
            print(welcome(cluster), flush=True)
            watch(cluster, progress)
    return 0


def watch(cluster: Cluster, progress: Progress) -> None:
    """Restart what ended, and run each health check at its interval; a line for each change."""
    healthy = {name: True for name, one in cluster.containers.items() if one.service.restarts}
    due = {name: time.monotonic() for name in healthy}
    while True:
        for name in cluster.restart_ended():
            progress.say(f"{name} ended and was started again; see {cluster.containers[name].log}")
        for name, at in due.items():
            if time.monotonic() >= at:
                one = cluster.containers[name]
                due[name] = time.monotonic() + (one.service.health.interval if one.service.health else 30.0)
                if (now := one.is_healthy()) is not healthy[name]:
                    progress.say(f"{name} is {'healthy' if now else 'unhealthy'}")
                    healthy[name] = now
        time.sleep(0.5)


def welcome(cluster: Cluster) -> str:
    """The addresses, the login, and the processes that one may try to kill."""
    first = {name: one.process.process.pid for name, one in cluster.containers.items() if one.process}
    running = ", ".join(
        f"{name} {pid}" for name, pid in first.items() if cluster.containers[name].is_running()
    )
    return "\n".join(
        [
            "",
            f"Airflow    {cluster.url}    user admin    password {cluster.secret('admin_password')}",
            f"VTEX       {cluster.vtex}/_sandbox/",
            f"Connectif  {cluster.connectif}/_sandbox/",
            f"Processes  {running}",
            f"Logs       {cluster.places.folder('logs')}",
            "",
            "A process that ends is started again, as Docker does. Ctrl-C stops everything.",
        ]
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
