"""Private data through the client: read, held, erased."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from agent_events import Ledger, Receipt, errors


@pytest.fixture
def ledger(pg: psycopg.Connection[Any]) -> Ledger:
    return Ledger(pg)


@pytest.fixture
def asked(ledger: Ledger, noted: str) -> Receipt:
    return ledger.emit_event(
        noted, {"text": "a call"}, private={"phone": "+44 20 7946 0958"}, subject_id="u-7"
    )


def test_private_data_is_read_for_a_purpose(ledger: Ledger, asked: Receipt) -> None:
    (event,) = ledger.read_private("Ticket 4711", event_id=asked.id)
    assert (event.event_id, event.subject_id) == (asked.id, "u-7")
    assert event.private == {"phone": "+44 20 7946 0958"}
    assert event.payload == {"text": "a call"}
    (reading,) = ledger.find_events(event_types=["ledger.private_read"])
    assert reading.payload["purpose"] == "Ticket 4711"


def test_a_hold_forbids_erasing_until_it_is_released(ledger: Ledger, asked: Receipt) -> None:
    hold_id = ledger.place_hold("Matter 88", subject_id="u-7")
    with pytest.raises(errors.LegalHold) as refused:
        ledger.erase_private("Request 118", subject_id="u-7")
    assert str(hold_id) in str(refused.value.detail)
    ledger.release_hold(hold_id, "Settled")

    certificate = ledger.erase_private("Request 118", subject_id="u-7")
    assert (certificate.event_count, certificate.event_ids) == (1, (asked.id,))
    event = ledger.get_event(asked.id)
    assert event is not None
    assert certificate.private_hashes == (event.private_hash,)
    (report,) = ledger.subject_report("u-7")
    assert (report.private, report.erasure_id) == (None, certificate.erasure_id)


def test_nothing_to_erase(ledger: Ledger) -> None:
    certificate = ledger.erase_private("Request 119", subject_id="nobody")
    assert (certificate.erasure_id, certificate.event_count, certificate.event_ids) == (None, 0, ())
