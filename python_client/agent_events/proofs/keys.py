"""The private key of a signer: in a file of its own, in the form of Go's note signer."""

from __future__ import annotations

import os
import stat
from base64 import b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent_events.proofs.note import (
    ED25519,
    Checkpoint,
    MalformedKey,
    NoteError,
    VerifierKey,
    check_origin,
    split_key,
)

PREFIX = "PRIVATE+KEY+"
MAX_FILE_SIZE = 4096  # bytes


class KeyFileError(Exception):
    """The file with the key cannot be used. `hint` says what to do; it may be None."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nHINT: {self.hint}" if self.hint else self.message


class SigningKey:
    """An Ed25519 private key that signs the checkpoints of one origin.

    Args:
        name: the origin, `<ledger name>/<tenant_id>`.
        seed: 32 secret bytes (RFC 8032, 5.1.5).

    Raises:
        MalformedNote: the name is no origin.
        MalformedKey: the seed does not have 32 bytes.
    """

    def __init__(self, name: str, seed: bytes) -> None:
        check_origin(name)
        if len(seed) != 32:
            raise MalformedKey(f"the seed of an Ed25519 key has 32 bytes, not {len(seed)}")
        self._name = name
        self._private_key = Ed25519PrivateKey.from_private_bytes(seed)
        self._vkey = VerifierKey(name, self._private_key.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"<SigningKey of {self._name}>"

    @classmethod
    def generate(cls, name: str) -> SigningKey:
        """Make a new key for an origin, `<ledger name>/<tenant_id>`."""
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Read `PRIVATE+KEY+<name>+<hex key id>+<base64 of type and seed>`.

        Raises:
            MalformedKey: it is not that, or its id does not fit.
            MalformedNote: its name is no origin.
        """
        if not text.startswith(PREFIX):
            raise MalformedKey(f"a private key begins with {PREFIX}")
        name, key_id, seed = split_key(text.strip().removeprefix(PREFIX))
        key = cls(name, seed)
        if key.vkey().key_id.hex() != key_id:
            raise MalformedKey(f"the key id of {name} is not {key_id}: the text was altered")
        return key

    @classmethod
    def load(cls, path: Path | str) -> SigningKey:
        """Read the key from a file that nobody else can read.

        As with libpq's client keys, a file of root may be readable by its group, so that a server's
        user can read a key that it cannot change.

        Raises:
            KeyFileError: the file cannot be read, others can read it, or it holds no such key.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                content = file.read(MAX_FILE_SIZE)
        except OSError as error:
            raise KeyFileError(f"{path} cannot be read: {error.strerror}") from error
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileError(f"{path} is no file")
        forbidden = 0o037 if status.st_uid == 0 else 0o077
        if status.st_mode & forbidden:
            mode = stat.S_IMODE(status.st_mode)
            raise KeyFileError(
                f"{path} holds a private key, but its mode is {mode:04o}: others can get at it",
                f"chmod 600 {path}; if others may have read it, make a new key",
            )
        try:
            return cls.parse(content.decode())
        except UnicodeDecodeError:
            raise KeyFileError(f"{path} holds no private key") from None
        except NoteError as error:
            raise KeyFileError(f"{path} holds no private key: {error}") from error

    def save(self, path: Path | str) -> None:
        """Write the key to a new file with mode 0600, and the folder's entry to disk.

        Raises:
            KeyFileError: the file exists, or cannot be written.
        """
        write_new(Path(path), self.text() + "\n", 0o600)

    def text(self) -> str:
        """Return `PRIVATE+KEY+<name>+<hex key id>+<base64 of type and seed>`: secret."""
        encoded = b64encode(ED25519 + self._private_key.private_bytes_raw()).decode()
        return f"{PREFIX}{self._name}+{self._vkey.key_id.hex()}+{encoded}"

    @property
    def name(self) -> str:
        """The origin whose checkpoints it signs."""
        return self._name

    def vkey(self) -> VerifierKey:
        """Return the public key, for those who verify."""
        return self._vkey

    def sign(self, checkpoint: Checkpoint) -> str:
        """Sign a checkpoint of this key's origin: the text of the note.

        Raises:
            ValueError: the checkpoint is of another origin.
        """
        if checkpoint.origin != self._name:
            raise ValueError(f"the key of {self._name} does not sign for {checkpoint.origin}")
        text = checkpoint.text()
        signature = self._vkey.key_id + self._private_key.sign(text.encode())
        return f"{text}\n\N{EM DASH} {self._name} {b64encode(signature).decode()}\n"


def write_new(path: Path, text: str, mode: int) -> None:
    """Write a file that must not exist yet, durably.

    Raises:
        KeyFileError: it exists, or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise KeyFileError(
            f"{path} exists", "Keys are never overwritten: choose another."
        ) from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except OSError as error:
        path.unlink()
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
