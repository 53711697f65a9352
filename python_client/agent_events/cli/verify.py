"""`agent-events verify`: is the ledger what was sealed and signed?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from time import perf_counter
from types import TracebackType

import click
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from agent_events import dsn as dsn_module
from agent_events.anchors import open_store
from agent_events.anchors.store import FORMS
from agent_events.cli._common import (
    EXIT_REFUSED,
    connect,
    dsn_option,
    err,
    json_option,
    out,
    print_json,
    report,
)
from agent_events.cli.anchors import anchor_errors, vkey_option
from agent_events.proofs.note import VerifierKey
from agent_events.verifying import (
    Anchored,
    Finding,
    NothingVisible,
    Report,
    Scope,
    load,
    verify,
)
from agent_events.verifying.recording import record
from agent_events.verifying.telling import held_against, summary


@click.command(
    "verify",
    epilog="Exit codes: 0 all is well, 1 findings, or nothing that may be read, 2 usage, or an "
    "anchor that cannot be read, 3 database unreachable or lost: nothing is known then.",
)
@click.option("--tenant", "--tenant-id", "tenant_id", help="Whose log. Default: every tenant's.")
@click.option(
    "--anchor",
    "urls",
    multiple=True,
    metavar="URL",
    help=f"Where signed checkpoints are kept: {FORMS}. May be repeated.",
)
@vkey_option(required=False)
@click.option("--from", "from_position", type=click.IntRange(0), help="First position to read.")
@click.option("--to", "to_position", type=click.IntRange(0), help="Position to stop before.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=lambda: max(1, min(4, (os.cpu_count() or 1) // 2)),
    show_default="half the CPUs, 4 at most",
    help="Processes, with a connection each.",
)
@click.option(
    "--sealed-within",
    "max_age",
    type=click.FloatRange(0),
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long an event may wait for its position.",
)
@click.option("--no-record", is_flag=True, help="Leave no event ledger.verified.")
@dsn_option
@json_option
@click.pass_context
@anchor_errors
def command(
    ctx: click.Context,
    tenant_id: str | None,
    urls: Sequence[str],
    keys: Sequence[VerifierKey],
    from_position: int | None,
    to_position: int | None,
    workers: int,
    max_age: float,
    no_record: bool,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Recompute every hash and root outside the database, and compare with signed checkpoints.

    Calls no function of the ledger meanwhile, and writes nothing. With --from or --to only these
    events are read; the tree over all of them is verified in any case. Then an event
    ledger.verified says what was found, where the role audits or operates; not on a replica.
    """
    if bool(urls) != bool(keys):
        raise click.UsageError("--anchor and --vkey go together: what is signed, and by whom")
    anchored = load([open_store(url) for url in urls], keys)
    start = perf_counter()
    with _Listener(as_json) as listener:
        try:
            result = verify(
                dsn_module.resolve(dsn),
                tenant_id=tenant_id,
                scope=Scope(from_position, to_position, max_age),
                anchored=anchored,
                worker_count=workers,
                listener=listener,
            )
        except NothingVisible as error:
            report(None, str(error), None, "Access is given by ledger.grant_access().")
            ctx.exit(EXIT_REFUSED)
    _conclude(result, anchored, as_json)
    if not no_record:
        _record(result, dsn_module.resolve(dsn), 1000 * (perf_counter() - start))
    if result.findings:
        ctx.exit(EXIT_REFUSED)


class _Listener:
    """Prints findings as they come, below a progress bar where stderr is a terminal."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("events"),
            TimeRemainingColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> _Listener:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def begin(self, tenant_id: str, events: int) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(f"verifying {tenant_id}", total=events)

    def advance(self, events: int) -> None:
        if self._task is not None:
            self._progress.advance(self._task, events)

    def found(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            if self._as_json:
                print_json({"type": "finding", **finding.as_dict()})
            else:
                _print_finding(finding)


def _record(result: Report, dsn: str, duration_ms: float) -> None:
    """Leave an event ledger.verified in each tenant's log, or say why there is none."""
    with connect(dsn, autocommit=True) as connection:
        for reason in record(connection, result, duration_ms):
            err.print(f"Not recorded as an event: {reason}", markup=False)


def _print_finding(finding: Finding) -> None:
    where = [
        f"tenant {finding.tenant_id}" if finding.tenant_id else None,
        f"position {finding.position:,}" if finding.position is not None else None,
        f"event {finding.event_id}" if finding.event_id else None,
        f"block {finding.block_no:,}" if finding.block_no is not None else None,
    ]
    out.print(finding.kind, style="bold red", end="")
    out.print(": " + (", ".join(filter(None, where)) or "ledger"), markup=False)
    out.print(f"    {finding.detail}", markup=False)


def _conclude(result: Report, anchored: Anchored, as_json: bool) -> None:
    """Say of each tenant what was verified, and what it was held against."""
    for tenant in result.tenants:
        if as_json:
            held = {"anchored": tenant.tenant_id in anchored.signed}
            print_json({"type": "tenant", **tenant.__dict__, **held})
            continue
        style = "green" if tenant.findings == 0 else "bold red"
        out.print(summary(tenant), style=style, markup=False)
        out.print(f"    {held_against(tenant, anchored)}", markup=False)
    if as_json:
        return
    for origin, count in sorted(anchored.skipped.items()):
        err.print(f"not looked at: {count:,} checkpoints of {origin}, no key given", markup=False)
    if not result.has_event_triggers:
        err.print("There are no event triggers: installed without a superuser, or dropped.")
    cold = sum(tenant.cold for tenant in result.tenants)
    if cold:
        err.print(f"{cold:,} events are in cold files: `agent-events cold verify` reads those.")
    if result.findings:
        out.print(f"{len(result.findings):,} findings", style="bold red")
    elif result.tenants:
        out.print("All is well.", style="green")
    else:
        out.print("There is no tenant yet.")
