"""doctor() about the log: sealing stopped, another cluster, a head that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Findings = Callable[..., set[tuple[str, str, str]]]

LOG = "log of tenant default"
OLD_EVENT = """
    insert into ledger.agent_events (
      tenant_id, id, created_at, run_id, trace_id, correlation_id, event_type, schema_version,
      payload, hash
    )
    select
      e.tenant_id, e.id, e.created_at - interval '6 minutes', e.run_id, e.trace_id,
      e.correlation_id, e.event_type, e.schema_version, e.payload, e.hash
    from ledger.agent_events as e
"""


@pytest.fixture
def emitted(pg: AnyConnection) -> None:
    pg.execute("select ledger.set_tenant_policy('default', 'open')")
    pg.execute("select ledger.emit_event('test.happened')")


def as_append(pg: AnyConnection, statement: str) -> None:
    """Write what only the ledger's functions may, as a superuser can."""
    with pg.transaction():
        pg.execute("set local role ledger_append")
        pg.execute(statement)


@pytest.mark.usefixtures("emitted")
def test_unsealed_for_a_moment_is_fine(findings: Findings) -> None:
    assert findings() == set()


@pytest.mark.usefixtures("emitted")
def test_sealing_stopped(pg: AnyConnection, findings: Findings) -> None:
    as_append(pg, OLD_EVENT)
    assert ("warning", "sealing stopped", LOG) in findings()
    pg.execute("select ledger.seal()")
    assert "sealing stopped" not in {kind for _, kind, _ in findings()}


@pytest.mark.usefixtures("emitted")
def test_log_of_another_cluster(pg: AnyConnection, findings: Findings) -> None:
    pg.execute("select ledger.seal()")
    as_append(pg, "update ledger.log_heads set system_identifier = 1")
    assert findings() == {("error", "log of another cluster", LOG)}
    pg.execute("select ledger.rebase_log()")
    assert findings() == set()


@pytest.mark.usefixtures("emitted")
def test_wrong_head(pg: AnyConnection, findings: Findings) -> None:
    pg.execute("select ledger.seal()")
    as_append(pg, "update ledger.log_heads set tree_size = 7")
    assert findings() == {("error", "wrong head", LOG)}
