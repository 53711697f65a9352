"""Signed checkpoints and the proofs that go with them, as text that other tools read too.

C2SP signed-note, tlog-checkpoint and tlog-proof@v1 (https://c2sp.org), with Ed25519 signatures.

NoteError
 +-- MalformedNote   the text is no note, checkpoint or proof of the specification
 +-- MalformedKey    the text is no key
 +-- UnknownKey      no known key signed it, or not the one of its origin
 +-- BadSignature    a known key is named, but it did not sign this text

This file needs Python 3.9, its standard library and the siblings ed25519.py and merkle.py only, and
is copied verbatim into evidence bundles.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from . import ed25519
from .merkle import HASH_SIZE, MAX_TREE_SIZE, verify_inclusion

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
ED25519 = b"\x01"  # the signature type
KEY_ID_SIZE = 4
MAX_SIGNATURES = 100
MAX_LENGTH = 1_000_000  # of a note or proof, in characters
MAX_PROOF_HASHES = 64

_DASH = "\N{EM DASH} "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_KEY_ID = re.compile(r"[0-9a-f]{8}")
_TENANT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class NoteError(Exception):
    """A note, checkpoint, proof or key that is not to be trusted; the message says why."""


class MalformedNote(NoteError):
    """The text is no note, checkpoint or proof as the specification wants it."""


class MalformedKey(NoteError):
    """The text is no key, or its name or id is not what it should be."""


class UnknownKey(NoteError):
    """No known key signed the note, or none that may sign for its origin."""


class BadSignature(NoteError):
    """The note names a known key, but the signature is not that key's over this text."""


@dataclass(frozen=True)
class VerifierKey:
    """An Ed25519 public key with its name (signed-note, "Verifier keys").

    Args:
        name: not empty, without spaces and `+`. A ledger's key is named as its origin.
        public_key: 32 bytes.

    Raises:
        MalformedKey: the name or the length is wrong.
    """

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise MalformedKey(f"{self.name!r} is no name of a key")
        if len(self.public_key) != 32:
            raise MalformedKey(f"an Ed25519 public key has 32 bytes, not {len(self.public_key)}")

    @classmethod
    def parse(cls, vkey: str) -> VerifierKey:
        """Read `<name>+<hex key id>+<base64 of type and public key>`.

        Raises:
            MalformedKey: it is not that, of another type than Ed25519, or its id does not fit.
        """
        name, key_id, key = split_key(vkey)
        found = cls(name, key)
        if found.key_id.hex() != key_id:
            raise MalformedKey(
                f"the key id of {name} is {found.key_id.hex()}, but the text says {key_id}"
            )
        return found

    @property
    def key_id(self) -> bytes:
        """4 bytes that tell keys of one name apart."""
        typed = ED25519 + self.public_key
        return sha256(self.name.encode() + b"\n" + typed).digest()[:KEY_ID_SIZE]

    def text(self) -> str:
        """Return `<name>+<hex key id>+<base64 of type and public key>`, the form to hand out."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(ED25519 + self.public_key)}"


@dataclass(frozen=True)
class Signature:
    """A signature line of a note: the key's name and id (4 bytes), and the signature."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True)
