"""No secret is in a file of the spool, whatever becomes of its event."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_events import Spooled, errors
from agent_events.spooling import folder_for

SECRET = "hunter2"


def on_disk(folder: Path) -> bytes:
    files = list(folder.iterdir())
    assert files
    return b"".join(file.read_bytes() for file in files)


def test_no_secret_is_on_the_disk(
    make_emitter: Callable[..., Any], noted: str, outage: Any, folder: Path, dsn: str
) -> None:
    emitter = make_emitter(on_unavailable="spool", spool_dir=folder)
    spool = folder_for(dsn, folder)
    payload = {"text": "x", "token": SECRET, "tokens": 2, "api_key": 42}
    secrets = {
        "metadata": {"headers": [{"Authorization": SECRET}]},
        "proof": {"type": "api_response", "data": {"session_cookie": {"a": [SECRET]}}},
    }
    with outage():
        assert isinstance(emitter.emit(noted, payload, **secrets), Spooled)
        assert isinstance(emitter.emit("run.paused", {"reason": 1} | payload, **secrets), Spooled)
        waiting = on_disk(spool)
    assert SECRET.encode() not in waiting
    assert b'"token":"***","tokens":2,"api_key":"***"' in waiting
    with pytest.raises(errors.EventsNotStored):
        emitter.flush()
    refused = on_disk(spool)
    assert b"run.paused" in refused
    assert SECRET.encode() not in refused
    assert payload["token"] == SECRET  # the caller's own is as it was
