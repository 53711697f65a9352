"""What the fields of the models are made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

Id = UUID | str
"""A UUID, or its text; the database refuses text that is none."""

Digest = bytes
"""32 bytes of SHA-256."""

Json = Mapping[str, Any]
"""A JSON object. UUID, datetime and date inside it are written as text (ISO 8601)."""

ActorType = Literal["user", "agent", "system", "webhook"]
Outcome = Literal["success", "failure", "partial", "pending"]

Interval = timedelta | str
"""A length of time: a timedelta, or text as PostgreSQL reads it, e.g. '1 year'."""

PartitionInterval = Literal["day", "week", "month"]
