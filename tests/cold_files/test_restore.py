"""A partition comes back from its file, and reads give the same answers all the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from cold.partitions import batch, complaints, digest, emit_at, findings
from cold_files.forging import edit_manifest, rehash, rewrite
from cold_files.ledgers import CORRELATION, MAY, Ledger, archive, kinds
from psycopg.conninfo import make_conninfo

from agent_events.cold.errors import ColdError
from agent_events.cold.restore import restore_partition
from agent_events.verifying import verify

COLUMNS = """
  tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
  schema_version, payload::text, deal_id, action_id, aggregate_type, aggregate_id, sequence,
  actor_type, actor_id, outcome, proof::text, metadata::text, occurred_at::text, private_hash,
  prev_hash, hash
"""
QUERIES = (
    f"select {COLUMNS} from ledger.find_events('acme', page_size => 10000)",
    f"select {COLUMNS} from ledger.find_events('globex', page_size => 5, newest_first => false)",
    f"select {COLUMNS} from ledger.find_events('acme', 'deal', 'late')",
    f"select {COLUMNS} from ledger.find_events('globex', correlation_id => '{CORRELATION}')",
    f"select {COLUMNS} from ledger.find_events('acme', from_time => '2021-05-31Z', page_size => 7)",
    f"select {COLUMNS} from ledger.read_stream('deal', '1', tenant_id => 'acme')",
    f"select {COLUMNS} from ledger.read_stream('deal', 'late', tenant_id => 'acme')",
    f"select depth, {COLUMNS} from ledger.trace('{CORRELATION}', tenant_id => 'globex')",
    "select position, event_id from ledger.log_entries where tenant_id <> 'ledger' order by 1, 2",
    "select * from ledger.verify('acme')",
    "select * from ledger.verify('globex')",
)


def answers(ledger: Ledger) -> list[list[tuple[Any, ...]]]:
    """What reads answer; the tier, which changes, left out."""
    return [ledger.pg.execute(query).fetchall() for query in QUERIES]


def events_by_id(ledger: Ledger) -> list[tuple[Any, ...]]:
    return ledger.pg.execute(
        f"""
        select {COLUMNS}
        from (
          select tenant_id as of, event_id, position from ledger.log_entries
          where tenant_id <> 'ledger'
        ) as l, ledger.get_event(l.event_id, tenant_id => l.of)
        order by l.of, l.position
        """
    ).fetchall()


def test_the_same_answers(hot: Ledger) -> None:
    """Before archiving, after it, after export, and after drop and restore."""
    ledger = hot
    wanted, by_id = answers(ledger), events_by_id(ledger)
    assert [len(each) for each in wanted[:-2]] == [95, 5, 4, 2, 7, 22, 4, 2, 110]
    assert wanted[-2:] == [[], []]
    assert len(by_id) == 110
    archive(ledger.pg, MAY)
    assert (answers(ledger), events_by_id(ledger)) == (wanted, by_id)
    ledger.export()
    assert (answers(ledger), events_by_id(ledger)) == (wanted, by_id)
    ledger.sign()
    assert ledger.drop().findings == ()
    assert answers(ledger)[-2:] == [[], []]
    assert answers(ledger)[-3] == wanted[-3]
    checked = ledger.restore()
    assert (checked.findings, checked.row_count) == ((), 76)
    assert (answers(ledger), events_by_id(ledger)) == (wanted, by_id)
    assert verify(ledger.operator, anchored=ledger.anchored()).findings == []
    assert complaints(ledger.pg) == set()


def test_restored(cold: Ledger) -> None:
    assert cold.restore().findings == ()
    assert cold.tier() == "archive"
    assert digest(cold.pg, MAY) == cold.manifest.digest()
    assert findings(cold.pg) == []


def test_dropped_and_restored_again(cold: Ledger) -> None:
    """The file of the first export serves for good; exporting again finds it."""
    for _ in range(2):
        assert cold.restore().findings == ()
        assert not cold.export().is_new
        assert cold.drop().findings == ()
    assert cold.recorded() == 1


def test_an_empty_partition(ledger: Ledger) -> None:
    name = "agent_events_p20210301"
    ledger.pg.execute("select ledger.ensure_partition('2021-03-03Z')")
    archive(ledger.pg, name)
    ledger.export(name)
    ledger.sign()
    assert ledger.drop(name).findings == ()
    assert ledger.restore(name).findings == ()
    assert ledger.tier(name) == "archive"


def test_a_partition_that_is_there_is_refused(exported: Ledger) -> None:
    with pytest.raises(ColdError, match="is archive: its events are in the database"):
        exported.restore()


def test_a_damaged_file_restores_nothing(cold: Ledger) -> None:
    os.truncate(cold.data, 1000)
    checked = cold.restore()
    assert kinds(checked) == {"truncated file"}
    assert cold.tier() == "cold"
    assert cold.pg.execute("select to_regclass('ledger.' || %s)", [MAY]).fetchone() == (None,)


def test_a_forged_file_restores_nothing(cold: Ledger) -> None:
    def forged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        rows[7]["payload"] = json.dumps({"n": "forged"})
        return rehash(rows)

    rewrite(cold, forged)
    assert {"changed event", "forged manifest"} <= kinds(cold.restore())
    assert cold.tier() == "cold"


def test_a_forged_manifest_restores_nothing(cold: Ledger) -> None:
    edit_manifest(cold, lambda members: members["tenants"]["acme"].update(root="0" * 64))
    assert kinds(cold.restore()) == {"forged manifest"}
    assert cold.tier() == "cold"


def test_who_may_only_read_restores_nothing(cold: Ledger, login_role: Callable[..., str]) -> None:
    dsn = make_conninfo(cold.dsn, user=login_role("reader", {"*": ["read"]}))
    with pytest.raises(psycopg.Error) as caught:
        restore_partition(dsn, MAY, cold.folder)
    assert caught.value.sqlstate == "LG005"


CHILD = """
import sys
from pathlib import Path
from agent_events.cold import restore

def wait(*_):
    print("here", flush=True)
    sys.stdin.read()

point, dsn, name, folder = sys.argv[1:]
if point == "while it copies":
    restore.copy_rows = wait
else:
    copy = restore._copy
    restore._copy = lambda *a: (copy(*a), wait())
restore.restore_partition(dsn, name, Path(folder))
"""


@pytest.mark.parametrize("point", ["while it copies", "before it is taken in"])
def test_killed(cold: Ledger, point: str) -> None:
    command = [sys.executable, "-c", CHILD, point, cold.operator, MAY, str(cold.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"here\n"
        child.kill()
        assert child.wait() == -signal.SIGKILL
    assert cold.tier() == "cold"
    assert cold.count() == 0
    assert findings(cold.pg) == []
    assert cold.restore().findings == ()
    assert digest(cold.pg, MAY) == cold.manifest.digest()
    assert complaints(cold.pg) == set()


def test_many_rows(ledger: Ledger) -> None:
    """More than one batch, in several row groups' worth of rows."""
    for number in range(4):
        emit_at(ledger.pg, f"2021-04-0{number + 1}Z", batch(9_000, streams=50), "many")
    ledger.pg.execute("select * from ledger.seal_all()")
    name = "agent_events_p20210401"
    archive(ledger.pg, name)
    manifest = ledger.export(name).manifest
    assert manifest.row_count == 36_000
    before = digest(ledger.pg, name)
    assert manifest.digest() == before
    assert ledger.check(name).findings == ()
