"""Runs a test for each daily pipeline."""

from __future__ import annotations

import pytest

from tests.builders import DAILY_PLANS

EACH_PIPELINE = pytest.mark.parametrize(("pipeline", "plan"), DAILY_PLANS.items(), ids=map(str, DAILY_PLANS))
"""The arguments are `pipeline` and `plan`."""
