"""A ledger with something of everything in it, sealed, signed and anchored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from agent_events.anchors import open_store
from agent_events.evidence.checkpoints import SignedCheckpoint
from agent_events.evidence.rows import use_utf8
from agent_events.proofs import Checkpoint, SigningKey

AnyConnection = psycopg.Connection[Any]
ORIGIN = "ledger.example/acme"
TEXT = 'ünï – 漢字 😀 "quoted" \\ \u2028 \x7f \t end'
PRICES = '{"price": 1.50, "big": 12345678901234567890.10, "none": null, "text": %s}'


@dataclass
class Evidence:
    """The ledger under test, and whoever signs for it."""

    pg: AnyConnection
    folder: Path
    key: SigningKey
    correlation_id: UUID
    ids: list[UUID]

    @property
    def anchor(self) -> str:
        return f"file:{self.folder / 'anchor.jsonl'}"

    @property
    def vkey(self) -> str:
        return self.key.vkey().text()

    def emit(self, payload: str = "{}", stream: str | None = None, **options: Any) -> UUID:
        names = ", ".join(f"{name} => %({name})s" for name in options)
        row = self.pg.execute(
            f"""
            select id from ledger.emit_event(
              'test.happened', %(payload)s::jsonb, tenant_id => 'acme',
              aggregate_type => %(kind)s, aggregate_id => %(stream)s{", " * bool(names)}{names}
            )
            """,
            {"payload": payload, "kind": stream and "deal", "stream": stream, **options},
        ).fetchone()
        assert row is not None
        return UUID(str(row[0]))

    def seal(self) -> int:
        row = self.pg.execute("select tree_size from ledger.seal('acme')").fetchone()
        assert row is not None
        return int(row[0])

    def sign(self, key: SigningKey | None = None) -> SignedCheckpoint:
        """Seal, sign, anchor."""
        self.seal()
        row = self.pg.execute(
            "select tree_size, root from ledger.log_heads where tenant_id = 'acme'"
        ).fetchone()
        assert row is not None
        key = key or self.key
        note = key.sign(Checkpoint(ORIGIN, *row))
        open_store(self.anchor).append(note)
        return SignedCheckpoint(note, [key.vkey()])

    def position(self, event_id: UUID) -> int:
        row = self.pg.execute("select ledger.position_of(%s, 'acme')", [event_id]).fetchone()
        assert row is not None
        return int(row[0])


def fill(pg: AnyConnection, folder: Path) -> Evidence:
    """23 events in two seals: three streams, one correlation, hard texts and numbers, NULLs."""
    pg.execute("select ledger.set_tenant_policy(t, 'open') from unnest('{acme,other}'::text[]) t")
    use_utf8(pg)
    correlation_id = UUID("00000000-0000-4000-8000-00000000c0de")
    found = Evidence(pg, folder, SigningKey.generate(ORIGIN), correlation_id, [])
    for number in range(5):
        found.ids += [
            found.emit(PRICES % json.dumps(TEXT), "7", actor_type="user", actor_id="änn"),
            found.emit(stream=f"8{number % 2}", correlation_id=correlation_id),
            found.emit(metadata='{"a": [1.0, 1.00]}', occurred_at="2020-02-29T23:59:59.999999Z"),
        ]
    found.seal()
    for _ in range(3):
        found.ids.append(found.emit(stream="7", correlation_id=correlation_id, outcome="partial"))
    found.ids.append(
        found.emit(stream="7", proof='{"type": "url", "url": "https://example.com/ü"}')
    )
    found.ids += [found.emit(occurred_at="0044-03-15 BC") for _ in range(4)]
    return found
