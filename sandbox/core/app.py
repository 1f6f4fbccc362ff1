"""A vendor becomes an ASGI application: its routes, the control plane, and what every call goes through."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from sandbox.core.clock import Clock
from sandbox.core.control import Control
from sandbox.core.faults import Faults
from sandbox.core.journal import Journal
from sandbox.core.middleware import DateByClock, Journaling, Troubling
from sandbox.core.vendor import Vendor


def vendor_app(vendor: Vendor, clock: Clock) -> ASGIApp:
    """`vendor` over HTTP. Everything that is not the vendor's own API lives under /_sandbox/."""
    journal, faults = Journal(), Faults()
    control = Control(vendor, clock, journal, faults)
    return Starlette(
        routes=[*control.routes(), *vendor.control_routes, *vendor.routes],
        exception_handlers=dict(vendor.exception_handlers),
        middleware=[
            Middleware(DateByClock, clock=clock),
            Middleware(Journaling, journal=journal, clock=clock, knobs=vendor.knobs, routes=vendor.routes),
            *vendor.middleware,
            Middleware(Troubling, faults=faults, latency=lambda: control.latency, clock=clock),
        ],
    )
