"""A ledger with some events, and the explorer over it as its readers see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from explorer.browsing import Browser
from psycopg.conninfo import make_conninfo

from agent_events.explorer.app import create_app
from agent_events.explorer.settings import Settings

AnyConnection = psycopg.Connection[Any]
Explore = Callable[..., Browser]


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection; the tenants acme and other take events of any type."""
    pg.execute("select ledger.set_tenant_policy(t, 'open') from unnest('{acme,other}'::text[]) t")
    return pg


@pytest.fixture
def explore(dsn: str, login_role: Callable[..., str]) -> Iterator[Explore]:
    """`explore(acme=["read"])`: a browser of the explorer, whose role has these grants.

    `settings` go to Settings, `client` to the Browser; `every` is every tenant.
    """
    with ExitStack() as stack:

        def start(
            settings: dict[str, Any] | None = None,
            client: dict[str, Any] | None = None,
            **grants: list[str],
        ) -> Browser:
            role = login_role("looks", {"*" if t == "every" else t: g for t, g in grants.items()})
            app = create_app(Settings(make_conninfo(dsn, user=role), **(settings or {})))
            return stack.enter_context(Browser(app, **(client or {})))

        yield start
