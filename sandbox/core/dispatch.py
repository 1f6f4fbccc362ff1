"""Several accounts of one vendor on one port."""

from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.core.app import vendor_app
from sandbox.core.clock import Clock
from sandbox.core.vendor import Vendor


class AccountDispatcher:
    """Leads each call to the application of its account.

    `/sandboxspain/api/…` names the account; its application serves `/api/…` (`root_path` of ASGI). Any other
    call belongs to the account that claims it, or else to the first account.
    """

    def __init__(self, vendors: Sequence[Vendor], clock: Clock) -> None:
        names = [vendor.account_name for vendor in vendors]
        self._vendors = {vendor.account_name: vendor for vendor in vendors}
        self._apps: dict[str, ASGIApp] = {
            vendor.account_name: vendor_app(vendor, clock, accounts=names) for vendor in vendors
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        account = self._named_in_path(scope)
        root_path = f"/{account}" if account else ""
        app = self._apps[account or self._claimed_by(scope)]
        await app({**scope, "root_path": root_path}, receive, send)

    def _named_in_path(self, scope: Scope) -> str | None:
        account, _, rest = scope["path"].removeprefix("/").partition("/")
        vendor = self._vendors.get(account)
        return account if vendor and f"/{rest}".startswith(vendor.paths_below_account) else None

    def _claimed_by(self, scope: Scope) -> str:
        first = next(iter(self._vendors))
        return next((name for name, vendor in self._vendors.items() if vendor.claims(scope)), first)