class SignedNote:
    """A text and the signatures under it; nothing is verified yet.

    `text` is what was signed, with its final newline.
    """

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, note: str | bytes) -> SignedNote:
        """Read a note (signed-note, "Format").

        Raises:
            MalformedNote: it is none, or has more than 100 signatures.
        """
        decoded = _decoded(note)
        text, blank, block = decoded.rpartition("\n\n")
        if not blank or not block.endswith("\n"):
            raise MalformedNote("a note ends in an empty line and one or more signature lines")
        lines = block[:-1].split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise MalformedNote(f"the note has {len(lines)} signatures; {MAX_SIGNATURES} are read")
        return cls(text + "\n", tuple(map(_parse_signature, lines)))

    def verify(self, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
        """Check every signature of a known key; those of unknown keys are passed over.

        Returns:
            the known keys that signed, at least one.

        Raises:
            BadSignature: one of them is wrong.
            UnknownKey: none is of a known key.
        """
        known = _by_id(keys)
        signers: dict[tuple[str, bytes], VerifierKey] = {}
        for line in self.signatures:
            key = known.get((line.name, line.key_id))
            if key is None:
                continue
            if not ed25519.verify(key.public_key, self.text.encode(), line.signature):
                raise BadSignature(f"the signature of {_label(line)} is not over this text")
            signers[line.name, line.key_id] = key
        if not signers:
            named = ", ".join(map(_label, self.signatures))
            raise UnknownKey(f"no known key signed the note, only {named}")
        return tuple(signers.values())


@dataclass(frozen=True)
class Checkpoint:
    """What a ledger commits to: the tree over a tenant's events at one size (tlog-checkpoint).

    Args:
        origin: `<ledger name>/<tenant_id>`, without spaces and `+`.
        tree_size: number of events.
        root: root of the Merkle tree over them, 32 bytes.
        extensions: further lines; the ledger writes none.

    Raises:
        MalformedNote: one of them is not that.
    """

    origin: str
    tree_size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_origin(self.origin)
        if not 0 <= self.tree_size <= MAX_TREE_SIZE:
            raise MalformedNote(f"{self.tree_size} is no tree size")
        if len(self.root) != HASH_SIZE:
            raise MalformedNote(f"a root has {HASH_SIZE} bytes, not {len(self.root)}")
        for line in self.extensions:
            if not line or "\n" in line or _CONTROL.search(line):
                raise MalformedNote(f"{line!r} is no extension line")

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note, without signatures.

        Raises:
            MalformedNote: it is no checkpoint.
        """
        lines = _decoded(text).split("\n")
        if len(lines) < 4 or lines.pop() or "" in lines:
            raise MalformedNote("a checkpoint is at least three lines, none of them empty")
        origin, size, root, *extensions = lines
        tree_size = _parse_decimal("the tree size", size)
        return cls(origin, tree_size, _parse_base64("the root", root), tuple(extensions))

    def text(self) -> str:
        """Return the lines that are signed, with the final newline."""
        lines = (self.origin, str(self.tree_size), _base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class TlogProof:
    """The offline proof that a leaf is in a checkpointed tree (tlog-proof@v1, `.tlog-proof`).

    Args:
        index: position of the leaf, from 0.
        hashes: inclusion proof, 32 bytes each, from the leaf's sibling up to the root's child.
        checkpoint: the signed note, verbatim.
        extra: any bytes, not authenticated; None or empty where there are none.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    @classmethod
    def parse(cls, proof: str | bytes) -> TlogProof:
        """Read a proof; its checkpoint is read by `verify`.

        Raises:
            MalformedNote: it is none.
        """
        head, blank, checkpoint = _decoded(proof).partition("\n\n")
        first, *lines = head.split("\n")
        if not blank or first != PROOF_HEADER:
            raise MalformedNote(
                f"a proof begins with the line {PROOF_HEADER}, and an empty line ends it"
            )
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = _parse_base64("the extra data", lines.pop(0).removeprefix("extra "))
        if not lines or not lines[0].startswith("index "):
            raise MalformedNote("a proof has a line with the index of its leaf")
        index = _parse_decimal("the index", lines.pop(0).removeprefix("index "))
        if len(lines) > MAX_PROOF_HASHES:
            raise MalformedNote(f"an inclusion proof has no {len(lines)} hashes")
        return cls(index, tuple(map(_parse_hash, lines)), checkpoint, extra)

    def text(self) -> str:
        """Return the proof as text, for a file."""
        lines = [PROOF_HEADER]
        if self.extra:
            lines.append(f"extra {_base64(self.extra)}")
        lines += [f"index {self.index}", *map(_base64, self.hashes), "", self.checkpoint]
        return "\n".join(lines)

    def verify(self, leaf_hash: bytes, keys: Iterable[VerifierKey]) -> Checkpoint:
        """Check that a leaf, 32 bytes (an event's hash), is in the tree that its ledger signed.

        Returns:
            the checkpoint, which is verified then. That its origin is the expected one is for the
            caller to check, where `keys` are of more than one.

        Raises:
            NoteError: the checkpoint is malformed, not signed by a known key, or wrongly.
            ProofError: the leaf is not in the tree.
        """
        checkpoint = open_checkpoint(self.checkpoint, keys)
        size, root = checkpoint.tree_size, checkpoint.root
        verify_inclusion(leaf_hash, self.index, size, self.hashes, root)
        return checkpoint


def open_checkpoint(note: str | bytes, keys: Iterable[VerifierKey]) -> Checkpoint:
    """Read a signed checkpoint and verify that the key of its origin signed it.

    Args:
        note: the signed note.
        keys: the keys to trust; also those of witnesses, which are verified but not enough.

    Raises:
        MalformedNote: it is no checkpoint.
        UnknownKey: no known key signed it, or none that is named as the origin.
        BadSignature: a signature of a known key is wrong.
    """
    signed = SignedNote.parse(note)
    checkpoint = Checkpoint.parse(signed.text)
    signers = signed.verify(keys)
    if all(key.name != checkpoint.origin for key in signers):
        names = ", ".join(key.name for key in signers)
        raise UnknownKey(f"{names} signed the checkpoint, but none is its origin")
    return checkpoint


def read_checkpoint(note: str | bytes) -> Checkpoint:
    """Read a signed checkpoint without verifying anything: `open_checkpoint` does.

    Raises:
        MalformedNote: it is no checkpoint.
    """
    return Checkpoint.parse(SignedNote.parse(note).text)


def is_key_name(name: str) -> bool:
    """Tell whether a key may be named so: not empty, no Unicode spaces, no `+`, no control."""
    return bool(name) and "+" not in name and _is_text(name) and not any(map(str.isspace, name))


def check_origin(origin: str) -> None:
    """Check that an origin is `<ledger name>/<tenant_id>`, without spaces and `+`.

    Raises:
        MalformedNote: it is not.
    """
    ledger_name, _, tenant_id = origin.rpartition("/")
    if not is_key_name(ledger_name) or not _TENANT_ID.fullmatch(tenant_id):
        raise MalformedNote(
            f"{origin!r} is no origin: <ledger name>/<tenant id>, without spaces and +"
        )


def split_key(text: str) -> tuple[str, str, bytes]:
    """Take `<name>+<hex key id>+<base64 of type and key>` apart.

    Returns:
        the name, the id as it stands, unchecked, and the 32 bytes of an Ed25519 key.

    Raises:
        MalformedKey: it is not that.
    """
    parts = text.split("+", 2)
    if len(parts) != 3 or not is_key_name(parts[0]) or not _KEY_ID.fullmatch(parts[1]):
        raise MalformedKey("a key is <name>+<key id, 8 hex digits>+<base64>")
    name, key_id, encoded = parts
    try:
        typed = _parse_base64("the key", encoded)
    except MalformedNote as error:
        raise MalformedKey(str(error)) from None
    if typed[:1] != ED25519 or len(typed) != 33:
        raise MalformedKey(f"the key {name}+{key_id} is no Ed25519 key (type 01, 32 bytes)")
    return name, key_id, typed[1:]


def _by_id(keys: Iterable[VerifierKey]) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise MalformedKey(f"two known keys are {key.name}+{key.key_id.hex()}")
    return known


def _label(line: Signature) -> str:
    return f"{line.name}+{line.key_id.hex()}"


def _parse_signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not is_key_name(name):
        raise MalformedNote(f"{line!r} is no signature line")
    signature = _parse_base64("the signature", encoded)
    if len(signature) <= KEY_ID_SIZE:
        raise MalformedNote(f"the signature of {name} is too short")
    return Signature(name, signature[:KEY_ID_SIZE], signature[KEY_ID_SIZE:])


def _decoded(text: str | bytes) -> str:
    """Return valid UTF-8 without control characters other than newline."""
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise MalformedNote(f"the text is not UTF-8: {error}") from None
    if len(decoded) > MAX_LENGTH:
        raise MalformedNote(f"the text has {len(decoded)} characters; {MAX_LENGTH} are read")
    if not _is_text(decoded):
        raise MalformedNote("the text has control characters, or is not Unicode")
    return decoded


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return not _CONTROL.search(text)


def _parse_decimal(what: str, text: str) -> int:
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_TREE_SIZE:
        raise MalformedNote(f"{what} is {text!r}, no decimal number")
    return int(text)


def _parse_hash(line: str) -> bytes:
    hash_ = _parse_base64("a hash", line)
    if len(hash_) != HASH_SIZE:
        raise MalformedNote(f"a hash has {HASH_SIZE} bytes, not {len(hash_)}")
    return hash_


def _parse_base64(what: str, text: str) -> bytes:
    """Decode RFC 4648, 4, in its one canonical form: one checkpoint is one text."""
    try:
        decoded = b64decode(text, validate=True)
    except ValueError:
        decoded = b""
    if not decoded or _base64(decoded) != text:
        raise MalformedNote(f"{what} is {text[:100]!r}, no base64")
    return decoded


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
