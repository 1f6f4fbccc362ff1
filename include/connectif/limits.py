"""Connectif's limits and their sources (all read 2026-11-23)."""

from __future__ import annotations

# Guides, rate limit; help centre 360014605220: per account, for all its keys together.
CALLS_PER_MINUTE = 100
# Reference, create import: larger files get 413.
IMPORT_BYTES = 50_000_000
# Guides, custom error codes: E0401 if this many imports are queued, E0301 for exports.
QUEUED_IMPORTS = 10
QUEUED_EXPORTS = 5
# Reference, create export: activities of at most 31 days.
EXPORT_DAYS = 31
