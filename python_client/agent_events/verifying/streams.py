"""The chain of each stream: sequences without gaps, and the hash of the event before in each."""

from __future__ import annotations

from collections.abc import Sequence
from struct import unpack_from
from typing import NamedTuple

from agent_events.verifying.findings import BROKEN_STREAM, Findings
from agent_events.verifying.rows import NULL

LINKED = b"\x00\x00\x00\x20"  # the length before a prev_hash that is not NULL


class Part(NamedTuple):
    """What a stretch of the log holds of one stream: its first event's link, its last event."""

    position: int
    first_sequence: int
    first_tail: bytes
    last_sequence: int
    last_hash: bytes


Parts = dict[bytes, Part]


def check_links(
    links: list[tuple[int, bytes, int, bytes]],
    leaves: Sequence[bytes],
    first: int,
    findings: Findings,
) -> Parts:
    """Check the streams within a stretch.

    Args:
        links: events of streams; see `rows.Stretch`.
        leaves: by index, the hashes as they were sealed.
        first: position of the first event.
        findings: takes what is broken.

    Returns:
        what is left to check: how each stream goes on from the stretch before, and to the next.
    """
    links.sort()
    starts: dict[bytes, tuple[int, int, bytes]] = {}
    ends: dict[bytes, tuple[int, bytes]] = {}
    for index, key, sequence, tail in links:
        before = ends.get(key)
        leaf = leaves[index]
        if before is None:
            starts[key] = (first + index, sequence, tail)
        elif sequence != before[0] + 1 or tail != LINKED + before[1]:
            _report(findings, key, first + index, sequence, tail, before)
        ends[key] = (sequence, leaf)
    return {key: Part(*start, *ends[key]) for key, start in starts.items()}


class Streams:
    """Puts the parts of all stretches together, in their order.

    Args:
        is_whole: the log is read from its beginning, so that a stream must begin with 1.
    """

    def __init__(self, is_whole: bool) -> None:
        self._is_whole = is_whole
        self._ends: dict[bytes, tuple[int, bytes]] = {}

    def add(self, parts: Parts, findings: Findings) -> None:
        """Check that every stream of the next stretch goes on where it was."""
        ends = self._ends
        for key, part in parts.items():
            before = ends.get(key)
            if before is not None:
                is_broken = (
                    part.first_sequence != before[0] + 1 or part.first_tail != LINKED + before[1]
                )
            else:
                is_broken = self._is_whole and (
                    part.first_sequence != 1 or part.first_tail[-4:] != NULL
                )
            if is_broken:
                _report(findings, key, part.position, part.first_sequence, part.first_tail, before)
            ends[key] = (part.last_sequence, part.last_hash)


def _report(
    findings: Findings,
    key: bytes,
    position: int,
    sequence: int,
    tail: bytes,
    before: tuple[int, bytes] | None,
) -> None:
    name = stream_name(key)
    if before is None:
        wanted = "its first event should have sequence 1 and no prev_hash"
    else:
        wanted = f"after sequence {before[0]:,} with hash {before[1].hex()}"
    linked = f"prev_hash {tail[4:].hex()}" if tail[:4] == LINKED else "another or no prev_hash"
    findings.add(
        BROKEN_STREAM,
        f"stream {name}: sequence {sequence:,} with {linked}; {wanted}",
        position=position,
    )


def stream_name(key: bytes) -> str:
    """Return `aggregate_type/aggregate_id` of a stream's key."""
    names = []
    at = 0
    for _ in range(2):
        (size,) = unpack_from(">i", key, at)
        at += 4
        names.append(key[at : at + max(size, 0)].decode(errors="replace"))
        at += max(size, 0)
    return "/".join(names)
