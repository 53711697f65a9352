"""doctor() is silent on a healthy ledger, and names what is wrong with another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from verifying.tampering import forge

AnyConnection = psycopg.Connection[Any]
Findings = Callable[..., set[tuple[str, str, str]]]
Window = Callable[[str], None]
Connect = Callable[..., AnyConnection]

FORGED = """
    set session_replication_role = replica;
    insert into ledger.agent_events (
      tenant_id, id, created_at, run_id, trace_id, correlation_id, event_type, schema_version,
      payload, actor_type, outcome, proof, aggregate_type, hash
    )
    values (
      'default', gen_random_uuid(), now(), gen_random_uuid(), gen_random_uuid(),
      gen_random_uuid(), 'a.b', 1, '{}', 'ghost', 'maybe', '{"type": "rumour"}', 'deal', '\\x00'
    );
    reset session_replication_role;
"""


@pytest.mark.parametrize("deep", [False, True])
def test_fresh_ledger_is_healthy(findings: Findings, deep: bool) -> None:
    assert findings(deep) == set()


@pytest.mark.parametrize("deep", [False, True])
def test_used_ledger_is_healthy(pg: AnyConnection, findings: Findings, deep: bool) -> None:
    pg.execute("select ledger.set_tenant_policy('default', 'open')")
    pg.execute("select ledger.start_run('agent')")
    for number in range(3):
        pg.execute(
            "select ledger.emit_event('test.happened', aggregate_type => 'deal',"
            " aggregate_id => '1', outcome => 'success', actor_type => 'agent',"
            """ proof => '{"type": "none"}', private => '{"a": 1}', publish => %s)""",
            [number > 0],
        )
    assert findings(deep) == set()


def test_a_clean_report_without_event_triggers_says_so(pg: AnyConnection) -> None:
    for name in ["ddl", "detach", "drop", "rewrite"]:
        pg.execute(f"drop event trigger ledger_guard_{name}")
    report = pg.execute("select severity, kind from ledger.doctor() where object = 'ledger'")
    assert report.fetchall() == [("info", "event triggers")]


def test_disabled_event_trigger(pg: AnyConnection, findings: Findings) -> None:
    pg.execute("alter event trigger ledger_guard_drop disable")
    assert findings() == {("error", "event trigger", "ledger_guard_drop")}


def test_missing_event_trigger(pg: AnyConnection, findings: Findings) -> None:
    pg.execute("drop event trigger ledger_guard_ddl")
    assert findings() == {("error", "event trigger", "ledger_guard_ddl")}


@pytest.mark.parametrize(
    "definition",
    [
        "ddl_command_end when tag in ('ALTER TABLE') execute function ledger_guard.refuse_ddl()",
        "ddl_command_start execute function ledger_guard.refuse_ddl()",
        "ddl_command_end execute function public.pass()",
    ],
)
def test_altered_event_trigger(pg: AnyConnection, findings: Findings, definition: str) -> None:
    """Its name and state are as they were; the hint mends it."""
    pg.execute(
        "create function public.pass() returns event_trigger language plpgsql as 'begin end';"
        "drop event trigger ledger_guard_ddl;"
        f"create event trigger ledger_guard_ddl on {definition};"
        "alter event trigger ledger_guard_ddl enable always"
    )
    assert findings() == {("error", "event trigger", "ledger_guard_ddl")}
    hint = pg.execute("select hint from ledger.doctor() where kind = 'event trigger'").fetchone()
    assert hint is not None
    for statement in hint[0].removeprefix("As a superuser: ").split("; "):
        pg.execute(statement)
    assert findings() == set()


@pytest.mark.parametrize("kind", ["create", "alter"])
def test_materialized_views_are_refused(pg: AnyConnection, kind: str) -> None:
    pg.execute("create materialized view public.mine as select 1 as one")
    statement = {
        "create": "create materialized view ledger.mine as select 1 as one",
        "alter": "alter materialized view public.mine set schema ledger",
    }[kind]
    with pytest.raises(psycopg.Error, match="belongs to the ledger") as refused:
        pg.execute(statement)
    assert refused.value.sqlstate == "LG001"


@pytest.mark.parametrize(
    ("statement", "kind", "policy"),
    [
        ("alter policy {p} on {t} using (true)", "policy altered", "ledger_reader"),
        ("alter policy {p} on {t} to public", "policy altered", "ledger_reader"),
        ("alter policy {p} on {t} to public", "policy altered", "ledger_append"),
        ("alter policy {p} on {t} with check (false)", "policy altered", "ledger_append"),
        ("drop policy {p} on {t}", "policy missing", "ledger_reader"),
        (
            "drop policy {p} on {t}; create policy {p} on {t} to ledger_owner using (true)",
            "policy altered",
            "ledger_owner",
        ),
        (
            (
                "drop policy {p} on {t};"
                " create policy {p} on {t} as restrictive for select to ledger_owner using (true)"
            ),
            "policy altered",
            "ledger_owner",
        ),
        ("create policy {p} on {t} using (true)", "foreign policy", "ledger_privacy"),
    ],
)
def test_policies_are_compared(
    findings: Findings, window: Window, statement: str, kind: str, policy: str
) -> None:
    """Roles, command and expressions too; a name of another table's policy is no excuse."""
    window(statement.format(t="ledger.agent_events", p=policy))
    assert findings() == {("error", kind, f"ledger.agent_events: {policy}")}


