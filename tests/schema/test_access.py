"""grant_access and revoke_access: who may act for which tenant, effective at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
import pytest

Connect = Callable[..., psycopg.Connection[Any]]
LoginRole = Callable[[str, Mapping[str, Sequence[str]]], str]

EMIT = "select ledger.emit_event('deal.created', '{\"name\": \"x\"}', tenant_id => 'acme')"


def test_revoked_access_ends_at_once(
    pg: psycopg.Connection[Any], connect: Connect, login_role: LoginRole
) -> None:
    role = login_role("app", {"acme": ["write", "read"]})
    app = connect(user=role)
    app.execute(EMIT)
    pg.execute("select ledger.revoke_access(%s, 'acme', '{write}')", [role])
    with pytest.raises(psycopg.Error) as refused:
        app.execute(EMIT)
    assert refused.value.sqlstate == "LG005"
    assert "grant_access" in (refused.value.diag.message_hint or "")
    rows = app.execute("select count(*) from ledger.events").fetchone()
    assert rows == (1,)


def test_every_privilege_revoked_leaves_no_grant(
    pg: psycopg.Connection[Any], login_role: LoginRole
) -> None:
    role = login_role("app", {"acme": ["write", "read"]})
    pg.execute("select ledger.revoke_access(%s, 'acme')", [role])
    query = "select count(*) from ledger.tenant_grants where role_name = %s"
    assert pg.execute(query, [role]).fetchone() == (0,)


def test_grants_add_up(pg: psycopg.Connection[Any], login_role: LoginRole) -> None:
    role = login_role("app", {"acme": ["write"]})
    pg.execute("select ledger.grant_access(%s, 'acme', '{read,write}')", [role])
    query = "select privileges from ledger.tenant_grants where role_name = %s"
    assert pg.execute(query, [role]).fetchone() == (["read", "write"],)


def test_a_grant_for_every_tenant_covers_one_that_comes_later(
    connect: Connect, login_role: LoginRole
) -> None:
    app = connect(user=login_role("app", {"*": ["write"]}))
    app.execute(EMIT)


@pytest.mark.parametrize(
    "call",
    [
        "grant_access('nobody_such', 'acme')",
        "grant_access(current_user, 'no tenant!')",
        "grant_access(current_user, 'acme', '{rule}')",
        "revoke_access('nobody_such', 'acme')",
    ],
)
def test_nonsense_is_refused(pg: psycopg.Connection[Any], call: str) -> None:
    with pytest.raises(psycopg.Error) as refused:
        pg.execute(f"select ledger.{call}")  # type: ignore[arg-type]
    assert refused.value.sqlstate == "LG009"
