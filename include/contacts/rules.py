"""The mapping of customers with the settings of the shop: for the sync, the comparison and explanations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from zoneinfo import ZoneInfo

import pandas as pd

from include.contacts.fields import ExtraField
from include.contacts.mapping import map_contacts
from include.pipeline.run import SyncRun
from include.values.mapped import Mapped


def contact_mapping(
    run: SyncRun, extra_fields: Sequence[ExtraField] = ()
) -> Callable[[pd.DataFrame], Mapped]:
    """`map_contacts` with the country of the shop, today's date and the settings of contacts."""
    zone = run.settings.contacts.birth_date_time_zone
    return partial(
        map_contacts,
        country=run.vtex.account.country,
        today=run.now().date(),
        birth_date_zone=ZoneInfo(zone) if zone else None,
        extra_fields=extra_fields,
    )
