"""Everything that is checked of a bundle. `Verification.findings` is the order of the checks."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, Any

from agent_events.evidence.offline.container import READ_ERRORS, Container, NotABundle, read_small
from agent_events.evidence.offline.entry import (
    BundledEvent,
    MalformedLine,
    parse_event,
    parse_object,
)
from agent_events.evidence.offline.manifest import CHAIN, DISCLOSED, EVENTS, parse_manifest
from agent_events.evidence.offline.ranges import RangeTree
from agent_events.evidence.offline.streams import StreamChains
from agent_events.proofs.merkle import ProofError, verify_inclusion
from agent_events.proofs.note import (
    MalformedKey,
    NoteError,
    VerifierKey,
    open_checkpoint,
    read_checkpoint,
)

MAX_LINE = 1 << 28  # bytes, of an event
MAX_PROOF_LINE = 10_000  # bytes
CHUNK = 1 << 20


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        kind: in two words; the same as those of `agent-events verify` where it means the same.
        detail: what exactly, in a sentence.
        position: of the event in the log, if it is about one.
        event_id: what the bundle says is its id.
    """

    kind: str
    detail: str
    position: int | None = None
    event_id: str | None = None


class Verification:
    """One verification of one bundle.

    After `findings` is used up, the other attributes say what it came to.

    Args:
        container: the bundle's files.
        keys: the public keys to trust; without any, those in the bundle, which prove nothing by
            themselves: whoever made the bundle put them there.
        on_match: called with each event that the bundle is about, as it is read.

    Raises:
        NotABundle: what everything else depends on is missing or not readable.
    """

    def __init__(
        self,
        container: Container,
        keys: Iterable[VerifierKey] = (),
        on_match: Callable[[BundledEvent], object] = lambda _: None,
    ) -> None:
        self._container = container
        self.manifest = parse_manifest(read_small(container, "manifest.json"))
        self._note = read_small(container, "checkpoint.note")
        try:
            self.checkpoint = read_checkpoint(self._note)
        except NoteError as error:
            raise NotABundle(f"checkpoint.note holds no checkpoint: {error}") from None
        self.trusted_keys = tuple(keys)
        self.bundled_keys = _read_keys(read_small(container, "vkey.txt"))
        self.is_signed = False
        self.event_count = 0
        self.sound_count = 0  # events whose hash is right and in the tree with the root
        self.matching_count = 0
        self.last_position: int | None = None
        self.last_sequence: int | None = None
        self._on_match = on_match
        self._chosen: set[str] = set()

    @property
    def verified_count(self) -> int:
        """Number of events that are shown to be in the signed tree, as they stand here."""
        return self.sound_count if self.is_signed else 0

    def findings(self) -> Iterator[Finding]:
        """Check everything, and yield what is wrong."""
        yield from self._check_files()
        yield from self._check_signature()
        yield from self._check_manifest()
        try:
            if self.manifest.mode == DISCLOSED:
                yield from self._check_range()
            else:
                yield from self._check_events_with_proofs()
        except KeyError as error:
            yield Finding("missing file", f"{error.args[0]}")
        except READ_ERRORS as error:
            yield Finding("changed file", f"a file is not readable to its end: {error}")
        yield from self._check_counts()

    # Files, signature and manifest.

    def _check_files(self) -> Iterator[Finding]:
        listed = self.manifest.files
        for name, (expected, size) in listed.items():
            try:
                actual, actual_size = self._digest(name)
            except KeyError:
                yield Finding("missing file", f"{name} is in the manifest, but not in the bundle")
                continue
            except READ_ERRORS as error:
                yield Finding("changed file", f"{name} is not readable: {error}")
                continue
            if (actual, actual_size) != (expected, size):
                yield Finding("changed file", f"{name} is not what the manifest says")
        for name in self._container.names():
            if name not in listed and name != "manifest.json":
                yield Finding("unlisted file", f"{name} is not in the manifest")

    def _digest(self, name: str) -> tuple[str, int]:
        digest, size = sha256(), 0
        with self._container.open(name) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
        return digest.hexdigest(), size

    def _check_signature(self) -> Iterator[Finding]:
        if self.trusted_keys:
            problem = self._signature_problem(self.trusted_keys)
            self.is_signed = problem is None
            if problem:
                yield Finding("bad checkpoint", f"with the given keys: {problem}")
        problem = self._signature_problem(self.bundled_keys)
        if not self.trusted_keys:
            self.is_signed = problem is None
        if problem:
            yield Finding("bad checkpoint", f"with the bundle's own vkey.txt: {problem}")

    def _signature_problem(self, keys: tuple[VerifierKey, ...]) -> str | None:
        try:
            open_checkpoint(self._note, keys)
        except NoteError as error:
            return str(error)
        return None

    def _check_manifest(self) -> Iterator[Finding]:
        manifest, checkpoint = self.manifest, self.checkpoint
        ledger_name, _, tenant_id = checkpoint.origin.rpartition("/")
        for name, said, is_ in (
            ("origin", manifest.origin, checkpoint.origin),
            ("ledger_name", manifest.ledger_name, ledger_name),
            ("tenant_id", manifest.tenant_id, tenant_id),
            ("tree_size", manifest.tree_size, checkpoint.tree_size),
            ("root", manifest.root, checkpoint.root.hex()),
        ):
            if said != is_:
                detail = f"its {name} is {said!r}, but the checkpoint's is {is_!r}"
                yield Finding("changed manifest", detail)

    # Events.

    def _check_events_with_proofs(self) -> Iterator[Finding]:
        """Each event comes with its own inclusion proof."""
        chains = StreamChains(gapless=self.manifest.mode == CHAIN, from_start=True)
        with ExitStack() as stack:
            events = stack.enter_context(self._container.open("events.jsonl"))
            proofs = stack.enter_context(self._container.open("proofs.jsonl"))
            for line in _lines(events, MAX_LINE):
                proof = proofs.readline(MAX_PROOF_LINE)
                try:
                    event = parse_event(line)
                except MalformedLine as error:
                    yield self._malformed(error)
                    continue
                problems = [*self._event_problems(event), *self._proof_problems(event, proof)]
                self.sound_count += not problems
                yield from problems
                yield from self._place_problems(event, chains)
                if not self.manifest.query.matches(event.fields):
                    detail = f"it is not of {self.manifest.query}, which the bundle is about"
                    yield _about(event, "foreign event", detail)
            if proofs.read(1):
                yield Finding("changed file", "proofs.jsonl has more proofs than there are events")

    def _check_range(self) -> Iterator[Finding]:
        """The events are all those of a range, and one proof is for all of them."""
        first, end = self.manifest.first or 0, self.manifest.end or 0
        if not first < end <= self.checkpoint.tree_size:
            yield Finding("changed manifest", f"no log has the range from {first} to {end - 1}")
            return
        chains = StreamChains(gapless=True, from_start=first == 0)
        try:
            left, right = self._read_range()
            tree = RangeTree(first, left)
        except (MalformedLine, NotABundle, ProofError) as error:
            yield Finding("bad proof", f"range.json: {error}")
            return
        expected, sound, is_whole = first, 0, True
        with self._container.open("events.jsonl") as events:
            for line in _lines(events, MAX_LINE):
                try:
                    event = parse_event(line)
                except MalformedLine as error:
                    is_whole = False
                    yield self._malformed(error)
                    continue
                if event.position != expected:
                    is_whole = False
                    yield _about(event, "missing entry", _gap(expected, event.position))
                expected = event.position + 1
                problems = [*self._event_problems(event)]
                sound += not problems
                yield from problems
                yield from self._place_problems(event, chains)
                tree.append(event.hash)
        if expected != end:
            is_whole = False
            yield Finding("missing entry", _gap(expected, end))
        if not is_whole:
            return
        try:
            root = tree.close(self.checkpoint.tree_size, right)
        except ProofError as error:
            yield Finding("bad proof", f"range.json: {error}")
            return
        if root != self.checkpoint.root:
            detail = (
                f"the events from position {first} to {end - 1} are not those of the signed tree: "
                "one was changed together with its hash, or the range's proof was"
            )
            yield Finding("changed event", detail)
            return
        self.sound_count = sound

    def _read_range(self) -> tuple[list[bytes], list[bytes]]:
        members = parse_object(read_small(self._container, "range.json"))
        return _hashes(members.get("left")), _hashes(members.get("right"))

    def _event_problems(self, event: BundledEvent) -> Iterator[Finding]:
        """Look at the event itself, and count it."""
        self.event_count += 1
        if event.computed_hash() != event.hash:
            yield _about(event, "changed event", "the hash of its fields is not its hash")
        tenant_id = self.checkpoint.origin.rpartition("/")[2]
        if event.fields["tenant_id"] != tenant_id:
            yield _about(event, "foreign event", f"it is not of tenant {tenant_id}")

    def _place_problems(self, event: BundledEvent, chains: StreamChains) -> Iterator[Finding]:
        """Look at where the event stands among the others."""
        if self.last_position is not None and event.position <= self.last_position:
            yield _about(event, "swapped entry", f"it comes after position {self.last_position}")
        self.last_position = event.position
        for problem in chains.problems(event):
            yield _about(event, "broken stream", problem)
        if self.manifest.query.matches(event.fields):
            self.matching_count += 1
            if self.manifest.query.event_ids:
                self._chosen.add(event.id)
            self._on_match(event)
            sequence = event.fields["sequence"]
            self.last_sequence = sequence if isinstance(sequence, int) else None

    def _proof_problems(self, event: BundledEvent, line: bytes) -> Iterator[Finding]:
        try:
            members = parse_object(line)
            hashes = _hashes(members.get("hashes"))
        except MalformedLine as error:
            yield _about(event, "bad proof", f"its line in proofs.jsonl: {error}")
            return
        if members.get("position") != event.position:
            yield _about(event, "bad proof", "the proof beside it is of another position")
            return
        checkpoint = self.checkpoint
        try:
            verify_inclusion(
                event.hash, event.position, checkpoint.tree_size, hashes, checkpoint.root
            )
        except ProofError as error:
            yield _about(event, "bad proof", str(error))

    def _malformed(self, error: MalformedLine) -> Finding:
        self.event_count += 1
        return Finding("changed event", f"line {self.event_count} of events.jsonl: {error}")

    def _check_counts(self) -> Iterator[Finding]:
        manifest = self.manifest
        if manifest.mode == CHAIN and not self.matching_count:
            yield Finding("missing event", f"there is no event of {manifest.query}")
        if manifest.mode == EVENTS:
            for event_id in manifest.query.event_ids:
                if event_id not in self._chosen:
                    detail = "the manifest names it, but it is not there"
                    yield Finding("missing event", detail, None, event_id)
        for name, said, is_ in (
            ("event_count", manifest.event_count, self.event_count),
            ("matching_count", manifest.matching_count, self.matching_count),
        ):
            if said != is_:
                detail = f"its {name} is {said}, but there are {is_}"
                yield Finding("changed manifest", detail)


def _lines(file: IO[bytes], limit: int) -> Iterator[bytes]:
    while line := file.readline(limit):
        yield line


def _hashes(values: Any) -> list[bytes]:
    """Decode a list of hashes in base64."""
    if not isinstance(values, list) or len(values) > 128:
        raise MalformedLine("hashes is no list of hashes")
    try:
        return [b64decode(value, validate=True) for value in values]
    except (ValueError, TypeError):
        raise MalformedLine("a hash is no base64") from None


def _read_keys(data: bytes) -> tuple[VerifierKey, ...]:
    try:
        return tuple(VerifierKey.parse(text) for text in data.decode().split())
    except (UnicodeDecodeError, MalformedKey) as error:
        raise NotABundle(f"vkey.txt holds no public key: {error}") from None


def _about(event: BundledEvent, kind: str, detail: str) -> Finding:
    return Finding(kind, detail, event.position, event.id)


def _gap(expected: int, actual: int) -> str:
    if expected >= actual:
        return f"position {expected} is due, but {actual} is next"
    last = "" if actual == expected + 1 else f" to {actual - 1}"
    return f"position {expected}{last} is missing"
