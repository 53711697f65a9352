"""Private keys in files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agent_events.proofs import (
    Checkpoint,
    KeyFileError,
    MalformedKey,
    MalformedNote,
    SigningKey,
    open_checkpoint,
)

# From Go: note.GenerateKey of golang.org/x/mod/sumdb/note, package documentation.
GO_KEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"


def test_a_key_comes_back_from_its_file(tmp_path: Path, key: SigningKey, note: str) -> None:
    path = tmp_path / "acme.key"
    key.save(path)
    loaded = SigningKey.load(path)
    assert (loaded.name, loaded.vkey()) == (key.name, key.vkey())
    assert loaded.sign(open_checkpoint(note, [key.vkey()])) == note
    assert path.read_text() == f"{key.text()}\n"
    assert key.text().startswith(f"PRIVATE+KEY+{key.name}+{key.vkey().key_id.hex()}+A")


def test_only_the_owner_can_read_the_file(tmp_path: Path, key: SigningKey) -> None:
    before = os.umask(0)
    try:
        key.save(tmp_path / "acme.key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "acme.key").stat().st_mode) == 0o600


def test_a_file_is_never_overwritten(tmp_path: Path, key: SigningKey) -> None:
    path = tmp_path / "acme.key"
    path.write_text("precious")
    with pytest.raises(KeyFileError, match=r"acme\.key exists"):
        key.save(path)
    assert path.read_text() == "precious"
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(KeyFileError, match="link exists"):
        key.save(tmp_path / "link")


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644, 0o660, 0o666])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, key: SigningKey, mode: int) -> None:
    path = tmp_path / "acme.key"
    key.save(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"its mode is {mode:04o}") as refusal:
        SigningKey.load(path)
    assert refusal.value.hint is not None
    assert refusal.value.hint.startswith(f"chmod 600 {path}")
    assert key.text() not in str(refusal.value)


def test_the_group_may_read_a_file_of_root(tmp_path: Path, key: SigningKey) -> None:
    path = tmp_path / "acme.key"
    key.save(path)
    path.chmod(0o640)
    if path.stat().st_uid == 0:
        assert SigningKey.load(path).vkey() == key.vkey()
    else:
        with pytest.raises(KeyFileError):
            SigningKey.load(path)


@pytest.mark.parametrize("content", [b"", b"\xff", b"PRIVATE+KEY+a/b", GO_KEY.encode()])
def test_a_file_without_such_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "acme.key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match="holds no private key"):
        SigningKey.load(path)


def test_a_file_that_is_not_there(tmp_path: Path, key: SigningKey) -> None:
    with pytest.raises(KeyFileError, match="cannot be read: No such file"):
        SigningKey.load(tmp_path / "acme.key")
    with pytest.raises(KeyFileError, match="cannot be written: No such file"):
        key.save(tmp_path / "folder" / "acme.key")


def test_a_key_of_go_is_refused_for_its_name_only() -> None:
    """Its id is right, but it is no origin."""
    with pytest.raises(MalformedNote, match="'PeterNeumann' is no origin"):
        SigningKey.parse(GO_KEY)


def test_an_altered_key_is_refused(key: SigningKey) -> None:
    seed = key.text()[-10]
    changed = f"{key.text()[:-10]}{'A' if seed != 'A' else 'B'}{key.text()[-9:]}"
    with pytest.raises(MalformedKey, match=r"the key id of ledger\.example/acme is not"):
        SigningKey.parse(changed)
    with pytest.raises(MalformedKey, match="a private key begins with"):
        SigningKey.parse(key.vkey().text())
    with pytest.raises(MalformedKey, match="has 32 bytes, not 31"):
        SigningKey("a/b", bytes(31))


def test_a_key_signs_for_its_origin_only(key: SigningKey) -> None:
    with pytest.raises(ValueError, match=r"does not sign for ledger\.example/other"):
        key.sign(Checkpoint("ledger.example/other", 1, bytes(32)))


def test_the_name_is_an_origin() -> None:
    with pytest.raises(MalformedNote, match="'acme' is no origin"):
        SigningKey.generate("acme")


def test_a_key_does_not_show_its_secret(key: SigningKey) -> None:
    assert repr(key) == "<SigningKey of ledger.example/acme>"
