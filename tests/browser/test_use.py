"""What people do on the pages: with the keyboard, with the mouse, and without a script."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import psycopg
from browser.filling import Filled
from browser.walk import Open, Seen
from playwright.sync_api import expect

from agent_events import Ledger

PATIENCE = 60_000


def test_the_keyboard_reaches_everything(open_page: Open, seen: Seen) -> None:
    page = open_page("/events")
    rows = page.locator("[data-row]")
    page.keyboard.press("j")
    expect(rows.nth(0).locator("[data-open]")).to_be_focused()
    page.keyboard.press("j")
    expect(rows.nth(1).locator("[data-open]")).to_be_focused()
    page.keyboard.press("k")
    expect(rows.nth(0).locator("[data-open]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("tr.detail").nth(0).get_by_text("Correlation")).to_be_visible()
    page.keyboard.press("o")
    expect(page.locator("tr.detail").nth(0)).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page).to_have_title("Statistics · agent-events")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("sales-assist")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="sales-assistant")).to_be_visible()
    assert seen == Seen()


def test_an_event_that_is_emitted_is_announced(open_page: Open, database: str) -> None:
    page = open_page("/events")
    with psycopg.connect(database) as connection:
        Ledger(connection).emit_event("deal.created", {"name": "Just now"})
    news = page.locator("#news a")
    expect(news).to_contain_text("new event", timeout=PATIENCE)
    news.click()
    expect(page.locator("[data-row]").nth(0)).to_contain_text("Just now")


def test_a_click_on_a_value_filters_by_it(open_page: Open) -> None:
    page = open_page("/events?type=deal.stage_changed")
    page.locator("[data-row]").nth(0).locator("a.plain").nth(2).click()
    expect(page.locator(".active-filters")).to_contain_text("deal.stage_changed")
    expect(page.locator(".active-filters")).to_contain_text("Actor")


def test_a_verification_shows_how_far_it_is_and_what_came_out(
    open_page: Open, seen: Seen, pictures: Path
) -> None:
    page = open_page("/integrity")
    page.get_by_role("button", name="Verify now").click()
    expect(page.locator("progress")).to_be_visible()
    page.screenshot(path=pictures / "verification-running.png")
    expect(page.get_by_role("button", name="Verify again")).to_be_visible(timeout=PATIENCE)
    page.screenshot(path=pictures / "verification-done.png", full_page=True)
    verification = page.locator("#verification")
    expect(verification).to_contain_text("all is well")
    expect(verification).to_contain_text("It agrees with the signed checkpoint")
    expect(verification).to_contain_text("Last on record")
    assert seen == Seen()


def test_what_is_filtered_is_exported(open_page: Open, tmp_path: Path) -> None:
    page = open_page("/events?aggregate_type=deal&aggregate_id=7")
    page.get_by_role("link", name="Export").click()
    with page.expect_download() as started:
        page.get_by_role("button", name="CSV").click()
    file = tmp_path / "events.csv"
    started.value.save_as(file)
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert rows
    assert {(row["aggregate_type"], row["aggregate_id"]) for row in rows} == {("deal", "7")}


def test_the_evidence_of_an_event_can_be_taken_away(
    open_page: Open, filled: Filled, tmp_path: Path
) -> None:
    page = open_page(f"/events/{filled.proven}/proof")
    expect(page.locator(".verdict")).to_contain_text("proven")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download the evidence").click()
    started.value.save_as(tmp_path / "evidence.zip")
    with zipfile.ZipFile(tmp_path / "evidence.zip") as bundle:
        assert "verify.py" in bundle.namelist()


def test_everything_can_be_read_without_a_script(open_page: Open) -> None:
    page = open_page("/events", java_script_enabled=False)
    page.locator("select[name=outcome]").select_option("failure")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".active-filters")).to_contain_text("failure")
    page.locator("[data-open]").nth(0).click()
    expect(page.get_by_role("heading", name="Payload")).to_be_visible()
    page.get_by_role("link", name="Integrity").click()
    page.get_by_role("link", name="Ask the doctor").click()
    expect(page.locator("main")).to_contain_text("dead messages")
