"""The chains of a bundle's events: each event of a stream carries the hash of the one before."""

from __future__ import annotations

from collections.abc import Iterator

from agent_events.evidence.offline.entry import BundledEvent


class StreamChains:
    """Follows every stream through the events, which come in the order of the log.

    It keeps the last event of each stream, about 0.3 kB each.

    Args:
        gapless: every event of a stream must be there, not only some of them.
        from_start: … and from its first one on.
    """

    def __init__(self, *, gapless: bool, from_start: bool) -> None:
        self._gapless = gapless
        self._from_start = from_start
        self._last: dict[tuple[object, object], tuple[int, str]] = {}

    def problems(self, event: BundledEvent) -> Iterator[str]:
        """Take the next event, and say what is wrong with its place in its stream."""
        fields = event.fields
        sequence, prev_hash = fields["sequence"], fields["prev_hash"]
        if fields["aggregate_id"] is None:
            if sequence is not None or prev_hash is not None:
                yield "it has no aggregate, but a place in a stream"
            return
        if not isinstance(sequence, int) or sequence < 1:
            yield f"its sequence is {sequence}"
            return
        stream = (fields["aggregate_type"], fields["aggregate_id"])
        before = self._last.get(stream)
        self._last[stream] = (sequence, event.hash.hex())
        name = f"{stream[0]}/{stream[1]}"
        if (prev_hash is None) != (sequence == 1):
            yield f"{name}: sequence {sequence} has {'no' if prev_hash is None else 'a'} prev_hash"
        elif before is None:
            if self._gapless and self._from_start and sequence != 1:
                yield f"{name}: it begins with sequence {sequence}; what was before is missing"
        elif sequence <= before[0]:
            yield f"{name}: sequence {sequence} comes after {before[0]}"
        elif sequence > before[0] + 1:
            if self._gapless:
                yield f"{name}: sequence {sequence} follows {before[0]}; some are missing"
        elif prev_hash != before[1]:
            yield f"{name}: prev_hash of sequence {sequence} is not the hash of {before[0]}"
