"""The liveness file of a Celery worker."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from celery.signals import heartbeat_sent

from plugins.celery_liveness import LIVENESS


def test_heartbeat__renews_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    heartbeat_sent.send(sender=None)
    file = tmp_path / LIVENESS
    os.utime(file, (0, 0))
    heartbeat_sent.send(sender=None)
    assert file.stat().st_mtime > 0
