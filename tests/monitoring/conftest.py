"""A ledger in which everything that is measured happened, and the exporter as a process."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from stats.counting import count_events, emit_many

AnyConnection = psycopg.Connection[Any]
Start = Callable[..., "Running"]

COMMAND = [str(Path(sys.executable).with_name("agent-events")), "metrics", "--json"]


class Running:
    """`agent-events metrics` that goes on; what it logs is read from stderr."""

    def __init__(self, dsn: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "--dsn", dsn, *arguments], stderr=subprocess.PIPE, text=True, bufsize=1
        )

    def wait_for(self, event: str) -> dict[str, Any]:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            said: dict[str, Any] = json.loads(line)
            if said["event"] == event:
                return said
        raise AssertionError(f"it ended and never said {event}")


@pytest.fixture
def start() -> Iterator[Start]:
    """`start(dsn, "--listen", "0")`; stopped afterwards, and must end well."""
    running: list[Running] = []

    def run(*arguments: str) -> Running:
        running.append(Running(*arguments))
        return running[-1]

    yield run
    for one in running:
        one.process.terminate()
        assert one.process.wait(20) == 0
        assert one.process.stderr is not None
        one.process.stderr.close()


@pytest.fixture
def busy(pg: AnyConnection) -> AnyConnection:
    """Two tenants with events of all kinds, a relay with trouble, a consumer too."""
    pg.execute("select ledger.set_tenant_policy(t, 'open') from unnest('{acme,other}'::text[]) t")
    emit_many(pg, 5, outcome="failure", actor_type="user", actor_id="somebody")
    emit_many(pg, 3, "other", event_type="run.paused", publish=True)
    pg.execute("call ledger.maintain()")
    count_events(pg)
    emit_many(pg, 2)
    claim = "select token from ledger.claim_outbox('nowhere', tenant_id => 'other')"
    (token,) = pg.execute(claim).fetchone() or (None,)
    fail = """
        select ledger.fail_outbox(
          'nowhere', %s, 1, 'no', is_permanent => true, tenant_id => 'other'
        )
    """
    pg.execute(fail, [token])
    pg.execute("select ledger.fail_event('billing', gen_random_uuid(), 'no', tenant_id => 'acme')")
    pg.execute("select ledger.emit_event('test.happened', tenant_id => 'acme', publish => true)")
    return pg


def get(port: int, path: str = "/metrics") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
