"""The comparisons of `scripts/bench capture`: a tracked table and hand-written audit triggers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import cpu
import psycopg
from psycopg import sql
from server import TENANT, Bench, execute
from stats import Rate, Ratio, interleave, ratio

from agent_events import embedded

TABLES = ("untracked", "bare", "audited", "tracked", "unpublished", "deferred")
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
    say("events of a deferred table")
    results.append(compare_emitting(bench, plan))
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
        ("deferred", "untracked", None),
        ("deferred", "bare", GOAL),
        ("deferred", "audited", GOAL),
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


def compare_emitting(bench: Bench, plan: CapturePlan) -> Ratio:
    """Events made of the updates that wait, against updates that make theirs at once."""
    with bench.clone() as database:
        emit_captured(database)  # of the rows that prepare() made
        update = partial(database.pgbench, clients=1, commit="off", seconds=plan.seconds)
        rates = interleave(
            {
                "update, tracked": partial(
                    update, SINGLE["update"].replace("{table}", "tracked"), variables={}
                ),
                "update, deferred": partial(
                    update, SINGLE["update"].replace("{table}", "deferred"), variables={}
                ),
                "update, emitted later": partial(emit_captured, database),
            },
            plan.rounds,
        )
    return ratio(rates, "update, emitted later", "update, tracked", clients=1, commit="off")


def emit_captured(database: Bench) -> Rate:
    """Make events of all that waits."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        backend = connection.info.backend_pid
        count, started = 0, perf_counter()
        used = cpu.running_backend(database.postmaster, backend)
        while made := connection.execute("select ledger.emit_captured()").fetchone():
            if made == (0,):
                break
            count += made[0]
        seconds = perf_counter() - started
        after = cpu.running_backend(database.postmaster, backend)
    per_cpu = None if used is None or after is None else count / (after - used)
    return Rate(count / seconds, per_cpu)


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
