"""`agent-events doctor`: is everything as it should be?"""

from __future__ import annotations

import click

from agent_events import Ledger
from agent_events.cli._common import EXIT_REFUSED, connect, dsn_option, json_option, out, print_json

STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}


@click.command("doctor")
@click.option("--deep", is_flag=True, help="Check every event, not only the recent ones.")
@dsn_option
@json_option
@click.pass_context
def command(ctx: click.Context, deep: bool, dsn: str | None, as_json: bool) -> None:
    """Check guards, roles, partitions and events. Exits with 1 on an error or a warning."""
    with connect(dsn) as connection:
        findings = Ledger(connection).doctor(deep=deep)
    for finding in findings:
        if as_json:
            print_json(finding)
            continue
        out.print(finding.severity, style=STYLES[finding.severity], end=" ")
        out.print(f"{finding.kind}: {finding.object}", markup=False)
        for text in (finding.detail, finding.hint):
            if text:
                out.print(f"    {text}", markup=False)
    if any(finding.severity != "info" for finding in findings):
        ctx.exit(EXIT_REFUSED)
    if not as_json:
        out.print("All is well.", style="green")
