"""The command line of verify.py: run the checks and print what they came to."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from agent_events.evidence.offline.checks import Finding, Verification
from agent_events.evidence.offline.container import NotABundle, open_container
from agent_events.evidence.offline.entry import BundledEvent, utc_text
from agent_events.evidence.offline.statements import UNKNOWN_KEY, not_proven, proven
from agent_events.proofs.note import MalformedKey, VerifierKey

VERIFIED, FINDINGS, UNCHECKED = 0, 1, 2
SHOWN = 100  # findings


def run(arguments: list[str], folder: Path | None) -> int:
    """Check a bundle and print the outcome.

    Args:
        arguments: of the command line.
        folder: the bundle that is checked where they name none.

    Returns:
        the exit code: 0 everything verified, 1 findings, 2 it could not be checked.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    options = _parser(folder).parse_args(arguments)
    try:
        keys = [key for text in options.vkey for key in read_keys(text)]
        container = open_container(options.bundle)
        show: Callable[[BundledEvent], None] = _nothing
        if options.list:
            show = _print_json_event if options.json else _print_event
        verification = Verification(container, keys, show)
        return (_report_json if options.json else _report)(verification)
    except NotABundle as error:
        print(f"error: {plain(str(error))}", file=sys.stderr)
        return UNCHECKED


def read_keys(text: str) -> list[VerifierKey]:
    """Read a public key, or a file with one in each line.

    Raises:
        NotABundle: it is neither.
    """
    try:
        return [VerifierKey.parse(text)]
    except MalformedKey as error:
        no_key = error
    try:
        keys = [VerifierKey.parse(key) for key in Path(text).read_text("utf-8").split()]
    except (OSError, ValueError) as error:
        raise NotABundle(f"{text} is no public key ({no_key}), and no file ({error})") from None
    except MalformedKey as error:
        raise NotABundle(f"{text} holds no public key: {error}") from None
    if not keys:
        raise NotABundle(f"{text} is empty")
    return keys


def plain(text: str) -> str:
    """Return a text from the bundle without what could play tricks on a terminal."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _parser(folder: Path | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify.py",
        description="Check an evidence bundle of agent-events, offline.",
        epilog="Exit codes: 0 everything verified, 1 findings, 2 it could not be checked.",
    )
    bundle_help = "the bundle, zipped or unpacked (default: the folder of verify.py)"
    parser.add_argument(
        "bundle", type=Path, nargs="?" if folder else None, default=folder, help=bundle_help
    )
    parser.add_argument(
        "--vkey",
        action="append",
        default=[],
        metavar="FILE|TEXT",
        help="the ledger's public key, from a source that you trust; may be repeated",
    )
    parser.add_argument("--list", action="store_true", help="print the events it is about, too")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    return parser


def _report(verification: Verification) -> int:
    manifest, checkpoint = verification.manifest, verification.checkpoint
    counts: Counter[str] = Counter()
    rows: list[Finding] = []
    for finding in verification.findings():
        counts[finding.kind] += 1
        if len(rows) < SHOWN:
            rows.append(finding)
    keys = verification.trusted_keys or verification.bundled_keys
    _print_pairs(
        ("log", checkpoint.origin),
        ("checkpoint", f"{checkpoint.tree_size} events, root {checkpoint.root.hex()}"),
        ("about", f"{manifest.query}, mode {manifest.mode}"),
        ("made", f"{manifest.made_at} by {manifest.made_by} (as it says itself)"),
        *(
            ("key given" if verification.trusted_keys else "key inside", _fingerprint(k))
            for k in keys
        ),
    )
    if counts:
        _print_table(rows, sum(counts.values()))
        print(f"\nNOT VERIFIED: {', '.join(f'{n} x {kind}' for kind, n in counts.items())}")
        return FINDINGS
    print(f"\n{verification.verified_count} events verified.")
    _print_sentences("Proven", proven(verification))
    _print_sentences("Not proven", not_proven(verification))
    if not verification.trusted_keys:
        _print_sentences("ATTENTION: THE KEY IS NOT CONFIRMED", [UNKNOWN_KEY])
        for key in keys:
            print(f"\n  key id {key.key_id.hex()}; the whole key, to compare:\n  {key.text()}")
    return VERIFIED


def _report_json(verification: Verification) -> int:
    count = 0
    for finding in verification.findings():
        count += 1
        print(json.dumps({"type": "finding", **asdict(finding)}))
    summary = {
        "type": "summary",
        "verified": not count,
        "finding_count": count,
        "event_count": verification.event_count,
        "verified_count": verification.verified_count,
        "matching_count": verification.matching_count,
        "mode": verification.manifest.mode,
        "query": verification.manifest.query.members(),
        "first": verification.manifest.first,
        "end": verification.manifest.end,
        "origin": verification.checkpoint.origin,
        "tree_size": verification.checkpoint.tree_size,
        "root": verification.checkpoint.root.hex(),
        "is_key_given": bool(verification.trusted_keys),
        "keys": [k.text() for k in verification.trusted_keys or verification.bundled_keys],
        "proven": [] if count else proven(verification),
        "not_proven": [] if count else not_proven(verification),
    }
    print(json.dumps(summary))
    return FINDINGS if count else VERIFIED


def _fingerprint(key: VerifierKey) -> str:
    return f"{key.name}, key id {key.key_id.hex()}"


def _print_pairs(*pairs: tuple[str, str]) -> None:
    for name, value in pairs:
        print(f"{name:<11} {plain(value)}")


def _print_table(findings: list[Finding], count: int) -> None:
    print("\nFindings")
    for finding in findings:
        where = "" if finding.position is None else f"position {finding.position}"
        event = "" if finding.event_id is None else plain(finding.event_id)[:36]
        detail = plain(finding.detail)
        print(f"  {finding.kind:<16} {where:<17} {event:<36} {detail}")
    if count > len(findings):
        print(f"  and {count - len(findings)} more; --json prints all")


def _print_sentences(title: str, sentences: list[str]) -> None:
    print(f"\n{title}")
    for sentence in sentences:
        print(textwrap.fill(plain(sentence), 96, initial_indent="  - ", subsequent_indent="    "))


def _print_event(event: BundledEvent) -> None:
    fields = event.fields
    words = [f"{event.position:>8}", str(utc_text(fields["created_at"])), str(fields["event_type"])]
    if fields["aggregate_id"] is not None:
        words.append(f"{fields['aggregate_type']}/{fields['aggregate_id']} #{fields['sequence']}")
    if fields["actor_type"] is not None:
        words.append(f"{fields['actor_type']}:{fields['actor_id']}")
    print(plain("  ".join((*words, event.id))))


def _print_json_event(event: BundledEvent) -> None:
    members = {"position": event.position, "hash": event.hash.hex(), **event.fields}
    print(json.dumps({"type": "event", **members}))


def _nothing(_event: BundledEvent) -> None:
    pass
