"""begin_export, export_events, finish_export: what is on record is what is exported."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from agent_events import Ledger

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]

EXPORT = "select id from ledger.export_events(%s)"
PAGE = "select id from ledger.export_events(%s, after_id => %s, page_size => %s)"


def begin(connection: AnyConnection, **options: Any) -> UUID:
    return Ledger(connection).begin_export("jsonl", **options)


def ids(connection: AnyConnection, statement: str, *parameters: Any) -> list[UUID]:
    return [each for (each,) in connection.execute(statement, parameters).fetchall()]


def payloads(ledger: Ledger, event_type: str) -> list[dict[str, Any]]:
    return [e.payload for e in ledger.find_events(event_types=[event_type], newest_first=False)]


def test_the_start_says_who_exports_what_and_what_for(
    ledger: Ledger, reader: AnyConnection
) -> None:
    sealed = ledger.seal()
    since = datetime(2026, 1, 1, tzinfo=UTC)
    export_id = begin(
        reader,
        aggregate_type="deal",
        event_types=["deal.created"],
        from_time=since,
        purpose="Audit",
    )
    event = ledger.get_event(export_id)
    assert event is not None
    assert event.event_type == "ledger.export_started"
    assert event.payload == {
        "format": "jsonl",
        "filters": {
            "aggregate_type": "deal",
            "event_types": ["deal.created"],
            "from_time": "2026-01-01T00:00:00+00:00",
        },
        "with_proof": False,
        "is_redacted": True,
        "exported_by": reader.info.user,
        "purpose": "Audit",
        "tree_size": sealed.tree_size,
        "root": sealed.root.hex(),
    }


def test_the_end_says_how_many_events_and_which_file(ledger: Ledger, reader: AnyConnection) -> None:
    export_id = begin(reader, aggregate_id="7", aggregate_type="deal")
    digest = bytes(range(32))
    end = ledger.get_event(Ledger(reader).finish_export(export_id, 3, file_sha256=digest))
    assert end is not None
    assert end.event_type == "ledger.export_created"
    assert end.causation_id == export_id
    assert end.payload == {
        "export_id": str(export_id),
        "format": "jsonl",
        "event_count": 3,
        "is_redacted": True,
        "filters": {"aggregate_id": "7", "aggregate_type": "deal"},
        "file_sha256": digest.hex(),
        "exported_by": reader.info.user,
    }


def test_pages_follow_each_other_oldest_first(ledger: Ledger, reader: AnyConnection) -> None:
    export_id = begin(reader)
    everything = [e.id for e in ledger.find_events(newest_first=False)]
    found, last = [], None
    while page := ids(reader, PAGE, export_id, last, 2):
        found += page
        last = page[-1]
    assert found == everything


def test_pages_of_a_stream_follow_its_sequence(ledger: Ledger, reader: AnyConnection) -> None:
    export_id = begin(reader, aggregate_type="deal", aggregate_id="7")
    first = ids(reader, PAGE, export_id, None, 2)
    stream = [e.id for e in ledger.read_stream("deal", "7")]
    assert first + ids(reader, PAGE, export_id, first[-1], 2) == stream


@pytest.mark.parametrize(
    "filters",
    [
        {"aggregate_type": "deal"},
        {"aggregate_type": "deal", "aggregate_id": "7"},
        {"event_types": ["run.paused", "deal.created"]},
        {"event_types": []},
        {"action_prefix": "deal.c"},
        {"actor_type": "user"},
        {"actor_id": "ada'; drop table x"},
        {"outcome": "success"},
        {"correlation_id": "10000000-0000-4000-8000-000000000001"},
        {"run_id": "00000000-0000-0000-0000-000000000000"},
        {"trace_id": "20000000-0000-4000-8000-000000000002"},
        {"deal_id": "10000000-0000-4000-8000-000000000001"},
        {"to_time": datetime(2027, 1, 1, tzinfo=UTC)},
        {"from_time": datetime(2027, 1, 1, tzinfo=UTC), "action_prefix": "deal."},
    ],
    ids=str,
)
def test_a_filter_selects_what_find_events_finds(
    ledger: Ledger, reader: AnyConnection, filters: dict[str, Any]
) -> None:
    known = {"deal_id": UUID(int=0x10000000_0000_4000_8000_000000000001)}
    trace = UUID(int=0x20000000_0000_4000_8000_000000000002)
    ledger.emit_event("deal.archived", {"reason": "lost"}, trace_id=trace, **known)
    ledger.emit_event("deal.archived", {}, actor_id="ada'; drop table x", actor_type="agent")
    export_id = begin(reader, **filters)
    assert ids(reader, EXPORT, export_id) == [
        e.id for e in ledger.find_events(newest_first=False, page_size=1000, **filters)
    ]


def test_a_row_has_what_the_event_has(ledger: Ledger, reader: AnyConnection) -> None:
    export_id = begin(reader, event_types=["deal.stage_changed"])
    reader.row_factory = dict_row
    row: Any = reader.execute("select * from ledger.export_events(%s)", [export_id]).fetchone()
    (event,) = ledger.find_events(event_types=["deal.stage_changed"])
    assert row.pop("description") == "Deal 7 moved from new to won"
    assert [row.pop(name) for name in ("private", "position", "inclusion_proof")] == [None] * 3
    assert row == {name: getattr(event, name) for name in row}


def test_with_proof_each_event_can_be_proved(ledger: Ledger, reader: AnyConnection) -> None:
    size = ledger.seal().tree_size
    late = ledger.emit_event("run.paused", {}).id
    export_id = begin(reader, with_proof=True)
    ledger.seal()
    rows = reader.execute(
        "select id, position, hash, inclusion_proof from ledger.export_events(%s)", [export_id]
    ).fetchall()
    assert len(rows) == size + 2
    for event_id, position, leaf, proof in rows[:size]:
        wanted = ledger.inclusion_proof(event_id, tree_size=size)
        assert (position, leaf, tuple(proof)) == (wanted.position, wanted.leaf_hash, wanted.proof)
    assert [(row[0], row[3]) for row in rows[size:]] == [(late, None), (export_id, None)]


def test_nothing_is_read_before_the_start_is_committed(
    reader: AnyConnection, refused: Refused
) -> None:
    with reader.transaction():
        export_id = begin(reader)
        with pytest.raises(psycopg.Error) as caught, reader.transaction():
            reader.execute(EXPORT, [export_id])
        assert caught.value.sqlstate == "55000"
        with reader.transaction():
            inner = begin(reader)
        with pytest.raises(psycopg.Error) as caught, reader.transaction():
            reader.execute(EXPORT, [inner])
        assert caught.value.sqlstate == "55000"
    assert ids(reader, EXPORT, export_id)
    with reader.transaction(force_rollback=True):
        rolled_back = begin(reader)
    refused(reader, "LG009", EXPORT, [rolled_back])


def test_nobody_reads_or_finishes_the_export_of_another(
    reader: AnyConnection, officer: AnyConnection, pg: AnyConnection, refused: Refused
) -> None:
    export_id = begin(reader)
    for other in (officer, pg):
        refused(other, "LG009", EXPORT, [export_id])
        refused(other, "LG009", "select ledger.finish_export(%s, 0)", [export_id])


def test_a_finished_export_is_over(reader: AnyConnection, refused: Refused) -> None:
    export_id = begin(reader)
    Ledger(reader).finish_export(export_id, 1)
    refused(reader, "55000", EXPORT, [export_id])
    refused(reader, "55000", "select ledger.finish_export(%s, 1)", [export_id])


def test_an_event_that_is_no_export_is_none(
    ledger: Ledger, reader: AnyConnection, refused: Refused
) -> None:
    (event, *_) = ledger.find_events()
    for wrong in (event.id, uuid4(), None):
        refused(reader, "LG009", EXPORT, [wrong])


@pytest.mark.parametrize(
    ("sqlstate", "arguments"),
    [
        ("LG009", "null"),
        ("LG009", "'a b'"),
        ("LG009", "'csv', purpose => ''"),
        ("LG005", "'csv', tenant_id => 'globex'"),
        ("LG005", "'csv', redacted => false, purpose => 'Ticket 1'"),
    ],
)
def test_a_wrong_beginning_is_refused(
    reader: AnyConnection, refused: Refused, sqlstate: str, arguments: str
) -> None:
    refused(reader, sqlstate, f"select ledger.begin_export({arguments})")


def test_an_unredacted_export_needs_a_purpose(officer: AnyConnection, refused: Refused) -> None:
    refused(officer, "LG009", "select ledger.begin_export('csv', redacted => false)")


@pytest.mark.parametrize("page", [0, 100_001, None])
def test_a_page_has_its_limits(reader: AnyConnection, refused: Refused, page: int | None) -> None:
    refused(reader, "LG009", PAGE, [begin(reader), None, page])
    refused(reader, "LG009", PAGE, [begin(reader), uuid4(), 1])


def test_a_reader_who_lost_access_reads_no_further(
    pg: AnyConnection, reader: AnyConnection, refused: Refused
) -> None:
    export_id = begin(reader)
    pg.execute("select ledger.revoke_access(%s, 'acme')", [reader.info.user])
    refused(reader, "LG005", EXPORT, [export_id])


def test_a_reader_who_writes_says_nothing_but_that(
    pg: AnyConnection, reader: AnyConnection, refused: Refused
) -> None:
    """Readers' exports are events of the ledger's own: it opens no way to forge others."""
    pg.execute("select ledger.grant_access(%s, 'acme', '{read,write}')", [reader.info.user])
    emit = "select ledger.emit_event(%s, %s::jsonb || jsonb_build_object('exported_by', %s::text))"
    start = """{"format": "csv", "filters": {}, "with_proof": false, "is_redacted": %s,
        "tree_size": 0}"""
    mine = reader.info.user
    refused(reader, "LG005", emit, ["ledger.export_started", start % "true", "somebody"])
    refused(reader, "LG005", emit, ["ledger.export_started", start % "false", mine])
    refused(reader, "LG005", emit, ["ledger.verified", "{}", mine])
    refused(reader, "LG005", emit, ["ledger.private_read", "{}", mine])
    reader.execute(emit, ["ledger.export_started", start % "true", mine])


def test_tenants_are_apart(pg: AnyConnection, reader: AnyConnection, refused: Refused) -> None:
    pg.execute("select ledger.emit_event('run.paused', tenant_id => 'globex')")
    assert len(ids(reader, EXPORT, begin(reader))) == 6
    export_id = begin(reader)
    statement = "select ledger.export_events(%s, tenant_id => %s)"
    refused(reader, "LG005", statement, [export_id, "globex"])
    pg.execute("select ledger.grant_access(%s, 'globex', '{read}')", [reader.info.user])
    refused(reader, "LG009", statement, [export_id, "globex"])
