"""What README.md and docs/ show: Python and SQL that run, commands and links that exist."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg.rows import dict_row

from agent_events import Ledger, Subscription, configure, get_emitter
from agent_events.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "sql" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
STATEMENT = re.compile(r"(.+?);[ \t]*(?:-- ([^\n]*))?$\n?", re.DOTALL | re.MULTILINE)
STARTS_OR_ENDS = ("begin", "commit")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page: Path, *languages: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    return [text for language, text in fenced if language in languages]


def commands(page: Path) -> list[list[str]]:
    """The words of each `agent-events …`, continuation lines joined, up to a comment or a pipe."""
    text = "".join(blocks(page, "sh", "console", "")).replace("\\\n", " ")
    lines = re.findall(r"^(?:\$ )?agent-events (.*)$", text, re.MULTILINE)
    words = [shlex.split(line, comments=True) for line in lines]
    return [line[: next((line.index(s) for s in "|>" if s in line), None)] for line in words]


@pytest.mark.parametrize(
    "name",
    ["README.md", "docs/quickstart.md", "docs/python.md", "docs/state.md", "docs/agents.md"],
)
def test_python_runs(name: str, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_EVENTS_DSN", dsn)
    configure()
    namespace: dict[str, Any] = {"__name__": "docs"}
    examples = blocks(ROOT / name, "python")
    assert examples
    for example in examples:
        source = example.replace('"dbname=app"', repr(dsn))
        exec(compile(source, name, "exec"), namespace)  # noqa: S102


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "docs/quickstart.md",
        "docs/event-types.md",
        "docs/exporting.md",
        "docs/privacy.md",
        "docs/operating.md",
        "docs/relay.md",
        "docs/state.md",
        "docs/monitoring.md",
        "docs/capture.md",
        "docs/exploring.md",
    ],
)
def test_sql_runs(name: str, pg: psycopg.Connection[Any]) -> None:
    """In order, each statement on its own; roles go with the transaction."""
    pg.execute("create table deals (id int, stage text)")
    examples = blocks(ROOT / name, "sql")
    assert examples
    with pg.transaction(force_rollback=True):
        if "create role app" not in "".join(examples):
            pg.execute("create role app login")
        for statement, remark in STATEMENT.findall("".join(examples)):
            if statement.strip() in STARTS_OR_ENDS:
                continue
            refused = re.search(r"refused, (LG\d{3})", remark)
            outcome = pytest.raises(psycopg.Error) if refused else nullcontext()
            with outcome as caught, pg.transaction():
                rows = pg.execute(statement)
                if remark.startswith(("{", "[")):
                    assert rows.fetchall() == [(json.loads(remark),)], statement
            if refused:
                assert caught.value.sqlstate == refused[1]


def test_upcasters_of_the_event_types_page_make_what_it_says(pg: psycopg.Connection[Any]) -> None:
    (example,) = [b for b in blocks(ROOT / "docs" / "event-types.md", "sql") if "upcaster" in b]
    said = 0
    for statement, remark in STATEMENT.findall(example):
        row = pg.execute(statement)
        if remark:
            version, payload = remark.split(", ", 1)
            assert row.fetchall() == [(int(version), json.loads(payload))]
            said += 1
    assert said == 2


def test_sql_of_the_reference_runs(pg: psycopg.Connection[Any]) -> None:
    """Statement by statement, each committed, as sealing needs it; 4711 and 499 as they come."""
    claim: dict[str, Any] = {}
    cursor = pg.cursor(row_factory=dict_row)
    statements = STATEMENT.findall("".join(blocks(ROOT / "docs" / "sql.md", "sql")))
    assert len(statements) > 10
    for statement, _ in statements:
        if "4711" in statement:
            text = statement.replace("499", str(claim["through_position"]))
            statement = text.replace("4711", str(claim["token"]))
        cursor.execute(statement)
        if "from ledger.claim_outbox" in statement:
            claim = cursor.fetchone() or {}


def test_python_of_the_consuming_page_runs(
    dsn: str, pg: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a broker of three messages, and subscriptions that end when they have caught up."""
    monkeypatch.setattr(Subscription, "_pause", lambda subscription, _: subscription.stop())
    pg.execute("create table invoices (id text, amount int)")
    pg.execute("create table totals (position bigint)")
    payload = {"name": "A deal", "stage": "new", "amount": 3}
    deal = {"aggregate_type": "deal", "aggregate_id": "42"}
    for _ in range(2):
        Ledger(pg).emit_event("deal.created", payload, **deal)  # type: ignore[arg-type]
    indexed: list[str] = []
    broker = [Delivery("1"), Delivery("2"), Delivery("1")]
    namespace: dict[str, Any] = {
        "__name__": "docs",
        "broker": broker,
        "over_quota": lambda _: False,
        "index": lambda aggregate_id, _: indexed.append(aggregate_id),
    }
    for example in blocks(ROOT / "docs" / "consuming.md", "python"):
        source = example.replace('"dbname=app"', repr(dsn))
        exec(compile(source, "consuming.md", "exec"), namespace)  # noqa: S102
    namespace["pool"].close()
    assert [delivery.acknowledged for delivery in broker] == [True] * 3
    assert indexed == ["42", "42"]
    assert pg.execute("select id, amount from invoices").fetchall() == [("deal/42", 3)] * 4
    assert pg.execute("select position from totals order by 1").fetchall() == [(0,), (1,)]


