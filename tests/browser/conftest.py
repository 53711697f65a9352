"""The explorer in a real browser: Debian's Chromium, over a ledger of 100,000 events.

    scripts/test tests/browser -n 0

Nothing else collects this folder (norecursedirs in pyproject.toml), and .ci/run always runs it;
without Chromium its tests fail. AGENT_EVENTS_SCREENSHOTS is where the pictures go, by default
screenshots/ in the checkout.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from browser.filling import ANCHOR, Filled, fill
from browser.walk import WATCH, Open, Seen
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from psycopg import sql
from psycopg.conninfo import make_conninfo

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",  # for root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
]
PATIENCE = 60_000
"""Milliseconds: machines are slow at times."""

DEFAULT_SIZE = (1280, 860)


@pytest.fixture(scope="session")
def database(template: SimpleNamespace) -> Iterator[str]:
    """A superuser's connection string to a database of the session's own."""
    name = f"explored_{os.getpid()}"
    server = os.environ["AGENT_EVENTS_TEST_DSN"]
    create = sql.SQL("create database {} template {}")
    drop = sql.SQL("drop database {} with (force)")
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(create.format(sql.Identifier(name), sql.Identifier(template.template_dbname)))
        yield make_conninfo(server, dbname=name)
        admin.execute(drop.format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def filled(database: str, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """The ledger that is looked at."""
    with psycopg.connect(database, autocommit=True) as connection:
        return fill(connection, tmp_path_factory.mktemp("anchor"))


@pytest.fixture(scope="session")
def url(database: str, filled: Filled) -> Iterator[str]:
    """Where the explorer runs, as a process of its own and a role of its own, without a slash."""
    role = f"explorer_{secrets.token_hex(4)}"
    name = sql.Identifier(role)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(sql.SQL("create role {} login").format(name))
        for tenant_id in ("default", "acme"):
            grant = "select ledger.grant_access(%s, %s, '{read,audit}')"
            admin.execute(grant, [role, tenant_id])
        with _explorer(make_conninfo(database, user=role), filled) as listening:
            yield listening
        admin.execute(sql.SQL("drop owned by {0} cascade; drop role {0}").format(name))


@contextmanager
def _explorer(dsn: str, filled: Filled) -> Iterator[str]:
    command = [str(Path(sys.executable).with_name("agent-events")), "explore", "--dsn", dsn]
    command += ["--port", "0", "--json", "--anchor", f"file:{ANCHOR}", "--vkey", filled.vkey]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=filled.folder) as process:
        assert process.stderr is not None
        said = json.loads(process.stderr.readline())
        try:
            yield str(said["url"]).rstrip("/")
        finally:
            process.terminate()
            rest = process.stderr.read()
    assert process.returncode == 0, rest


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser; every test gets a profile of its own in it."""
    assert CHROMIUM, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def seen() -> Seen:
    """What pages do in this test that they should not."""
    return Seen()


@pytest.fixture
def open_page(chromium: Browser, url: str, seen: Seen) -> Iterator[Open]:
    """`open_page("/events", color_scheme="dark")`: the page, once it is quiet."""
    contexts: list[BrowserContext] = []

    def visit(path: str, size: tuple[int, int] = DEFAULT_SIZE, **given: Any) -> Page:
        viewport: Any = {"width": size[0], "height": size[1]}
        context = chromium.new_context(base_url=url, viewport=viewport, **given)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.add_init_script(WATCH)
        page = context.new_page()
        page.on("console", lambda message: _note(seen, message.type, message.text))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("request", lambda request: _hold_against(seen, url, request.url))
        page.on("dialog", lambda dialog: (seen.dialogs.append(dialog.message), dialog.dismiss()))
        answer = page.goto(path, wait_until="networkidle")
        assert answer is not None
        assert answer.status == 200, path
        return page

    yield visit
    for context in contexts:
        context.close()


def _note(seen: Seen, kind: str, text: str) -> None:
    if kind in ("error", "warning"):
        seen.errors.append(text)


def _hold_against(seen: Seen, url: str, asked: str) -> None:
    if urlsplit(asked).scheme not in ("data", "blob") and not asked.startswith(f"{url}/"):
        seen.elsewhere.append(asked)


@pytest.fixture(scope="session")
def pictures() -> Path:
    """The folder for the pictures of this run."""
    folder = Path(os.environ.get("AGENT_EVENTS_SCREENSHOTS") or ROOT / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    source = ROOT / "tests" / "node" / "node_modules" / "axe-core" / "axe.min.js"
    assert source.exists(), "axe-core is missing: npm ci --prefix tests/node"
    return source.read_text()
