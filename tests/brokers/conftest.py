"""Tests of the relay's destinations, with real brokers: Debian's packages, and librdkafka's mock.

    scripts/test tests/brokers

Nothing else collects this folder (norecursedirs in pyproject.toml), and .ci/run always runs it;
where a broker is missing, its tests fail. Each worker of xdist has its own brokers.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers.destinations import PLACES, Destination


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[str], Any]]:
    """`servers("nats")`: a broker that runs, and is stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="agent-events-brokers-"))
    running: dict[str, Any] = {}

    def server(name: str) -> Any:
        if name not in running:
            running[name] = PLACES[name][0](folder / name)
            running[name].start()
        elif running[name].process is None:
            running[name].start()
        return running[name]

    yield server
    for each in running.values():
        each.stop()
    shutil.rmtree(folder)


@pytest.fixture(params=PLACES)
def destination(request: pytest.FixtureRequest, servers: Callable[[str], Any]) -> Destination:
    """Each broker in turn, with a place on it of the test's own."""
    return PLACES[request.param][1](servers(request.param))


@pytest.fixture
def place(servers: Callable[[str], Any]) -> Callable[[str], Any]:
    """`place("redis")`: a place on that broker."""
    return lambda name: PLACES[name][1](servers(name))
