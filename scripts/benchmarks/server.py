"""The server and the databases that the benchmarks run on."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cpu
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from stats import Rate

from agent_events import embedded
from agent_events._resources import sql_dir

HERE = Path(__file__).parent
TENANT = "acme"

# Durable, and large enough that checkpoints do not fall into the rounds by chance.
SETTINGS: dict[str, str | int] = {
    "shared_buffers": "1GB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "30min",
    "max_connections": 100,
}


@dataclass(frozen=True)
class Bench:
    """A database with the ledger and the bare tables, and the login role that emits."""

    dsn: str
    app_dsn: str
    role: str
    run_id: str
    version: str
    postmaster: int | None

    @property
    def cpus(self) -> int:
        return os.cpu_count() or 1

    @contextmanager
    def clone(self) -> Iterator[Bench]:
        """A fresh copy of the database, so that every comparison begins with the same tables."""
        name = f"{database_of(self.dsn)}_{secrets.token_hex(3)}"
        template = sql.Identifier(database_of(self.dsn))
        admin = make_conninfo(self.dsn, dbname="postgres")
        execute(
            admin,
            sql.SQL("create database {} template {}").format(sql.Identifier(name), template),
            sql.SQL("checkpoint"),
        )
        try:
            yield replace(
                self,
                dsn=make_conninfo(self.dsn, dbname=name),
                app_dsn=make_conninfo(self.app_dsn, dbname=name),
            )
        finally:
            drop_database(admin, name)

    def pgbench(
        self,
        script: str,
        *,
        clients: int,
        commit: str,
        seconds: int,
        variables: Mapping[str, str],
    ) -> Rate:
        """Run a script for some seconds, by prepared statements, as the login role."""
        program = str(embedded.client_program("pgbench"))
        arguments = [program, "--no-vacuum", "--protocol=prepared"]
        arguments += [f"--client={clients}", f"--jobs={min(clients, self.cpus)}"]
        arguments += [f"--time={seconds}", "--file=/dev/stdin"]
        arguments += [f"--define={name}={value}" for name, value in variables.items()]
        before = cpu.ended_backends(self.postmaster, self.role)
        done = subprocess.run(
            [*arguments, self.app_dsn],
            input=script,
            env={**os.environ, "PGOPTIONS": f"-c synchronous_commit={commit}"},
            capture_output=True,
            text=True,
            check=False,
        )
        after = cpu.ended_backends(self.postmaster, self.role)
        rate = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
        count = re.search(r"^number of transactions.*processed: (\d+)", done.stdout, re.MULTILINE)
        if done.returncode or rate is None or count is None:
            raise SystemExit(f"pgbench failed:\n{done.stdout}{done.stderr}")
        return Rate(
            per_second=float(rate[1]),
            per_cpu_second=(
                None if before is None or after is None else int(count[1]) / (after - before)
            ),
        )


@contextmanager
def bench_database(dsn: str | None, version: int, data: Path) -> Iterator[Bench]:
    """A database with the ledger, on the server of `dsn` or on one made for it; gone afterwards."""
    if dsn:
        with database_on(dsn, None) as bench:
            yield bench
        return
    folder = Path(tempfile.mkdtemp(prefix="agent-events-bench-", dir=data))
    folder.chmod(0o755)  # the server's own user must get in
    try:
        own = make_conninfo(**embedded.ensure_server(folder / "pg", version, settings=SETTINGS))
        postmaster = int((folder / "pg" / "postmaster.pid").read_text().split()[0])
        with database_on(own, postmaster if Path("/proc/self/stat").exists() else None) as bench:
            yield bench
    finally:
        embedded.stop_server(folder / "pg", version)
        shutil.rmtree(folder)


@contextmanager
def database_on(server: str, postmaster: int | None) -> Iterator[Bench]:
    name, role = (f"ledger_bench_{secrets.token_hex(3)}" for _ in range(2))
    execute(server, sql.SQL("create database {}").format(sql.Identifier(name)))
    try:
        yield install(make_conninfo(server, dbname=name), role, postmaster)
    finally:
        drop_database(server, name)
        execute(server, sql.SQL("drop role if exists {}").format(sql.Identifier(role)))


def install(dsn: str, role: str, postmaster: int | None) -> Bench:
    """Install sql/ as it stands, the bare tables beside it, and a role that may only emit."""
    for file in (sql_dir() / "install.sql", HERE / "bare.sql", HERE / "types.sql"):
        psql = [str(embedded.client_program("psql")), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
        subprocess.run([*psql, "-o", os.devnull, "-d", dsn, "-f", file], check=True)
    secret = secrets.token_hex(16)
    name = sql.Identifier(role)
    execute(
        dsn,
        sql.SQL("create role {} login password {}").format(name, sql.Literal(secret)),
        sql.SQL("select ledger.grant_access({}, {}, '{{write}}')").format(
            sql.Literal(role), sql.Literal(TENANT)
        ),
        sql.SQL("grant usage on schema bare to {}").format(name),
        sql.SQL("grant insert, select on all tables in schema bare to {}").format(name),
    )
    app_dsn = make_conninfo(dsn, user=role, password=secret)
    with psycopg.connect(app_dsn) as connection:
        start_run = "select ledger.start_run('bench', tenant_id => %s)::text"
        (run_id,) = connection.execute(start_run, [TENANT]).fetchone() or ("",)
    with psycopg.connect(dsn, autocommit=True) as connection:
        server_version = connection.info.parameter_status("server_version") or "?"
        connection.execute("vacuum analyze")
    return Bench(dsn, app_dsn, role, run_id, server_version, postmaster)


def execute(dsn: str, *statements: sql.SQL | sql.Composed) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def drop_database(dsn: str, name: str) -> None:
    execute(dsn, sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def database_of(dsn: str) -> str:
    return str(conninfo_to_dict(dsn)["dbname"])
