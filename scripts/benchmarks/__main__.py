"""Benchmarks of the ledger. They print ratios between things measured in turn in the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click
from archive import ArchivePlan, Spread, measure_archive, spread_table
from capture import CapturePlan, measure_capture
from client import ClientPlan, measure_client
from cold import ColdPlan, measure_cold
from counting import CountPlan, measure_counting
from emit import CLIENTS, Plan, measure
from exploring import ExplorePlan, measure_pages
from export import ExportPlan, measure_export
from log import Figure, LogPlan, figure_table, measure_log
from partitions import PartitionPlan, measure_partitions
from profiling import profile
from relay import RelayPlan, measure_relay
from relay_brokers import PLACES, BrokerPlan, measure_brokers
from rich.console import Console
from rich.table import Table
from server import Bench, bench_database
from state import StatePlan, measure_state
from stats import Ratio, ratio_table
from upcast import measure_upcast

console = Console(width=None if sys.stdout.isatty() else 100)


F = TypeVar("F", bound=Callable[..., Any])


def server_options(function: F) -> F:
    """Add what says where a benchmark runs."""
    for option in (
        click.option(
            "--data",
            type=click.Path(file_okay=False, path_type=Path),
            default=Path("/var/tmp"),
            show_default=True,
            help="Where its data directory is made. /dev/shm takes the disk out of the picture.",
        ),
        click.option(
            "--dsn",
            help="A superuser's connection to another server; default: one of its own.",
        ),
        click.option("--pg", "version", default=18, show_default=True, help="15, 16, 17 or 18."),
    ):
        function = option(function)
    return function


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Benchmarks that print ratios, medians of interleaved rounds."""


@main.command()
@server_options
@click.option("--quick", is_flag=True, help="What the goals are about only: about two minutes.")
@click.option("--rounds", type=click.IntRange(1), help="Rounds per comparison. Default: 5.")
@click.option("--seconds", type=click.IntRange(1), help="Length of a round. Default: 3, quick 1.")
@click.option("--clients", multiple=True, type=int, help=f"Default: {CLIENTS}.")
@click.option("--commit", multiple=True, type=click.Choice(["on", "off"]), help="Default: both.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(["streams", "batch", "validator"]),
    help="Only these parts.",
)
@click.option("--profile", "is_profile", is_flag=True, help="Where the time of a call goes.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write results here.")
def emit(
    version: int,
    dsn: str | None,
    data: Path,
    quick: bool,
    rounds: int | None,
    seconds: int | None,
    clients: tuple[int, ...],
    commit: tuple[str, ...],
    only: tuple[str, ...],
    is_profile: bool,
    json_file: Path | None,
) -> None:
    """emit_event against a bare pair of inserts, emit_events against COPY.

    The baseline writes the same columns into tables with the same partitions and indexes, but
    checks nothing, knows no tenants and hashes nothing: what any transactional outbox costs.
    """
    plan = Plan(
        rounds=rounds or 5,
        seconds=seconds or (1 if quick else 3),
        clients=clients or ((2, 16) if quick else CLIENTS),
        commits=commit or ("off", "on"),
        parts=only or ("streams", "batch", "validator"),
        is_quick=quick and not (clients or commit),
    )
    find_programs(version)
    with bench_database(dsn, version, data) as bench:
        console.print(f"PostgreSQL {bench.version}, {bench.cpus} CPUs; sql/ as it stands")
        if is_profile:
            console.print(profile(bench, plan))
            return
        with console.status("measuring") as status:
            results = measure(bench, plan, status.update)
    console.print(ratio_table(results))
    console.print(
        "ratio: median of the rounds by the clock, and their quartiles;\n"
        "cpu: the same by the server's CPU time, whatever else the machine does."
    )
    if json_file:
        json_file.write_text(as_json(bench, plan, results))


