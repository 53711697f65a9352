"""Guards, functions and policies that are taken away, and sealing that stops."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attacks.tampering import AnyConnection, Audit, Report, Superuser

LoginRole = Callable[..., str]


def kinds_of(findings: list[dict[str, object]], beginning: str) -> set[str]:
    return {str(line["kind"]) for line in findings if str(line["kind"]).startswith(beginning)}


@pytest.mark.parametrize(
    "statement",
    [
        "alter table ledger.agent_events disable trigger ledger_guard_row",
        "alter table ledger.log_entries disable trigger ledger_guard_statement",
        "alter table ledger.outbox enable trigger ledger_guard_statement",
        "drop trigger ledger_guard_statement on ledger.agent_events",
        "drop trigger ledger_guard_row on ledger.log_blocks",
    ],
)
def test_guard_down(pg: AnyConnection, superuser: Superuser, audit: Audit, statement: str) -> None:
    superuser.tampers(rearm=True)
    with pg.transaction():
        for name in ("ddl", "drop", "rewrite", "detach"):
            pg.execute(f"alter event trigger ledger_guard_{name} disable")
        pg.execute(statement)
        for name in ("ddl", "drop", "rewrite", "detach"):
            pg.execute(f"alter event trigger ledger_guard_{name} enable always")
    assert kinds_of(audit(), "guard")
    reported = pg.execute("select kind from ledger.doctor() where severity = 'error'").fetchall()
    assert any(kind.startswith("guard") for (kind,) in reported)


def test_event_trigger_disabled(pg: AnyConnection, superuser: Superuser, audit: Audit) -> None:
    superuser.tampers(rearm=True)
    pg.execute("alter event trigger ledger_guard_ddl disable")
    assert kinds_of(audit(), "guard")


def test_verify_replaced(superuser: Superuser, inside: Report, audit: Audit) -> None:
    """The database says that all is well; the verifier outside does not ask it."""
    superuser.tampers(
        f"delete from ledger.agent_events where id = {superuser.event_at(150)}",
        """
        create or replace function ledger.verify(
          tenant_id text default null, from_position bigint default null,
          to_position bigint default null, aggregate_type text default null,
          aggregate_id text default null
        )
        returns table (kind text, block_no bigint, "position" bigint, event_id uuid, detail text)
        language sql stable security definer set search_path = pg_catalog, pg_temp
        as $$ select null::text, null::bigint, null::bigint, null::uuid, null::text where false $$
        """,
    )
    assert inside() == set()
    found = audit()
    assert {"missing event", "altered function"} <= {line["kind"] for line in found}
    assert any("verify" in line["detail"] for line in found if line["kind"] == "altered function")


def test_rows_hidden_from_the_verifier(
    pg: AnyConnection,
    superuser: Superuser,
    login_role: LoginRole,
    dsn: str,
    from_outside: Report,
) -> None:
    """A policy hides an edited event from auditors: it is missing, then, and not well."""
    name = login_role("auditor")
    pg.execute("select ledger.grant_access(%s, 'acme', '{audit}')", [name])
    login = f"{dsn} user={name}"
    assert from_outside(login=login) == set()
    event_id = superuser.event_at(150)
    superuser.tampers(
        f"update ledger.agent_events set outcome = 'failure' where id = {event_id}",
        "create policy quiet on ledger.agent_events as restrictive for select"
        f" to ledger_auditor, ledger_reader using (id <> {event_id})",
    )
    assert "missing event" in from_outside(login=login)


def test_the_log_hidden_from_the_verifier(
    pg: AnyConnection,
    superuser: Superuser,
    login_role: LoginRole,
    dsn: str,
    from_outside: Report,
) -> None:
    name = login_role("auditor")
    pg.execute("select ledger.grant_access(%s, 'acme', '{audit}')", [name])
    superuser.tampers(
        *(
            f"create policy quiet on ledger.{table} as restrictive for select"
            " to ledger_auditor, ledger_reader using (false)"
            for table in ("log_heads", "log_blocks", "log_entries", "log_tiles", "log_edges")
        )
    )
    assert "truncated" in from_outside(login=f"{dsn} user={name}")


def test_sealing_stopped(pg: AnyConnection, superuser: Superuser, from_outside: Report) -> None:
    """An event that nobody seals, as it looks ten minutes later."""
    pg.execute("select ledger.emit_event('deal.noted', tenant_id => 'acme')")
    superuser.tampers(
        """
        update ledger.agent_events
        set created_at = created_at - interval '10 minutes'
        where id not in (select event_id from ledger.log_entries)
        """,
    )
    assert "sealing stopped" in from_outside("--sealed-within", "300")
    reported = pg.execute("select kind from ledger.doctor()").fetchall()
    assert ("sealing stopped",) in reported
