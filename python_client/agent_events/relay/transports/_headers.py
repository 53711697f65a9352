"""Headers for protocols whose headers are ASCII."""

from __future__ import annotations

import re

from agent_events.relay.envelope import percent_encoded

# What `percent_encoded` changes; one search through all values together, as most need no change.
_ENCODED = re.compile(r"[^!#$&-~]")


def ascii_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers with their values percent-encoded, where that is needed."""
    if _ENCODED.search("".join(headers.values())) is None:
        return headers
    return {name: percent_encoded(value) for name, value in headers.items()}
