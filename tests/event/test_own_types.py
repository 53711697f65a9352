"""What happened to the ledger itself: nobody says so but the function by which it happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from agent_events._resources import sql_dir

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]
Refused = Callable[..., psycopg.Error]

FILES = sorted((sql_dir() / "catalog" / "ledger").glob("*.json"))
EXAMPLES = {
    schema["x-event-type"]: schema["examples"][0]
    for schema in (json.loads(path.read_text()) for path in FILES)
}
IMPORTED = "ledger.import_completed"
OWN = sorted(EXAMPLES.keys() - {IMPORTED})
EMIT = "select * from ledger.emit_event(%s, %s, tenant_id => 'acme')"
EMIT_BATCH = "select ledger.emit_events(%s, 'acme')"
PRIVILEGES = ["write", "read", "relay", "consume", "operate", "privacy", "audit", "register"]


def batch(event_type: str, payload: Any) -> Jsonb:
    return Jsonb([{"event_type": event_type, "payload": payload}])


@pytest.fixture
def officer(connect: Connect, login_role: LoginRole) -> AnyConnection:
    """May do for every tenant all that can be granted."""
    return connect(user=login_role("officer", {"*": PRIVILEGES}))


@pytest.mark.parametrize("event_type", OWN)
def test_nobody_emits_them(
    pg: AnyConnection, officer: AnyConnection, refused: Refused, event_type: str
) -> None:
    """Nor does a superuser, by these functions."""
    payload = EXAMPLES[event_type]
    for connection in (officer, pg):
        error = refused(connection, "LG005", EMIT, [event_type, Jsonb(payload)])
        assert "directly" in str(error)
        refused(connection, "LG005", EMIT_BATCH, [batch(event_type, payload)])
    assert pg.execute("select count(*) from ledger.agent_events").fetchone() == (0,)


def test_nor_does_a_member_of_the_owner(
    pg: AnyConnection, connect: Connect, login_role: LoginRole, refused: Refused
) -> None:
    """It may call the parts of functions, but not the one by which they emit."""
    admin = connect(user=login_role("admin"))
    pg.execute("grant ledger_owner to " + admin.info.user)
    own = "select ledger.emit_own_event(%s, %s, 'acme')"
    for event_type, payload in EXAMPLES.items():
        refused(admin, "42501", own, [event_type, Jsonb(payload)])
    refused(admin, "42501", "select ledger.record_read('acme', 'u-7', '{}', 'none')")
    refused(admin, "42501", "insert into ledger.emit_permits default values")
    grant = "grant execute on function ledger.emit_own_event to ledger_owner"
    refused(admin, "42501", grant)
    refused(admin, "LG005", EMIT, ["ledger.log_rebased", Jsonb(EXAMPLES["ledger.log_rebased"])])


def test_the_hint_names_the_function_that_does(pg: AnyConnection, refused: Refused) -> None:
    for event_type in OWN:
        hint = str(refused(pg, "LG005", EMIT, [event_type, Jsonb({})]).diag.message_hint)
        schema = pg.execute(
            "select description from ledger.event_types where event_type = %s", [event_type]
        ).fetchone()
        assert schema is not None
        assert ("reserved" in hint) == schema[0].startswith("Reserved"), event_type
        if "reserved" not in hint:
            name = hint.split("(")[0]
            assert pg.execute("select to_regproc(%s)", [name]).fetchone() != (None,), event_type


def test_nor_one_that_is_not_registered(
    pg: AnyConnection, officer: AnyConnection, refused: Refused
) -> None:
    pg.execute("select ledger.set_tenant_policy('acme', 'open')")
    refused(officer, "LG005", "select ledger.emit_event('ledger.made_up', tenant_id => 'acme')")


def test_what_emits_one_permits_no_other(pg: AnyConnection, officer: AnyConnection) -> None:
    pg.execute("select ledger.register_event_type('deal.changed', '{}')")
    officer.execute(
        "select ledger.emit_event('deal.changed', tenant_id => 'acme', aggregate_type => 'deal', "
        "aggregate_id => '42')"
    )
    officer.execute("select ledger.seal('acme')")
    for function, event_type in (
        ("rebase_log('acme')", "ledger.log_rebased"),
        ("create_snapshot('deal', '42', 'acme')", "ledger.snapshot_created"),
    ):
        with officer.transaction():
            officer.execute(f"select ledger.{function}")
            with pytest.raises(psycopg.Error, match="directly"), officer.transaction():
                officer.execute(EMIT, [event_type, Jsonb(EXAMPLES[event_type])])
        query = "select count(*) from ledger.events where event_type = %s"
        assert pg.execute(query, [event_type]).fetchone() == (1,)
    assert pg.execute("select count(*) from ledger.emit_permits").fetchone() == (0,)


class TestAnImport:
    """Where the events came from, only the operator knows."""

    @pytest.mark.parametrize("privilege", [each for each in PRIVILEGES if each != "operate"])
    def test_others_do_not_say_it(
        self, connect: Connect, login_role: LoginRole, refused: Refused, privilege: str
    ) -> None:
        role = login_role("app", {"acme": [privilege], "globex": ["write", "operate"]})
        app = connect(user=role)
        refused(app, "LG005", EMIT, [IMPORTED, Jsonb(EXAMPLES[IMPORTED])])
        refused(app, "LG005", EMIT_BATCH, [batch(IMPORTED, EXAMPLES[IMPORTED])])

    def test_an_operator_says_it(
        self, pg: AnyConnection, connect: Connect, login_role: LoginRole, refused: Refused
    ) -> None:
        operator = connect(user=login_role("operator", {"acme": ["operate"]}))
        pg.execute("grant ledger_writer to " + operator.info.user)
        assert operator.execute(EMIT, [IMPORTED, Jsonb(EXAMPLES[IMPORTED])]).fetchone()
        refused(operator, "LG003", EMIT, [IMPORTED, Jsonb({"source": "a file"})])
        refused(operator, "LG005", "select ledger.emit_event('deal.won', tenant_id => 'acme')")


def test_a_registrar_cannot_redefine_them(officer: AnyConnection, refused: Refused) -> None:
    refused(officer, "LG009", "select ledger.register_event_type('ledger.log_rebased', '{}')")
