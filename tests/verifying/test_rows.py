"""Raw tuples are hashed as docs/leaf-format.md says, whatever stands in them."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from event.leaf import read_leaves
from verifying.tampering import seal

from agent_events.verifying.rows import _check_row, read_stretch
from agent_events.verifying.session import ProtocolError, open_session

AnyConnection = psycopg.Connection[Any]

EVENTS = [
    "event_type => 'test.happened'",
    """event_type => 'test.happened', payload => '{"ä€𝄞": "\\u0001\\t\\\\", "n": 1.00, "e": 1e3}',
       aggregate_type => 'größe', aggregate_id => 'ein zwei'""",
    """event_type => 'test.happened', aggregate_type => 'größe', aggregate_id => 'ein zwei',
       metadata => '{"a": null}', occurred_at => '1999-12-31 23:59:59.999999+00',
       private => '{"name": "Ada"}', actor_type => 'user', actor_id => 'ä', outcome => 'partial'""",
    """event_type => 'test.happened', deal_id => gen_random_uuid(), action_id => gen_random_uuid(),
       causation_id => gen_random_uuid(), proof => '{"type": "none"}'""",
]


@pytest.fixture
def log(ledger: AnyConnection) -> AnyConnection:
    for arguments in EVENTS:
        ledger.execute(f"select ledger.emit_event({arguments}, tenant_id => 'acme')")  # type: ignore[arg-type]
    ledger.execute(
        "select ledger.emit_event('test.happened', jsonb_build_object('x', repeat('y', 3000000)),"
        " tenant_id => 'acme')"
    )
    seal(ledger)
    return ledger


def test_hashes(log: AnyConnection, dsn: str, check: Any) -> None:
    with open_session(dsn) as session:
        stretch = read_stretch(session, "acme", 0, 5, range(5))
    assert {leaf.hash for leaf in read_leaves(log)} == set(stretch.leaves)
    assert (stretch.odd, stretch.missing, len(stretch.links)) == ({}, {}, 2)
    assert check().findings == []


def test_part_of_a_stretch(log: AnyConnection, dsn: str) -> None:  # noqa: ARG001
    with open_session(dsn) as session:
        stretch = read_stretch(session, "acme", 0, 5, range(2, 4))
    assert [leaf is not None for leaf in stretch.leaves] == [False, False, True, True, False]


def test_tenant_that_has_to_be_quoted(dsn: str, ledger: AnyConnection) -> None:  # noqa: ARG001
    with open_session(dsn) as session:
        assert read_stretch(session, "o'neill\\", 0, 5, range(5)).count == 0


@pytest.mark.parametrize("row", [b"\x00\x20" + bytes(200), b"\x00\x01" + bytes(4)])
def test_rearranged_messages(row: bytes) -> None:
    """Rows that do not come one per message are no changed events."""
    with pytest.raises(ProtocolError):
        _check_row(row)