@main.command()
@server_options
@click.option("--quick", is_flag=True, help="200,000 events: about two minutes.")
@click.option("--events", type=click.IntRange(100_000), help="Default: 1,000,000, quick 200,000.")
@click.option(
    "--rounds", type=click.IntRange(1), help="Rounds per comparison. Default: 5, quick 3."
)
@click.option("--seconds", type=click.IntRange(1), help="Length of a round. Default: 5, quick 4.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write results here.")
def log(
    version: int,
    dsn: str | None,
    data: Path,
    quick: bool,
    events: int | None,
    rounds: int | None,
    seconds: int | None,
    json_file: Path | None,
) -> None:
    """Sealing, verifying from outside, proofs, reading and storage of the log."""
    plan = LogPlan(
        events=events or (200_000 if quick else 1_000_000),
        rounds=rounds or (3 if quick else 5),
        seconds=seconds or (4 if quick else 5),
    )
    find_programs(version)
    with bench_database(dsn, version, data) as bench:
        console.print(f"PostgreSQL {bench.version}, {bench.cpus} CPUs; sql/ as it stands")
        with console.status("measuring") as status:
            figures = measure_log(bench, plan, status.update)
    console.print(figure_table(figures))
    console.print("Medians; verify and COPY, and emit with and without sealing, in turn.")
    if json_file:
        json_file.write_text(log_as_json(bench, plan, figures))


@main.command()
@server_options
@click.option("--quick", is_flag=True, help="100,000 events: about five minutes.")
@click.option("--events", type=click.IntRange(10_000), help="Default: 1,000,000, quick 100,000.")
@click.option("--rounds", type=click.IntRange(1), help="Default: 5, quick 2.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write results here.")
def archive(
    version: int,
    dsn: str | None,
    data: Path,
    quick: bool,
    events: int | None,
    rounds: int | None,
    json_file: Path | None,
) -> None:
    """Archiving a partition against moving its rows, and what emitters notice of it.

    The rows are moved by insert ... select and delete, in one transaction, between tables with the
    same columns and indexes and without guards. Eight emitters and a reader of three seconds a
    query run beside archive_partition(), and then for as long without it.
    """
    plan = ArchivePlan(
        events=events or (100_000 if quick else 1_000_000), rounds=rounds or (2 if quick else 5)
    )
    find_programs(version)
    with bench_database(dsn, version, data) as bench:
        console.print(f"PostgreSQL {bench.version}, {bench.cpus} CPUs; sql/ as it stands")
        with console.status("measuring") as status:
            spreads = measure_archive(bench, plan, status.update)
    console.print(spread_table(spreads))
    console.print("Medians of the rounds, their quartiles and the worst of them, measured in turn.")
    if json_file:
        json_file.write_text(archive_as_json(bench, plan, spreads))


