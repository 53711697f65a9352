"""pg_partman makes partitions of the ledger, and they are as the ledger's own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]

# Tables whose column comments were copied: pg_partman says INCLUDING COMMENTS, the ledger does not.
MADE_BY_PARTMAN = """
    select p.partition_name
    from ledger.partitions as p
    where exists (
      select from pg_description as d
      where d.objoid = to_regclass('ledger.' || p.partition_name) and d.objsubid > 0
    )
    order by p.from_time
"""
# The bounds that the catalog knows, against the manifest.
UNTRUE = """
    select p.partition_name
    from ledger.partitions as p
    left join pg_class as c on c.oid = to_regclass('ledger.' || p.partition_name)
    where pg_get_expr(c.relpartbound, c.oid) is distinct from format(
      'FOR VALUES FROM (''%s 00:00:00+00'') TO (''%s 00:00:00+00'')',
      timezone('UTC', p.from_time)::date, timezone('UTC', p.to_time)::date
    )
"""


def run(connection: AnyConnection) -> int:
    row = connection.execute("select ledger.run_partman()").fetchone()
    assert row is not None
    return int(row[0])


def ask_for(pg: AnyConnection, interval: str, premake: int) -> None:
    pg.execute(
        "update ledger.partition_settings set partition_interval = %s, premake = %s",
        [interval, premake],
    )


def made_by_partman(pg: AnyConnection) -> list[str]:
    return [name for (name,) in pg.execute(MADE_BY_PARTMAN).fetchall()]


def assert_sound(pg: AnyConnection) -> None:
    """Guards on everything, manifest and catalog agree, both parents alike, all covered."""
    assert pg.execute("select * from ledger.doctor()").fetchall() == []
    with pg.transaction():
        pg.execute("set local timezone = 'UTC'; set local datestyle = 'ISO'")
        assert pg.execute(UNTRUE).fetchall() == []
    unequal = pg.execute(
        "select from_time from ledger.partitions group by from_time, to_time having count(*) <> 2"
    ).fetchall()
    assert unequal == []
    row = pg.execute(
        "select upper(ledger.covered_period()) = max(to_time), covered_until = max(to_time)"
        " from ledger.partitions, ledger.partition_settings group by covered_until"
    ).fetchone()
    assert row == (True, True)


@pytest.mark.parametrize("interval", ["day", "week", "month"])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/St_Johns"])
def test_premakes_guarded_partitions(
    no_partitions: AnyConnection, interval: str, zone: str
) -> None:
    pg = no_partitions
    pg.execute("select set_config('TimeZone', %s, false)", [zone])
    pg.execute("set datestyle = 'SQL, DMY'")
    ask_for(pg, interval, 6)
    count = run(pg)
    assert count in (14, 16)  # now and six ahead, and pg_partman rounds to the nearest
    assert len(made_by_partman(pg)) == count - 2  # the first is the ledger's
    assert_sound(pg)
    row = pg.execute(
        """
        select
          bool_and(from_time = date_trunc(%(interval)s, from_time, 'UTC')),
          bool_and(timezone('UTC', to_time)
            = timezone('UTC', from_time) + ('1 ' || %(interval)s)::interval),
          count(*)
        from ledger.partitions
        """,
        {"interval": interval},
    ).fetchone()
    assert row == (True, True, count)
    assert run(pg) == 0
    assert_sound(pg)


def test_owner_and_privileges_are_the_ledgers(partman: AnyConnection) -> None:
    ask_for(partman, "month", 8)
    assert run(partman)
    rows = partman.execute(
        """
        select distinct pg_get_userbyid(c.relowner), c.relacl, c.relpersistence
        from ledger.partitions as p
        join pg_class as c on c.oid = to_regclass('ledger.' || p.partition_name)
        """
    ).fetchall()
    assert rows == [("ledger_owner", None, "p")]


def test_new_partitions_take_events_and_refuse_changes(
    partman: AnyConnection, connect: Connect, login_role: LoginRole
) -> None:
    ask_for(partman, "month", 8)
    assert run(partman)
    event = """[{"event_type": "run.paused", "payload": {}}]"""
    (name,) = made_by_partman(partman)[-1:]
    parent = name.split("_p")[0]
    other = name.replace(parent, "outbox" if parent == "agent_events" else "agent_events")
    writer = connect(user=login_role("writer", {"acme": ["write"]}))
    writer.execute("select ledger.emit_event('run.paused', tenant_id => 'acme')")
    row = partman.execute(
        "select from_time + interval '1 day' from ledger.partitions where partition_name = %s",
        [name],
    ).fetchone()
    assert row is not None
    partman.execute("select ledger.emit_plain_events('acme', %s, %s)", [event, row[0]])
    for table in (name, other):
        assert partman.execute(f"select count(*) from ledger.{table}").fetchone() == (1,)
        for statement in ("update {} set id = id", "delete from {}", "truncate {}"):
            for session in (partman, writer):
                with pytest.raises(psycopg.Error) as caught:
                    session.execute(statement.format(f"ledger.{table}"))
                assert caught.value.sqlstate in ("LG001", "42501")


def test_indexes_are_those_of_the_parent(partman: AnyConnection) -> None:
    ask_for(partman, "month", 8)
    assert run(partman)
    loose = partman.execute(
        """
        select i.indexrelid::regclass
        from ledger.partitions as p
        join pg_index as i on i.indrelid = to_regclass('ledger.' || p.partition_name)
        where not exists (select from pg_inherits as h where h.inhrelid = i.indexrelid)
        """
    ).fetchall()
    assert loose == []
    counts = partman.execute(
        """
        select distinct p.parent_name, count(*) over (partition by p.partition_name)
          - (
            select count(*) from pg_index as j
            where j.indrelid = to_regclass('ledger.' || p.parent_name)
          )
        from ledger.partitions as p
        join pg_index as i on i.indrelid = to_regclass('ledger.' || p.partition_name)
        order by 1
        """
    ).fetchall()
    assert counts == [("agent_events", 0), ("outbox", 0)]


def test_interval_may_change_to_and_fro(no_partitions: AnyConnection) -> None:
    """Partitions of the old interval stay; pg_partman goes on from where they end."""
    pg = no_partitions
    for interval, premake in [("day", 3), ("week", 2), ("month", 1), ("day", 65), ("month", 4)]:
        ask_for(pg, interval, premake)
        assert run(pg) > 0
        assert_sound(pg)
    row = pg.execute(
        """
        select sum(to_time - from_time) = 2 * (max(to_time) - min(from_time))
        from ledger.partitions
        """
    ).fetchone()
    assert row == (True,)


@pytest.mark.parametrize("interval", ["day", "week"])
def test_shorter_interval_that_cuts_what_was_made_ahead(
    partman: AnyConnection, interval: str
) -> None:
    """It leaves gaps, which pg_partman does not see."""
    partman.execute("select ledger.run_partman()")
    partman.execute("call ledger.set_partition_interval(%s, 9)", [interval])
    for _ in range(2):
        run(partman)
        assert partman.execute("select * from ledger.doctor()").fetchall() == []
        row = partman.execute(
            "select ledger.covered_period() @> now() + 9 * ('1 ' || %s)::interval", [interval]
        ).fetchone()
        assert row == (True,)


def test_gap_is_closed(partman: AnyConnection) -> None:
    """pg_partman only looks at its last partition."""
    partman.execute("select ledger.ensure_partition(now() + interval '30 months')")
    ask_for(partman, "month", 6)
    assert run(partman) > 0
    assert partman.execute("select * from ledger.doctor()").fetchall() == []
    row = partman.execute(
        "select ledger.covered_period() @> now() + interval '5 months'"
    ).fetchone()
    assert row == (True,)


def test_old_emitters_and_readers_are_not_blocked(partman: AnyConnection, connect: Connect) -> None:
    ask_for(partman, "month", 8)
    maker, writer = connect(autocommit=False), connect()
    writer.execute("set lock_timeout = '2s'")
    assert run(maker) > 0
    writer.execute("select ledger.emit_event('run.paused')")
    assert writer.execute("select count(*) from ledger.events").fetchone() == (1,)
    maker.rollback()
    assert_sound_after_rollback(partman)


def assert_sound_after_rollback(pg: AnyConnection) -> None:
    ask_for(pg, "month", 3)
    assert pg.execute("select * from ledger.doctor()").fetchall() == []


def test_two_schedulers_at_once(no_partitions: AnyConnection, connect: Connect) -> None:
    """run_partman(), the ledger's own makers, emitters and pg_partman's worker, each twice."""
    ask_for(no_partitions, "day", 7)
    statements = [
        "select ledger.run_partman()",
        "select ledger.ensure_partitions()",
        "call ledger.maintain()",
        "select ledger.emit_event('run.paused')",
        "select partman.run_maintenance()",
        "call partman.run_maintenance_proc()",
    ] * 2
    connections = [connect() for _ in statements]
    with ThreadPoolExecutor(len(statements)) as pool:
        for done in [
            pool.submit(connection.execute, statement)
            for connection, statement in zip(connections, statements, strict=True)
        ]:
            done.result(timeout=120)
    assert_sound(no_partitions)
    row = no_partitions.execute("select count(*) from ledger.partitions").fetchone()
    assert row in [(16,), (18,)]
    assert run(no_partitions) == 0


def test_partman_that_is_busy_is_waited_for(partman: AnyConnection, connect: Connect) -> None:
    """Its run_maintenance() does nothing while another one is under way."""
    ask_for(partman, "month", 8)
    busy = connect(autocommit=False)
    busy.execute("select partman.run_maintenance()")
    waiting = connect()
    blocked = "select pg_blocking_pids(%s)"
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(run, waiting)
        try:
            while partman.execute(blocked, [waiting.info.backend_pid]).fetchone() == ([],):
                assert not made.done()
        finally:
            busy.commit()
        assert made.result(timeout=60) > 0
    assert_sound(partman)


def test_partmans_own_worker_leaves_the_ledger_alone(partman: AnyConnection) -> None:
    ask_for(partman, "month", 8)
    partman.execute("select ledger.configure_partman()")
    before = partman.execute("select count(*) from ledger.partitions").fetchone()
    partman.execute("select partman.run_maintenance()")
    partman.execute("call partman.run_maintenance_proc()")
    assert (
        partman.execute(
            "select count(*) from pg_inherits as i join ledger.partitions as p"
            " on to_regclass('ledger.' || p.partition_name) = i.inhrelid"
        ).fetchone()
        == before
    )
    assert run(partman) > 0


def test_nothing_is_ever_dropped(partman: AnyConnection) -> None:
    """Whatever retention somebody wrote into part_config."""
    partman.execute("select ledger.ensure_partition(now() - interval '3 years')")
    partman.execute(
        "update partman.part_config set retention = '1 day', retention_keep_table = false"
        " where parent_table like 'ledger.%'"
    )
    before = partman.execute("select count(*) from ledger.partitions").fetchone()
    run(partman)
    assert (
        partman.execute(
            "select count(to_regclass('ledger.' || partition_name)) from ledger.partitions"
        ).fetchone()
        >= before
    )
    rows = partman.execute(
        "select distinct retention, retention_keep_table, automatic_maintenance"
        " from partman.part_config where parent_table like 'ledger.%'"
    ).fetchall()
    assert rows == [(None, True, "off")]


def test_search_path_and_time_zone_stay_the_callers(partman: AnyConnection) -> None:
    partman.execute("set search_path = public, ledger; set timezone = 'Asia/Tokyo'")
    ask_for(partman, "month", 8)
    assert run(partman) > 0
    assert partman.execute("show search_path").fetchone() == ("public, ledger",)
    assert partman.execute("show timezone").fetchone() == ("Asia/Tokyo",)


def test_now_is_always_covered(partman: AnyConnection) -> None:
    row = partman.execute(
        "select ledger.covered_period() @> %s::timestamptz", [datetime.now(UTC)]
    ).fetchone()
    assert row == (True,)
