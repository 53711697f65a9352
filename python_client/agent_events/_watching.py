"""Where somebody looks on at the client's calls of the ledger: `agent_events.otel` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from psycopg import ConnectionInfo

Watch = Callable[[str, Mapping[str, Any], ConnectionInfo], AbstractContextManager[object]]
"""Is given the function's name, its arguments and the connection; each call runs inside it."""

watch: Watch | None = None
