"""The chains of a file's events: each event of a stream carries the hash of the one before."""

from __future__ import annotations

import pyarrow as pa

from agent_events.verifying.findings import BROKEN_STREAM, Findings

_COLUMNS = ("position", "aggregate_type", "aggregate_id", "sequence", "prev_hash", "hash")


class Chains:
    """Follows every stream through the rows of a file, tenant by tenant.

    What came before a stream's first event in the file lies in an older partition: it is known by
    its hash only. The last event of each stream is kept, about 0.4 kB for each stream of a tenant.
    """

    def __init__(self) -> None:
        self._tenant_id: str | None = None
        self._last: dict[tuple[str, str], tuple[int, bytes]] = {}

    def check(self, tenant_id: str, rows: pa.RecordBatch, findings: Findings) -> None:
        """Take the next rows of a tenant."""
        if tenant_id != self._tenant_id:
            self._tenant_id = tenant_id
            self._last = {}
        last = self._last
        for position, kind, id_, sequence, prev_hash, hash_ in zip(
            *(rows.column(name).to_pylist() for name in _COLUMNS), strict=True
        ):
            if sequence is None and id_ is None and prev_hash is None:
                continue
            if sequence is None or id_ is None or kind is None:
                detail = "it has a place in a stream, but no aggregate, or the other way round"
                findings.add(BROKEN_STREAM, detail, position=position)
                continue
            stream = kind, id_
            before = last.get(stream)
            last[stream] = sequence, hash_
            if before is None:
                if sequence < 1 or (prev_hash is None) != (sequence == 1):
                    detail = "its first event has sequence 1 and no prev_hash, all others have one"
                    _report(findings, position, stream, sequence, detail)
            elif sequence != before[0] + 1 or prev_hash != before[1]:
                detail = f"after sequence {before[0]:,} with hash {before[1].hex()}"
                _report(findings, position, stream, sequence, detail)


def _report(
    findings: Findings, position: int, stream: tuple[str, str], sequence: int, detail: str
) -> None:
    name = "/".join(stream)
    findings.add(
        BROKEN_STREAM, f"stream {name}: sequence {sequence:,}; {detail}", position=position
    )
