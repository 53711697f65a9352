"""Where the time of one emit_event goes, by statement.

A copy of the function notes the clock after each of its statements. What a note costs is measured
in the same calls and taken off. A condition counts towards the statement after it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from statistics import fmean, median
from typing import Any

import psycopg
from emit import SCRIPTS, Plan, fill_streams, measure_scripts
from rich.console import Group
from rich.table import Table
from server import Bench

CONTROL = re.compile(r"\b(then|else|loop|begin)$")
UNTIMED = re.compile(r"(end|return|exit|elsif)\b")
CREATE_NOTES = """
    create schema bench;
    create unlogged table bench.notes (notes timestamptz[] not null);
    create function bench.note(notes timestamptz[]) returns void
    language sql security definer begin atomic insert into bench.notes values (notes); end;
    grant usage on schema bench to public;
"""
EMIT_EVENT = "select pg_get_functiondef('ledger.emit_event'::regproc)"


def profile(bench: Bench, plan: Plan) -> Group:
    """A table of emit_event's statements with one client and 10,000 streams."""
    fill_streams(bench)
    emit = SCRIPTS["emit, 10,000 streams"]
    scripts = {
        "bare": SCRIPTS["bare, 10,000 streams"],
        "call": emit,
        "timed": emit.replace("ledger.emit_event(", "bench.emit_event("),
    }
    with bench.clone() as database:
        with psycopg.connect(database.dsn, autocommit=True) as connection:
            statements = install_timed_copy(connection)
        rates = measure_scripts(database, scripts, plan, clients=1, commit="off")
        with psycopg.connect(database.dsn) as connection:
            rows = connection.execute("select notes from bench.notes").fetchall()
    times = statement_times([row[0] for row in rows], len(statements))
    microseconds = {
        name: 1e6 / median(rate.per_cpu_second or rate.per_second for rate in rates[name])
        for name in ("bare", "call")
    }
    return Group(profile_table(statements, times, microseconds), *footnotes(len(rows)))


def install_timed_copy(connection: psycopg.Connection[Any]) -> list[str]:
    """Create bench.emit_event and return its statements."""
    (definition,) = connection.execute(EMIT_EVENT).fetchone() or ("",)
    definition, statements = timed(definition)
    with connection.transaction():
        connection.execute("select ledger_guard.open_window('upgrade')")
        connection.execute(CREATE_NOTES)
        connection.execute(definition)
        connection.execute("alter function bench.emit_event owner to ledger_append")
    return statements


def timed(definition: str) -> tuple[str, list[str]]:
    """Put a note behind every statement of a plpgsql function.

    The first note is made on entry, the second after the declarations, the third at once after the
    second: what a note costs.
    """
    head, body = re.split(r"(?m)^begin$", definition, maxsplit=1)
    head = head.replace("ledger.emit_event(", "bench.emit_event(", 1)
    head = re.sub(
        r"(?m)^declare$",
        "declare\n  v_notes timestamptz[] := array[clock_timestamp()];",
        head,
    )
    statements = ["declarations"]
    lines = [f"v_notes[{number}] := clock_timestamp();" for number in (2, 3)]
    pending: list[str] = []
    depth = 0
    for line in body.rstrip().removesuffix("$function$").rstrip().splitlines():
        code = re.sub(r"'[^']*'|--.*", "", line).strip()
        if re.fullmatch(r"end;?", line):
            lines.append("perform bench.note(v_notes);")
        lines.append(line)
        if not code:
            continue
        pending.append(line.strip())
        depth += code.count("(") - code.count(")")
        if depth == 0 and (code.endswith(";") or CONTROL.search(code)):
            if code.endswith(";") and not UNTIMED.match(pending[0]):
                statements.append(" ".join(pending)[:48])
                lines.append(f"v_notes[{len(statements) + 2}] := clock_timestamp();")
            pending = []
    return head + "begin\n" + "\n".join(lines) + "\n$function$", statements


def statement_times(notes: list[list[datetime | None]], count: int) -> list[float | None]:
    """Microseconds of each statement; None if it never ran."""
    elapsed: list[list[float]] = [[] for _ in range(count + 1)]
    for call in notes:
        before = call[0]
        for number, at in enumerate(call[1:]):
            if at is not None and before is not None:
                elapsed[number].append((at - before) / timedelta(microseconds=1))
                before = at
    declarations, note, *others = (middle_mean(values) for values in elapsed)
    return [
        None if time is None else max(time - (note or 0), 0.0) for time in (declarations, *others)
    ]


def middle_mean(values: list[float]) -> float | None:
    """The mean of the middle half: finer than a median of whole microseconds, as robust."""
    if not values:
        return None
    quarter = len(values) // 4
    return fmean(sorted(values)[quarter : len(values) - quarter])


def profile_table(
    statements: list[str], times: list[float | None], microseconds: dict[str, float]
) -> Table:
    inside = sum(time or 0 for time in times)
    call = microseconds["call"]
    table = Table(box=None, pad_edge=False)
    table.add_column("statement of emit_event", no_wrap=True)
    table.add_column("µs", justify="right")
    table.add_column("share", justify="right")
    for statement, time in zip(statements, times, strict=True):
        if time is not None:
            table.add_row(statement, f"{time:.1f}", f"{time / call:.0%}")
    table.add_section()
    rows = (
        ("inside the function", inside),
        ("the rest: protocol, call, commit, outliers", call - inside),
        ("a call in all, server's CPU time", call),
        ("the bare pair in all", microseconds["bare"]),
    )
    for name, time in rows:
        table.add_row(name, f"{time:.1f}", f"{time / call:.0%}", style="bold")
    return table


def footnotes(calls: int) -> list[str]:
    return [f"One client, synchronous_commit off, {calls} calls; means of the middle half."]
