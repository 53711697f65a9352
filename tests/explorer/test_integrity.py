"""Is the ledger whole? The seal, signed checkpoints, verifications and what the doctor finds."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from explorer.browsing import URL, Browser
from explorer.conftest import AnyConnection, Emit, Explore
from verifying.tampering import forge

from agent_events import Ledger
from agent_events.anchors import open_store
from agent_events.explorer.verification import Verification, Verifications
from agent_events.proofs.keys import SigningKey
from agent_events.proofs.note import Checkpoint
from agent_events.signing import sign

ORIGIN = {"Origin": URL}
PATIENCE = 120  # seconds

Sign = Callable[[], dict[str, Any]]


@pytest.fixture
def signed(dsn: str, tmp_path: Path) -> Sign:
    """Sign the log of acme as it stands, and return the settings by which it is found."""
    key = SigningKey.generate("crm.example/acme")
    anchor = f"file:{tmp_path / 'checkpoints.jsonl'}"

    def settings() -> dict[str, Any]:
        sign(dsn, key, {"anchor": open_store(anchor)})
        return {"anchors": (anchor,), "keys": (key.vkey(),)}

    return settings


def send(browser: Browser, url: str, page: str, **fields: str) -> httpx.Response:
    """Send a form of a page, with the token that the page has."""
    token = re.search(r'name="agent_events_form" value="([^"]+)"', browser.get(page).text)
    assert token is not None
    return browser.post(url, data={"agent_events_form": token[1], **fields}, headers=ORIGIN)


def verify(browser: Browser) -> Verification:
    """Start a verification of acme, and wait for its end."""
    answer = send(browser, "/integrity/verification?tenant=acme", "/integrity?tenant=acme")
    assert answer.status_code == 303, answer.text
    found: Verification = browser.app.state.verifications.last("acme")
    end = time.monotonic() + PATIENCE
    while not found.is_over:
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def test_the_seal_and_the_tree(ledger: AnyConnection, emit: Emit, explore: Explore) -> None:
    emit()
    sealed = Ledger(ledger).seal(tenant_id="acme")
    page = explore().get("/integrity").text
    assert sealed.root.hex() in page
    assert "The explorer was told of none" in page


def test_nothing_sealed_yet(emit: Emit, explore: Explore) -> None:
    emit()
    page = explore().get("/integrity")
    assert page.status_code == 200
    assert "Nothing is sealed yet" in page.text


def test_the_log_is_held_against_the_signed_checkpoint(
    ledger: AnyConnection, emit: Emit, explore: Explore, signed: Sign
) -> None:
    emit()
    Ledger(ledger).seal(tenant_id="acme")
    settings = signed()
    assert "as signed</span>" in explore(settings).get("/integrity").text
    forge(ledger, "delete from ledger.log_heads where tenant_id = 'acme'")
    assert "not as signed</span>" in explore(settings).get("/integrity").text


def test_an_anchor_that_cannot_be_read_is_said(
    emit: Emit, explore: Explore, signed: Sign, tmp_path: Path
) -> None:
    emit()
    settings = signed() | {"anchors": (f"file:{tmp_path / 'nothing'}", "https://example.com/")}
    page = explore(settings).get("/integrity")
    assert page.status_code == 200
    assert page.text.count('severity-warning">none</span>') == 2


def test_a_checkpoint_that_somebody_else_signed_does_not_count(
    ledger: AnyConnection, emit: Emit, explore: Explore, signed: Sign
) -> None:
    emit()
    Ledger(ledger).seal(tenant_id="acme")
    settings = signed()
    forger = SigningKey.generate("crm.example/acme")
    open_store(settings["anchors"][0]).append(forger.sign(Checkpoint(forger.name, 9, bytes(32))))
    page = explore(settings).get("/integrity").text
    assert "as signed</span>" in page
    assert "1 not usable</span>" in page


def test_a_verification_says_that_all_is_well_and_is_on_record(
    ledger: AnyConnection, emit: Emit, explore: Explore, signed: Sign
) -> None:
    for _ in range(5):
        emit()
    Ledger(ledger).seal(tenant_id="acme")
    browser = explore(signed(), acme=["read", "audit"])
    done = verify(browser)
    assert (done.state, done.finding_count, done.not_recorded) == ("done", 0, [])
    assert done.held_against == "It agrees with the signed checkpoint of 5 events."
    page = browser.get("/integrity").text
    assert "all is well</span> 5 events" in page
    assert "Last on record" in page
    (recorded,) = Ledger(ledger).find_events(tenant_id="acme", event_types=["ledger.verified"])
    assert recorded.outcome == "success"


def test_who_may_not_record_a_verification_is_told_who_can(
    ledger: AnyConnection, emit: Emit, explore: Explore
) -> None:
    emit()
    Ledger(ledger).seal(tenant_id="acme")
    browser = explore(acme=["read"])
    assert verify(browser).not_recorded
    page = browser.get("/integrity/verification", headers={"HX-Request": "true"}).text
    assert "Not recorded as an event" in page
    assert "agent-events verify --tenant acme" in page


def test_a_verification_finds_what_was_changed(
    ledger: AnyConnection, emit: Emit, explore: Explore
) -> None:
    changed = emit(payload={"amount": 1})
    Ledger(ledger).seal(tenant_id="acme")
    forge(ledger, "update ledger.agent_events set payload = '{\"amount\": 2}'")
    browser = explore(acme=["read", "audit"])
    kinds = {finding.kind for finding in verify(browser).findings}
    assert "changed event" in kinds
    page = browser.get("/integrity").text
    assert f'href="/events/{changed}"' in page
    assert "changed event" in page
    proof = browser.get(f"/events/{changed}/proof").text
    assert "Not proven." in proof
    assert "does not hold</span>" in proof


def test_one_verification_of_a_tenant_runs_at_a_time(
    explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()
    monkeypatch.setattr(Verifications, "_verify", lambda *_: may_end.wait(PATIENCE))
    browser = explore(acme=["read"])
    verifications = browser.app.state.verifications
    first = verifications.start("acme")
    assert verifications.start("acme") is first
    part = browser.get("/integrity/verification", headers={"HX-Request": "true"}).text
    assert 'hx-trigger="every 1s"' in part
    assert "Verify now" not in part
    may_end.set()
    end = time.monotonic() + PATIENCE
    while not first.is_over:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert verifications.start("acme") is not first


def test_a_verification_ends_with_the_explorer(
    ledger: AnyConnection, emit: Emit, explore: Explore
) -> None:
    emit()
    Ledger(ledger).seal(tenant_id="acme")
    verifications = explore(acme=["read"]).app.state.verifications
    verifications._is_closing.set()
    stopped = verifications.start("acme")
    verifications.close()
    assert stopped.is_over
    assert stopped.failure in ("", "The explorer was stopped.")
    assert stopped.state == "failed"


def test_a_verification_of_a_tenant_that_is_not_granted_is_refused(
    emit: Emit, explore: Explore
) -> None:
    emit(tenant_id="other")
    browser = explore(acme=["read"])
    refused = send(browser, "/integrity/verification?tenant=other", "/integrity?tenant=acme")
    assert refused.status_code == 403
    assert browser.app.state.verifications.last("other") is None


def test_another_site_cannot_start_a_verification(explore: Explore) -> None:
    browser = explore()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {}):
        assert browser.post("/integrity/verification", headers=headers).status_code == 403
    assert browser.post("/integrity/verification", headers=ORIGIN).status_code == 403


def test_the_doctor_speaks_to_auditors(ledger: AnyConnection, explore: Explore) -> None:
    ledger.execute("call ledger.maintain()")
    part = explore(acme=["read", "audit"]).get("/integrity/doctor", headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert "<html" not in part.text
    ledger.execute("drop event trigger ledger_guard_ddl")
    page = explore(acme=["read", "audit"]).get("/integrity/doctor").text
    assert "ledger_guard_ddl" in page
    assert "What to do:" in page


def test_the_doctor_does_not_speak_of_other_tenants(
    ledger: AnyConnection, emit: Emit, explore: Explore
) -> None:
    for tenant_id in ("acme", "other"):
        emit(tenant_id=tenant_id)
        Ledger(ledger).seal(tenant_id=tenant_id)
    forge(ledger, "update ledger.log_heads set tree_size = 7")
    page = explore(acme=["read", "audit"]).get("/integrity/doctor").text
    assert "log of tenant acme" in page
    assert "tenant other" not in page
    everything = explore(every=["read", "audit"]).get("/integrity/doctor?tenant=acme").text
    assert "log of tenant acme" in everything
    assert "log of tenant other" in everything


def test_readers_are_told_who_may_ask_the_doctor(explore: Explore) -> None:
    page = explore(acme=["read"]).get("/integrity/doctor")
    assert page.status_code == 200
    assert "Only auditors and operators may ask" in page.text
