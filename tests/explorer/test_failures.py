"""What goes wrong in the database is a page that says what to do."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from explorer.conftest import AnyConnection, Emit, Explore
from psycopg.conninfo import make_conninfo
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from agent_events.explorer import database
from agent_events.explorer.database import reading, writing
from agent_events.explorer.steps import read_steps

EMIT = "select id from ledger.emit_event('test.written', tenant_id => %(tenant_id)s)"


async def emit_while_reading(request: Request) -> Response:
    async with reading(request) as reader:
        await reader.rows(EMIT)
    return PlainTextResponse("written")


async def emit_while_writing(request: Request) -> Response:
    async with writing(request) as reader:
        await reader.rows(EMIT)
    return PlainTextResponse("written")


async def tell_settings(request: Request) -> Response:
    query = "select name, setting from pg_settings where name ~ 'read_only$|^statement_timeout$'"
    async with reading(request) as reader:
        return PlainTextResponse(
            " ".join(f"{row['name']}={row['setting']}" for row in await reader.rows(query))
        )


async def tell_what_is_looked_into(request: Request) -> Response:
    query = "select pg_sleep(case when %(largest)s > 0 then 60 else 0 end), %(largest)s as largest"
    async with reading(request) as reader:
        return PlainTextResponse(str([row["largest"] for row in await read_steps(reader, query)]))


ROUTES = [
    Route("/steps", tell_what_is_looked_into),
    Route("/reading", emit_while_reading),
    Route("/writing", emit_while_writing),
    Route("/settings", tell_settings),
]


def test_a_search_that_takes_too_long_is_stopped_and_says_to_narrow_it(
    ledger: AnyConnection, explore: Explore
) -> None:
    browser = explore(settings={"statement_timeout": timedelta(milliseconds=200)})
    with ledger.transaction():
        ledger.execute("lock table ledger.agent_events in access exclusive mode")
        page = browser.get("/events")
        other = browser.get("/events?outcome=failure")
        part = browser.get("/events/news", headers={"HX-Request": "true"})
    assert [page.status_code, other.status_code, part.status_code] == [503, 503, 200]
    assert "Narrow it down" in page.text
    assert "Look for new events" in part.text
    assert "<html" not in part.text
    assert browser.get("/events").status_code == 200


def test_steps_are_shown_without_what_payloads_say_where_those_take_too_long(
    explore: Explore,
) -> None:
    browser = explore(settings={"statement_timeout": timedelta(seconds=2)}, routes=ROUTES)
    assert browser.get("/steps").text == "[0]"


def test_pages_cannot_write_unless_they_say_so(emit: Emit, explore: Explore) -> None:
    emit()
    browser = explore(acme=["read", "write"], routes=ROUTES)
    refused = browser.get("/reading")
    assert refused.status_code == 403
    assert "read only" in refused.text
    assert browser.get("/writing").text == "written"
    assert browser.get("/reading").status_code == 403
    settings = set(browser.get("/settings").text.split())
    assert {"default_transaction_read_only=on", "transaction_read_only=on"} <= settings
    assert "statement_timeout=3000" in settings


def test_what_the_role_may_not_write_is_refused(emit: Emit, explore: Explore) -> None:
    emit()
    assert explore(acme=["read"], routes=ROUTES).get("/writing").status_code == 403


def test_a_lost_connection_is_opened_again(
    ledger: AnyConnection, emit: Emit, explore: Explore
) -> None:
    emit()
    browser = explore()
    assert browser.get("/events").status_code == 200
    end = """
        select pg_terminate_backend(pid, 10000) from pg_stat_activity
        where datname = current_database() and application_name = 'agent-events explore'
    """
    assert ledger.execute(end).fetchall() == [(True,)]
    deadline = time.monotonic() + 60
    while browser.get("/events").status_code != 200:
        assert time.monotonic() < deadline


def test_a_database_that_is_not_there_is_said_to_be(
    explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LONGEST_WAIT", 0.5)
    browser = explore(settings={"dsn": "host=127.0.0.1 port=1 dbname=none"})
    answer = browser.get("/events")
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text


def test_a_database_without_a_ledger_says_how_to_install_it(
    ledger: AnyConnection, dsn: str, explore: Explore
) -> None:
    name = f"{ledger.info.dbname}_empty"
    ledger.execute(f"create database {name} template template0")
    try:
        answer = explore(settings={"dsn": make_conninfo(dsn, dbname=name)}).get("/events")
    finally:
        ledger.execute(f"drop database {name} with (force)")
    assert answer.status_code == 503
    assert "agent-events migrate" in answer.text


def test_another_role_is_looked_as(ledger: AnyConnection, emit: Emit, explore: Explore) -> None:
    event = emit()
    quoted = 'looks "\\ at it'
    with closing(ledger.cursor()) as cursor:
        cursor.execute(f"""create role {quoted_name(quoted)}""")
        try:
            cursor.execute("select ledger.grant_access(%s, 'acme', '{read}')", [quoted])
            given: dict[str, Any] = {"dsn": ledger_dsn(ledger), "role": quoted}
            assert str(event) in explore(settings=given).get("/events?tenant=acme").text
        finally:
            cursor.execute(f"drop owned by {quoted_name(quoted)}")
            cursor.execute(f"drop role {quoted_name(quoted)}")


def quoted_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def ledger_dsn(connection: AnyConnection) -> str:
    return make_conninfo(connection.info.dsn, password=connection.info.password or None)
