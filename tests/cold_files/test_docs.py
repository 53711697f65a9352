"""docs/cold.md: its commands run in their order, and its table names every finding."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from click.testing import Result
from cold_files.ledgers import MAY, Ledger

from agent_events.cold import findings
from agent_events.verifying import findings as of_logs

PAGE = (Path(__file__).parents[2] / "docs" / "cold.md").read_text()
COMMAND = re.compile(r"^\$ agent-events cold (.*)$", re.MULTILINE)
OF_LOGS = (
    of_logs.CHANGED_EVENT,
    of_logs.BROKEN_STREAM,
    of_logs.BAD_CHECKPOINT,
    of_logs.FORK,
    of_logs.TRUNCATED,
    of_logs.SPLIT_VIEW,
)


def test_commands_run(ledger: Ledger, run: Callable[..., Result]) -> None:
    keys = ledger.folder.parent / "vkeys"
    keys.write_text("\n".join(ledger.vkeys))
    ledger.sign()
    names = {
        "file:/mnt/anchor/checkpoints": ledger.anchor,
        "/mnt/anchor/vkeys": str(keys),
        "/mnt/cold": str(ledger.folder),
    }
    commands = [shlex.split(line, comments=True) for line in COMMAND.findall(PAGE)]
    assert [words[0] for words in commands] == [
        "list",
        "export",
        "verify",
        "drop",
        "find",
        "restore",
        "expire",
    ]
    tiers = []
    for words in commands:
        done = run(*(names.get(word, word) for word in words))
        assert done.exit_code == 0, f"{words}: {done.output}"
        tiers.append(ledger.tier(MAY))
        if words[0] == "find":
            assert len(done.stdout.splitlines()) > 10
    assert tiers == ["archive"] * 3 + ["cold"] * 2 + ["archive"] * 2


def test_every_finding_is_there() -> None:
    (table,) = re.findall(r"\| finding \|.*?\n\n", PAGE, re.DOTALL)
    kinds = {value for name, value in vars(findings).items() if name.isupper()}
    assert set(
        re.findall(r"`([^`]+)`", "".join(re.findall(r"^\|(.*?)\|", table, re.MULTILINE)))
    ) == {
        *kinds,
        *OF_LOGS,
    }
