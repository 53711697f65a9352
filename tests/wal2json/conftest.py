"""Tests of what docs/cdc.md says of wal2json: Debian's postgresql-15-wal2json.

    AGENT_EVENTS_PG_BINDIR=/usr/lib/postgresql/15/bin scripts/test --pg 15 tests/wal2json

Nothing else collects this folder (norecursedirs in pyproject.toml), and .ci/run always runs it;
where the extension is missing, its tests fail. The server is that of tests/cdc.
"""

from __future__ import annotations

from cdc.conftest import logical_server, new_outbox

__all__ = ["logical_server", "new_outbox"]
