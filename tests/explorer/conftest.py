"""A ledger with two tenants, and the explorer over it as its readers see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import psycopg
import pytest
from explorer.browsing import Browser
from psycopg.conninfo import make_conninfo

from agent_events import Ledger
from agent_events.explorer.app import create_app
from agent_events.explorer.settings import Settings

AnyConnection = psycopg.Connection[Any]
Explore = Callable[..., Browser]
Emit = Callable[..., UUID]


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection; the tenants acme and other take events of any type."""
    pg.execute("select ledger.set_tenant_policy(t, 'open') from unnest('{acme,other}'::text[]) t")
    return pg


@pytest.fixture
def emit(ledger: AnyConnection) -> Emit:
    """`emit("test.happened", {...}, outcome="failure")`: the id of a new event of acme."""
    client = Ledger(ledger)

    def emit_event(event_type: str = "test.happened", payload: Any = None, **given: Any) -> UUID:
        return client.emit_event(event_type, payload, **({"tenant_id": "acme"} | given)).id

    return emit_event


@pytest.fixture
def explore(dsn: str, login_role: Callable[..., str]) -> Iterator[Explore]:
    """`explore(acme=["read"])`: a browser of the explorer, whose role has these grants.

    `settings` go to Settings, `client` to the Browser, `routes` are pages of the test's own;
    `every` is every tenant. Without grants it is a reader of acme.
    """
    with ExitStack() as stack:

        def start(
            settings: dict[str, Any] | None = None,
            client: dict[str, Any] | None = None,
            routes: Any = (),
            **grants: list[str],
        ) -> Browser:
            named = {"*" if name == "every" else name: given for name, given in grants.items()}
            role = login_role("looks", named or {"acme": ["read"]})
            usual = {"dsn": make_conninfo(dsn, user=role)}
            app = create_app(Settings(**(usual | (settings or {}))))
            app.router.routes.extend(routes)
            return stack.enter_context(Browser(app, **(client or {})))

        yield start
