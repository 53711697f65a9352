"""Audit events in a chain of words."""

from datetime import datetime
from typing import assert_type

import httpx

from agent_events import (
    AsyncAuditEmitter,
    AsyncLedger,
    AuditEmitter,
    Event,
    Ledger,
    Receipt,
    Spooled,
    audit,
)
from agent_events.building import EmitterAudit


def publish(cause: Event, response: httpx.Response, taken_at: datetime) -> Receipt | Spooled:
    published = (
        audit()
        .for_client("acme")
        .action("content.publish")
        .actor("agent", "publisher")
        .target("post", "456")
        .payload({"old_status": "draft"}, new_status="published")
        .with_metadata(platform="web", lane="fast", duration_ms=12.5, attempt=2)
        .with_correlation(cause.correlation_id)
        .child_of(cause)
        .idempotent("publish-456")
    )
    assert_type(published, EmitterAudit[Receipt | Spooled])
    published.failed("E42", "no such post").with_api_proof({"id": 1}).buffer()
    published.partial().with_screenshot_proof(b"png", url="https://a.example/1").buffer()
    published.pending().with_hash_proof(content=b"text", captured_at=taken_at).buffer()
    published.pending().with_hash_proof("ab12").with_url_proof("https://a.example").buffer()
    published.pending().with_proof("none", data={"why": "manual"}).buffer()
    return published.succeeded().with_api_proof(response).emit()


def log_in(emitter: AuditEmitter, ledger: Ledger, cause: Receipt) -> None:
    words = emitter.audit().action("auth.login").actor("user", "ann").succeeded().child_of(cause)
    assert_type(words.emit(), Receipt)
    joined = ledger.audit().action("auth.login").actor("user", "ann").succeeded()
    assert_type(joined.child_of(cause.id).emit(), Receipt)


async def log_in_asynchronously(emitter: AsyncAuditEmitter, ledger: AsyncLedger) -> None:
    words = emitter.audit().action("auth.login").actor("user", "ann").succeeded()
    assert_type(await words.emit(), Receipt)
    await words.with_options(private={"ip": "::1"}, subject_id="ann").buffer()
    assert_type(await ledger.audit().action("auth.login").succeeded().emit(), Receipt)


def misuse(emitter: AuditEmitter, ledger: Ledger) -> None:
    emitter.audit().actor("robot", "r2")  # type: ignore[arg-type]
    emitter.audit().with_proof("video")  # type: ignore[arg-type]
    ledger.audit().buffer()  # type: ignore[attr-defined]
