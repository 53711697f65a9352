"""on_unavailable="spool": what happens to events while the database cannot be reached."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from emitting.list_journal import ListJournal

from agent_events import Ledger, Receipt, Spooled, errors
from agent_events.emitting import AuditEmitter
from agent_events.models import EventArguments

Connection = psycopg.Connection[Any]
MakeEmitter = Callable[..., Any]
Texts = Callable[[], list[str]]


def test_event_is_stored_with_a_key_when_the_database_is_there(
    make_emitter: MakeEmitter, noted: str, journal: Any, pg: Connection
) -> None:
    emitter = make_emitter(on_unavailable="spool", journal=journal)
    receipt = emitter.emit(noted, {"text": "x"})
    assert isinstance(receipt, Receipt)
    assert journal.is_empty()
    keys = pg.execute("select event_id from ledger.idempotency_keys").fetchall()
    assert keys == [(receipt.id,)]


def test_events_of_an_outage_come_in_order_with_their_time(
    make_emitter: MakeEmitter, noted: str, journal: Any, outage: Any, texts: Texts, pg: Connection
) -> None:
    emitter = make_emitter(on_unavailable="spool", journal=journal)
    emitter.emit(noted, {"text": "1"})
    with outage():
        spooled = [emitter.emit(noted, {"text": text}) for text in "23"]
    assert all(isinstance(each, Spooled) for each in spooled)
    emitter.flush()
    emitter.emit(noted, {"text": "4"})
    assert texts() == ["1", "2", "3", "4"]
    times = pg.execute(
        "select occurred_at from ledger.events where payload ->> 'text' in ('2', '3') order by id"
    ).fetchall()
    assert times == [(each.occurred_at,) for each in spooled]


def test_new_events_go_behind_what_waits(
    make_emitter: MakeEmitter, noted: str, journal: Any, texts: Texts
) -> None:
    waiting: EventArguments = {
        "event_type": noted,
        "payload": {"text": "1"},
        "idempotency_key": "first",
    }
    emitter = make_emitter(on_unavailable="spool", journal=journal)
    journal.append([waiting])
    assert isinstance(emitter.emit(noted, {"text": "2"}), Spooled)
    emitter.flush()
    assert texts() == ["1", "2"]


def test_event_that_was_stored_after_all_is_stored_once(
    make_emitter: MakeEmitter, noted: str, journal: Any, texts: Texts
) -> None:
    emitter = make_emitter(on_unavailable="spool", journal=journal)
    emitter.emit(noted, {"text": "1"}, idempotency_key="key")
    journal.append([{"event_type": noted, "payload": {"text": "1"}, "idempotency_key": "key"}])
    emitter.flush()
    assert texts() == ["1"]


def test_spool_gets_empty_although_threads_go_on_emitting(
    make_emitter: MakeEmitter, noted: str, journal: Any, outage: Any
) -> None:
    emitter = make_emitter(on_unavailable="spool", journal=journal)
    is_back = Event()
    emitter.observers.append(lambda *_: is_back.set())
    with outage():
        for _ in range(300):
            emitter.emit(noted, {"text": "x"})
    assert is_back.wait(120)

    def emit_until_stored() -> None:
        while isinstance(emitter.emit(noted, {"text": "x"}), Spooled):
            pass

    threads = [Thread(target=emit_until_stored, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    emitter.flush()
    assert journal.is_empty()


def test_events_of_several_tenants(
    make_emitter: MakeEmitter, noted: str, journal: Any, outage: Any, pg: Connection
) -> None:
    emitter = make_emitter(on_unavailable="spool", journal=journal)
    with outage():
        for tenant_id in ("acme", "default", "acme"):
            emitter.emit(noted, {"text": "x"}, tenant_id=tenant_id)
    emitter.flush()
    ledger = Ledger(pg)
    assert len(ledger.find_events(event_types=[noted], tenant_id="acme")) == 2
    assert len(ledger.find_events(event_types=[noted])) == 1


def test_spooled_event_that_the_ledger_refuses_is_set_aside(
    make_emitter: MakeEmitter, noted: str, journal: Any, outage: Any, texts: Texts
) -> None:
    emitter = make_emitter(on_unavailable="spool", journal=journal)
    with outage():
        for text in ("1", 2, "3"):
            emitter.emit(noted, {"text": text})
    with pytest.raises(errors.EventsNotStored):
        emitter.flush()
    assert texts() == ["1", "3"]
    [(event, reason)] = journal.refused
    assert event["payload"] == {"text": 2}
    assert reason.startswith("LG003: payload does not match")


def test_refusal_is_raised_and_not_spooled(
    make_emitter: MakeEmitter, noted: str, journal: Any
) -> None:
    emitter = make_emitter(on_unavailable="spool", journal=journal)
    with pytest.raises(errors.InvalidPayload):
        emitter.emit(noted, {})
    assert journal.is_empty()


def test_full_journal_is_raised(
    make_emitter: MakeEmitter, noted: str, journal: Any, outage: Any
) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    journal.append = full
    emitter = make_emitter(on_unavailable="spool", journal=journal)
    with outage(), pytest.raises(OSError, match="No space left"):
        emitter.emit(noted, {"text": "x"})


@pytest.mark.parametrize("options", [{}, {"on_unavailable": "spool", "journal": ListJournal()}])
def test_folder_is_given_where_nothing_is_on_disk(dsn: str, options: Any) -> None:
    with pytest.raises(errors.InvalidArgument, match="spool_dir is given, but nothing waits on d"):
        AuditEmitter(dsn, spool_dir="spool", **options)


def test_event_without_a_json_form_keeps_no_others(
    make_emitter: MakeEmitter, noted: str, journal: Any, texts: Texts
) -> None:
    def append(events: list[EventArguments]) -> None:
        json.dumps([event["payload"] for event in events])
        ListJournal.append(journal, events)

    emitter = make_emitter(on_unavailable="spool", journal=journal, flush_interval=3600)
    ListJournal.append(journal, [{"event_type": noted, "payload": {"text": "0"}}])
    journal.append = append
    for text in ("1", object(), "3"):
        emitter.buffer(noted, {"text": text})
    with pytest.raises(errors.EventsNotStored) as caught:
        emitter.flush()
    assert isinstance(caught.value.failed[0].error, TypeError)
    assert texts() == ["0", "1", "3"]
