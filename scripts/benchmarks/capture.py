"""The comparisons of `scripts/bench capture`: a tracked table and hand-written audit triggers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from psycopg import sql
from server import TENANT, Bench, execute
from stats import Ratio, interleave, ratio

from agent_events import embedded

TABLES = ("untracked", "bare", "audited", "tracked", "unpublished")
GOAL = 1 / 1.3  # of an audit trigger's speed: at most 1.3 times its time

ROW = "\\set id random(1, 20000)\n"
ROWS = "\\set id random(1, 19000)\n"
INSERT = """
insert into shop.{table} (customer_id, status, note, quantity, price)
select n, 'open', 'Deliver to the back entrance.', 1 + n % 9, n * 1.5
from generate_series(1, {count}) as n;
"""
UPDATE = """
update shop.{table} set quantity = quantity + 1, status = 'paid', updated_at = now()
where {which};
"""
DELETE = """
delete from shop.{table} where id in (
  select id from shop.{table} where id > 20000 order by id limit {count}
);
"""
SINGLE = {
    "insert": INSERT.replace("{count}", "1"),
    "update": ROW + UPDATE.replace("{which}", "id = :id"),
    "delete": INSERT.replace("{count}", "1") + DELETE.replace("{count}", "1"),
    "transaction": ROW
    + "begin;\nselect * from shop.{table} where id = :id;"
    + UPDATE.replace("{which}", "id = :id")
    + INSERT.replace("{count}", "1")
    + "commit;\n",
}
BULK = {
    "insert": INSERT.replace("{count}", "1000"),
    "update": ROWS + UPDATE.replace("{which}", "id between :id and :id + 999"),
    "delete": INSERT.replace("{count}", "1000") + DELETE.replace("{count}", "1000"),
}


@dataclass(frozen=True)
class CapturePlan:
    rounds: int
    seconds: int
    commits: tuple[str, ...]


def measure_capture(bench: Bench, plan: CapturePlan, say: Callable[[str], None]) -> list[Ratio]:
    prepare(bench)
    results = []
    for commit in plan.commits:
        for what, script in SINGLE.items():
            say(f"single rows, {what}, synchronous_commit {commit}")
            results += compare(bench, plan, what, script, clients=2, commit=commit)
    for what, script in BULK.items():
        say(f"1,000 rows, {what}")
        results += compare(bench, plan, f"{what} 1000", script, clients=1, commit="off")
    return results


def compare(
    bench: Bench, plan: CapturePlan, what: str, script: str, *, clients: int, commit: str
) -> list[Ratio]:
    with bench.clone() as database:
        rates = interleave(
            {
                f"{what}, {table}": partial(
                    database.pgbench,
                    script.replace("{table}", table),
                    clients=clients,
                    commit=commit,
                    seconds=plan.seconds,
                    variables={},
                )
                for table in TABLES
            },
            plan.rounds,
        )
    pairs = [
        ("bare", "untracked", None),
        ("audited", "untracked", None),
        ("tracked", "untracked", None),
        ("tracked", "bare", GOAL),
        ("tracked", "audited", GOAL),
        ("unpublished", "audited", GOAL),
    ]
    return [
        ratio(
            rates,
            f"{what}, {one}",
            f"{what}, {other}",
            clients=clients,
            commit=commit,
            goal=goal,
        )
        for one, other, goal in pairs
    ]


def prepare(bench: Bench) -> None:
    psql = [str(embedded.client_program("psql")), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    tables = Path(__file__).with_suffix(".sql")
    subprocess.run([*psql, "-o", "/dev/null", "-d", bench.dsn, "-f", tables], check=True)
    role = sql.Identifier(bench.role)
    execute(
        bench.dsn,
        sql.SQL("grant usage on schema shop to {}").format(role),
        sql.SQL("grant select, insert, update, delete on all tables in schema shop to {}").format(
            role
        ),
        sql.SQL("alter role {} set ledger.tenant_id = {}").format(role, sql.Literal(TENANT)),
        sql.SQL("vacuum analyze"),
    )
