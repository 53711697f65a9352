"""What importing the package brings along, and that everything it promises is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import agent_events

PROGRAM = """
import sys, psycopg
before = set(sys.modules)
{}
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(*sorted(new - set(sys.stdlib_module_names)))
"""


@pytest.mark.parametrize(
    "statement",
    [
        "import agent_events",
        "from agent_events import AuditEmitter, AsyncAuditEmitter, audit, context, errors",
        "from agent_events import Subscription",
    ],
)
def test_psycopg_is_the_only_foreign_module(statement: str) -> None:
    program = PROGRAM.format(statement)
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    assert loaded == ["agent_events"]


def test_connecting_over_a_dsn_loads_no_pool() -> None:
    program = PROGRAM.format("from agent_events import AuditEmitter; AuditEmitter('host=nowhere')")
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    assert loaded == ["agent_events"]


def test_what_the_package_exports_is_there() -> None:
    for name in agent_events.__all__:
        assert hasattr(agent_events, name)
    later = {name for names in agent_events._LATER.values() for name in names}
    assert later <= set(agent_events.__all__) <= set(dir(agent_events))
    assert [*agent_events.__all__] == sorted(agent_events.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Leger'"):
        agent_events.Leger  # type: ignore[attr-defined]  # noqa: B018
