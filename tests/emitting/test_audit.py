"""The chain of words that describes an audit event: what each says, and what is missing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from hashlib import sha256
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from agent_events import (
    AsyncAuditEmitter,
    AsyncLedger,
    AuditEmitter,
    Ledger,
    Receipt,
    Spooled,
    audit,
    configure,
    context,
    emit_audit_event,
    errors,
    get_emitter,
)
from agent_events.building import Audit

Connection = psycopg.Connection[Any]
MakeEmitter = Callable[..., Any]

PUBLISHED = {"old_status": "draft", "new_status": "published"}
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def published() -> Audit:
    """An audit event that lacks nothing, for nobody to emit."""
    words = Audit().action("content.publish").actor("agent", "publisher").succeeded()
    return words.payload(PUBLISHED)


def proof(audit: Audit) -> Any:
    return audit.arguments()["proof"]


def metadata(audit: Audit) -> Any:
    return audit.arguments()["metadata"]


def test_chain_says_who_did_what_to_what(make_emitter: MakeEmitter, pg: Connection) -> None:
    words = (
        Audit()
        .for_client("acme")
        .action("content.publish")
        .actor("agent", "publisher")
        .target("post", "456")
        .payload(PUBLISHED, channel="blog")
        .succeeded()
    )
    receipt = make_emitter().emit(**words.arguments())
    event = Ledger(pg).get_event(receipt.id, tenant_id="acme")
    assert event is not None
    assert event.payload == {**PUBLISHED, "channel": "blog"}
    assert (event.actor_type, event.actor_id, event.outcome) == ("agent", "publisher", "success")
    assert (event.aggregate_type, event.aggregate_id, event.sequence) == ("post", "456", 1)


def test_emitters_chain_is_emitted_and_buffered(dsn: str, pg: Connection) -> None:
    with AuditEmitter(dsn) as emitter:
        words = emitter.audit().action("auth.login").actor("user", "ann").target("user", "ann")
        receipt = words.succeeded().emit()
        words.failed("bad_password").buffer()
        emitter.flush()
    stream = Ledger(pg).read_stream("user", "ann")
    assert stream[0].id == receipt.id
    assert [event.outcome for event in stream] == ["success", "failure"]


def test_asynchronous_emitters_chain_is_awaited(dsn: str, pg: Connection, loop: Any) -> None:
    async def scenario() -> None:
        async with AsyncAuditEmitter(dsn) as emitter:
            words = emitter.audit().action("auth.login").actor("user", "ann").target("user", "ann")
            await words.succeeded().emit()
            await words.pending().buffer()

    asyncio.run_coroutine_threadsafe(scenario(), loop).result()
    assert [e.outcome for e in Ledger(pg).read_stream("user", "ann")] == ["success", "pending"]


def test_ledgers_chain_joins_the_transaction(dsn: str, pg: Connection) -> None:
    with psycopg.connect(dsn) as connection:
        words = Ledger(connection).audit().action("auth.login").actor("user", "ann").partial()
        receipt = words.emit()
        assert Ledger(pg).get_event(receipt.id) is None
    assert Ledger(pg).get_event(receipt.id) is not None


def test_asynchronous_ledgers_chain(dsn: str, pg: Connection, loop: Any) -> None:
    async def scenario() -> Any:
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            words = AsyncLedger(connection).audit().action("auth.login").actor("user", "ann")
            return await words.succeeded().emit()

    receipt = asyncio.run_coroutine_threadsafe(scenario(), loop).result()
    assert Ledger(pg).get_event(receipt.id) is not None


def test_module_level_audit_emits_by_the_processs_emitter(
    dsn: str, monkeypatch: pytest.MonkeyPatch, pg: Connection
) -> None:
    monkeypatch.setenv("AGENT_EVENTS_DSN", dsn)
    emitter = configure(buffer_size=1)
    assert get_emitter() is emitter
    try:
        receipt = audit().action("auth.login").actor("user", "ann").succeeded().emit()
        other = emit_audit_event("auth.login", actor_type="user", actor_id="bob")
        for each in (receipt, other):
            assert isinstance(each, Receipt)
            assert Ledger(pg).get_event(each.id) is not None
    finally:
        emitter.close()


def test_what_is_missing_is_named_all_at_once() -> None:
    with pytest.raises(errors.InvalidArgument) as caught:
        Audit().arguments()
    assert caught.value.message == "the audit event lacks action, actor, outcome"
    assert ".succeeded()" in str(caught.value)
    with pytest.raises(errors.InvalidArgument, match="lacks actor, outcome"):
        Audit().action("auth.login").arguments()


def test_actor_may_come_from_the_context(make_emitter: MakeEmitter, pg: Connection) -> None:
    with context.use(actor_type="user", actor_id="ann"):
        words = Audit().action("auth.login").succeeded().arguments()
        receipt = make_emitter().emit(**words)
    event = Ledger(pg).get_event(receipt.id)
    assert event is not None
    assert event.actor_id == "ann"


def test_chain_never_changes(published: Audit) -> None:
    one = published.for_client("acme").with_metadata(lane="fast").payload(channel="blog")
    other = one.for_client("other").with_metadata(lane="slow", try_=2).payload(channel="mail")
    assert one.arguments()["tenant_id"] == "acme"
    assert metadata(one) == {"lane": "fast"}
    assert metadata(other) == {"lane": "slow", "try_": 2}
    assert one.arguments()["payload"] == {**PUBLISHED, "channel": "blog"}
    assert "metadata" not in published.arguments()
    with pytest.raises(FrozenInstanceError):
        one.given = {}  # type: ignore[misc]
    with pytest.raises(TypeError):
        one.given["tenant_id"] = "other"  # type: ignore[index]


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (Audit().succeeded(), "success"),
        (Audit().failed(), "failure"),
        (Audit().partial(), "partial"),
        (Audit().pending(), "pending"),
    ],
)
def test_outcomes(words: Audit, outcome: str) -> None:
    assert words.given == {"outcome": outcome}


def test_failed_says_why(published: Audit) -> None:
    words = published.failed("E42", "it did not work")
    assert metadata(words) == {"error_code": "E42", "error_message": "it did not work"}


def test_metadata_of_none_can_be_added_to(published: Audit) -> None:
    words = published.with_options(metadata=None).failed("E42")
    assert metadata(words) == {"error_code": "E42"}


def test_metadata_has_usual_and_free_keys(published: Audit) -> None:
    usual: dict[str, Any] = {
        "platform": "web",
        "lane": "fast",
        "duration_ms": 12.5,
        "error_code": "E42",
        "error_message": "no",
        "request_id": "r-1",
        "episode_id": "e-1",
    }
    assert metadata(published.with_metadata(**usual, free=[1])) == usual | {"free": [1]}


def test_proofs(published: Audit) -> None:
    at = WHEN.isoformat()
    image, digest = b"png", f"sha256:{sha256(b'png').hexdigest()}"
    cases: list[tuple[Audit, dict[str, Any]]] = [
        (
            published.with_proof("none", data={"reason": "manual"}, captured_at=WHEN),
            {"type": "none", "data": {"reason": "manual"}},
        ),
        (
            published.with_api_proof({"id": 1}, captured_at=WHEN),
            {"type": "api_response", "data": {"id": 1}},
        ),
        (
            published.with_screenshot_proof(image, url="https://a.example/1", captured_at=WHEN),
            {"type": "screenshot", "url": "https://a.example/1", "hash": digest},
        ),
        (
            published.with_hash_proof("abc", captured_at=WHEN),
            {"type": "hash", "hash": "abc"},
        ),
        (
            published.with_hash_proof(content=image, captured_at=WHEN),
            {"type": "hash", "hash": digest},
        ),
        (
            published.with_url_proof("https://a.example", captured_at=WHEN),
            {"type": "url", "url": "https://a.example"},
        ),
    ]
    for words, expected in cases:
        assert proof(words) == {**expected, "capturedAt": at}


def test_proof_of_a_response_keeps_no_secret_of_the_request(published: Audit) -> None:
    response = SimpleNamespace(
        status_code=201,
        text='{"id": 1}',
        url="https://ann:pw@api.example/posts?api_key=k#f",
        headers={"set-cookie": "s"},
        json=lambda: json.loads('{"id": 1}'),
    )
    kept = proof(published.with_api_proof(response))
    assert kept["url"] == "https://api.example/posts"
    assert kept["data"] == {"status_code": 201, "body": {"id": 1}}


def test_proof_is_captured_now(published: Audit) -> None:
    before = datetime.now(UTC)
    captured = datetime.fromisoformat(proof(published.with_url_proof("x"))["capturedAt"])
    assert before <= captured <= datetime.now(UTC)


def test_every_proof_is_one_for_the_ledger(dsn: str, published: Audit) -> None:
    with AuditEmitter(dsn) as emitter:
        for words in (
            published.with_proof("none"),
            published.with_api_proof({"id": 1}),
            published.with_screenshot_proof(b"png"),
            published.with_hash_proof("abc"),
            published.with_url_proof("https://a.example"),
        ):
            emitter.emit(**words.arguments())  # type: ignore[misc]


def test_child_of(dsn: str, published: Audit, pg: Connection) -> None:
    correlation = uuid4()
    ledger = Ledger(pg)
    with AuditEmitter(dsn) as emitter:
        cause = emitter.emit(**published.with_correlation(correlation).arguments())  # type: ignore[misc]
        event = ledger.get_event(cause.id)
        assert event is not None
        for given in (cause, event, cause.id, str(cause.id)):
            receipt = emitter.emit(**published.child_of(given).arguments())  # type: ignore[misc]
            child = ledger.get_event(receipt.id)
            assert child is not None
            assert (child.causation_id, child.correlation_id) == (cause.id, correlation)
    with pytest.raises(errors.InvalidArgument, match="Spooled names no event"):
        published.child_of(Spooled("key", WHEN))  # type: ignore[arg-type]


def test_idempotent_and_other_options(dsn: str, published: Audit) -> None:
    words = published.idempotent("once").with_options(private={"name": "Ann"}, subject_id="ann")
    with AuditEmitter(dsn) as emitter:
        first, again = (emitter.emit(**words.arguments()) for _ in range(2))  # type: ignore[misc]
    assert again.id == first.id
    assert again.duplicate
