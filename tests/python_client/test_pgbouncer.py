"""The client through a real PgBouncer in transaction mode: two server connections, many clients."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from agent_events import Ledger, Receipt, open_pool

PORT = 6432
CONFIG = """\
[databases]
* = host={host} port={port}
[pgbouncer]
pool_mode = transaction
default_pool_size = 2
unix_socket_dir = {folder}
listen_port = {listen_port}
auth_type = trust
auth_file = {folder}/users.txt
"""


def pgbouncer_program() -> str:
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        message = "PgBouncer is not installed (Debian: apt-get install pgbouncer)"
        if "CI" in os.environ:
            pytest.fail(message)
        pytest.skip(message)
    return program


def owner_of_socket(host: str) -> dict[str, int]:
    """Arguments for Popen: PgBouncer refuses to be root, and must reach the server's socket."""
    if os.geteuid() != 0:
        return {}
    if host.startswith("/"):
        return {"user": Path(host).stat().st_uid, "group": Path(host).stat().st_gid}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid}


@pytest.fixture
def bouncer(dsn: str) -> Iterator[str]:
    """The connection string of the test's database through PgBouncer."""
    program = pgbouncer_program()
    server = conninfo_to_dict(dsn)
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    (folder / "users.txt").write_text(f'"{server["user"]}" "{server.get("password") or ""}"\n')
    (folder / "pgbouncer.ini").write_text(
        CONFIG.format(
            host=server["host"], port=server.get("port", 5432), folder=folder, listen_port=PORT
        )
    )
    owner = owner_of_socket(str(server["host"]))
    if owner:
        for path in (folder, *folder.iterdir()):
            os.chown(path, owner["user"], owner["group"])
    with subprocess.Popen(
        [program, folder / "pgbouncer.ini"],
        stderr=subprocess.PIPE,
        text=True,
        user=owner.get("user"),
        group=owner.get("group"),
        extra_groups=[] if owner else None,
    ) as process:
        assert process.stderr is not None
        log = []
        for line in process.stderr:
            log.append(line)
            if "process up" in line:
                break
        else:
            pytest.fail("".join(log))
        yield make_conninfo(dsn, host=str(folder), port=PORT)
        process.terminate()
        process.stderr.read()
    shutil.rmtree(folder)


def test_many_clients_on_two_server_connections(bouncer: str, noted: str) -> None:
    with open_pool(bouncer, min_size=8, max_size=8, pgbouncer=True) as pool:

        def emit(n: int) -> Receipt:
            with pool.connection() as connection:
                return Ledger(connection).emit_event(
                    noted, {"text": f"{n}"}, aggregate_type="note", aggregate_id=f"n-{n % 2}"
                )

        with ThreadPoolExecutor(8) as threads:
            receipts = list(threads.map(emit, range(100)))
        with pool.connection() as connection:
            for stream in ("n-0", "n-1"):
                events = Ledger(connection).read_stream("note", stream)
                assert [event.sequence for event in events] == list(range(1, 51))
    assert len({receipt.id for receipt in receipts}) == 100


def test_context_does_not_reach_the_next_client(bouncer: str, noted: str) -> None:
    with (
        psycopg.connect(bouncer, prepare_threshold=None) as one,
        psycopg.connect(bouncer, prepare_threshold=None) as two,
    ):
        Ledger(one).set_context(tenant_id="acme")
        Ledger(one).start_run("scorer")
        server_process = one.execute("select pg_backend_pid()").fetchone()
        one.commit()
        while two.execute("select pg_backend_pid()").fetchone() != server_process:
            two.rollback()
        receipt = Ledger(two).emit_event(noted, {"text": "x"})
        event = Ledger(two).get_event(receipt.id, tenant_id="default")
        assert event is not None
        assert event.run_id.int == 0
