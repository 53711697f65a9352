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
Forge = Callable[..., Any]

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


START = """{"format": "csv", "filters": {}, "with_proof": false, "is_redacted": %s,
    "tree_size": 0, "exported_by": "%s"}"""


@pytest.mark.parametrize(
    ("event_type", "payload"),
    [
        ("ledger.export_started", START % ("true", "ME")),
        ("ledger.export_started", START % ("false", "ME")),
        ("ledger.export_started", START % ("true", "somebody")),
        (
            "ledger.export_created",
            """{"export_id": "01981d2f-4a6e-7c31-9b1e-2f6f0e1c7a55", "format": "csv",
                "event_count": 0, "is_redacted": true, "exported_by": "ME"}""",
        ),
        ("ledger.private_read", "{}"),
        ("ledger.private_erased", "{}"),
        ("ledger.hold_placed", "{}"),
        ("ledger.hold_released", "{}"),
        ("ledger.partition_archived", "{}"),
        ("ledger.partition_exported", "{}"),
        ("ledger.partition_dropped", "{}"),
        ("ledger.partition_restored", "{}"),
        ("ledger.verified", """{"tree_size": 0, "finding_count": 0, "verified_by": "ME"}"""),
    ],
)
@pytest.mark.parametrize(
    "privileges", [["read"], ["read", "write"], ["read", "write", "operate", "audit", "privacy"]]
)
def test_nobody_emits_the_record_of_access_directly(
    reader: AnyConnection,
    pg: AnyConnection,
    refused: Refused,
    privileges: list[str],
    event_type: str,
    payload: str,
) -> None:
    """Write on another tenant lets a reader call emit_event(); an officer could forge all alike."""
    mine = reader.info.user
    pg.execute("select ledger.grant_access(%s, 'globex', '{write}')", [mine])
    pg.execute("select ledger.grant_access(%s, 'acme', %s)", [mine, privileges])
    payload = payload.replace("ME", mine)
    emit = "select ledger.emit_event(%s, %s, aggregate_type => 'deal', aggregate_id => '7')"
    refused(reader, "LG005", emit, [event_type, payload])
    batch = "select ledger.emit_events(jsonb_build_array(%s::jsonb))"
    event = f'{{"event_type": "{event_type}", "payload": {payload}}}'
    refused(reader, "LG005", batch, [event])


def test_what_begins_an_export_permits_no_other_event(
    reader: AnyConnection, pg: AnyConnection
) -> None:
    """Neither before nor after begin_export(), in its transaction; nor when that fails."""
    pg.execute("select ledger.grant_access(%s, 'acme', '{read,write}')", [reader.info.user])
    emit = "select ledger.emit_event('ledger.export_started', %s)"
    payload = START % ("true", reader.info.user)
    with reader.transaction():
        begin(reader)
        begin(reader)
        with pytest.raises(psycopg.Error, match="directly"), reader.transaction():
            reader.execute(emit, [payload])
        with pytest.raises(psycopg.Error), reader.transaction():
            Ledger(reader).finish_export(begin(reader), -1)
        with pytest.raises(psycopg.Error, match="directly"), reader.transaction():
            reader.execute(emit, [payload])
    assert pg.execute("select * from ledger.emit_permits").fetchall() == []


@pytest.mark.parametrize(
    "attempt",
    [
        "insert into ledger.emit_permits default values",
        "select ledger.emit_own_event('ledger.verified', '{}', 'acme')",
    ],
)
def test_nobody_permits_it_to_themselves(
    reader: AnyConnection, pg: AnyConnection, refused: Refused, attempt: str
) -> None:
    privileges = ["read", "write", "operate", "audit", "privacy", "register", "consume", "relay"]
    pg.execute("select ledger.grant_access(%s, 'acme', %s)", [reader.info.user, privileges])
    refused(reader, "42501", attempt)


def test_later_events_are_not_in_it(ledger: Ledger, reader: AnyConnection) -> None:
    """Whether a stream or not, by every function, and whatever form of times the caller likes."""
    by_type, stream = begin(reader), begin(reader, aggregate_type="deal", aggregate_id="7")
    late = ledger.emit_event("deal.archived", {}, aggregate_type="deal", aggregate_id="7").id
    reader.execute("set datestyle = 'SQL, DMY'")
    reader.execute("set timezone = 'Asia/Kolkata'")
    for export_id in (by_type, stream):
        rows = ids(reader, EXPORT, export_id)
        assert rows
        assert late not in rows
        lines = reader.execute("select ledger.export_lines(%s)", [export_id]).fetchall()
        assert len(lines) == len(rows)
        end = "select ledger.export_page_end(%s, null, %s)"
        assert ids(reader, end, export_id, len(rows)) == rows[-1:]
        assert ids(reader, end, export_id, len(rows) + 1) == [None]


def test_an_event_that_was_under_way_is_in_it_as_the_reading_transaction_sees_it(
    ledger: Ledger, reader: AnyConnection, pg: AnyConnection, auditor: AnyConnection
) -> None:
    with pg.transaction():
        open_event = ledger.emit_event("run.paused", {}).id
        export_id = begin(reader)
        assert open_event not in ids(reader, EXPORT, export_id)
    assert open_event in ids(reader, EXPORT, export_id)
    assert ids(auditor, "select ledger.export_has_event(%s, %s)", export_id, open_event) == [True]


def test_private_data_comes_only_of_what_the_export_says(
    ledger: Ledger, officer: AnyConnection
) -> None:
    def emit(event_type: str) -> UUID:
        return ledger.emit_event(event_type, {}, private={"phone": "1"}).id

    told, other = emit("run.paused"), emit("run.resumed")
    export_id = begin(officer, event_types=["run.paused"], redacted=False, purpose="Ticket 1")
    late = emit("run.paused")
    private = "select event_id from ledger.export_private(%s, %s, 'acme')"
    assert ids(officer, private, export_id, [told, other, late]) == [told]


def test_an_export_is_open_for_a_day(
    pg: AnyConnection, reader: AnyConnection, forge: Forge, refused: Refused
) -> None:
    pg.execute("select ledger.ensure_partition(now() - interval '1 day')")
    aged = forge(
        """update ledger.agent_events set
          id = ledger.event_id(created_at - interval '1 day', gen_random_uuid()),
          created_at = created_at - interval '1 day'
        where id = %s returning id""",
        begin(reader),
    )
    for function in ("export_events", "export_lines", "export_page_end"):
        error = refused(reader, "55000", f"select ledger.{function}(%s)", [aged])
        assert "more than a day ago" in str(error)
    assert Ledger(reader).finish_export(aged, 0)


def test_tenants_are_apart(pg: AnyConnection, reader: AnyConnection, refused: Refused) -> None:
    pg.execute("select ledger.emit_event('run.paused', tenant_id => 'globex')")
    assert len(ids(reader, EXPORT, begin(reader))) == 6
    export_id = begin(reader)
    statement = "select ledger.export_events(%s, tenant_id => %s)"
    refused(reader, "LG005", statement, [export_id, "globex"])
    pg.execute("select ledger.grant_access(%s, 'globex', '{read}')", [reader.info.user])
    refused(reader, "LG009", statement, [export_id, "globex"])
