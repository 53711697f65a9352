"""What `pip install agent-events` gives, in an empty folder and without the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from agent_events import migrate

ROOT = Path(__file__).parents[2]
NewDatabase = Callable[..., str]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment: our wheel, and the tests' own packages for the rest."""
    folder = tmp_path_factory.mktemp("installed")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    run([python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel], folder)
    site = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder)
    Path(site.strip(), "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


@pytest.fixture
def empty_folder(tmp_path: Path) -> Path:
    return tmp_path


def test_the_wheel_is_what_is_imported(installed: Path, empty_folder: Path) -> None:
    script = "import agent_events; print(agent_events.__file__)"
    imported = run([installed / "python", "-c", script], empty_folder)
    assert imported.startswith(str(installed.parent))


def test_alembic_upgrade_head(
    installed: Path, empty_folder: Path, empty_database: NewDatabase
) -> None:
    dsn = empty_database()
    (empty_folder / "alembic.ini").write_text(
        "[alembic]\nscript_location = agent_events:migrations\n"
    )
    alembic = [installed / "python", "-m", "alembic"]
    run([*alembic, "upgrade", "head"], empty_folder, AGENT_EVENTS_DSN=dsn)
    assert migrate.current(dsn) == migrate.head()
    assert migrate.head() in run([*alembic, "current"], empty_folder, AGENT_EVENTS_DSN=dsn)
    assert emits(dsn)


def test_agent_events_migrate(
    installed: Path, empty_folder: Path, empty_database: NewDatabase
) -> None:
    dsn = empty_database()
    command = [installed / "agent-events", "migrate", "--json"]
    printed = json.loads(run(command, empty_folder, AGENT_EVENTS_DSN=dsn))
    assert printed == {"steps": [migrate.head()], "current": migrate.head()}
    assert emits(dsn)


def test_mounted_by_package_name(
    installed: Path, empty_folder: Path, empty_database: NewDatabase
) -> None:
    dsn = empty_database()
    (empty_folder / "env.py").write_text(
        "from agent_events import migrate\n"
        "from alembic import context\n"
        f"with migrate.engine({dsn!r}).connect() as connection:\n"
        "    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n"
        "        context.run_migrations()\n"
    )
    (empty_folder / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s\npath_separator = newline\n"
        "version_locations =\n  %(here)s/versions\n  agent_events:migrations/versions\n"
    )
    run([installed / "python", "-m", "alembic", "upgrade", "heads"], empty_folder)
    assert emits(dsn)


def emits(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        connection.execute("select ledger.set_tenant_policy('default', 'open')")
        receipt = connection.execute("select id from ledger.emit_event('thing.happened')")
        return receipt.fetchone() is not None


def run(command: list[str | Path], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