@main.command()
@server_options
@click.option("--quick", is_flag=True, help="100,000 events: about a minute.")
@click.option("--events", type=click.IntRange(10_000), help="Default: 1,000,000, quick 100,000.")
@click.option(
    "--rounds", type=click.IntRange(1), help="Rounds per comparison. Default: 5, quick 3."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write results here.")
def cold(
    version: int,
    dsn: str | None,
    data: Path,
    quick: bool,
    events: int | None,
    rounds: int | None,
    json_file: Path | None,
) -> None:
    """Exporting a partition against a bare adbc-to-Parquet of the same query; memory; and back.

    Bare is nothing but the query's record batches, written as pyarrow writes them by default. The
    export also computes every tenant's root, brings the file to disk, reads it again, and records
    it in the ledger.
    """
    plan = ColdPlan(
        events=events or (100_000 if quick else 1_000_000), rounds=rounds or (3 if quick else 5)
    )
    find_programs(version)
    with bench_database(dsn, version, data) as bench:
        console.print(f"PostgreSQL {bench.version}, {bench.cpus} CPUs; sql/ as it stands")
        with console.status("measuring") as status:
            figures = measure_cold(bench, plan, status.update)
    console.print(figure_table(figures))
    console.print("Medians; export and bare in turn, each in a process of its own.")
    if json_file:
        json_file.write_text(log_as_json(bench, plan, figures))


@main.command()
@server_options
@click.option("--quick", is_flag=True, help="100,000 events: about a minute.")
@click.option("--events", type=click.IntRange(10_000), help="Default: 1,000,000, quick 100,000.")
@click.option(
    "--rounds", type=click.IntRange(1), help="Rounds per comparison. Default: 5, quick 3."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write results here.")
def export(
    version: int,
    dsn: str | None,
    data: Path,
    quick: bool,
    events: int | None,
    rounds: int | None,
    json_file: Path | None,
) -> None:
    """Exporting events against COPY of the same columns to a file; memory.

    COPY writes the columns of an export that are columns of events, in the same order, as CSV, from
    a cursor of psycopg to a file. The export also describes and redacts every event, computes the
    digest of the file, brings it to disk and leaves two events in the ledger.
    """
    plan = ExportPlan(
        events=events or (100_000 if quick else 1_000_000), rounds=rounds or (3 if quick else 5)
    )
    find_programs(version)
    with bench_database(dsn, version, data) as bench:
        console.print(f"PostgreSQL {bench.version}, {bench.cpus} CPUs; sql/ as it stands")
        with console.status("measuring") as status:
            figures = measure_export(bench, plan, status.update)
    console.print(figure_table(figures))
    console.print("Medians; COPY and exports in turn, each in a process of its own.")
    if json_file:
        json_file.write_text(log_as_json(bench, plan, figures))


@main.command()
@server_options
@click.option("--events", type=click.IntRange(10_000), default=100_000, show_default=True)
@click.option(
    "--count", "counts", multiple=True, type=int, help="Partitions. Default: 12, 120 and 500."
)
@click.option("--rounds", type=click.IntRange(5), default=50, show_default=True)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(["storage", "archiving", "counts"]),
    help="Only these parts.",
)
def partitions(
    version: int,
    dsn: str | None,
    data: Path,
    events: int,
    counts: tuple[int, ...],
    rounds: int,
    only: tuple[str, ...],
) -> None:
    """Bytes an event takes, what archiving holds up, and what many partitions cost."""
    plan = PartitionPlan(
        events=events,
        counts=counts or (12, 120, 500),
        rounds=rounds,
        parts=only or ("storage", "archiving", "counts"),
    )
    find_programs(version)
    with bench_database(dsn, version, data) as bench:
        console.print(f"PostgreSQL {bench.version}, {bench.cpus} CPUs; sql/ as it stands")
        with console.status("measuring") as status:
            figures, by_count = measure_partitions(bench, plan, status.update)
    if figures:
        console.print(figure_table(figures))
    if by_count:
        console.print(count_table(by_count))
    console.print(f"Milliseconds, medians; the same {events:,} events in so many partitions.")


@main.command()
@server_options
@click.option("--quick", is_flag=True, help="20,000 messages to each broker: about four minutes.")
@click.option("--messages", type=click.IntRange(20_000), help="To each broker. Default: 100,000.")
@click.option("--rounds", type=click.IntRange(1), help="Default: 5, quick 3.")
@click.option("--window", type=click.IntRange(1), default=1000, show_default=True)
@click.option(
    "--only", multiple=True, type=click.Choice(["outbox", *PLACES]), help="Only these parts."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write results here.")
def relay(
    version: int,
    dsn: str | None,
    data: Path,
    quick: bool,
    messages: int | None,
    rounds: int | None,
    window: int,
    only: tuple[str, ...],
    json_file: Path | None,
) -> None:
    """Draining the outbox to nowhere; and to each broker, against the broker's own client.

    To nowhere: ten times as many messages, two workers, also while an old snapshot is held. To a
    broker both publish the same bytes, with the same acknowledgements.
    """
    count, rounds = messages or (20_000 if quick else 100_000), rounds or (3 if quick else 5)
    drain = RelayPlan(messages=10 * count, rounds=rounds)
    brokers = [part for part in only or PLACES if part != "outbox"]
    plan = BrokerPlan(messages=count, rounds=rounds, window=window, brokers=tuple(brokers))
    figures, ratios = [], []
    find_programs(version)
    with console.status("measuring") as status:
        if not only or "outbox" in only:
            with bench_database(dsn, version, data) as bench:
                figures = [*measure_relay(bench, drain, status.update)]
        if brokers:
            with bench_database(dsn, version, data) as bench:
                ratios = measure_brokers(bench, plan, status.update)
    console.print(f"PostgreSQL {bench.version}, {bench.cpus} CPUs; sql/ as it stands")
    if figures:
        console.print(figure_table(figures))
    if ratios:
        console.print(ratio_table(ratios))
    console.print("Medians of the rounds; everything in turn.")
    if json_file:
        json_file.write_text(log_as_json(bench, plan, [*figures, *ratios]))


@main.command()
@server_options
@click.option("--quick", is_flag=True, help="100,000 events: about half a minute.")
@click.option("--events", type=click.IntRange(10_000), help="Default: 1,000,000, quick 100,000.")
@click.option("--moments", type=click.IntRange(1), default=100, show_default=True)
@click.option("--rounds", type=click.IntRange(1), help="Of the full replay. Default: 3, quick 2.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write results here.")
def state(
    version: int,
    dsn: str | None,
    data: Path,
    quick: bool,
    events: int | None,
    moments: int,
    rounds: int | None,
    json_file: Path | None,
) -> None:
    """state_of() of one long stream against replaying all of it, now and at random moments.

    Every state is held against a fold in plain Python; one that differs ends the benchmark.
    """
    plan = StatePlan(
        events=events or (100_000 if quick else 1_000_000),
        moments=moments,
        rounds=rounds or (2 if quick else 3),
    )
    find_programs(version)
    with bench_database(dsn, version, data) as bench:
        console.print(f"PostgreSQL {bench.version}, {bench.cpus} CPUs; sql/ as it stands")
        with console.status("measuring") as status:
            figures = measure_state(bench, plan, status.update)
    console.print(figure_table(figures))
    console.print("Medians; the stream has a snapshot at every 1,000th event.")
    if json_file:
        json_file.write_text(log_as_json(bench, plan, figures))


@main.command()
@server_options
@click.option("--quick", is_flag=True, help="1,000,000 events.")
@click.option("--events", type=click.IntRange(100_000), help="Default: 10,000,000.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write results here.")
def stats(
    version: int,
    dsn: str | None,
    data: Path,
    quick: bool,
    events: int | None,
    rounds: int,
    json_file: Path | None,
) -> None:
    """Counting events, against emitting them; statistics and metrics of a large ledger.

    The events are inserted past emit_event, of 90 days, 40 types and 10,000 actors, and sealed.
    """
    plan = CountPlan(events=events or (1_000_000 if quick else 10_000_000), rounds=rounds)
    find_programs(version)
    with bench_database(dsn, version, data) as bench:
        console.print(f"PostgreSQL {bench.version}, {bench.cpus} CPUs; sql/ as it stands")
        with console.status("measuring") as status:
            figures = [*measure_counting(bench, plan, status.update)]
    console.print(figure_table(figures))
    console.print("Medians.")
    if json_file:
        json_file.write_text(log_as_json(bench, plan, figures))


@main.command()
@server_options
@click.option("--quick", is_flag=True, help="1,000,000 events.")
@click.option("--events", type=click.IntRange(1_000), help="Default: 10,000,000.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write results here.")
def explore(
    version: int,
    dsn: str | None,
    data: Path,
    quick: bool,
    events: int | None,
    rounds: int,
    json_file: Path | None,
) -> None:
    """The explorer's pages of a large ledger: what the server takes, of a request.

    The events are inserted past emit_event, of 90 days, 40 types and 10,000 actors, a hundred to a
    run, and sealed. Beside them are two runs of 100,000 events, which are a long aggregate, too.
    """
    plan = ExplorePlan(events=events or (1_000_000 if quick else 10_000_000), rounds=rounds)
    find_programs(version)
    with bench_database(dsn, version, data) as bench:
        console.print(f"PostgreSQL {bench.version}, {bench.cpus} CPUs; sql/ as it stands")
        with console.status("measuring") as status:
            figures = measure_pages(bench, plan, status.update)
    console.print(figure_table(figures))
    console.print("Medians, database included. What no index finds ends where the time is up.")
    if json_file:
        json_file.write_text(log_as_json(bench, plan, figures))


@main.command()
@server_options
@click.option("--quick", is_flag=True, help="Asynchronous commit only: about two minutes.")
@click.option("--rounds", type=click.IntRange(1), help="Default: 5, quick 3.")
@click.option("--seconds", type=click.IntRange(1), help="Length of a round. Default: 3, quick 1.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write results here.")
def capture(
    version: int,
    dsn: str | None,
    data: Path,
    quick: bool,
    rounds: int | None,
    seconds: int | None,
    json_file: Path | None,
) -> None:
    """A tracked table against an untracked one and two hand-written audit triggers.

    The bare one writes the row before and after, time and user into a table with two indexes. The
    audited table has the usual one: changed columns only, transaction, application and address too,
    and three indexes. By ratio of speed: 0.77 is 1.3 times the time. Unpublished is tracked without
    a message, deferred keeps what changed for later. At the end: how fast events are made of that.
    """
    plan = CapturePlan(
        rounds=rounds or (3 if quick else 5),
        seconds=seconds or (1 if quick else 3),
        commits=("off",) if quick else ("on", "off"),
    )
    find_programs(version)
    with bench_database(dsn, version, data) as bench:
        console.print(f"PostgreSQL {bench.version}, {bench.cpus} CPUs; sql/ as it stands")
        with console.status("measuring") as status:
            results = measure_capture(bench, plan, status.update)
    console.print(ratio_table(results))
    if json_file:
        json_file.write_text(log_as_json(bench, plan, results))


@main.command()
@server_options
@click.option("--events", type=click.IntRange(100), default=1000, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=9, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write results here.")
def client(
    version: int,
    dsn: str | None,
    data: Path,
    events: int,
    rounds: int,
    json_file: Path | None,
) -> None:
    """The Python client against psycopg that calls the same functions; and what importing costs."""
    plan = ClientPlan(events=events, rounds=rounds, spool=str(data))
    find_programs(version)
    with bench_database(dsn, version, data) as bench:
        console.print(f"PostgreSQL {bench.version}, {bench.cpus} CPUs; sql/ as it stands")
        with console.status("measuring") as status:
            ratios, figures = measure_client(bench, plan, status.update)
    console.print(ratio_table(ratios))
    console.print(figure_table(figures))
    console.print("Medians of the rounds; everything in turn. Imports by the CPU time they take.")
    if json_file:
        json_file.write_text(log_as_json(bench, plan, [*ratios, *figures]))


def count_table(by_count: dict[int, dict[str, float]]) -> Table:
    """Milliseconds for each number of partitions, and the ratio to the first."""
    table = Table(box=None, pad_edge=False)
    table.add_column("partitions", no_wrap=True)
    for count in by_count:
        table.add_column(f"{count:,}", justify="right", no_wrap=True)
        table.add_column("", justify="right", no_wrap=True)
    first, *_ = by_count.values()
    for name, base in first.items():
        cells = [(figures[name], figures[name] / base) for figures in by_count.values()]
        table.add_row(name, *(text for value, r in cells for text in (f"{value:.2f}", f"×{r:.1f}")))
    return table


def archive_as_json(bench: Bench, plan: ArchivePlan, spreads: list[Spread]) -> str:
    document = {
        "server_version": bench.version,
        "cpus": bench.cpus,
        "events": plan.events,
        "rounds": plan.rounds,
        "results": [spread.as_dict() for spread in spreads],
    }
    return json.dumps(document, indent=2) + "\n"


@main.command()
@server_options
@click.option("--rounds", type=click.IntRange(1), default=30, show_default=True)
def upcast(version: int, dsn: str | None, data: Path, rounds: int) -> None:
    """Reading old payloads as the current version, against reading them as they are."""
    find_programs(version)
    with bench_database(dsn, version, data) as bench:
        console.print(f"PostgreSQL {bench.version}, {bench.cpus} CPUs; sql/ as it stands")
        with console.status("measuring") as status:
            figures = measure_upcast(bench, rounds, status.update)
    console.print(figure_table(figures))
    console.print("Medians, in turn, with the way to a Python client.")


def find_programs(version: int) -> None:
    """Fetch the server's programs where they are not bundled."""
    if version not in (16, 18) and "AGENT_EVENTS_PG_BINDIR" not in os.environ:
        fetch = [str(Path(__file__).parents[1] / "pg_binaries"), str(version)]
        os.environ["AGENT_EVENTS_PG_BINDIR"] = subprocess.check_output(fetch, text=True).strip()


def log_as_json(
    bench: Bench,
    plan: LogPlan
    | ColdPlan
    | ExplorePlan
    | ExportPlan
    | BrokerPlan
    | StatePlan
    | CountPlan
    | CapturePlan
    | ClientPlan,
    figures: Sequence[Figure | Ratio],
) -> str:
    document = {
        "server_version": bench.version,
        "cpus": bench.cpus,
        **asdict(plan),
        "results": [figure.as_dict() for figure in figures],
    }
    return json.dumps(document, indent=2) + "\n"


def as_json(bench: Bench, plan: Plan, results: list[Ratio]) -> str:
    document = {
        "server_version": bench.version,
        "cpus": bench.cpus,
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "results": [result.as_dict() for result in results],
    }
    return json.dumps(document, indent=2) + "\n"


if __name__ == "__main__":
    main(prog_name="scripts/bench")
