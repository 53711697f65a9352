"""A log record per emitted event: which event, never what is in it.

`extra` has event_type, event_id, tenant_id, aggregate_type, aggregate_id, sequence, outcome and
duplicate, so that a JSON formatter writes them as fields; payload, proof, metadata and private data
are in no record.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from agent_events.models import Receipt

LOGGER = logging.getLogger("agent_events")
"""Where they go, at INFO, unless another logger is given."""

_KEPT = ("event_type", "tenant_id", "aggregate_type", "aggregate_id", "outcome")


def log_receipts(
    logger: logging.Logger,
    what: str,
    events: Iterable[Mapping[str, Any]],
    receipts: Iterable[Receipt],
) -> None:
    """Log what became of events: "emitted" in the caller's transaction, or "stored"."""
    if not logger.isEnabledFor(logging.INFO):
        return
    for event, receipt in zip(events, receipts, strict=True):
        logger.info(
            "event %s: %s %s",
            what,
            event.get("event_type"),
            receipt.id,
            extra={
                **{name: event.get(name) for name in _KEPT},
                "event_id": str(receipt.id),
                "sequence": receipt.sequence,
                "duplicate": receipt.duplicate,
            },
        )


def log_spooled(logger: logging.Logger, events: Iterable[Mapping[str, Any]]) -> None:
    """Log that events wait in the journal; they have no id yet."""
    if not logger.isEnabledFor(logging.INFO):
        return
    for event in events:
        logger.info(
            "event spooled: %s",
            event.get("event_type"),
            extra={
                **{name: event.get(name) for name in _KEPT},
                "idempotency_key": event.get("idempotency_key"),
            },
        )