def test_policies_are_compared_under_any_settings(pg: AnyConnection, findings: Findings) -> None:
    pg.execute("set quote_all_identifiers = on; set search_path = ledger")
    assert findings() == set()


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        (
            "grant update (payload) on ledger.agent_events to {role}",
            ("error", "column privilege", "column ledger.agent_events.payload"),
        ),
        (
            "grant select (payload) on ledger.agent_events to {role}",
            ("warning", "column privilege", "column ledger.agent_events.payload"),
        ),
        ("grant create on schema ledger to {role}", ("error", "CREATE privilege", "schema ledger")),
        (
            "grant create on schema ledger_guard to public",
            ("error", "CREATE privilege", "schema ledger_guard"),
        ),
        (
            "grant execute on function ledger.is_owner() to {role}",
            ("warning", "granted to another role", "function ledger.is_owner()"),
        ),
    ],
)
def test_foreign_privileges(
    pg: AnyConnection,
    findings: Findings,
    login_role: Callable[..., str],
    statement: str,
    finding: tuple[str, str, str],
) -> None:
    pg.execute(statement.format(role=login_role("ledger_guest")))
    assert findings() == {finding}


@pytest.mark.parametrize(
    ("statement", "kind", "object_name"),
    [
        ("alter table {t} disable trigger {g}", "guard disabled", "{t}: {g}"),
        ("alter table {t} enable trigger {g}", "guard demoted", "{t}: {g}"),
        ("alter table {t} enable replica trigger {g}", "guard disabled", "{t}: {g}"),
        ("drop trigger {g} on {t}", "guard missing", "{t}: {g}"),
        ("alter table {t} no force row level security", "guard disabled", "{t}: row-level"),
        ("alter table {t} disable row level security", "guard disabled", "{t}: row-level security"),
        ("create rule r as on update to {t} do instead nothing", "guard foreign rule", "{t}: r"),
        (
            (
                "create or replace trigger {g} before update on {t} for each statement"
                " execute function ledger_guard.refuse_change();"
                " alter table {t} enable always trigger {g}"
            ),
            "guard altered",
            "{t}: {g}",
        ),
        (
            (
                "create or replace trigger {g} before update or delete or truncate on {t}"
                " for each statement when (false) execute function ledger_guard.refuse_change();"
                " alter table {t} enable always trigger {g}"
            ),
            "guard altered",
            "{t}: {g}",
        ),
        (
            (
                "create trigger mine after insert on {t} for each row"
                " execute function suppress_redundant_updates_trigger()"
            ),
            "guard foreign trigger",
            "{t}: mine",
        ),
        ("create policy mine on {t} using (true)", "foreign policy", "{t}: mine"),
        ("alter table {t} owner to postgres", "owner", "table {t}"),
        ("grant update on {t} to ledger_reader", "write privilege", "table {t}"),
        ("grant select on {t} to public", "granted to PUBLIC", "table {t}"),
        ("grant execute on function ledger.is_owner() to public", "granted to PUBLIC", "function"),
        ("alter function ledger.acts_for(text, text) reset all", "search_path", "ledger.acts_for"),
    ],
)
def test_tampering_is_found(
    findings: Findings, window: Window, statement: str, kind: str, object_name: str
) -> None:
    names = {"t": "ledger.agent_runs", "g": "ledger_guard_statement"}
    window(statement.format(**names))
    found = findings()
    assert len(found) == 1, found
    severity, found_kind, found_object = found.pop()
    assert severity in ("error", "warning")
    assert found_kind == kind
    assert found_object.startswith(object_name.format(**names))


