"""The command `agent-events`: one module per command, imported when it is used."""

from __future__ import annotations

from importlib import import_module

import click

import agent_events
from agent_events.cli._common import ReportingGroup

COMMANDS = (
    "access-log",
    "anchors",
    "bundle",
    "checkpoint",
    "cold",
    "demo",
    "dev",
    "doctor",
    "emit",
    "events",
    "explore",
    "export",
    "import-audit",
    "keygen",
    "maintain",
    "metrics",
    "migrate",
    "partitions",
    "prove",
    "relay",
    "spool",
    "state",
    "stats",
    "tables",
    "types",
    "verify",
)


class LazyGroup(ReportingGroup):
    """Finds `import-audit` as `command` in the module `agent_events.cli.import_audit`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, without importing anything."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of the command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"agent_events.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 ok, 1 findings or refused, 2 usage, 3 database unreachable.",
)
@click.version_option(agent_events.__version__, prog_name="agent-events")
def main() -> None:
    """A tamper-evident, append-only event ledger for AI agents, in your own PostgreSQL."""
