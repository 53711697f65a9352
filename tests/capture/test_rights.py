"""What runs in a tracked table's triggers may do nothing but hand the rows on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]

ATTACKS = {
    "write an event": "insert into ledger.agent_events select * from ledger.agent_events",
    "move a stream": "update ledger.streams set sequence = 0",
    "become another": "set local role ledger_append",
    "read": "perform from ledger.agent_events",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_cast_of_the_users_own(owner: AnyConnection, refused: Refused, attack: str) -> None:
    """to_jsonb() calls it, in the trigger."""
    owner.execute("create type mood as enum ('good', 'bad')")
    owner.execute(
        "create function mood_to_json(m mood) returns json language plpgsql as $$"  # type: ignore[call-overload]
        f"begin {attack}; return to_json(current_user); end $$"
    )
    owner.execute("create cast (mood as json) with function mood_to_json(mood)")
    owner.execute("create table diary (id int primary key, m mood)")
    owner.execute("select ledger.track_table('diary')")
    refused(owner, "42501", "insert into diary values (1, 'good')")


@pytest.mark.parametrize(
    "call",
    [
        "ledger.capture_changes('{}', '{}', '{}')",
        "ledger.capture_change(null, 'x', '1', true, 'x.created', '{}')",
        "ledger.capture_rows(null, 'x', '{}', '{}', '{}', null)",
        "ledger.capture_end('x', '{}', '{}')",
    ],
)
def test_parts_are_not_for_applications(
    app: Callable[..., AnyConnection], refused: Refused, call: str
) -> None:
    refused(app(), "42501", f"select {call}")


def test_a_begin_without_a_table_does_nothing(owner: AnyConnection, pg: AnyConnection) -> None:
    """Else a registrar's own trigger could keep changes of other tables from being captured."""
    owner.execute(
        "create table offer (id int primary key, n int);"
        "create trigger own before update on offer"
        " for each row execute function suppress_redundant_updates_trigger();"
        "select ledger.track_table('offer'); create temp table bait (n int);"
        "create trigger bait before insert on bait execute function ledger.capture_begin('offer')"
    )
    with owner.transaction():
        owner.execute("insert into bait values (1)")
        owner.execute("insert into offer values (1)")
    assert pg.execute("select count(*) from ledger.events").fetchone() == (1,)
