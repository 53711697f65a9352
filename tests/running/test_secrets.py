"""Secrets in whatever a block records reach no table, no journal, no log line and no note."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agent_events import AsyncAuditEmitter, AuditEmitter, audited, context, errors, tool

SECRET = "hunter2hunter2"
DOCUMENT = {
    "api_key": SECRET,
    "nested": [{"password": SECRET, "text": f"Bearer {SECRET}"}],
    "url": f"postgresql://ann:{SECRET}@db/app",
    f"token={SECRET}": 1,
}
ACTOR = {"actor_type": "user", "actor_id": "ann"}


class Refused(Exception):
    """An error as clients raise them, with what they sent."""

    def __init__(self) -> None:
        super().__init__(f"401 for {{'Authorization': 'Bearer {SECRET}'}}, api_key={SECRET}")


@tool(record_arguments=True, record_result=True)
def search(query: dict[str, Any]) -> dict[str, Any]:
    return query


PUBLISHED = {"old_status": "draft", "new_status": "published"}


@audited("content.publish", payload=lambda given: PUBLISHED | {"reason": given["reason"]})
def publish(reason: str) -> None:  # noqa: ARG001
    raise Refused


def use_everything(emitter: AuditEmitter[Any]) -> None:
    with emitter.run("scorer", payload={"input": DOCUMENT}, metadata=DOCUMENT) as run:
        search(DOCUMENT)
        with run.tool_call("fetch", DOCUMENT) as call:
            call.result = DOCUMENT
        with pytest.raises(Refused), run.tool_call("fetch"):
            raise Refused
        model = run.model_call("example", "example-2", prompt=DOCUMENT)
        model.report(raw_output=DOCUMENT, parsed_data=DOCUMENT)
        with pytest.raises(Refused), model:
            raise Refused
        with pytest.raises(Refused):
            publish(f"password={SECRET}")
        run.report(result=DOCUMENT)
    with pytest.raises(Refused), emitter.run("scorer"):
        raise Refused
    with context.use(**ACTOR):  # type: ignore[typeddict-item]
        words = emitter.audit().action("content.publish").payload(PUBLISHED)
        words = words.with_metadata(db_password=SECRET).with_api_proof({"token": SECRET})
        words.failed("E1", str(Refused())).emit()
    emitter.buffer("run.paused", metadata={"secret": SECRET})
    emitter.flush()


def test_by_an_emitter(
    emitter: AuditEmitter,
    everything: Callable[[], str],
    events: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    use_everything(emitter)
    assert len(events()) == 14
    assert SECRET not in everything()
    assert SECRET not in caplog.text
    assert SECRET not in repr([vars(record) for record in caplog.records])


def test_by_an_emitter_that_spools(
    dsn: str,
    journal: Any,
    everything: Callable[[], str],
    events: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Everything goes through the journal, as while something is waiting in it."""
    caplog.set_level("DEBUG")
    with AuditEmitter(dsn, on_unavailable="spool", journal=journal) as emitter:
        monkeypatch.setattr(journal, "is_empty", lambda: False)
        use_everything(emitter)
    assert len(journal.history) == 14
    assert SECRET not in repr(journal.history)
    assert journal.refused == []
    assert len(events()) == 14
    assert SECRET not in everything() + caplog.text


def test_what_the_journal_sets_aside(dsn: str, journal: Any) -> None:
    with AuditEmitter(dsn, on_unavailable="spool", journal=journal) as emitter:
        emitter.buffer("run.paused", {"reason": 1, "token": SECRET}, metadata={"secret": SECRET})
        with pytest.raises(errors.EventsNotStored):
            emitter.flush()
    [(event, reason)] = journal.refused
    assert (event["payload"], event["metadata"]) == (
        {"reason": 1, "token": "***"},
        {"secret": "***"},
    )
    assert SECRET not in reason


def test_over_asyncio(dsn: str, everything: Callable[[], str], events: Any) -> None:
    async def main() -> None:
        async with AsyncAuditEmitter(dsn) as emitter:
            async with emitter.run("scorer", payload={"input": DOCUMENT}) as run:
                async with run.tool_call("fetch", DOCUMENT) as call:
                    call.result = DOCUMENT
                with pytest.raises(Refused):
                    async with run.tool_call("fetch"):
                        raise Refused
            with pytest.raises(Refused):
                async with emitter.run("scorer"):
                    raise Refused

    asyncio.run(main())
    assert len(events()) == 8
    assert SECRET not in everything()
