"""Turns a vendor into an ASGI application: its routes, the control plane and the middleware."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from sandbox.core.clock import Clock
from sandbox.core.control import ControlPlane
from sandbox.core.errors import VendorError, answer_error
from sandbox.core.faults import Faults
from sandbox.core.journal import Journal
from sandbox.core.middleware import CallRecorder, DateHeader, FaultInjector
from sandbox.core.vendor import Vendor


def vendor_app(vendor: Vendor, clock: Clock, *, accounts: Sequence[str] = ()) -> ASGIApp:
    """Serves `vendor` over HTTP. Everything that is not the vendor's own API lives under /_sandbox/.

    `accounts` are all accounts on the same port; the page links to them.
    """
    journal, faults = Journal(), Faults()
    control = ControlPlane(vendor, clock, journal, faults, accounts)
    return Starlette(
        routes=[*control.routes(), *vendor.control_routes, *vendor.routes],
        exception_handlers={VendorError: answer_error, **vendor.exception_handlers},
        middleware=[
            Middleware(DateHeader, clock=clock),
            Middleware(CallRecorder, journal=journal, clock=clock, knobs=vendor.knobs, routes=vendor.routes),
            *vendor.middleware,
            Middleware(FaultInjector, faults=faults, latency=lambda: control.latency, clock=clock),
        ],
    )
