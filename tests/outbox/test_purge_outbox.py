"""The outbox is purged by whole partitions, once every relay has delivered them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from archive.history import (
    HAPPENED,
    check_manifest,
    emit_at,
    set_interval,
    start_of_day,
)
from problems import problems
from relay.delivering import claim, confirm, deliver_all, emit, fail, positions

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]
Refused = Callable[..., psycopg.Error]

DAYS = (40, 38)
MAINTAIN = "call ledger.maintain()"


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection; daily partitions 40 and 38 days ago, ten messages in each."""
    pg.execute("select ledger.register_event_type(%s, '{}')", [HAPPENED])
    set_interval(pg, "day")
    for days_ago in DAYS:
        emit_at(pg, start_of_day(days_ago), [{"event_type": HAPPENED}] * 10)
    set_interval(pg, "month")
    pg.execute("select from ledger.seal_all()")
    pg.execute("select ledger.set_retention(outbox_for => '1 hour')")
    return pg


@pytest.fixture
def worker(ledger: AnyConnection, connect: Connect, login_role: LoginRole) -> AnyConnection:  # noqa: ARG001
    return connect(user=login_role("relay", {"*": ["relay"]}))


@pytest.fixture
def operator(ledger: AnyConnection, connect: Connect, login_role: LoginRole) -> AnyConnection:  # noqa: ARG001
    return connect(user=login_role("operator", {"*": ["operate"]}))


