"""Registering event types, and the doctor."""

from __future__ import annotations

import pytest

from agent_events import Finding, Ledger, errors

V1 = {"type": "object", "properties": {"n": {"type": "integer"}}}
V2 = {"type": "object", "properties": {"n": {"type": "integer"}, "m": {"type": "string"}}}
BREAKING = {"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"]}


def test_versions_count_up_and_identical_is_none(ledger: Ledger) -> None:
    assert ledger.register_event_type("test.counted", V1, catalog="test", publish=False) == 1
    assert ledger.register_event_type("test.counted", V1, catalog="test", publish=False) == 1
    assert ledger.register_event_type("test.counted", V2) == 2


def test_breaking_change_is_refused(ledger: Ledger) -> None:
    ledger.register_event_type("test.counted", V1)
    with pytest.raises(errors.IncompatibleSchema):
        ledger.register_event_type("test.counted", BREAKING)


def test_breaking_change_that_is_meant(ledger: Ledger) -> None:
    ledger.register_event_type("test.counted", V1)
    assert ledger.register_event_type("test.counted", BREAKING, compatibility="none") == 2


def test_doctor_finds_nothing_wrong_in_a_fresh_database(ledger: Ledger) -> None:
    findings = ledger.doctor(deep=True)
    assert all(isinstance(finding, Finding) for finding in findings)
    assert [finding for finding in findings if finding.severity != "info"] == []
