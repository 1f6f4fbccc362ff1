"""The parameters of `update_newsletter`, for Airflow's trigger form and the checks of its API."""

from __future__ import annotations

from airflow.sdk import Param

from include.values.address import LONGEST, MASKED, TOO_LONG_PART, TYPED_ADDRESS

MOST_EVENTS = 500

# jsonschema's own "email" only checks for an @, and its "date-time" accepts a leap second or the year 1.
EVENT = {
    "type": "object",
    "required": ["email", "subscribed", "occurred_at"],
    "additionalProperties": False,
    "properties": {
        "email": {
            "type": "string",
            "description": "a complete e-mail address, not masked",
            "format": "email",
            "pattern": TYPED_ADDRESS,
            "not": {"pattern": f"{TOO_LONG_PART}|{MASKED}"},
            "maxLength": LONGEST,
        },
        "subscribed": {"type": "boolean"},
        "occurred_at": {"type": "string", "format": "date-time", "pattern": "^20[0-9]{2}-[^ ]*$"},
    },
}
"""The JSON schema of a subscription change."""

DRY_RUN = Param(
    False,
    type="boolean",
    title="Dry run (dry_run)",
    description="Writes nothing, and reports what the run would send.",
)

# The form shows `examples` of a list as choices (Airflow 3.3.2), so the example is a text. No run can send it
# by mistake.
NEWSLETTER_PARAMS: dict[str, Param] = {
    "events": Param(
        None,
        type=["null", "array"],
        items=EVENT,
        minItems=1,
        maxItems=MOST_EVENTS,
        title="Events (events)",
        description=(
            "Subscription changes: the customer's complete address, subscribed (true or false), and the date "
            "and time with offset. The newest change of a person wins. Without events, the run applies those "
            "that wait. Example: "
            '[{"email": "ana@example.com", "subscribed": false, "occurred_at": "2026-11-23T10:00:00Z"}]'
        ),
    ),
    "dry_run": DRY_RUN,
}