def test_foreign_code_is_found(findings: Findings, window: Window) -> None:
    """It would run as ledger_append with every event."""
    window(
        "create function public.f() returns text immutable language plpgsql"
        " as 'begin return null; end';"
        "alter table ledger.agent_events alter outcome set default public.f()"
    )
    assert ("error", "guard foreign code") in {finding[:2] for finding in findings()}


def test_partition_guard_is_missing(findings: Findings, window: Window, partition: str) -> None:
    window(f"drop trigger ledger_guard_partition on {partition}")
    assert findings() == {("error", "guard missing", f"{partition}: ledger_guard_partition")}


def test_partition_made_by_hand(findings: Findings, window: Window) -> None:
    window(
        "create table ledger.by_hand partition of ledger.agent_events"
        " for values from ('2001-01-01') to ('2001-02-01')"
    )
    assert findings() == {
        ("error", "guard missing", "ledger.by_hand: ledger_guard_partition"),
        ("error", "guard missing", "ledger.by_hand: ledger_guard_partition_row"),
        ("error", "owner", "table ledger.by_hand"),
        ("warning", "partition not in manifest", "ledger.by_hand"),
    }


def test_default_partition(findings: Findings, window: Window) -> None:
    window("create table ledger.rest partition of ledger.agent_events default")
    window("alter table ledger.rest owner to ledger_owner")
    window("select ledger.protect_table('ledger.rest')")
    assert findings() == {
        ("warning", "default partition", "ledger.rest"),
        ("warning", "partition not in manifest", "ledger.rest"),
    }


def test_detached_partition(findings: Findings, window: Window, partition: str) -> None:
    window(f"alter table ledger.agent_events detach partition {partition}")
    name = partition.removeprefix("ledger.")
    assert findings() == {
        ("error", "partition astray", name),
        ("warning", "partition missing", "agent_events"),
    }


def test_partition_in_another_schema(findings: Findings, window: Window, partition: str) -> None:
    window(f"alter table {partition} set schema public")
    name = partition.removeprefix("ledger.")
    assert findings() == {
        ("error", "partition astray", name),
        ("warning", "partition missing", "agent_events"),
        ("warning", "partition not in manifest", f"public.{name}"),
    }


def test_missing_partitions(pg: AnyConnection, findings: Findings) -> None:
    pg.execute("update ledger.partition_settings set premake = 12")
    assert {finding[:2] for finding in findings()} == {("warning", "partition missing")}
    pg.execute("select ledger.ensure_partitions()")
    assert findings() == set()


@pytest.mark.parametrize(("minutes", "missing"), [(59, set()), (61, {"agent_events", "outbox"})])
def test_what_maintenance_made_an_hour_ago_is_enough(
    pg: AnyConnection, findings: Findings, minutes: int, missing: set[str]
) -> None:
    """The last partitions ahead end as they do so long after midnight."""
    pg.execute(
        """
        update ledger.partitions as p
        set to_time = now() + s.premake * ('1 ' || s.partition_interval)::interval
          - %s * interval '1 minute'
        from ledger.partition_settings as s where p.to_time = s.covered_until
        """,
        [minutes],
    )
    found = {name for _, kind, name in findings() if kind == "partition missing"}
    assert found == missing


@pytest.mark.parametrize(
    "role", ["ledger_append", "ledger_guard", "ledger_sandbox", "ledger_capture"]
)
def test_member_of_a_role_without_members(
    pg: AnyConnection, findings: Findings, login_role: Callable[..., str], role: str
) -> None:
    name = login_role("intruder")
    pg.execute(f"grant {role} to {name}")
    assert findings(role=name) == {("error", f"member of {role}", name)}


