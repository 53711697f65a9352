"""The chain of each stream: sequences without gaps, and the hash of the event before in each.

Where events of the log are in cold files, as many may be missing from a stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import unpack_from
from typing import NamedTuple

from agent_events.verifying.cold import NOTHING, Cold, Resumed
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
    last_position: int


Parts = dict[bytes, Part]


def check_links(
    links: list[tuple[int, bytes, int, bytes]],
    leaves: Sequence[bytes],
    first: int,
    findings: Findings,
    cold: Cold = NOTHING,
) -> tuple[Parts, list[Resumed]]:
    """Check the streams within a stretch.

    Args:
        links: events of streams; see `rows.Stretch`.
        leaves: by index, the hashes as they were sealed.
        first: position of the first event.
        findings: takes what is broken.
        cold: events that may be missing.

    Returns:
        what is left to check: how each stream goes on from the stretch before, and to the next;
        and what goes on after events in cold files.
    """
    links.sort()
    starts: dict[bytes, tuple[int, int, bytes]] = {}
    ends: dict[bytes, tuple[int, bytes, int]] = {}
    resumed: list[Resumed] = []
    for index, key, sequence, tail in links:
        before = ends.get(key)
        leaf = leaves[index]
        if before is None:
            starts[key] = (first + index, sequence, tail)
        elif sequence != before[0] + 1 or tail != LINKED + before[1]:
            part = Part(first + index, sequence, tail, sequence, leaf, first + index)
            if not _resumes(part, key, before, cold, resumed):
                _report(findings, key, part, before)
        ends[key] = (sequence, leaf, first + index)
    return {key: Part(*start, *ends[key]) for key, start in starts.items()}, resumed


class Streams:
    """Puts the parts of all stretches together, in their order.

    Args:
        is_whole: the log is read from its beginning, so that a stream must begin with 1.
        cold: events that may be missing.
    """

    def __init__(self, is_whole: bool, cold: Cold = NOTHING) -> None:
        self._is_whole = is_whole
        self._cold = cold
        self._ends: dict[bytes, tuple[int, bytes, int]] = {}
        self.resumed: list[Resumed] = []

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
            if is_broken and not _resumes(part, key, before, self._cold, self.resumed):
                _report(findings, key, part, before)
            ends[key] = (part.last_sequence, part.last_hash, part.last_position)


def _resumes(
    part: Part,
    key: bytes,
    before: tuple[int, bytes, int] | None,
    cold: Cold,
    resumed: list[Resumed],
) -> bool:
    """Return whether what is missing may be in cold files; its link is kept for later then."""
    sequence, _, position = before or (0, b"", -1)
    missing = part.first_sequence - sequence - 1
    tail = part.first_tail
    if missing < 1 or tail[:4] != LINKED or missing > cold.between(position, part.position):
        return False
    resumed.append(Resumed(part.position, key, part.first_sequence, tail[4:]))
    return True


def _report(
    findings: Findings, key: bytes, part: Part, before: tuple[int, bytes, int] | None
) -> None:
    name, tail = stream_name(key), part.first_tail
    if before is None:
        wanted = "its first event should have sequence 1 and no prev_hash"
    else:
        wanted = f"after sequence {before[0]:,} with hash {before[1].hex()}"
    linked = f"prev_hash {tail[4:].hex()}" if tail[:4] == LINKED else "another or no prev_hash"
    findings.add(
        BROKEN_STREAM,
        f"stream {name}: sequence {part.first_sequence:,} with {linked}; {wanted}",
        position=part.position,
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
