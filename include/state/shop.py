"""The owner of rows in the state store."""

from __future__ import annotations

from dataclasses import dataclass

from include.run_name import safe_name

_UNNAMED = "shop"


@dataclass(frozen=True)
class Shop:
    """A shop by its name, with one VTEX account and one Connectif account behind it.

    The name is that of the settings; without one it is the VTEX account. `folder` holds the shop's files
    below the folder of all staged files; a shop of an earlier version keeps the folder that it had.
    `connectif_store_id` is Connectif's id of the account, as the state store knows it.
    """

    vtex_account: str
    vtex_host: str
    connectif_host: str
    connectif_key_id: str
    name: str = ""
    folder: str = ""
    connectif_store_id: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.vtex_account or _UNNAMED)
        object.__setattr__(self, "folder", self.folder or safe_name(self.name))