def test_createrole_on_15(
    findings: Findings, login_role: Callable[..., str], server_version: int
) -> None:
    name = login_role("creator", options="createrole")
    expected = {("warning", "CREATEROLE", name)} if server_version < 16 else set()
    assert findings(role=name) == expected


@pytest.mark.parametrize("deep", [False, True])
def test_forged_event(pg: AnyConnection, findings: Findings, window: Window, deep: bool) -> None:
    pg.execute("select ledger.set_tenant_policy('default', 'open')")
    window("alter table ledger.agent_events disable trigger ledger_guard_insert;" + FORGED)
    window("alter table ledger.agent_events enable always trigger ledger_guard_insert")
    kinds = {kind for _, kind, _ in findings(deep)}
    rules = ["actor_type", "aggregate", "hash", "id", "outcome", "proof", "run"]
    assert kinds == {f"event {rule}" for rule in rules}


def test_changed_event(
    pg: AnyConnection, findings: Findings, window: Window, partition: str
) -> None:
    pg.execute("select ledger.set_tenant_policy('default', 'open')")
    pg.execute("select ledger.emit_event('test.happened')")
    window(
        f"alter table {partition} disable trigger all;"
        f"""update {partition} set payload = '{{"a": 2}}';"""
    )
    pg.execute("select ledger.repair_guards()")
    assert {kind for _, kind, _ in findings()} == {"event hash"}


def test_message_without_event(pg: AnyConnection, findings: Findings) -> None:
    """A superuser passes row-level security; the outbox has no insert trigger, for speed."""
    pg.execute("select ledger.set_tenant_policy('default', 'open')")
    pg.execute("select ledger.emit_event('test.happened')")
    pg.execute(
        "insert into ledger.outbox select (jsonb_populate_record("
        " o, jsonb_build_object('id', gen_random_uuid()))).* from ledger.outbox as o"
    )
    assert {kind for _, kind, _ in findings()} == {"outbox orphan"}


def test_operators_and_auditors_may_look(
    connect: Callable[..., AnyConnection], login_role: Callable[..., str]
) -> None:
    for privilege in ["operate", "audit"]:
        role = login_role("looker", {"acme": [privilege]})
        connect(user=role).execute("select * from ledger.doctor()")


def test_the_worst_comes_first(pg: AnyConnection) -> None:
    pg.execute("drop event trigger ledger_guard_ddl")
    pg.execute("update ledger.partition_settings set premake = 12")
    rows = pg.execute("select severity from ledger.doctor()").fetchall()
    assert next(severity for (severity,) in rows) == "error"
    assert rows == sorted(rows, key=lambda row: ["error", "warning", "info"].index(row[0]))


def test_findings_of_a_tenant_are_for_those_who_audit_or_operate_it(
    pg: AnyConnection, connect: Connect, login_role: Callable[..., str]
) -> None:
    """Guards, partitions and the like are everybody's; what names a tenant is not."""
    for tenant_id in ("acme", "globex"):
        pg.execute("select ledger.set_tenant_policy(%s, 'open')", [tenant_id])
        pg.execute("select from ledger.emit_event('test.happened', tenant_id => %s)", [tenant_id])
    pg.execute("select ledger.seal_all()")
    forge(pg, "update ledger.log_heads set tree_size = 7")
    pg.execute("drop event trigger ledger_guard_ddl")

    def named(**grants: list[str]) -> tuple[bool, bool, bool]:
        tenants = {"*" if name == "every" else name: given for name, given in grants.items()}
        connection = connect(user=login_role("asks", tenants))
        report = str(connection.execute("select * from ledger.doctor()").fetchall())
        return "ledger_guard_ddl" in report, "acme" in report, "globex" in report

    assert named(acme=["operate"]) == (True, True, False)
    assert named(globex=["audit"], acme=["read", "write"]) == (True, False, True)
    assert named(acme=["audit"], globex=["operate"]) == (True, True, True)
    assert named(every=["operate"]) == (True, True, True)
    everything = str(pg.execute("select * from ledger.doctor()").fetchall())
    assert "acme" in everything
    assert "globex" in everything
