"""Creates the first user of Airflow's UI, for the service `init` of docker-compose.yaml.

    python -m plugins.first_user --name admin --email admin@example.com --password-file FILE [--set-password]

`airflow users create` says nothing if the user exists with another password. An operator who replaces the
file would believe that the password changed. This command compares them, and says how to change it. It
changes the password of an existing user only with `--set-password`, because the UI may have a newer one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROLE = "Admin"


def main(arguments: Sequence[str]) -> int:
    """Create or check the user; the exit code is 1 only if Airflow refuses to create it."""
    given = _parse(arguments)
    password = given.password_file.read_text().strip()
    if not password:
        print(f"{given.password_file} is empty: write the password of {given.name} into it", file=sys.stderr)
        return 1
    from airflow.providers.fab.auth_manager.cli_commands.utils import (  # noqa: PLC0415 - takes seconds
        get_application_builder,
    )

    with get_application_builder() as builder:
        return _ensure(builder.sm, given, password)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m plugins.first_user")
    parser.add_argument("--name", required=True)
    parser.add_argument("--email", required=True)
    parser.add_argument("--password-file", required=True, type=Path)
    parser.add_argument("--set-password", action="store_true", help="also if the user exists")
    return parser.parse_args(arguments)


def _ensure(manager: Any, given: argparse.Namespace, password: str) -> int:
    """`manager` is FAB's security manager (apache-airflow-providers-fab 3.10.2)."""
    from werkzeug.security import check_password_hash  # noqa: PLC0415 - a package of FAB

    user = manager.find_user(username=given.name)
    if user is None:
        if not manager.add_user(given.name, "Admin", "Admin", given.email, manager.find_role(ROLE), password):
            print(f"user {given.name}: Airflow refused to create it; see the lines above", file=sys.stderr)
            return 1
        print(f"user {given.name}: created, with the password of {given.password_file}")
    elif check_password_hash(user.password or "", password):
        print(f"user {given.name}: exists, with the password of {given.password_file}")
    elif given.set_password:
        manager.reset_password(user.id, password)
        print(f"user {given.name}: now has the password of {given.password_file}")
    else:
        print(
            f"WARNING: user {given.name} exists with another password than that of {given.password_file}; "
            "it was not changed. To set the password of the file: docker compose run --rm init python -m "
            f"plugins.first_user --name {given.name} --email {given.email} "
            f"--password-file {given.password_file} --set-password"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