def kept(ledger: AnyConnection) -> int:
    """Messages that are left of the days gone by."""
    row = ledger.execute(
        "select count(*) from ledger.outbox where created_at < now() - interval '1 day'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def name_of(days_ago: int) -> str:
    return f"outbox_p{start_of_day(days_ago):%Y%m%d}"


def purged(ledger: AnyConnection) -> list[tuple[str, int]]:
    query = "select partition_name::text, row_count from ledger.outbox_purges order by 1"
    return ledger.execute(query).fetchall()


def test_maintain_purges_what_every_relay_has_delivered(
    ledger: AnyConnection, worker: AnyConnection, operator: AnyConnection
) -> None:
    claim(worker, "slow")
    deliver_all(worker, "fast")
    operator.execute(MAINTAIN)
    assert purged(ledger) == []
    assert kept(ledger) == 20

    ledger.execute("update ledger.relay_cursors set leased_until = now()")
    deliver_all(worker, "slow")
    operator.execute(MAINTAIN)
    assert purged(ledger) == [(name_of(40), 10), (name_of(38), 10)]
    assert kept(ledger) == 0
    check_manifest(ledger)
    assert problems(ledger) == []
    events = ledger.execute(
        """
        select payload ->> 'partition_name', payload ->> 'row_count', payload ->> 'purged_by'
        from ledger.events where event_type = 'ledger.outbox_purged' order by created_at
        """
    ).fetchall()
    assert [event[:2] for event in events] == [(name_of(40), "10"), (name_of(38), "10")]
    assert {event[2] for event in events} == {operator.info.user}

    emit(ledger, "a")
    assert len(deliver_all(worker, "fast")) == 1
    assert ledger.execute("select count(*) from ledger.verify('acme')").fetchone() == (0,)


def test_nothing_is_purged_by_default(ledger: AnyConnection, operator: AnyConnection) -> None:
    ledger.execute("select ledger.set_retention()")
    operator.execute(MAINTAIN)
    assert kept(ledger) == 20


def test_without_a_relay_age_alone_counts(ledger: AnyConnection, operator: AnyConnection) -> None:
    operator.execute(MAINTAIN)
    assert kept(ledger) == 0


@pytest.mark.parametrize("is_permanent", [False, True])
def test_parked_and_dead_messages_are_kept(
    ledger: AnyConnection, worker: AnyConnection, operator: AnyConnection, is_permanent: bool
) -> None:
    claimed = claim(worker)
    assert claimed is not None
    fail(worker, claimed, 12, is_permanent=is_permanent)
    confirm(worker, claimed, 19, release=True)
    operator.execute(MAINTAIN)
    assert purged(ledger) == [(name_of(40), 10)]
    if is_permanent:
        ledger.execute("select ledger.discard_dead('nats', null, 'a test', tenant_id => 'acme')")
    else:
        ledger.execute("update ledger.relay_parked set next_attempt_at = now()")
        assert positions(deliver_all(worker)) == [12]
    operator.execute(MAINTAIN)
    assert kept(ledger) == 0
    assert ledger.execute("select count(*) from ledger.relay_parked").fetchone() == (0,)


def test_a_message_of_a_late_commit_is_not_lost(
    ledger: AnyConnection, worker: AnyConnection, operator: AnyConnection, refused: Refused
) -> None:
    """An event of 40 days ago that was committed last: cursors are past that time."""
    deliver_all(worker)
    emit_at(ledger, start_of_day(40), [{"event_type": HAPPENED}])
    purge = "select ledger.purge_outbox(%s)"
    error = refused(operator, "55000", purge, [name_of(40)])
    assert "1 are not sealed" in str(error.diag.message_detail)
    emit(ledger, "a")
    ledger.execute("select from ledger.seal_all()")
    error = refused(operator, "55000", purge, [name_of(40)])
    assert "1 not delivered" in str(error.diag.message_detail)
    assert len(deliver_all(worker)) == 2
    operator.execute(purge, [name_of(40)])
    assert purged(ledger) == [(name_of(40), 10 + 1)]


def test_a_writer_that_is_still_at_it_is_waited_for(
    ledger: AnyConnection, operator: AnyConnection, connect: Connect, refused: Refused
) -> None:
    writer = connect(autocommit=False)
    emit_at_in(writer, 40)
    refused(operator, "55P03", "select ledger.purge_outbox(%s)", [name_of(40)])
    writer.rollback()
    operator.execute("select ledger.purge_outbox(%s)", [name_of(40)])
    assert kept(ledger) == 10


def emit_at_in(connection: AnyConnection, days_ago: int) -> None:
    """An event of that day in the open transaction of a superuser."""
    batch = f'[{{"event_type": "{HAPPENED}"}}]'
    connection.execute("select ledger.lock_streams('acme', %s)", [batch])
    write = "select count(*) from ledger.emit_plain_events('acme', %s, %s)"
    connection.execute(write, [batch, start_of_day(days_ago)])


@pytest.mark.parametrize("name", ["agent_events_p20200101", "nothing", None])
def test_only_ended_partitions_of_the_outbox_are_purged(
    operator: AnyConnection, ledger: AnyConnection, refused: Refused, name: str | None
) -> None:
    refused(operator, "55000", "select ledger.purge_outbox(%s)", [name])
    (now,) = ledger.execute(
        """
        select partition_name::text from ledger.partitions
        where parent_name = 'outbox' and from_time <= now() and now() < to_time
        """
    ).fetchone() or ("",)
    refused(operator, "55000", "select ledger.purge_outbox(%s)", [now])


def test_what_was_purged_is_not_purged_again(operator: AnyConnection, refused: Refused) -> None:
    operator.execute("select ledger.purge_outbox(%s)", [name_of(40)])
    refused(operator, "55000", "select ledger.purge_outbox(%s)", [name_of(40)])


def test_a_relay_is_not_rewound_to_what_was_purged(
    ledger: AnyConnection, worker: AnyConnection, operator: AnyConnection, refused: Refused
) -> None:
    deliver_all(worker)
    operator.execute("select ledger.purge_outbox(%s)", [name_of(40)])
    rewind = "select ledger.rewind_relay('nats', %s, tenant_id => 'acme')"
    refused(ledger, "55000", rewind, [0])
    ledger.execute(rewind, [10])
    assert positions(deliver_all(worker)) == list(range(10, 20))
    assert positions(deliver_all(worker, "new")) == list(range(10, 20)), (
        "a new one gets what is left"
    )


def test_nobody_else_drops_a_partition_of_the_outbox(
    ledger: AnyConnection, refused: Refused
) -> None:
    refused(ledger, "LG001", f"drop table ledger.{name_of(40)}")
    with ledger.transaction(force_rollback=True):
        ledger.execute("select ledger_guard.open_window('uninstall')")
        ledger.execute(f"drop table ledger.{name_of(40)}")
        ledger.execute(
            "update ledger.partitions set tier = 'dropped' where partition_name = %s", [name_of(40)]
        )
        found = [kind for kind, _, _ in problems(ledger)]
    assert "dropped without record" in found


def test_doctor_says_what_keeps_it(ledger: AnyConnection, worker: AnyConnection) -> None:
    claim(worker, "slow")
    query = "select object, detail from ledger.check_relays() where kind = 'purging overdue'"
    assert ledger.execute(query).fetchall() == [
        (name_of(days_ago), "Not delivered by: relay slow for tenant acme.") for days_ago in DAYS
    ]
