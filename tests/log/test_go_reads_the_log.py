"""Go's code for its checksum database verifies what the database wrote: note, tiles and proofs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from log.consistency import rows
from log.emitting import emit_many, seal
from proofs.go_check import build

from agent_events.proofs import Checkpoint, SigningKey

AnyConnection = psycopg.Connection[Any]

TILES = """
    select t.level, t.tile_index as index, t.hashes
    from ledger.log_tiles as t
    where t.tenant_id = 'acme'
    union all
    select g.level, h.tree_size >> (8 * (g.level + 1)), g.hashes
    from ledger.log_edges as g
    join ledger.log_heads as h on h.tenant_id = g.tenant_id
    where g.tenant_id = 'acme' and g.hashes <> ''
"""
INCLUSION = """
    select i.position as index, i.leaf_hash, i.proof
    from ledger.log_entries as l
    cross join lateral ledger.inclusion_proof(l.event_id, tenant_id => l.tenant_id) as i
    where l.tenant_id = 'acme' and l.position in (0, 1, 255, 256, 400, 599)
"""
CONSISTENCY = """
    select n as old_size, ledger.log_root('acme', n) as old_root,
      ledger.consistency_proof(n, tenant_id => 'acme') as proof
    from unnest('{1,2,255,256,257,512,599,600}'::bigint[]) as n
"""


def test_go_reads_the_log(ledger: AnyConnection, tmp_path: Path) -> None:
    go = build(tmp_path)
    for count in (300, 200, 100):
        emit_many(ledger, count)
        seal(ledger)
    (text,) = rows(
        ledger, "select ledger.checkpoint('example.com/app', tenant_id => 'acme') as text"
    )
    key = SigningKey.generate("example.com/app/acme")
    (line,) = go.check(
        {
            "name": "the log of acme",
            "note": key.sign(Checkpoint.parse(text["text"])),
            "vkey": key.vkey().text(),
            "tiles": rows(ledger, TILES),
            "inclusion": rows(ledger, INCLUSION),
            "consistency": rows(ledger, CONSISTENCY),
        }
    )
    assert line.startswith("ok"), line
