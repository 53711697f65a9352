"""The pages of runs: which there were, and what one of them did."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from explorer.conftest import AnyConnection, Emit, Explore
from explorer.tags import assert_harmless, words

from agent_events import Ledger
from agent_events.explorer.pages import runs
from agent_events.explorer.pages.runs import STEPS
from agent_events.explorer.searching import PAGE_SIZE

SCRIPT = "\"'><script>alert(1)</script>"
CALL = {
    "timestamp_start": "2026-11-20T09:15:01Z",
    "timestamp_end": "2026-11-20T09:15:02Z",
    "agent_name": "mail_router",
    "provider_name": "example",
}
Start = Callable[..., UUID]


@pytest.fixture
def start(ledger: AnyConnection) -> Start:
    """`start("mail_router", ends="success", payload={...})`: the id of a run of acme."""
    client = Ledger(ledger)

    def start_run(
        agent_name: str = "mail_router",
        begins: Any = None,
        *,
        ends: Any = None,
        payload: Any = None,
        **given: Any,
    ) -> UUID:
        arguments = {"tenant_id": "acme", "payload": begins} | given
        with ledger.transaction():
            run_id = client.start_run(agent_name, **arguments)
        if ends:
            tenant_id = arguments["tenant_id"]
            client.finish_run(run_id, outcome=ends, payload=payload, tenant_id=tenant_id)
        return run_id

    return start_run


def test_the_newest_run_comes_first_with_how_it_stands(start: Start, explore: Explore) -> None:
    start("first", ends="success", payload={"steps": 4, "input_tokens": 8120})
    start("second", ends="failure")
    start("third", ends="partial")
    start("fourth")
    table = words(explore(acme=["read"]).get("/runs").text).partition("Tokens in out")[2]
    parts = (
        "fourth",
        "running",
        "third",
        "completed partial",
        "second",
        "failed",
        "first",
        "completed",
    )
    assert re.search(".*".join(parts), table)
    assert re.search("first .* completed .* 4 2 8 120 –", table)


def test_runs_are_filtered_by_what_stands_in_the_url(start: Start, explore: Explore) -> None:
    parent = start("router", ends="success")
    start("router", ends="failure")
    start("writer", parent_run_id=parent)
    browser = explore(acme=["read"])

    def found(query: str) -> int:
        return browser.get(f"/runs?{query}").text.count("<tr data-row")

    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert found("") == 3
    assert found("agent=router") == 2
    assert found("agent=router&status=failed") == 1
    assert found("status=running") == 1
    assert found(f"parent={parent}") == 1
    assert found(f"from={tomorrow:%Y-%m-%dT%H:%M}") == 0
    assert found(f"to={tomorrow:%Y-%m-%dT%H:%M}&from=2020-01-01") == 3
    assert "No run matches" in browser.get("/runs?agent=nobody").text
    page = browser.get("/runs?agent=router&status=failed").text
    assert 'href="/runs?status=failed"' in page


def test_older_runs_are_a_page_further(ledger: AnyConnection, explore: Explore) -> None:
    ledger.execute(
        "select ledger.start_run('agent ' || n, tenant_id => 'acme') from generate_series(1, %s) n",
        [PAGE_SIZE + 3],
    )
    browser = explore(acme=["read"])
    first = browser.get("/runs?status=running").text
    (following,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = browser.get(following.replace("&amp;", "&")).text
    assert "status=running" in following
    names = re.findall(r"agent \d+", first + second)
    assert names == [f"agent {n}" for n in range(PAGE_SIZE + 3, 0, -1)]
    assert 'rel="next"' not in second
    assert "Nothing older" in browser.get(f"/runs?after={uuid4()}").text


def test_runs_of_a_status_are_looked_for_part_by_part(
    start: Start, explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_events.explorer.pages.runs.FIRST_PART", 3)
    monkeypatch.setattr("agent_events.explorer.searching.PATIENCE", 0.0)
    failed = start("old", ends="failure")
    for _ in range(6):
        start()
    browser, url, pages = explore(acme=["read"]), "/runs?status=failed", []
    while True:
        pages.append(browser.get(url).text)
        following = re.search(r'rel="next" href="([^"]+)"', pages[-1])
        if following is None:
            break
        url = following[1].replace("&amp;", "&")
    assert len(pages) == 3
    assert "There is none among the newest 3 runs" in words(pages[0])
    assert "There is none among the next 3 runs" in words(pages[1])
    assert str(failed) in pages[2]
    assert 'rel="next"' not in browser.get("/runs?status=running").text.partition("<table")[0]


@pytest.mark.parametrize(
    ("given", "index"),
    [
        ({"agent": "rare"}, "agent_runs_agent"),
        ({"agent": "nobody"}, "agent_runs_agent"),
        ({"parent": UUID(int=1)}, "agent_runs_parent"),
        ({}, "agent_runs_started_at"),
        ({"agent": "usual"}, "agent_runs_"),
    ],
    ids=["rare agent", "agent who is none", "children", "all", "frequent agent"],
)
def test_runs_are_found_without_looking_through_them(
    ledger: AnyConnection,
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
    given: dict[str, Any],
    index: str,
) -> None:
    add = "select ledger.add_run(%s, %s, 'acme', %s, gen_random_uuid(), gen_random_uuid())"
    parent = UUID(int=1)
    ledger.execute(add, ["rare", parent, None])
    for number in range(2, 5):
        ledger.execute(add, ["usual", UUID(int=number), parent])
    many = "gen_random_uuid(), 'acme', null, gen_random_uuid(), gen_random_uuid()"
    ledger.execute(f"select ledger.add_run('usual', {many}) from generate_series(1, 5000)")
    ledger.execute("analyze ledger.agent_runs")
    reader = connect(user=login_role("looks", {"acme": ["read"]}))
    limits = {"part": PAGE_SIZE, "most": PAGE_SIZE, "status": None, "tenant_id": "acme"}
    query = runs._filled(f"explain (analyze, buffers) {runs._FOUND}", given)
    plan = "\n".join(row[0] for row in reader.execute(query, limits | given).fetchall())
    assert re.search(rf"using {index}.* on agent_runs", plan), plan
    assert "Rows Removed by Filter" not in plan
    (blocks,) = re.findall(r"^  ?Buffers: shared hit=(\d+)", plan, re.MULTILINE)[:1]
    assert int(blocks) < 30 * (PAGE_SIZE + 1), plan


def test_a_run_shows_its_steps_tools_tokens_and_cost(
    emit: Emit, start: Start, explore: Explore
) -> None:
    run = start(begins={"goal": "Answer the mail"})
    for call in ("1", "2"):
        usage = {"input_tokens": 1000, "output_tokens": 9, "cost": 0.000021, "currency": "USD"}
        model = CALL | {"latency_ms": 1244, "model_name": "large-2026", "usage": usage}
        emit("agent.call_completed", model, run_id=run, outcome="success")
        tool = {"tool_name": "crm_search", "call_id": call}
        emit("run.tool_called", tool, run_id=run)
        error = {"error": "no such customer"} if call == "2" else {}
        outcome = "failure" if error else "success"
        emit("run.tool_completed", tool | error, run_id=run, outcome=outcome)
    page = explore(acme=["read"]).get(f"/runs/{run}").text
    text = words(page)
    assert "running" in text
    assert "Goal Answer the mail" in text
    assert "Tool calls 2 Tokens in 2 000 Tokens out 18 Cost 0.000042 USD" in text
    assert text.count("large-2026 1 000 → 9 tokens success") == 2
    assert re.search(r"run.tool_called → completed crm_search success \+[\d.]+ m?s \d+ ms", text)
    assert re.search(r"crm_search no such customer failure", text)
    assert ">run.tool_completed</bdi>" not in page


def test_a_run_that_failed_says_why(start: Start, explore: Explore) -> None:
    told = {"error": "Tool crm_search timed out", "error_code": "tool_timeout", "steps": 2}
    run = start(ends="failure", payload=told)
    text = words(explore(acme=["read"]).get(f"/runs/{run}").text)
    assert "The run failed ( tool_timeout ). Tool crm_search timed out" in text
    assert "Steps 2" in text


def test_parents_and_children_lead_to_each_other(start: Start, explore: Explore) -> None:
    parent = start("router")
    child = start("writer", parent_run_id=parent)
    browser = explore(acme=["read"])
    assert f'href="/runs/{child}"' in browser.get(f"/runs/{parent}").text
    assert f'href="/runs/{parent}"' in browser.get(f"/runs/{child}").text


def test_a_long_run_comes_in_pages(ledger: AnyConnection, start: Start, explore: Explore) -> None:
    run = start()
    ledger.execute(
        """
        select from ledger.emit_events((
          select jsonb_agg(jsonb_build_object(
            'event_type', 'test.step', 'run_id', %s::text,
            'payload', '{"usage": {"input_tokens": 1}}'::jsonb
          ))
          from generate_series(1, %s)
        ), 'acme')
        """,
        [str(run), STEPS + 9],
    )
    Ledger(ledger).finish_run(run, payload={"input_tokens": 77}, tenant_id="acme")
    browser = explore(acme=["read"])
    page = browser.get(f"/runs/{run}").text
    assert page.count('class="step"') == STEPS
    assert "Tokens in 77" in words(page)
    (following,) = re.findall(r'rel="next" href="([^"]+)"', page)
    assert browser.get(following).text.count('class="step"') == 11
    assert "1 000+" not in browser.get("/runs").text


def test_runs_that_are_not_there_are_said_not_to_be(explore: Explore) -> None:
    browser = explore(acme=["read"])
    assert "No runs yet" in browser.get("/runs").text
    assert browser.get(f"/runs/{uuid4()}").status_code == 404
    assert browser.get("/runs/00000000-0000-0000-0000-000000000000").status_code == 404
    for query in ("status=asleep", "parent=x", "after=1", "from=never"):
        assert browser.get(f"/runs?{query}").status_code == 400, query


def test_what_is_hostile_in_a_run_stays_text(emit: Emit, start: Start, explore: Explore) -> None:
    run = start(SCRIPT, ends="failure", payload={"error": SCRIPT, "cost": 10**30, "result": 1})
    usage = {"input_tokens": SCRIPT, "output_tokens": 10**40, "cost": 1, "currency": SCRIPT}
    emit("bot.called", {"model_name": SCRIPT, "usage": usage, "latency_ms": -1}, run_id=run)
    emit("test.step", {"usage": [], "error": {"a": [SCRIPT]}, "tool_name": {}}, run_id=run)
    browser = explore(acme=["read"])
    for url in ("/runs", f"/runs/{run}", f"/traces/{run}", "/runs?agent=%3Cscript%3Ealert"):
        answer = browser.get(url)
        assert answer.status_code in (200, 303)
        assert "<script>alert" not in answer.text
        assert_harmless(answer.text)


def test_what_a_type_marks_is_masked_in_steps_too(
    ledger: AnyConnection, emit: Emit, start: Start, explore: Explore
) -> None:
    Ledger(ledger).register_event_type(
        "test.step", {"properties": {"error": {"type": "string", "x-secret": True}}}
    )
    run = start()
    emit("test.step", {"error": "hidden-from-pages"}, run_id=run)
    page = explore(acme=["read"]).get(f"/runs/{run}").text
    assert "hidden-from-pages" not in page
    assert "***" in page


def test_another_tenants_runs_are_not_there(start: Start, explore: Explore) -> None:
    theirs = start("zebra", tenant_id="other", ends="failure", payload={"error": "zebra"})
    start("ours")
    browser = explore(acme=["read", "operate"])
    for url in ("/runs?", f"/runs?parent={theirs}", f"/runs?after={theirs}", f"/runs/{theirs}?"):
        for tenant in ("", "&tenant=other", "&tenant=acme"):
            assert "zebra" not in browser.get(url + tenant).text
    assert "zebra" in explore(other=["read"]).get(f"/runs/{theirs}").text
