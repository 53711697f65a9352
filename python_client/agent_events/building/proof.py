"""Proofs, in the form that the ledger takes: {type, data, url, hash, capturedAt}."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

ProofType = Literal["screenshot", "api_response", "hash", "url", "none"]


class ApiResponse(Protocol):
    """What the responses of httpx and requests have in common."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def text(self) -> str:
        """The body."""

    @property
    def url(self) -> Any:
        """What was asked."""

    def json(self) -> Any:
        """Return the body, parsed; raises ValueError where it is no JSON."""


def proof_of(
    type: ProofType,
    *,
    data: Any = None,
    url: str | None = None,
    hash: str | None = None,
    captured_at: datetime | None = None,
) -> dict[str, Any]:
    """Put a proof together; `captured_at` is now unless it is given."""
    given = {"type": type, "data": data, "url": url, "hash": hash}
    proof = {name: value for name, value in given.items() if value is not None}
    return {**proof, "capturedAt": (captured_at or datetime.now(UTC)).isoformat()}


def hash_of(content: bytes) -> str:
    """Return what identifies the content: sha256:<64 hex digits>."""
    return f"sha256:{sha256(content).hexdigest()}"


def response_data(response: ApiResponse) -> dict[str, Any]:
    """Return status and body of a response, and no headers: these carry cookies and tokens."""
    try:
        body = response.json()
    except ValueError:
        body = response.text
    return {"status_code": response.status_code, "body": body}


def response_url(response: ApiResponse) -> str:
    """Return the response's address without what may be secret: user, password and query."""
    parts = urlsplit(str(response.url))
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
