"""Who may hold, erase and read: real logins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]
Emit = Callable[..., Any]
Refused = Callable[..., psycopg.Error]

CALLS = {
    "read_private": "select * from ledger.read_private(subject_id => 'ada', purpose => 'x')",
    "subject_report": "select * from ledger.subject_report('ada')",
    "erase_private": "select ledger.erase_private('ada', reason => 'x')",
    "place_hold": "select ledger.place_hold('x', 'deal', '1')",
    "release_hold": "select ledger.release_hold(gen_random_uuid(), 'x')",
    "legal_holds": "select * from ledger.legal_holds",
    "active_holds": "select * from ledger.active_holds",
    "held_by": "select * from ledger.held_by()",
    "erasures": "select * from ledger.erasures",
}
HOLDS = {"place_hold", "release_hold", "legal_holds", "active_holds", "held_by"}
MAY = {
    "privacy": set(CALLS),
    "operate": HOLDS,
    "audit": {"legal_holds", "active_holds", "held_by", "erasures"},
    "read": set(),
    "write": set(),
    "relay": set(),
    "consume": set(),
    "register": set(),
}


@pytest.mark.parametrize("privilege", MAY)
def test_who_may_what(
    emit: Emit, connect: Connect, login_role: LoginRole, refused: Refused, privilege: str
) -> None:
    emit()
    user = connect(user=login_role("user", {"acme": [privilege]}))
    user.execute("set ledger.tenant_id = 'acme'")
    for name, statement in CALLS.items():
        if name == "release_hold" and name in MAY[privilege]:
            refused(user, "LG009", statement)  # there is no such hold
        elif name in MAY[privilege]:
            user.execute(statement)
        else:
            refused(user, "42501", statement)


@pytest.mark.parametrize("name", sorted(set(CALLS) - {"legal_holds", "active_holds", "erasures"}))
def test_not_for_another_tenant(officer: AnyConnection, refused: Refused, name: str) -> None:
    officer.execute("set ledger.tenant_id = 'globex'")
    refused(officer, "LG005", CALLS[name])


def test_an_auditor_of_a_reader_role_cannot_read_private(
    emit: Emit, pg: AnyConnection, connect: Connect, login_role: LoginRole, refused: Refused
) -> None:
    """Membership without the tenant's privilege opens nothing."""
    emit()
    role = login_role("user", {"acme": ["read", "audit", "operate"]})
    pg.execute(f"grant ledger_privacy to {role}")
    user = connect(user=role)
    user.execute("set ledger.tenant_id = 'acme'")
    for name in ("read_private", "subject_report", "erase_private"):
        refused(user, "LG005", CALLS[name])


def test_holds_and_erasures_of_other_tenants_are_not_seen(
    ledger: AnyConnection, officer: AnyConnection, emit: Emit
) -> None:
    emit(tenant_id="globex")
    ledger.execute("select ledger.erase_private('ada', reason => 'x', tenant_id => 'globex')")
    ledger.execute("select ledger.place_hold('x', tenant_id => 'globex')")
    for table in ("legal_holds", "active_holds", "erasures"):
        assert officer.execute(f"select * from ledger.{table}").fetchall() == []


def test_a_mistaken_grant_opens_no_holds(
    ledger: AnyConnection, pg: AnyConnection, connect: Connect, login_role: LoginRole
) -> None:
    ledger.execute("select ledger.place_hold('x')")
    role = login_role("reader", {"acme": ["read"]})
    pg.execute(f"grant all on ledger.legal_holds, ledger.erasures to {role}")
    reader = connect(user=role)
    assert reader.execute("select * from ledger.legal_holds").fetchall() == []
    with pytest.raises(psycopg.Error) as refused:
        reader.execute("update ledger.legal_holds set released_at = now()")
    assert refused.value.sqlstate == "LG001"


def test_an_officer_has_no_way_to_the_data_but_the_functions(
    officer: AnyConnection, emit: Emit, refused: Refused
) -> None:
    event = emit()
    for statement in (
        "select * from ledger.event_private",
        "delete from ledger.event_private",
        f"select * from ledger.private_events('acme', array['{event}'::uuid])",
        "select ledger.private_ids('acme', 'ada', null)",
        "select ledger.lock_holds('acme')",
        "select ledger.require_no_hold()",
        "select ledger.record_read('acme', 'ada', '{}', 'x')",
    ):
        refused(officer, "42501", statement)
