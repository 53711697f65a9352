from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from agent_events import dsn, embedded


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("PG") or name == "AGENT_EVENTS_DSN":
            monkeypatch.delenv(name)
    monkeypatch.setenv("AGENT_EVENTS_DEV_DIR", str(tmp_path / "no-server"))


def test_what_is_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_EVENTS_DSN", "dbname=environment")
    assert dsn.resolve("dbname=given") == "dbname=given"


def test_own_variable_comes_before_libpqs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_EVENTS_DSN", "dbname=environment")
    monkeypatch.setenv("PGHOST", "elsewhere")
    assert dsn.resolve() == "dbname=environment"


@pytest.mark.parametrize("name", ["PGHOST", "PGSERVICE", "PGDATABASE"])
def test_libpqs_variables_are_left_to_libpq(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "something")
    assert dsn.resolve() == ""


def test_variables_that_name_no_database_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGAPPNAME", "app")
    with pytest.raises(dsn.NoDatabaseError):
        dsn.resolve()


def test_last_comes_the_dev_server(
    monkeypatch: pytest.MonkeyPatch, server_folder: Path, server_version: int
) -> None:
    monkeypatch.setenv("AGENT_EVENTS_DEV_DIR", str(server_folder / "pg"))
    embedded.ensure_server(server_folder / "pg", server_version, fast=True)
    with psycopg.connect(dsn.resolve()) as connection:
        assert connection.info.host == str(server_folder / "pg")


def test_nothing_at_all_says_what_to_do() -> None:
    with pytest.raises(dsn.NoDatabaseError, match="agent-events dev up"):
        dsn.resolve()
