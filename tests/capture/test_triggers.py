"""Tables with triggers of their own, which change rows of the same table, before and after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from capture.folding import captured, fold, stored

AnyConnection = psycopg.Connection[Any]
Track = Callable[..., None]

BEFORE = """
create function stamp() returns trigger language plpgsql as $$
begin new.note := coalesce(new.note, '') || '+'; return new; end $$;
create trigger stamp before insert or update on task for each row execute function stamp()
"""
REPLACE = """
create function replaces() returns trigger language plpgsql as $$
begin delete from task where id = new.id; return new; end $$;
create trigger replaces before insert on task for each row execute function replaces()
"""
LATEST = """
create function latest() returns trigger language plpgsql as $$
begin update task set is_latest = false where is_latest and id <> new.id; return new; end $$;
create trigger latest before insert on task for each row execute function latest()
"""
TOTAL = """
create function total() returns trigger language plpgsql as $$
begin
  update task set total = (select sum(t.n) from task as t where t.parent = task.id)
  where id = new.parent;
  return null;
end $$;
create trigger total after insert or update of n on task for each row execute function total()
"""
SELF = """
create function self() returns trigger language plpgsql as $$
begin
  update task set note = note || '!', total = total + 1 where id = new.id and total < 3;
  return null;
end $$;
create trigger self after insert or update on task for each row execute function self()
"""
STATEMENT = """
create function tidy() returns trigger language plpgsql as $$
begin delete from task where n < 0; update task set n = 0 where n > 100; return null; end $$;
create trigger a_tidy after insert or update on task for each statement
when (pg_trigger_depth() = 0) execute function tidy()
"""


@pytest.mark.parametrize("trigger", [BEFORE, REPLACE, LATEST, TOTAL, SELF, STATEMENT])
@pytest.mark.parametrize("is_tracked_first", [False, True])
def test_the_table_is_rebuilt(
    owner: AnyConnection,
    pg: AnyConnection,
    trigger: str,
    is_tracked_first: bool,
    track: Track,
) -> None:
    owner.execute(
        "create table task (id int primary key, parent int, n int default 0, total int default 0,"
        " note text default '', is_latest boolean default true)"
    )
    if is_tracked_first:
        track("task")
    owner.execute(trigger)  # type: ignore[call-overload]
    if is_tracked_first:
        (problem,) = owner.execute("select problem from ledger.tracking_status").fetchone() or ()
        assert "ledger_capture_begin of task is missing" in problem
    track("task")
    owner.execute("insert into task (id) values (1)")
    owner.execute("insert into task (id, parent, n) select i, 1, i from generate_series(2, 6) as i")
    owner.execute("update task set n = n * 60 where id > 2")
    owner.execute("update task set n = -1 where id = 6")
    owner.execute("insert into task (id, n) values (2, 5), (9, 3) on conflict (id) do update"
        " set n = 77")  # fmt: skip
    owner.execute("delete from task where id = 4")
    with owner.transaction(force_rollback=True):
        owner.execute("update task set n = n + 1")
    owner.execute("update task set id = id + 100")
    events = captured(pg, "task")
    assert fold(events) == stored(owner, "task", "id")
    assert pg.execute("select * from ledger.capture_frames").fetchall() == []
