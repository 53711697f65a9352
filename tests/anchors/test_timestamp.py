"""Timestamps of a real authority: `openssl ts` behind an HTTP server on this machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from anchors.conftest import Server
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from agent_events.anchors import AnchorError, DamagedAnchor, open_store
from agent_events.anchors.certificate_order import sort_certificates
from agent_events.anchors.timestamp import TimestampStore, load_certificates, verify_timestamp
from agent_events.proofs import MalformedNote

Sign = Callable[..., str]

CONFIG = """
[tsa]
default_tsa = the_tsa
[the_tsa]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
certs = {folder}/intermediate.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing")


@dataclass
class Authority:
    """A root, an intermediate certificate and the authority's own, and its openssl."""

    folder: Path
    root: x509.Certificate
    intermediate: x509.Certificate
    own: x509.Certificate

    def answer(self, query: bytes) -> bytes:
        (self.folder / "query").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query"]
        done = subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        return done.stdout


def issue(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    stamps: bool = False,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=not stamps, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(usage(stamps), critical=True)
    )
    if stamps:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(purpose, critical=True)
    return builder.sign(issuer_key, SHA256())


def usage(stamps: bool) -> x509.KeyUsage:
    names = [
        *["digital_signature", "content_commitment", "key_encipherment", "data_encipherment"],
        *["key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"],
    ]
    chosen = {"digital_signature"} if stamps else {"key_cert_sign", "crl_sign"}
    return x509.KeyUsage(**{name: name in chosen for name in names})


def make_authority(folder: Path) -> Authority:
    folder.mkdir()
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    root = issue("Root", keys[0], None, keys[0])
    intermediate = issue("Intermediate", keys[1], root, keys[0])
    own = issue("Authority", keys[2], intermediate, keys[1], stamps=True)
    pems = {"root": root, "intermediate": intermediate, "tsa": own}
    for name, certificate in pems.items():
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    secret = keys[2].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "tsa.key").write_bytes(secret)
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))
    return Authority(folder, root, intermediate, own)


@pytest.fixture
def authority(tmp_path: Path, server: Server) -> Authority:
    made = make_authority(tmp_path / "authority")
    server.answer = made.answer
    server.headers = {"Content-Type": "application/timestamp-reply"}
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "stamps"


@pytest.fixture
def store(server: Server, folder: Path) -> TimestampStore:
    opened = open_store(f"tsa+{server.url}#{folder}")
    assert isinstance(opened, TimestampStore)
    return opened


def stamp_of(folder: Path, size: int) -> Path:
    return folder / "ledger.example" / "acme" / f"{size:020}.tsr"


def test_a_checkpoint_is_timestamped(
    store: TimestampStore, authority: Authority, server: Server, folder: Path, sign: Sign
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    receipt = store.append(sign(5))
    stamp = stamp_of(folder, 5)
    assert receipt == f"{stamp}, signed by {server.url.removesuffix('/anchor/secret')}"
    assert stamp.with_suffix(".note").read_text() == sign(5)
    assert server.requests[0][1]["Content-Type"] == "application/timestamp-query"
    chain = [authority.root, authority.intermediate]
    time = verify_timestamp(sign(5), stamp.read_bytes(), chain)
    assert before <= time <= datetime.now(UTC)
    (entry,) = store.entries()
    assert (entry.note, entry.recorded_at, entry.problem) == (sign(5), time, None)
    assert entry.where == str(stamp.with_suffix(".note"))


def test_openssl_verifies_it_too(
    store: TimestampStore, authority: Authority, folder: Path, sign: Sign
) -> None:
    store.append(sign(5))
    stamp = stamp_of(folder, 5)
    files: list[Any] = ["-data", stamp.with_suffix(".note"), "-in", stamp]
    certificates: list[Any] = ["-CAfile", authority.folder / "root.pem"]
    certificates += ["-untrusted", authority.folder / "intermediate.pem"]
    done = subprocess.run(
        ["openssl", "ts", "-verify", *files, *certificates], capture_output=True, text=True
    )
    assert "Verification: OK" in done.stdout + done.stderr


@pytest.mark.usefixtures("authority")
def test_the_order_is_that_of_the_timestamps(
    store: TimestampStore, folder: Path, sign: Sign
) -> None:
    assert list(store.notes()) == []
    kept = [sign(5), sign(7), sign(9)]
    for note in kept:
        store.append(note)
    assert list(store.notes()) == kept
    assert list(store.notes("ledger.example/other")) == []
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "ledger.example"]


@pytest.mark.usefixtures("authority")
def test_the_same_note_again_is_not_stamped_again(
    store: TimestampStore, server: Server, folder: Path, sign: Sign
) -> None:
    store.append(sign(5))
    first = stamp_of(folder, 5).read_bytes()
    store.append(sign(5))
    assert stamp_of(folder, 5).read_bytes() == first
    assert len(server.requests) == 1


@pytest.mark.usefixtures("authority")
def test_another_checkpoint_of_one_size_is_kept_beside(
    store: TimestampStore, folder: Path, sign: Sign
) -> None:
    store.append(sign(5))
    store.append(sign(5, "rewritten"))
    assert stamp_of(folder, 5).with_suffix(".note").read_text() == sign(5)
    assert sorted(store.notes()) == sorted([sign(5), sign(5, "rewritten")])
    assert len(list(folder.rglob("*.tsr"))) == 2


