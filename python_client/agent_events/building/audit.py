"""The words of the chain; what is said is what `EventArguments` takes, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Self, Unpack, cast
from uuid import UUID

from agent_events import errors
from agent_events._masking import mask_text
from agent_events.building.proof import (
    ApiResponse,
    ProofType,
    hash_of,
    proof_of,
    response_data,
    response_url,
)
from agent_events.context import ambient
from agent_events.models import (
    ActorType,
    Event,
    EventArguments,
    EventOptions,
    Id,
    Json,
    Outcome,
    Receipt,
)

_NEEDED = {
    "event_type": ("action", '.action("content.publish")'),
    "actor_type": ("actor", '.actor("agent", "publisher"), or agent_events.context'),
    "outcome": ("outcome", ".succeeded(), .failed(code, message), .partial() or .pending()"),
}


@dataclass(frozen=True, kw_only=True)
class Audit:
    """An audit event that is being described.

    It needs an action, an actor (or one in `agent_events.context`) and an outcome; everything else
    is optional. What is missing is raised when it is emitted, all at once.
    """

    given: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def for_client(self, tenant_id: str) -> Self:
        """Say whose ledger it goes to."""
        return self._with(tenant_id=tenant_id)

    def action(self, event_type: str) -> Self:
        """Say what was done: a registered event type, e.g. 'content.publish'."""
        return self._with(event_type=event_type)

    def actor(self, actor_type: ActorType, actor_id: str) -> Self:
        """Say who did it."""
        return self._with(actor_type=actor_type, actor_id=actor_id)

    def target(self, aggregate_type: str, aggregate_id: str) -> Self:
        """Say what it was done to; the event is the next of that stream."""
        return self._with(aggregate_type=aggregate_type, aggregate_id=aggregate_id)

    def payload(self, payload: Json | None = None, /, **fields: Any) -> Self:
        """Add fields to the payload, as the event type's schema wants them."""
        return self._add("payload", {**(payload or {}), **fields})

    def succeeded(self) -> Self:
        """Say that it was done."""
        return self._ended("success")

    def failed(self, code: str | None = None, message: str | None = None) -> Self:
        """Say that it was not done, and why: `error_code` and `error_message` of the metadata.

        What looks like a secret in the message is masked.
        """
        said = None if message is None else mask_text(message)
        return self._ended("failure").with_metadata(error_code=code, error_message=said)

    def partial(self) -> Self:
        """Say that a part of it was done."""
        return self._ended("partial")

    def pending(self) -> Self:
        """Say that it is not decided yet."""
        return self._ended("pending")

    def with_proof(
        self,
        type: ProofType,
        *,
        data: Any = None,
        url: str | None = None,
        hash: str | None = None,
        captured_at: datetime | None = None,
    ) -> Self:
        """Add what shows it; an event has one proof, so a second takes the place of the first.

        `data` is any JSON, `captured_at` is now unless it is given.
        """
        return self._with(
            proof=proof_of(type, data=data, url=url, hash=hash, captured_at=captured_at)
        )

    def with_api_proof(
        self, response: ApiResponse | Json, *, captured_at: datetime | None = None
    ) -> Self:
        """Add the answer of an API: a response of httpx or requests, or JSON.

        Of a response it keeps the status, the body, and the address without its query.
        """
        if isinstance(response, Mapping):
            return self.with_proof("api_response", data=response, captured_at=captured_at)
        return self.with_proof(
            "api_response",
            data=response_data(response),
            url=response_url(response),
            captured_at=captured_at,
        )

    def with_screenshot_proof(
        self,
        image: bytes | None = None,
        *,
        url: str | None = None,
        hash: str | None = None,
        captured_at: datetime | None = None,
    ) -> Self:
        """Add a screenshot that is kept elsewhere, at `url`: of the image only the hash is kept."""
        known = hash if image is None else hash_of(image)
        return self.with_proof("screenshot", url=url, hash=known, captured_at=captured_at)

    def with_hash_proof(
        self,
        hash: str | None = None,
        *,
        content: bytes | None = None,
        captured_at: datetime | None = None,
    ) -> Self:
        """Add the hash of something that is kept elsewhere: given, or taken of the content."""
        known = hash if content is None else hash_of(content)
        return self.with_proof("hash", hash=known, captured_at=captured_at)

    def with_url_proof(self, url: str, *, captured_at: datetime | None = None) -> Self:
        """Add the place where it can be seen."""
        return self.with_proof("url", url=url, captured_at=captured_at)

    def with_metadata(
        self,
        *,
        platform: str | None = None,
        lane: str | None = None,
        duration_ms: float | None = None,
        error_code: str | None = None,
        error_message: str | None = None,
        request_id: str | None = None,
        episode_id: str | None = None,
        **free: Any,
    ) -> Self:
        """Add to the metadata: these usual keys, and any others; what is None is left out."""
        usual = {
            "platform": platform,
            "lane": lane,
            "duration_ms": duration_ms,
            "error_code": error_code,
            "error_message": error_message,
            "request_id": request_id,
            "episode_id": episode_id,
        }
        said = {name: value for name, value in (usual | free).items() if value is not None}
        return self._add("metadata", said) if said else self

    def with_correlation(self, correlation_id: Id) -> Self:
        """Say what it is part of."""
        return self._with(correlation_id=correlation_id)

    def child_of(self, cause: Event | Receipt | Id) -> Self:
        """Say which event caused it; it is part of the same correlation."""
        if isinstance(cause, Event):
            same = {"correlation_id": cause.correlation_id} | self._said("correlation_id")
            return self._with(causation_id=cause.id, **same)
        if isinstance(cause, (Receipt, UUID, str)):
            return self._with(causation_id=cause.id if isinstance(cause, Receipt) else cause)
        raise errors.InvalidArgument(
            f"{type(cause).__name__} names no event", hint="An event, its receipt, or its id."
        )

    def idempotent(self, key: str) -> Self:
        """Have it stored once, however often it is emitted with this key."""
        return self._with(idempotency_key=key)

    def with_options(self, **options: Unpack[EventOptions]) -> Self:
        """Say anything else that an event takes, e.g. `private` and `subject_id`."""
        return self._with(**options)

    def arguments(self) -> EventArguments:
        """Return what is to be emitted; raises `errors.InvalidArgument` naming all that lacks."""
        known = ambient() | {name: value for name, value in self.given.items() if value is not None}
        missing = [words for name, words in _NEEDED.items() if name not in known]
        if missing:
            raise errors.InvalidArgument(
                "the audit event lacks " + ", ".join(name for name, _ in missing),
                hint="Add " + "; ".join(how for _, how in missing) + ".",
            )
        return cast(EventArguments, dict(self.given))

    def _ended(self, outcome: Outcome) -> Self:
        return self._with(outcome=outcome)

    def _said(self, name: str) -> dict[str, Any]:
        return {name: self.given[name]} if name in self.given else {}

    def _add(self, name: str, values: Mapping[str, Any]) -> Self:
        return self._with(**{name: {**(self.given.get(name) or {}), **values}})

    def _with(self, **changes: Any) -> Self:
        return replace(self, given=MappingProxyType({**self.given, **changes}))
