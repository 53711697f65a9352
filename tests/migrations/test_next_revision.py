"""A revision after this one, made and run as a developer would: on a copy of the project."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from problems import problems

from agent_events import migrate

ROOT = Path(__file__).parents[2]
NewDatabase = Callable[..., str]

ADD_COLUMN = "alter table ledger.tenants add column note text;"
DROP_COLUMN = "alter table ledger.tenants drop column note;"


class Copy:
    """The project's sql/ and migrations/, released."""

    def __init__(self, root: Path) -> None:
        self.root = root
        ignore = shutil.ignore_patterns("__pycache__")
        for folder in ("sql", "migrations"):
            shutil.copytree(ROOT / folder, root / folder, ignore=ignore)
        self.freeze("--refreeze")
        self.freeze("--release", "0.1.0")

    def freeze(self, *arguments: str) -> None:
        program = [sys.executable, ROOT / "scripts" / "freeze", "--root", self.root]
        done = subprocess.run([*program, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.root / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    def run(self, direction: Callable[[Config, str], None], dsn: str, revision: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(self.root / "migrations"))
        with migrate.engine(dsn).connect() as connection:
            config.attributes["connection"] = connection
            direction(config, revision)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """With a second revision: a changed function, a new parameter, a new view, a new column."""
    copy = Copy(tmp_path)
    copy.edit("sql/schema/caller.sql", "\n", "\n-- Says who calls.\n")
    copy.edit("sql/partition/ensure_partitions.sql", "returns int", "returns bigint")
    copy.edit("sql/schema/tenants.sql", "  created_at", "  note text,\n  created_at")
    (copy.root / "sql" / "run" / "run_count.sql").write_text(
        "create or replace view ledger.run_count as select count(*) from ledger.agent_runs;\n"
    )
    copy.edit("sql/install.sql", "\\ir grants.sql", "\\ir run/run_count.sql\n\\ir grants.sql")
    copy.freeze("second", "--allow-table-change")
    for direction, statement in (("up", ADD_COLUMN), ("down", DROP_COLUMN)):
        file = copy.root / "migrations" / "versions" / f"0002_second.{direction}.sql"
        lines = file.read_text().splitlines()
        file.write_text(
            "\n".join(statement if "not written yet" in line else line for line in lines) + "\n"
        )
    copy.freeze("--refreeze")
    copy.freeze("--check")
    return copy


@pytest.mark.parametrize("is_superuser", [True, False], ids=["superuser", "no superuser"])
def test_up_and_down(
    copy: Copy,
    empty_database: NewDatabase,
    managed_database: NewDatabase,
    schema_dump: Callable[[str], str],
    is_superuser: bool,
) -> None:
    dsn = empty_database() if is_superuser else managed_database("installer")
    copy.run(command.upgrade, dsn, "agent_events_0001")
    with psycopg.connect(dsn) as connection:
        connection.execute("select ledger.set_tenant_policy('default', 'open')")
        connection.execute("select ledger.emit_event('thing.happened')")
    before = schema_dump(dsn)

    copy.run(command.upgrade, dsn, "head")
    assert "note text" in schema_dump(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("select ledger.emit_event('thing.happened')")
        assert connection.execute("select ledger.ensure_partitions()").fetchone() == (0,)
        assert connection.execute("select * from ledger.run_count").rowcount == 1
        assert problems(connection, severities=["error"]) == []

    if is_superuser:  # columns and views of a ledger with event triggers: superusers drop them
        copy.run(command.downgrade, dsn, "agent_events_0001")
        assert statements(schema_dump(dsn)) == statements(before)


def statements(dump: str) -> list[str]:
    """The dump without ledger_guard's grants on partitions: grants.sql meets them from now on."""
    grant = re.compile(r"GRANT SELECT ON TABLE ledger\.\w+_p\d{8} TO ledger_guard;")
    return [line for line in dump.splitlines() if line and not grant.fullmatch(line)]
