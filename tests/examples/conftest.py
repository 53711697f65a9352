"""The programs in docs/examples, as modules."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def example(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """`example("agent_loop")`, for the test's database."""

    def load(name: str) -> ModuleType:
        monkeypatch.setenv("AGENT_EVENTS_DSN", dsn)
        spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def deals(pg: psycopg.Connection[object]) -> Callable[[], object]:
    """A table of deals with one in it; `deals()` is what is there."""
    pg.execute("create table deals (id varchar(20) primary key, stage varchar(20) not null)")
    pg.execute("insert into deals values ('d-7', 'lead')")
    return lambda: pg.execute("select id, stage from deals").fetchall()
