"""A partition goes into a file and comes back: everything is as it was, and stays provable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from cold.partitions import (
    JUNE,
    MAY,
    File,
    archive,
    batch,
    checkpoints,
    complaints,
    digest,
    emit_at,
    export,
    findings,
)
from verifying.tampering import unguarded

from agent_events.anchors import open_store
from agent_events.cli import main
from agent_events.proofs import SigningKey, merkle
from agent_events.signing import CannotSign, sign
from agent_events.verifying import verify

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]

ALL = """
    select md5(string_agg(e::text, '' order by e.id)), count(*)
    from (
      select tenant_id, id, created_at, payload, hash, prev_hash, tier from ledger.events
      where event_type not like 'ledger.%'
    ) as e
"""


def tier(ledger: AnyConnection, partition: str = MAY) -> str:
    row = ledger.execute(
        "select tier from ledger.partitions where partition_name = %s", [partition]
    ).fetchone()
    assert row is not None
    return str(row[0])


def events_about(ledger: AnyConnection, partition: str = MAY) -> list[tuple[str, dict[str, Any]]]:
    return ledger.execute(
        "select event_type, payload from ledger.events"
        " where tenant_id = 'ledger' and aggregate_type = 'partition' and aggregate_id = %s"
        " order by sequence",
        [partition],
    ).fetchall()


def test_drop_and_restore(
    ledger: AnyConnection, operator: AnyConnection, file: File, dsn: str
) -> None:
    before = ledger.execute(ALL).fetchone()
    file.drop(operator, checkpoints(ledger))
    assert ledger.execute("select to_regclass('ledger.' || %s)", [MAY]).fetchone() == (None,)
    assert tier(ledger) == "cold"
    ledger.execute("select * from ledger.seal_all()")
    assert findings(ledger) == []
    assert complaints(ledger) == set()
    report = verify(dsn)
    assert report.findings == []
    assert {t.tenant_id: t.cold for t in report.tenants} == {"acme": 600, "globex": 14, "ledger": 0}

    assert file.restore(operator) == file.row_count
    assert ledger.execute(ALL).fetchone() == before
    assert tier(ledger) == "archive"
    assert digest(operator, MAY) == file.tenants
    ledger.execute("select * from ledger.seal_all()")
    assert findings(ledger) == []
    assert complaints(ledger) == set()
    report = verify(dsn)
    assert report.findings == []
    assert {t.cold for t in report.tenants} == {0}


def test_each_step_is_an_event(ledger: AnyConnection, operator: AnyConnection, cold: File) -> None:
    cold.restore(operator)
    told = events_about(ledger)
    assert [(name, body["old_tier"], body["new_tier"]) for name, body in told] == [
        ("ledger.partition_archived", "hot", "archive"),
        ("ledger.partition_exported", "archive", "archive"),
        ("ledger.partition_dropped", "archive", "cold"),
        ("ledger.partition_restored", "cold", "archive"),
    ]
    del told[0]
    for _, body in told:
        assert body["from_time"] == "2021-05-01T00:00:00Z"
        assert body["row_count"] == 614
        assert body["file_sha256"] == cold.sha256.hex()
    who = [body["exported_by"] for _, body in told[:1]]
    who += [told[1][1]["dropped_by"], told[2][1]["restored_by"]]
    assert set(who) == {operator.info.user}


def test_again_and_again(ledger: AnyConnection, operator: AnyConnection, cold: File) -> None:
    """Dropped for another file of the same events than before."""
    cold.restore(operator)
    ledger.execute("select * from ledger.seal_all()")
    second = File(MAY, cold.rows, bytes(32), cold.row_count, cold.tenants)
    second.record(operator)
    second.drop(operator, checkpoints(ledger))
    assert findings(ledger) == []
    second.restore(operator)
    cold.drop(operator, checkpoints(ledger))
    assert findings(ledger) == []
    assert complaints(ledger) == set()
    assert ledger.execute("select count(*) from ledger.cold_drops").fetchone() == (3,)
    assert cold.restore(operator) == cold.row_count


def test_neighbours(ledger: AnyConnection, operator: AnyConnection, cold: File, dsn: str) -> None:
    """The newer partition is cold and the older one back: gaps in the middle of streams."""
    archive(ledger, JUNE)
    june = export(operator, JUNE)
    june.record(operator)
    june.drop(operator, checkpoints(ledger))
    assert findings(ledger) == []
    assert verify(dsn).findings == []
    cold.restore(operator)
    emit_at(ledger, "2030-01-01Z", batch(12), "acme")
    ledger.execute("select * from ledger.seal_all()")
    assert [finding for finding in findings(ledger) if finding[1] != "back-dated event"] == []
    report = verify(dsn)
    assert report.findings == []
    june.restore(operator)
    assert findings(ledger) == []


@pytest.mark.usefixtures("cold")
def test_streams_end_in_a_cold_partition(
    ledger: AnyConnection, operator: AnyConnection, dsn: str
) -> None:
    """Nothing of them is left in the database but their heads; then they go on."""
    archive(ledger, JUNE)
    june = export(operator, JUNE)
    june.record(operator)
    june.drop(operator, checkpoints(ledger))
    left = "select count(*) from ledger.events where aggregate_type = 'deal'"
    assert ledger.execute(left).fetchone() == (0,)
    head = ledger.execute(
        "select sequence from ledger.streams where tenant_id = 'acme' and aggregate_id = '1'"
    ).fetchone()
    assert head is not None
    assert findings(ledger) == []
    one = "select * from ledger.verify('acme', aggregate_type => 'deal', aggregate_id => '1')"
    assert ledger.execute(one).fetchall() == []
    row = ledger.execute(
        "select (ledger.emit_event('run.paused', tenant_id => 'acme', aggregate_type => 'deal',"
        " aggregate_id => '1')).sequence"
    ).fetchone()
    assert row == (head[0] + 1,)
    assert findings(ledger) == []
    ledger.execute("select ledger.seal('acme')")
    assert findings(ledger) == []
    assert verify(dsn).findings == []
    assert ledger.execute(one).fetchall() == []


@pytest.mark.usefixtures("cold")
def test_a_new_key_signs_a_log_with_cold_events(
    ledger: AnyConnection, dsn: str, tmp_path: Path
) -> None:
    """Their leaves come from the tiles; whatever else is missing is refused as ever."""
    key = SigningKey.generate("example.com/ledger/acme")
    done = sign(dsn, key, {"file": open_store(f"file:{tmp_path / 'anchor'}")})
    assert done is not None
    root = ledger.execute("select root from ledger.log_heads where tenant_id = 'acme'").fetchone()
    assert root == (done.checkpoint.root,)
    with unguarded(ledger):
        ledger.execute("update ledger.partitions set tier = 'archive' where tier = 'cold'")
    with pytest.raises(CannotSign, match="position 0 is missing"):
        sign(dsn, key, {"file": open_store(f"file:{tmp_path / 'other'}")})


@pytest.mark.usefixtures("cold")
def test_the_command_tells_of_cold_events(dsn: str) -> None:
    done = CliRunner().invoke(main, ["verify", "--dsn", dsn, "--tenant", "acme"])
    assert done.exit_code == 0, done.output
    assert "acme: 901 events in 2 blocks, 600 of them in cold files" in done.output
    assert "600 events are in cold files" in done.output
    done = CliRunner().invoke(main, ["verify", "--dsn", dsn, "--tenant", "acme", "--json"])
    assert '"cold": 600' in done.stdout


@pytest.mark.usefixtures("cold")
def test_proofs_of_cold_events(ledger: AnyConnection, connect: Connect, login_role: Any) -> None:
    """Positions, inclusion proofs and roots come from the log, for a reader of the tenant."""
    reader = connect(user=login_role("reader", {"acme": ["read"]}))
    ids = ledger.execute(
        "select event_id, position from ledger.log_entries"
        " where tenant_id = 'acme' and position in (0, 255, 256, 599, 600) order by position"
    ).fetchall()
    assert len(ids) == 5
    for event_id, position in ids:
        assert reader.execute("select ledger.position_of(%s, 'acme')", [event_id]).fetchone() == (
            position,
        )
        row = reader.execute(
            "select * from ledger.inclusion_proof(%s, tenant_id => 'acme')", [event_id]
        ).fetchone()
        assert row is not None
        size, found, leaf, proof, root = row
        assert found == position
        merkle.verify_inclusion(leaf, position, size, proof, root)
    assert reader.execute("select * from ledger.verify('acme')").fetchall() == []


def test_reading_goes_on_behind_cold_events(ledger: AnyConnection, cold: File) -> None:
    assert cold.tenants["acme"]["ranges"] == [[0, 599]]
    for size in (10, 100, 1000):
        after, positions = -1, []
        while page := ledger.execute(
            "select position from ledger.read_log(%s, %s, tenant_id => 'acme')", [after, size]
        ).fetchall():
            positions += [position for (position,) in page]
            after = positions[-1]
        assert positions == list(range(600, 901))


@pytest.mark.usefixtures("cold")
def test_a_reader_of_one_tenant_sees_its_own_ranges(
    connect: Connect, login_role: Any, dsn: str
) -> None:
    name = login_role("reader", {"globex": ["read"]})
    reader = connect(user=name)
    rows = reader.execute("select tenant_id, row_count, positions::text from ledger.cold_ranges")
    assert rows.fetchall() == [("globex", 14, "{[0,14)}")]
    assert reader.execute("select * from ledger.cold_files").fetchall() == []
    report = verify(psycopg.conninfo.make_conninfo(dsn, user=name))
    assert [(t.tenant_id, t.cold) for t in report.tenants] == [("globex", 14)]
    assert [finding for finding in report.findings if finding.tenant_id] == []


def test_an_empty_partition(ledger: AnyConnection, operator: AnyConnection) -> None:
    ledger.execute("select ledger.ensure_partition('2020-01-10Z')")
    archive(ledger, "agent_events_p20200101")
    empty = export(operator, "agent_events_p20200101")
    assert empty.tenants == {}
    empty.record(operator)
    empty.drop(operator, [])
    assert complaints(ledger) == set()
    assert empty.restore(operator) == 0
    assert complaints(ledger) == set()


def test_a_table_left_over_is_emptied(
    ledger: AnyConnection, operator: AnyConnection, cold: File
) -> None:
    half = cold.rows[: cold.rows.index(b"\n", len(cold.rows) // 2) + 1]
    cold.copy(operator, half)
    assert complaints(ledger) == {("restore not finished", f"ledger.{MAY}")}
    assert cold.restore(operator) == cold.row_count
    assert complaints(ledger) == set()


@pytest.mark.parametrize("role", ["superuser", "owner"])
def test_owner_and_superuser_operate_too(
    ledger: AnyConnection, owner: AnyConnection, file: File, role: str
) -> None:
    connection = ledger if role == "superuser" else owner
    file.drop(connection, checkpoints(ledger))
    assert file.restore(connection) == file.row_count
    assert findings(ledger) == []
    assert complaints(ledger) == set()


def test_without_event_triggers(ledger: AnyConnection, operator: AnyConnection, file: File) -> None:
    """As installed by somebody who is no superuser."""
    names = ledger.execute("select evtname from pg_event_trigger where evtname like 'ledger%'")
    for (name,) in names.fetchall():
        ledger.execute(f"drop event trigger {name}")
    file.drop(operator, checkpoints(ledger))
    assert file.restore(operator) == file.row_count
    assert findings(ledger) == []
    assert complaints(ledger) == set()
