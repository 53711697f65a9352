"""Rows that are edited, deleted, inserted, moved: who reports what, and where."""

from __future__ import annotations

import pytest
from attacks.tampering import AnyConnection, Audit, Report, Superuser

OTHER_UUID = "'0198f000-0000-7000-8000-000000000001'::uuid"
EDITS = {
    "run_id": OTHER_UUID,
    "trace_id": OTHER_UUID,
    "correlation_id": OTHER_UUID,
    "causation_id": OTHER_UUID,
    "event_type": "'deal.forged'",
    "schema_version": "2",
    "payload": "'{\"n\": 0}'",
    "deal_id": OTHER_UUID,
    "action_id": OTHER_UUID,
    "aggregate_type": "'order'",
    "aggregate_id": "'99'",
    "sequence": "sequence + 1000",
    "actor_type": "'user'",
    "actor_id": "'somebody else'",
    "outcome": "'failure'",
    "proof": '\'{"type": "none"}\'',
    "metadata": "'{}'",
    "occurred_at": "now()",
    "private_hash": "sha256('x')",
    "prev_hash": "sha256('x')",
    "hash": "sha256('x')",
}
IN_STREAM = {"aggregate_type", "aggregate_id", "sequence", "prev_hash", "hash"}
LOST = {"tenant_id": "'other'", "id": OTHER_UUID, "created_at": "created_at + interval '1 second'"}
RECOMPUTE = """
    update ledger.agent_events as e
    set hash = ledger.event_hash(
      ledger.event_entry(
        e.tenant_id, e.id, e.created_at, e.run_id, e.trace_id, e.correlation_id, e.causation_id,
        e.event_type, e.schema_version, e.payload::text, e.deal_id, e.action_id, e.aggregate_type,
        e.aggregate_id, e.sequence, e.actor_type, e.actor_id, e.outcome, e.proof, e.metadata,
        e.occurred_at, e.private_hash
      ),
      e.prev_hash
    )
    where e.id = {id}
"""
FORGE = """
    insert into ledger.agent_events (
      tenant_id, id, created_at, run_id, trace_id, correlation_id, event_type, schema_version,
      payload, hash, xact_id
    )
    select
      'acme', ledger.event_id(t.at, r.random), t.at, uuid '00000000-0000-0000-0000-000000000000',
      r.random, r.random, 'deal.noted', 1, '{{}}',
      ledger.event_hash(
        ledger.event_entry(
          'acme', ledger.event_id(t.at, r.random), t.at,
          uuid '00000000-0000-0000-0000-000000000000', r.random, r.random, null, 'deal.noted', 1,
          '{{}}', null, null, null, null, null, null, null, null, null, null, null, null
        ),
        null
      ),
      {xact_id}
    from (select gen_random_uuid() as random) as r
    cross join (select clock_timestamp() - interval '{age}' as at) as t
"""


def test_a_clean_ledger_has_no_findings(
    superuser: Superuser, inside: Report, from_outside: Report
) -> None:
    superuser.tampers()
    assert inside() == set()
    assert from_outside() == set()


@pytest.mark.parametrize("column", EDITS)
def test_an_edited_column_is_a_changed_event(
    superuser: Superuser, inside: Report, audit: Audit, column: str
) -> None:
    event_id = superuser.event_at(150)
    superuser.tampers(
        f"update ledger.agent_events set {column} = {EDITS[column]} where id = {event_id}"
    )
    assert "changed event" in inside()
    assert inside() <= {"changed event", "broken stream"}
    assert ("broken stream" in inside()) == (column in IN_STREAM)
    changed = [line for line in audit() if line["kind"] == "changed event"]
    assert {(line["position"], line["block_no"]) for line in changed} == {(150, 2)}
    assert f"'{changed[0]['event_id']}'::uuid" == event_id


def test_every_column_of_the_format_was_edited(pg: AnyConnection) -> None:
    columns = pg.execute(
        "select attname from pg_attribute"
        " where attrelid = 'ledger.agent_events'::regclass and attnum > 0"
    ).fetchall()
    assert {name for (name,) in columns} == {*EDITS, *LOST, "xact_id"}


@pytest.mark.parametrize("column", LOST)
def test_an_edited_key_is_a_missing_event(
    superuser: Superuser, inside: Report, from_outside: Report, column: str
) -> None:
    event_id = superuser.event_at(150)
    superuser.tampers(
        f"update ledger.agent_events set {column} = {LOST[column]} where id = {event_id}"
    )
    assert "missing event" in inside()
    assert "missing event" in from_outside()


def test_equal_meaning_is_not_equal(
    superuser: Superuser, inside: Report, from_outside: Report
) -> None:
    superuser.tampers(
        "update ledger.agent_events set payload = replace(payload::text, '1.5', '1.50')::jsonb"
        f" where id = {superuser.event_at(150)}"
    )
    assert inside() == {"changed event"}
    assert from_outside() == {"changed event"}


