"""The ledger under test, and bundles of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from evidence.ledgers import AnyConnection, Evidence, fill

from agent_events.evidence.build import Order, build_bundle
from agent_events.evidence.offline.manifest import CHAIN, DISCLOSED, EVENTS, Query


@pytest.fixture
def evidence(pg: AnyConnection, tmp_path: Path) -> Evidence:
    """23 events of the tenant acme; see `fill`."""
    return fill(pg, tmp_path)


Make = Callable[..., Path]


@pytest.fixture
def make(evidence: Evidence) -> Make:
    """Sign what is there, and make a bundle of it."""

    def bundle(
        query: Query | None = None, mode: str = EVENTS, first: int = 0, end: int | None = None
    ) -> Path:
        signed = evidence.sign()
        order = Order("acme", query or Query(), mode, first, end)
        return build_bundle(evidence.pg, order, signed, evidence.folder / "evidence.zip").path

    return bundle


@pytest.fixture
def deal() -> Query:
    """The aggregate with the most events."""
    return Query(aggregate=("deal", "7"))


@pytest.fixture
def chain(make: Make, deal: Query) -> Path:
    return make(deal, CHAIN)


@pytest.fixture
def disclosed(make: Make, deal: Query) -> Path:
    return make(deal, DISCLOSED)
