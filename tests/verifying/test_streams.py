"""Chains of streams, within a stretch and across stretches."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import psycopg
import pytest
from verifying.tampering import emit, forge, seal

from agent_events.verifying.findings import Findings
from agent_events.verifying.rows import NULL
from agent_events.verifying.streams import LINKED, Streams, check_links, stream_name

KEY = b"\x00\x00\x00\x04deal\x00\x00\x00\x0217"
LEAVES = [sha256(str(number).encode()).digest() for number in range(10)]


def link(index: int, sequence: int) -> tuple[int, bytes, int, bytes]:
    prev = LEAVES[index - 1] if index else b""
    return index, KEY, sequence, (LINKED + prev) if index else bytes(32) + NULL


@pytest.mark.parametrize(
    ("sequences", "broken"),
    [([1, 2, 3, 4], []), ([1, 2, 4, 5], [2]), ([1, 2, 2, 3], [2]), ([2, 3, 4, 5], [0])],
)
@pytest.mark.parametrize("split", [1, 2, 4])
def test_links(sequences: list[int], broken: list[int], split: int) -> None:
    """The same is found wherever one stretch ends and the next begins."""
    findings = Findings("acme")
    streams = Streams(is_whole=True)
    links = [link(index, sequence) for index, sequence in enumerate(sequences)]
    for part in (links[:split][::-1], links[split:]):
        streams.add(check_links(part, LEAVES, 0, findings)[0], findings)
    assert [finding.position for finding in findings.all()] == broken


def test_name() -> None:
    assert stream_name(KEY) == "deal/17"


def test_streams_that_were_broken_before_sealing(
    ledger: psycopg.Connection[Any], check: Any
) -> None:
    """A superuser can have a wrong link sealed; the verifier reads the chain itself."""
    emit(ledger, 6, streams=2)
    forge(
        ledger,
        """
        update ledger.agent_events as e set
          sequence = e.sequence + 5,
          hash = ledger.event_hash(ledger.event_entry(
            tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
            schema_version, payload::text, deal_id, action_id, aggregate_type, aggregate_id,
            sequence + 5, actor_type, actor_id, outcome, proof, metadata, occurred_at, private_hash
          ), prev_hash)
        where aggregate_id = '1' and sequence = 3
        """,
    )
    seal(ledger)
    (finding,) = check().findings
    assert (finding.kind, finding.position) == ("broken stream", 5)
    assert "deal/1" in finding.detail