@pytest.mark.usefixtures("authority")
def test_an_authority_that_is_down(store: TimestampStore, server: Server, sign: Sign) -> None:
    """The note stays, reported, and the next try gets its timestamp."""
    server.status = 503
    with pytest.raises(AnchorError, match="answered 503"):
        store.append(sign(5))
    (entry,) = store.entries()
    assert entry.note == sign(5)
    assert entry.problem == "it has no timestamp: the authority did not give one"
    with pytest.raises(DamagedAnchor, match="it has no timestamp"):
        list(store.notes())
    server.status = 200
    store.append(sign(5))
    assert list(store.notes()) == [sign(5)]


def test_an_authority_that_refuses(
    store: TimestampStore, authority: Authority, server: Server, folder: Path, sign: Sign
) -> None:
    server.answer = lambda _: authority.answer(b"this is no query")
    with pytest.raises(AnchorError, match=r"answered without a timestamp: the authority refused"):
        store.append(sign(5))
    server.answer = lambda _: b"hello"
    with pytest.raises(AnchorError, match=r"answered without a timestamp: this is no timestamp"):
        store.append(sign(5))
    assert not stamp_of(folder, 5).exists()


@pytest.mark.usefixtures("authority")
def test_an_old_answer_is_refused(
    store: TimestampStore, server: Server, folder: Path, sign: Sign
) -> None:
    """One to the same question, asked before: the nonce tells."""
    store.append(sign(5))
    old = stamp_of(folder, 5).read_bytes()
    stamp_of(folder, 5).unlink()
    server.answer = lambda _: old
    for size in (5, 6):
        with pytest.raises(AnchorError, match="timestamped something else than it was asked to"):
            store.append(sign(size))


def test_what_does_not_verify(
    store: TimestampStore, authority: Authority, tmp_path: Path, folder: Path, sign: Sign
) -> None:
    store.append(sign(5))
    stamp = stamp_of(folder, 5).read_bytes()
    chain = [authority.root, authority.intermediate]
    with pytest.raises(DamagedAnchor, match="the timestamp does not verify: Mismatch"):
        verify_timestamp(sign(6), stamp, chain)
    other = make_authority(tmp_path / "other")
    for certificates in ([other.root, other.intermediate], [authority.intermediate], []):
        with pytest.raises(DamagedAnchor, match="the timestamp does not verify"):
            verify_timestamp(sign(5), stamp, certificates)
    with pytest.raises(DamagedAnchor, match="the timestamp does not verify"):
        verify_timestamp(sign(5), stamp, [*chain, other.own])
    verify_timestamp(sign(5), stamp, [authority.own, *chain])
    flipped = bytearray(stamp)
    flipped[-1] ^= 1
    with pytest.raises(DamagedAnchor, match="the timestamp does not verify"):
        verify_timestamp(sign(5), bytes(flipped), chain)
    with pytest.raises(DamagedAnchor, match="this is no timestamp"):
        verify_timestamp(sign(5), stamp[:-10], chain)


def test_certificates_may_stand_in_any_order(
    store: TimestampStore, authority: Authority, folder: Path, sign: Sign
) -> None:
    store.append(sign(5))
    stamp = stamp_of(folder, 5).read_bytes()
    first, second = (
        certificate.public_bytes(Encoding.DER)
        for certificate in (authority.own, authority.intermediate)
    )
    at = stamp.index(first + second)
    other = stamp[:at] + second + first + stamp[at + len(first + second) :]
    assert sort_certificates(stamp) == sort_certificates(other) in (stamp, other)
    for either in (stamp, other):
        verify_timestamp(sign(5), either, [authority.root, authority.intermediate])


@given(st.binary() | st.binary(min_size=2).map(lambda b: bytes([0x30, len(b) & 0x7F]) + b))
def test_what_is_no_timestamp_is_not_reordered(noise: bytes) -> None:
    assert sort_certificates(noise) == noise


def test_a_chain_from_a_file(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "chain.pem"
    names = ("root.pem", "intermediate.pem")
    path.write_bytes(b"".join((authority.folder / name).read_bytes() for name in names))
    assert load_certificates(path) == [authority.root, authority.intermediate]
    path.write_text("hello")
    with pytest.raises(AnchorError, match="holds no certificates in PEM form"):
        load_certificates(path)
    with pytest.raises(AnchorError, match="cannot be read: No such file"):
        load_certificates(tmp_path / "nowhere")


@pytest.mark.usefixtures("authority")
def test_damage_is_reported(store: TimestampStore, folder: Path, sign: Sign) -> None:
    for size in (1, 2, 3):
        store.append(sign(size))
    stamp_of(folder, 1).write_bytes(stamp_of(folder, 3).read_bytes())
    stamp_of(folder, 2).write_bytes(b"")
    (folder / "odd.note").write_bytes(b"\xff")
    problems = {
        Path(entry.where).name: entry.problem for entry in store.entries("ledger.example/acme")
    }
    assert problems[f"{1:020}.note"] == "the timestamp beside it is of something else"
    assert "the timestamp beside it is not readable" in str(problems[f"{2:020}.note"])
    assert problems[f"{3:020}.note"] is None
    assert "the file holds no checkpoint" in str(problems["odd.note"])


def test_only_checkpoints_are_stamped(store: TimestampStore, folder: Path) -> None:
    with pytest.raises(MalformedNote):
        store.append("hello\n")
    assert not folder.exists()