def test_unicode_renormalised(superuser: Superuser, inside: Report, from_outside: Report) -> None:
    superuser.tampers(
        "update ledger.agent_events set payload = normalize(payload::text, nfd)::jsonb"
        f" where id = {superuser.event_at(150)}"
    )
    assert inside() == {"changed event"}
    assert from_outside() == {"changed event"}


def test_deleted_in_the_middle(superuser: Superuser, inside: Report, audit: Audit) -> None:
    superuser.tampers(f"delete from ledger.agent_events where id = {superuser.event_at(150)}")
    assert inside() == {"missing event", "broken stream"}
    (missing,) = [line for line in audit() if line["kind"] == "missing event"]
    assert (missing["position"], missing["block_no"]) == (150, 2)


def test_deleted_tail(superuser: Superuser, inside: Report, from_outside: Report) -> None:
    superuser.tampers(
        "delete from ledger.agent_events as e using ledger.log_entries as l"
        " where l.event_id = e.id and l.position >= 450"
    )
    assert "missing event" in inside()
    assert "missing event" in from_outside()


def test_two_rows_swapped(superuser: Superuser, inside: Report, audit: Audit) -> None:
    one, two = superuser.event_at(150), superuser.event_at(160)
    superuser.tampers(
        "delete from ledger.log_entries where position in (150, 160)",
        "insert into ledger.log_entries"
        " select tenant_id, case id when " + one + " then 160 else 150 end, created_at, id"
        f" from ledger.agent_events where id in ({one}, {two})",
    )
    assert inside() == {"changed event"}
    wrong = {
        line["position"] for line in audit() if line["kind"] in ("changed event", "swapped entry")
    }
    assert wrong == {150, 160}


def test_entry_removed(superuser: Superuser, inside: Report, from_outside: Report) -> None:
    superuser.tampers("delete from ledger.log_entries where position = 150")
    assert inside() == {"missing entry", "unlogged event"}
    assert from_outside() >= {"missing entry"}


def test_stream_renumbered(superuser: Superuser, inside: Report, from_outside: Report) -> None:
    superuser.tampers(
        "update ledger.agent_events set sequence = sequence - 1"
        " where aggregate_id = '1' and sequence > 10"
    )
    assert inside() == {"changed event", "broken stream"}
    assert from_outside() >= {"changed event"}


def test_hash_recomputed(superuser: Superuser, inside: Report, audit: Audit) -> None:
    event_id = superuser.event_at(151)
    superuser.tampers(
        f"update ledger.agent_events set payload = '{{\"n\": 0}}' where id = {event_id}",
        RECOMPUTE.format(id=event_id),
    )
    assert inside() >= {"changed event"}
    assert 151 in {line["position"] for line in audit() if line["kind"] == "changed event"}


def test_inserted_as_if_long_there(
    superuser: Superuser, inside: Report, from_outside: Report
) -> None:
    """With the transaction id of an old event, sealing passes it by."""
    superuser.tampers(
        FORGE.format(
            xact_id=f"(select xact_id from ledger.agent_events where id = {superuser.event_at(9)})",
            age="1 second",
        ),
        "select ledger.seal('acme')",
    )
    assert inside() == {"unlogged event"}
    assert from_outside() >= {"unlogged event"}


def test_inserted_for_a_far_transaction(
    superuser: Superuser, inside: Report, from_outside: Report
) -> None:
    superuser.tampers(
        FORGE.format(xact_id="'4611686018427387904'::xid8", age="1 second"),
        "select ledger.seal('acme')",
    )
    assert inside() == {"unlogged event"}
    assert from_outside() >= {"unlogged event"}


def test_inserted_into_a_stream(superuser: Superuser, inside: Report, from_outside: Report) -> None:
    """A copy of an event under another id, hashed properly: the stream has two of that sequence."""
    superuser.tampers(
        """
        insert into ledger.agent_events
        select (e).* from (
          select jsonb_populate_record(
            e, jsonb_build_object('id', ledger.event_id(e.created_at, gen_random_uuid()),
                                  'xact_id', pg_current_xact_id())
          ) as e
          from ledger.agent_events as e
          where e.id = """
        + superuser.event_at(150)
        + """
        ) as copy
        """,
        RECOMPUTE.format(id="(select id from ledger.agent_events order by xact_id desc limit 1)"),
        "select ledger.seal('acme')",
    )
    assert "broken stream" in inside()
    assert "broken stream" in from_outside()


def test_back_dated(superuser: Superuser, inside: Report, from_outside: Report) -> None:
    superuser.tampers(
        FORGE.format(xact_id="pg_current_xact_id()", age="10 minutes"),
        "select ledger.seal('acme')",
    )
    assert inside() == {"back-dated event"}
    assert from_outside() >= {"back-dated event"}
