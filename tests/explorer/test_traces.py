"""The page of a trace: what led to what, and when."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from explorer.conftest import AnyConnection, Emit, Explore
from explorer.tags import Tags, assert_harmless, words

from agent_events.explorer.pages.traces import LARGEST, PAGE

SCRIPT = "\"'><script>alert(1)</script>"
CORRELATION = UUID("7b1d1f0a-0000-4000-8000-000000000001")


@pytest.fixture
def many(ledger: AnyConnection) -> Any:
    """`many(n)`: n events of the correlation, in one statement."""

    def emit_many(count: int) -> None:
        ledger.execute(
            """
            select from ledger.emit_events((
              select jsonb_agg(jsonb_build_object(
                'event_type', 'test.happened', 'correlation_id', %s::text,
                'payload', '{}'::jsonb
              ))
              from generate_series(1, %s)
            ), 'acme')
            """,
            [str(CORRELATION), count],
        )

    return emit_many


def test_effects_stand_below_their_causes(emit: Emit, explore: Explore) -> None:
    asked = emit("mail.asked", correlation_id=CORRELATION)
    answered = emit("mail.answered", correlation_id=CORRELATION, causation_id=asked)
    emit("mail.read", correlation_id=CORRELATION, causation_id=answered)
    emit("mail.filed", correlation_id=CORRELATION, causation_id=asked)
    page = explore(acme=["read"]).get(f"/traces/{CORRELATION}").text
    tree = page[page.index('<ul class="tree">') :]
    found = re.findall(r'depth-(\d)">.*?(mail\.\w+)</bdi>', tree, re.DOTALL)
    assert found == [
        ("0", "mail.asked"),
        ("1", "mail.answered"),
        ("2", "mail.read"),
        ("1", "mail.filed"),
    ]
    assert tree.count("<details open>") == 2
    assert "Events 4" in words(page)
    assert 'href="/runs/' not in page


def test_the_runs_of_a_trace_are_named(ledger: AnyConnection, emit: Emit, explore: Explore) -> None:
    row = ledger.execute("select ledger.start_run('mail_router', tenant_id => 'acme')").fetchone()
    assert row is not None
    emit(correlation_id=CORRELATION, run_id=row[0])
    page = explore(acme=["read"]).get(f"/traces/{CORRELATION}").text
    assert f'href="/runs/{row[0]}"' in page
    assert "Runs mail_router" in words(page)


def test_what_was_ended_has_a_duration_and_an_outcome(emit: Emit, explore: Explore) -> None:
    tool = {"tool_name": "crm_search", "call_id": "1"}
    called = emit("run.tool_called", tool, correlation_id=CORRELATION)
    emit(
        "run.tool_completed",
        tool | {"error": "no"},
        correlation_id=CORRELATION,
        causation_id=called,
        outcome="failure",
    )
    page = explore(acme=["read"]).get(f"/traces/{CORRELATION}").text
    assert re.search(r"run.tool_called crm_search failure \+0 ms \d+ ms", words(page))
    assert "Failures 1" in words(page)
    bars = [
        given
        for tag, given in Tags(page).found
        if tag == "rect" and "bar" in (given.get("class") or "")
    ]
    assert bars[0]["class"] == "bar-failure"
    assert (bars[0]["x"], bars[0]["width"]) == ("0", "1000")


def test_any_id_of_it_leads_to_a_trace(ledger: AnyConnection, emit: Emit, explore: Explore) -> None:
    row = ledger.execute("select ledger.start_run('agent', tenant_id => 'acme')").fetchone()
    assert row is not None
    trace = uuid4()
    event = emit(correlation_id=CORRELATION, trace_id=trace, run_id=row[0])
    query = "select correlation_id from ledger.agent_runs where id = %s"
    of_run = ledger.execute(query, [row[0]]).fetchone()
    browser = explore(acme=["read"])
    for wanted, correlation in ((event, CORRELATION), (trace, CORRELATION), (row[0], of_run[0])):  # type: ignore[index]
        answer = browser.get(f"/traces/{wanted}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/traces/{correlation}")
    assert browser.get(f"/traces?id={event}").headers["location"] == f"/traces/{event}"


def test_a_trace_through_several_correlations_shows_them(emit: Emit, explore: Explore) -> None:
    trace, correlations = uuid4(), [uuid4(), uuid4()]
    for correlation in correlations:
        emit(correlation_id=correlation, trace_id=trace)
    page = explore(acme=["read"]).get(f"/traces/{trace}").text
    assert all(f'href="/traces/{correlation}"' in page for correlation in correlations)


def test_a_large_tree_comes_in_pages(many: Any, explore: Explore) -> None:
    many(PAGE + 20)
    browser = explore(acme=["read"])
    page = browser.get(f"/traces/{CORRELATION}").text
    assert page.count('class="step"') == PAGE
    assert "Events 1 to 500 of 520" in words(page)
    page = browser.get(f"/traces/{CORRELATION}?skip={PAGE}").text
    assert page.count('class="step"') == 20
    assert 'rel="next"' not in page
    assert browser.get(f"/traces/{CORRELATION}?skip={PAGE * 2}").status_code == 404


def test_what_is_too_large_for_a_tree_is_shown_in_time(many: Any, explore: Explore) -> None:
    many(LARGEST + 1)
    browser = explore(acme=["read"])
    page = browser.get(f"/traces/{CORRELATION}").text
    assert "too many for a tree" in page
    assert page.count('class="step"') == PAGE
    (following,) = [given["href"] for tag, given in Tags(page).found if given.get("rel") == "next"]
    later = browser.get(following or "").text
    assert later.count('class="step"') == PAGE
    assert not {*re.findall(r"/events/[\w-]{36}", page)} & {
        *re.findall(r"/events/[\w-]{36}", later)
    }


def events_in(page: str) -> set[str]:
    return {*re.findall(r'href="/events/([\w-]{36})"', page)}


def test_a_chain_of_thousands_is_one_page_after_the_other(
    ledger: AnyConnection, explore: Explore
) -> None:
    ledger.execute(
        """
        do $$
        declare
          v_id uuid;
        begin
          for n in 1..600 loop
            select id into v_id from ledger.emit_event(
              'test.next', tenant_id => 'acme', causation_id => v_id,
              correlation_id => '7b1d1f0a-0000-4000-8000-000000000001'
            );
          end loop;
        end
        $$
        """
    )
    page = explore(acme=["read"]).get(f"/traces/{CORRELATION}").text
    assert "level 499" in words(page)


def test_the_latest_traces_are_listed(emit: Emit, explore: Explore) -> None:
    emit("mail.asked", correlation_id=CORRELATION)
    emit("mail.answered", correlation_id=CORRELATION)
    emit("other.thing")
    page = explore(acme=["read"]).get("/traces").text
    assert page.count(f'href="/traces/{CORRELATION}"') == 1
    assert "mail.answered" in page
    assert "mail.asked" not in page


def test_without_events_pages_say_what_a_trace_is(explore: Explore) -> None:
    browser = explore(acme=["read"])
    assert "No events yet" in browser.get("/traces").text
    answer = browser.get(f"/traces/{uuid4()}")
    assert answer.status_code == 404
    assert "no correlation, trace, run or event" in answer.text


def test_ids_that_are_none_are_said_to_be(explore: Explore) -> None:
    browser = explore(acme=["read"])
    assert browser.get("/traces/x").status_code == 404
    assert browser.get("/traces?id=x").status_code == 400
    assert browser.get(f"/traces/{uuid4()}?skip=-1").status_code == 400
    assert browser.get(f"/traces/{uuid4()}?after=x").status_code == 400


def test_what_is_hostile_in_a_trace_stays_text(emit: Emit, explore: Explore) -> None:
    payload = {"tool_name": SCRIPT, "call_id": [SCRIPT], "error": {"a": SCRIPT}, "latency_ms": "x"}
    names = {
        "aggregate_type": SCRIPT,
        "aggregate_id": SCRIPT,
        "actor_type": "user",
        "actor_id": SCRIPT,
    }
    emit("bot.tool_called", payload, correlation_id=CORRELATION, **names)
    emit("bot.tool_completed", payload, correlation_id=CORRELATION, **names)
    emit("test.other", {"usage": "x"}, correlation_id=CORRELATION, **names)
    browser = explore(acme=["read"])
    for url in ("/traces", f"/traces/{CORRELATION}"):
        page = browser.get(url).text
        assert "alert(1)" in page
        assert "<script>alert" not in page
        assert_harmless(page)


def test_another_tenants_trace_is_not_there(emit: Emit, explore: Explore) -> None:
    theirs = emit("zebra.asked", correlation_id=CORRELATION, tenant_id="other")
    ours = emit("test.ours", correlation_id=CORRELATION)
    browser = explore(acme=["read"])
    page = browser.get(f"/traces/{CORRELATION}").text
    assert str(ours) in page
    assert "zebra" not in page
    assert browser.get(f"/traces/{theirs}").status_code == 404
    assert browser.get(f"/traces/{CORRELATION}?tenant=other").status_code in (403, 404)
