"""What happened to the ledger itself: only those who operate or audit it can say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

Connect = Callable[..., psycopg.Connection[Any]]
LoginRole = Callable[..., str]

REBASED = Jsonb(
    {"old_epoch": 0, "new_epoch": 1, "tree_size": 0, "reason": "none", "rebased_by": "somebody"}
)
EMIT = "select * from ledger.emit_event('ledger.log_rebased', %s, tenant_id => 'acme')"


def granted(pg: psycopg.Connection[Any], name: str, privileges: str) -> str:
    pg.execute("select ledger.grant_access(%s, 'acme', %s::text[])", [name, privileges])
    pg.execute(f"grant ledger_writer to {name}")
    return name


def test_a_writer_cannot_forge_them(
    pg: psycopg.Connection[Any], connect: Connect, login_role: LoginRole
) -> None:
    app = connect(user=granted(pg, login_role("app"), "{write,read}"))
    with pytest.raises(psycopg.Error) as refused:
        app.execute(EMIT, [REBASED])
    assert refused.value.sqlstate == "LG005"
    with pytest.raises(psycopg.Error) as refused:
        app.execute(
            "select ledger.emit_events(%s, 'acme')",
            [Jsonb([{"event_type": "ledger.log_rebased", "payload": REBASED.obj}])],
        )
    assert refused.value.sqlstate == "LG005"


def test_nor_one_that_is_not_registered(
    pg: psycopg.Connection[Any], connect: Connect, login_role: LoginRole
) -> None:
    pg.execute("select ledger.set_tenant_policy('acme', 'open')")
    app = connect(user=granted(pg, login_role("app"), "{write}"))
    with pytest.raises(psycopg.Error) as refused:
        app.execute("select ledger.emit_event('ledger.made_up', tenant_id => 'acme')")
    assert refused.value.sqlstate == "LG005"


def test_an_operator_emits_them(
    pg: psycopg.Connection[Any], connect: Connect, login_role: LoginRole
) -> None:
    operator = connect(user=granted(pg, login_role("operator"), "{operate}"))
    assert operator.execute(EMIT, [REBASED]).fetchone()
    with pytest.raises(psycopg.Error) as refused:
        operator.execute("select ledger.emit_event('deal.created', tenant_id => 'acme')")
    assert refused.value.sqlstate == "LG005"


def test_their_payload_is_checked(pg: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.Error) as refused:
        pg.execute(EMIT, [Jsonb({"old_epoch": "none"})])
    assert refused.value.sqlstate == "LG003"


def test_a_registrar_cannot_redefine_them(
    pg: psycopg.Connection[Any], connect: Connect, login_role: LoginRole
) -> None:
    name = login_role("registrar")
    pg.execute(f"grant ledger_registrar to {name}")
    with pytest.raises(psycopg.Error) as refused:
        connect(user=name).execute("select ledger.register_event_type('ledger.log_rebased', '{}')")
    assert refused.value.sqlstate == "LG009"