def test_python_of_the_emitting_page_runs(
    dsn: str, pg: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AGENT_EVENTS_DSN", dsn)
    monkeypatch.setenv("AGENT_EVENTS_SPOOL_DIR", str(tmp_path / "spool"))
    namespace: dict[str, Any] = {"__name__": "docs"}
    configure()
    for example in blocks(ROOT / "docs" / "emitting.md", "python"):
        source = example.replace('"dbname=app"', repr(dsn))
        exec(compile(source, "emitting.md", "exec"), namespace)  # noqa: S102
    get_emitter().close()
    [(created, called, published)] = pg.execute(
        "select count(*) filter (where event_type = 'deal.created'), "
        "count(*) filter (where event_type = 'run.tool_called'), "
        "count(*) filter (where event_type = 'content.publish') from ledger.events"
    ).fetchall()
    assert (created, called, published) == (4, 1000, 4)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        (
            "otel.md",
            {
                "agent.call_completed": 1,
                "deal.created": 1,
                "run.completed": 1,
                "run.started": 1,
                "run.tool_called": 1,
                "run.tool_completed": 1,
            },
        ),
        ("event-bus.md", {"deal.created": 2, "deal.scored": 3}),
    ],
)
def test_python_of_the_page_runs_in_a_process_of_its_own(
    name: str, counts: dict[str, int], dsn: str, pg: psycopg.Connection[Any]
) -> None:
    """As both change what the whole process does; its end stores what is buffered."""
    program = "".join(blocks(ROOT / "docs" / name, "python")).replace('"dbname=app"', repr(dsn))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"AGENT_EVENTS_DSN": dsn},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = pg.execute("select event_type, count(*) from ledger.events group by 1")
    assert dict(rows.fetchall()) == counts


class Delivery:
    """A message as most brokers' clients give it."""

    def __init__(self, event_id: str) -> None:
        attributes = {"id": event_id, "source": "/app/default", "type": "deal.created"}
        self.headers = {
            f"ce-{name}": value
            for name, value in (attributes | {"specversion": "1.0", "subject": "deal/42"}).items()
        }
        self.body = b'{"amount": 3}'
        self.acknowledged: bool | None = None

    def ack(self) -> None:
        self.acknowledged = True

    def nack(self, _: object) -> None:
        self.acknowledged = False


def test_sql_of_the_consuming_page_runs(pg: psycopg.Connection[Any]) -> None:
    pg.execute("create table invoices (id text, amount int)")
    text = "".join(blocks(ROOT / "docs" / "consuming.md", "sql"))
    statements = STATEMENT.findall(text.replace("database app", f"database {pg.info.dbname}"))
    assert len(statements) > 6
    for statement, _ in statements:
        pg.execute(statement)
    assert pg.execute("select count(*) from ledger.inbox").fetchone() == (1,)


@every_page
def test_commands_and_their_options_exist(page: Path) -> None:
    for words in commands(page):
        done = CliRunner().invoke(main, [*words, "--help"])
        assert done.exit_code == 0, f"{words}: {done.output}"


def test_commands_of_the_quick_start_run(dsn: str) -> None:
    """All but those that start a server, install, or never end."""
    ran = 0
    for words in commands(ROOT / "docs" / "quickstart.md"):
        if words[0] in ("dev", "migrate") or "--follow" in words:
            continue
        done = CliRunner().invoke(main, words, env={"AGENT_EVENTS_DSN": dsn})
        assert done.exit_code == 0, f"{words}: {done.output}"
        ran += 1
    assert ran


@pytest.mark.parametrize("name", ["operating.md", "monitoring.md"])
def test_commands_of_the_page_run(name: str, dsn: str) -> None:
    """All but the processes, which tests/schedules and tests/monitoring start and stop."""
    ran = 0
    for words in commands(ROOT / "docs" / name):
        if "--every" in words or "--listen" in words:
            continue
        done = CliRunner().invoke(main, words, env={"AGENT_EVENTS_DSN": dsn})
        assert done.exit_code == 0, f"{words}: {done.output}"
        ran += 1
    assert ran > 5


def test_commands_of_the_relay_page_run(
    dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In order; the one that goes on is stopped when it is connected."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AGENT_EVENTS_DSN", dsn)
    with psycopg.connect(dsn) as connection:
        Ledger(connection).emit_event("run.paused")
    ran = 0
    for words in commands(ROOT / "docs" / "relay.md"):
        if words[:2] == ["relay", "run"] and "--once" not in words:
            words[words.index("--health") + 1] = "0"
            assert run_until_connected(words) == 0
        else:
            done = CliRunner().invoke(main, words)
            assert done.exit_code == 0, f"{words}: {done.output}"
        ran += 1
    assert ran > 8
    assert (tmp_path / "events.jsonl").read_text().count("run.paused") == 1


def run_until_connected(words: list[str]) -> int:
    command = [str(Path(sys.executable).with_name("agent-events")), *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        connected = 0
        for line in process.stderr or ():
            if " connected " in line:
                connected += 1
                if connected == 2:
                    process.terminate()
        return process.wait(timeout=60)


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []
