"""A server set up as docs/cdc.md says, with a database for each test."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cdc import page
from cdc.outbox import CREATE_ROLE, HAPPENED, Outbox, drop_database
from psycopg import sql
from psycopg.conninfo import make_conninfo

from agent_events import embedded, migrate

SETTINGS = page.settings("The server") | {
    "max_replication_slots": "20",
    "max_locks_per_transaction": "256",
    "synchronous_commit": "on",  # decoding sees what is on disk
}


@pytest.fixture(scope="session")
def logical_server(server_version: int) -> Iterator[str]:
    """A superuser's connection string; its database postgres is the template of the tests'."""
    folder = Path(tempfile.mkdtemp(prefix="agent-events-cdc-"))
    folder.chmod(0o755)
    try:
        info = embedded.ensure_server(folder / "pg", server_version, fast=True, settings=SETTINGS)
        dsn = make_conninfo(**info)
        migrate.upgrade(make_conninfo(dsn, dbname="template1"))
        with psycopg.connect(make_conninfo(dsn, dbname="template1"), autocommit=True) as admin:
            admin.execute(CREATE_ROLE)
            admin.execute("select ledger.register_event_type(%s, '{}')", [HAPPENED])
        yield dsn
    finally:
        embedded.stop_server(folder / "pg", server_version)
        shutil.rmtree(folder)


@pytest.fixture
def new_outbox(logical_server: str) -> Iterator[Outbox]:
    """A ledger of its own that nobody reads yet."""
    name = f"ledger_{secrets.token_hex(4)}"
    with psycopg.connect(logical_server, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    outbox = Outbox(make_conninfo(logical_server, dbname=name))
    yield outbox
    outbox.close()
    drop_database(logical_server, name)


@pytest.fixture
def outbox(new_outbox: Outbox) -> Outbox:
    """With the publication and the slot of the page."""
    new_outbox.set_up()
    return new_outbox


@pytest.fixture
def admin(outbox: Outbox) -> psycopg.Connection[Any]:
    """A superuser's autocommit connection to it."""
    return outbox.admin
