"""What a partition holds, as the log tells it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import psycopg
from cold.partitions import JUNE, MAY, archive, batch, checkpoints, digest, emit_at, export
from log.rfc6962 import Tree

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]

ROOT = "select ledger.positions_root('acme', %s::int8multirange)"


def leaves(ledger: AnyConnection) -> list[bytes]:
    rows = ledger.execute("select hash from ledger.log where tenant_id = 'acme' order by position")
    return [leaf for (leaf,) in rows.fetchall()]


def test_roots_are_rfc_6962(ledger: AnyConnection) -> None:
    """Of any runs of positions, wherever they begin and end in tiles."""
    hashes = leaves(ledger)
    order = random.Random(7)
    cases = [[(0, 1)], [(0, 901)], [(255, 257)], [(256, 512)], [(0, 256), (512, 768)], [(900, 901)]]
    for _ in range(40):
        cuts = sorted(order.sample(range(902), 2 * order.randint(1, 6)))
        cases.append(list(zip(cuts[::2], cuts[1::2], strict=True)))
    for runs in cases:
        text = "{" + ",".join(f"[{low},{high})" for low, high in runs) + "}"
        picked = [leaf for low, high in runs for leaf in hashes[low:high]]
        assert ledger.execute(ROOT, [text]).fetchone() == (Tree(picked).root(len(picked)),), runs


def test_missing_leaves_are_refused(ledger: AnyConnection, refused: Refused) -> None:
    refused(ledger, "LG010", ROOT, ["{[890,902)}"])
    assert ledger.execute(ROOT, ["{}"]).fetchone() == (Tree([]).root(0),)


def test_digest_of_hot_and_archived(ledger: AnyConnection, operator: AnyConnection) -> None:
    hashes = leaves(ledger)
    expected = {
        MAY: {"row_count": 600, "ranges": [[0, 599]], "root": Tree(hashes[:600]).root(600).hex()},
        JUNE: {"row_count": 300, "ranges": [[600, 899]]}
        | {"root": Tree(hashes[600:900]).root(300).hex()},
    }
    assert digest(operator, MAY)["acme"] == expected[MAY]
    assert digest(operator, JUNE)["acme"] == expected[JUNE]
    archive(ledger, JUNE)
    assert digest(operator, JUNE)["acme"] == expected[JUNE]


def test_events_that_were_sealed_later_make_runs(
    ledger: AnyConnection, operator: AnyConnection
) -> None:
    """Two months whose events were sealed in turn."""
    for day in range(1, 6):
        for month in ("2021-07", "2021-08"):
            emit_at(ledger, f"{month}-0{day}Z", batch(3, first=day), "acme")
            ledger.execute("select ledger.seal('acme')")
    hashes = leaves(ledger)
    found = digest(operator, "agent_events_p20210801")["acme"]
    assert found["ranges"] == [[904 + 6 * n, 906 + 6 * n] for n in range(5)]
    picked = [hashes[at] for low, high in found["ranges"] for at in range(low, high + 1)]
    assert found["root"] == Tree(picked).root(15).hex()
    for partition in ("agent_events_p20210701", "agent_events_p20210801"):
        archive(ledger, partition)
        file = export(operator, partition)
        file.record(operator)
        file.drop(operator, checkpoints(ledger))
    kinds = ledger.execute("select distinct kind from ledger.verify('acme')").fetchall()
    assert kinds == []  # their times cannot be looked at any more
    assert file.restore(operator) == 15


def test_unsealed_events_are_refused(
    ledger: AnyConnection, operator: AnyConnection, refused: Refused
) -> None:
    emit_at(ledger, "2021-06-20Z", batch(1), "acme")
    error = refused(operator, "LG010", "select * from ledger.partition_digest(%s)", [JUNE])
    assert "has no position in the log" in str(error)


def test_for_operators_of_all_tenants(
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
    ledger: AnyConnection,  # noqa: ARG001
    refused: Refused,
) -> None:
    statement = "select * from ledger.partition_digest(%s)"
    some = connect(user=login_role("operator", {"acme": ["operate"]}))
    refused(some, "LG005", statement, [MAY])
    reader = connect(user=login_role("reader", {"*": ["read", "write"]}))
    refused(reader, "42501", statement, [MAY])


def test_partitions_that_are_not_there(operator: AnyConnection, refused: Refused) -> None:
    for name in ("agent_events_p19990101", "outbox_p20210501", None):
        refused(operator, "LG009", "select * from ledger.partition_digest(%s)", [name])
