"""Without the extra there is a message that says which to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
sys.modules[{missing!r}] = None
import {module}
"""


@pytest.mark.parametrize(
    ("module", "missing", "extra"),
    [
        ("agent_events.otel", "opentelemetry", "otel"),
        ("agent_events.otel", "opentelemetry.sdk", "otel"),
        ("agent_events.rx", "reactivex", "rx"),
    ],
)
def test_missing_extra_is_named(module: str, missing: str, extra: str) -> None:
    program = PROGRAM.format(missing=missing, module=module)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"pip install 'agent-events[{extra}]'" in done.stderr.splitlines()[-1]
