"""The pages that are walked, and what is looked for on each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from browser.filling import Filled
from playwright.sync_api import Page

Paths = dict[str, str]
Open = Callable[..., Page]


@dataclass
class Seen:
    """What a page did besides showing itself: each of these should stay empty."""

    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


def paths(filled: Filled) -> Paths:
    """Every page by the name of its picture, where it has most to show."""
    return {
        "events": "/events",
        "events-filtered": "/events?actor_type=user&outcome=failure&type=action.approved",
        "events-correlation": f"/events?correlation={filled.story.deal_id}",
        "events-none": "/events?aggregate_id=nothing",
        "events-hostile": "/events?type=test.hostile",
        "event": f"/events/{filled.proven}",
        "event-hostile": f"/events/{filled.hostile}",
        "event-large": f"/events/{filled.large}",
        "event-wide": f"/events/{filled.wide}",
        "search": "/search?q=deal",
        "proof": f"/events/{filled.proven}/proof",
        "proof-unsigned": f"/events/{filled.unsigned}/proof",
        "traces": "/traces",
        "trace": f"/traces/{filled.story.deal_id}",
        "runs": "/runs",
        "run": f"/runs/{filled.story.run_id}",
        "aggregates": "/aggregates",
        "aggregate": "/aggregate?type=deal&id=7",
        "aggregate-agent": f"/aggregate?type=deal&id={filled.story.deal_id}",
        "integrity": "/integrity",
        "integrity-acme": "/integrity?tenant=acme",
        "statistics": "/statistics",
        "export": "/export?type=deal.created&actor_type=agent",
    }


NAMES = tuple(paths(Filled.example()))

WATCH = """
window.watched = { shift: 0, violations: [] };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) watched.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
document.addEventListener("securitypolicyviolation", (event) => {
  watched.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""
"""Runs before any page: notes what moves by itself, and what the policy of the page forbids."""
