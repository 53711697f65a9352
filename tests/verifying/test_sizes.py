"""An untouched log is clean whatever its size, and a change is found wherever it is."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from verifying.tampering import Killer, emit, forge, seal

from agent_events.verifying import Report, Scope

SIZES = [1, 2, 255, 256, 257, 511, 512, 513]


def only(report: Report) -> dict[str, Any]:
    (tenant,) = [tenant for tenant in report.tenants if tenant.tenant_id == "acme"]
    return tenant.__dict__


def test_nothing_sealed(ledger: psycopg.Connection[Any], check: Any) -> None:
    report = check()
    assert report.findings == []
    assert only(report)["tree_size"] == 0
    emit(ledger, 3)
    assert only(check())["unsealed"] == 3


@pytest.mark.parametrize("size", SIZES)
def test_clean(ledger: psycopg.Connection[Any], check: Any, size: int) -> None:
    for count in filter(None, (size // 2, size - size // 2 - 1, 1)):
        emit(ledger, count, streams=7)
        seal(ledger)
    report = check()
    assert report.findings == []
    assert only(report)["events"] == only(report)["tree_size"] == size
    row = ledger.execute("select root, block_no from ledger.log_heads").fetchone()
    assert row == (only(report)["root"], only(report)["block_no"])


@pytest.mark.parametrize("size", [1, 256, 257])
def test_last_event_changed(ledger: psycopg.Connection[Any], check: Any, size: int) -> None:
    emit(ledger, size)
    seal(ledger)
    forge(
        ledger,
        """
        update ledger.agent_events set payload = '{"n": -1}' where id = (
          select event_id from ledger.log_entries where position = %s
        )
        """,
        size - 1,
    )
    found = check().findings
    assert [(finding.kind, finding.position) for finding in found] == [("changed event", size - 1)]


def test_two_tenants(ledger: psycopg.Connection[Any], check: Any) -> None:
    for tenant_id, count in (("acme", 300), ("other", 10), ("acme", 5)):
        emit(ledger, count, tenant_id, streams=3)
        seal(ledger, tenant_id)
    report = check()
    assert report.findings == []
    sizes = {tenant.tenant_id: tenant.tree_size for tenant in report.tenants}
    assert sizes == {"acme": 305, "other": 10}
    assert [tenant.tenant_id for tenant in check(tenant_id="other").tenants] == ["other"]


def test_more_than_one_stretch(ledger: psycopg.Connection[Any], check: Any) -> None:
    # A registered type: a batch of it is one statement.
    ledger.execute("select ledger.register_event_type('test.happened', '{}')")
    emit(ledger, 40_000, streams=100)
    seal(ledger)
    emit(ledger, 30_000, streams=100)
    seal(ledger)
    alone, together = check(), check(worker_count=2)
    assert alone == together
    assert alone.findings == []
    assert only(alone)["events"] == 70_000

    part = check(scope=Scope(65_000, 66_000), worker_count=2)
    assert part.findings == []
    assert only(part)["events"] == 1000

    for statement in (
        (
            "update ledger.agent_events set payload = '{}' where id in ("
            "  select event_id from ledger.log_entries where position in (100, 66000))"
        ),
        "update ledger.log_tiles set hashes = 'x' where level = 1",
        "delete from ledger.log_entries where position between 65534 and 65537",
    ):
        forge(ledger, statement)
    alone, together = check(), check(worker_count=2)
    assert alone == together
    found = sorted((finding.kind, finding.position or 0) for finding in alone.findings)
    assert [one for one in found if one[0] != "broken stream"] == [
        ("changed event", 100),
        ("changed event", 66000),
        ("changed tile", 0),
        ("missing entry", 65534),
        ("missing entry", 65536),
        *[("unlogged event", 0)] * 4,
    ]
    killed = Killer(ledger)
    with pytest.raises(psycopg.OperationalError):
        check(worker_count=2, listener=killed)

    # The streams of the four go on without them.
    assert [one for one in found if one[0] == "broken stream"] == [
        ("broken stream", position + 100) for position in range(65534, 65538)
    ]
