"""Checkpoints that a timestamp authority signed: RFC 3161, with the extra `timestamp`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent_events.anchors.certificate_order import sort_certificates
from agent_events.anchors.layout import locked, note_path, write_file
from agent_events.anchors.store import AnchorError, AnchorStore, DamagedAnchor, Entry, MissingExtra
from agent_events.anchors.webhook import host_of, post
from agent_events.proofs.note import MalformedNote, read_checkpoint

try:
    import rfc3161_client as rfc3161
except ImportError as missing:
    raise MissingExtra(
        f"{missing.name} is missing: pip install 'agent-events[timestamp]'"
    ) from missing

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse, Verifier

TIMEOUT = 30.0  # seconds
SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")
SUFFIX = ".tsr"
_NEVER = datetime.max.replace(tzinfo=UTC)


class TimestampStore(AnchorStore):
    """A timestamp authority, and a folder for what it signed.

    For each checkpoint there is `<origin>/<tree size>.note` and beside it, with the suffix `.tsr`,
    the timestamp over its SHA-256: `openssl ts -verify -data X.note -in X.tsr` reads both.

    Args:
        url: address of the authority, `https://…` or `http://…`.
        folder: where to keep both; made when it is first written to.
        timeout: seconds to wait for the authority.

    Raises:
        AnchorError: the address is none.
    """

    def __init__(self, url: str, folder: Path | str, timeout: float = TIMEOUT) -> None:
        self.host = host_of(url)
        self.url = url
        self.folder = Path(folder)
        self.timeout = timeout

    def append(self, note: str) -> str:
        """Have the note timestamped and keep both; see `AnchorStore.append`.

        Raises AnchorError too where the authority refuses or stamps something else; the note stays
        then, and the same note again gets its timestamp.
        """
        checkpoint = read_checkpoint(note)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with locked(self.folder / ".lock"):
                path = note_path(self.folder, checkpoint, note)
                if not path.exists():
                    write_file(path, note.encode())
                stamp = path.with_suffix(SUFFIX)
                if not stamp.exists():
                    write_file(stamp, self._request(note.encode()))
        except OSError as error:
            raise AnchorError(f"{self.folder} cannot be written to: {error}") from error
        return f"{stamp}, signed by {self.host}"

    def _request(self, note: bytes) -> bytes:
        builder = rfc3161.TimestampRequestBuilder().data(note)
        request = builder.hash_algorithm(rfc3161.HashAlgorithm.SHA256).build()
        answer = post(self.url, request.as_bytes(), "application/timestamp-query", self.timeout)
        try:
            response = decode(answer)
        except DamagedAnchor as error:
            raise AnchorError(f"{self.host} answered without a timestamp: {error}") from None
        if not _is_over(response, note) or response.tst_info.nonce != request.nonce:
            raise AnchorError(f"{self.host} timestamped something else than it was asked to")
        return answer

    def entries(self, origin: str | None = None) -> Iterator[Entry]:
        """Read the notes in the order of their timestamps; see `AnchorStore.entries`.

        Whether the timestamps are the authority's is for `verify_timestamp`.
        """
        found = []
        for path in self.folder.rglob("*.note"):
            if path.name.startswith(".") or not path.is_file():
                continue
            entry, key, of_origin = _read(path)
            if entry.problem or origin in (None, of_origin):
                found.append((key, entry))
        for _, entry in sorted(found, key=lambda pair: pair[0]):
            yield entry


def verify_timestamp(
    note: str, timestamp: bytes, certificates: Sequence[x509.Certificate]
) -> datetime:
    """Check that a timestamp authority saw a note (RFC 3161).

    Args:
        note: the signed checkpoint.
        timestamp: the authority's response, as in the `.tsr` file.
        certificates: the chain to trust, in any order: the root and what is between it and the
            authority's certificate; that one too where the response does not have it.
            `load_certificates` reads them.

    Returns:
        the time that the authority signed, to its accuracy.

    Raises:
        DamagedAnchor: it is no timestamp, of another note, or not signed by that chain.
    """
    response = decode(timestamp)
    try:
        _verifier(certificates).verify_message(response, note.encode())
    except (rfc3161.VerificationError, ValueError) as error:
        raise DamagedAnchor(f"the timestamp does not verify: {error}") from error
    return response.tst_info.gen_time


def load_certificates(path: Path | str) -> list[x509.Certificate]:
    """Read the certificates of a PEM file.

    Raises:
        AnchorError: it cannot be read, or holds none.
    """
    try:
        return x509.load_pem_x509_certificates(Path(path).read_bytes())
    except OSError as error:
        raise AnchorError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise AnchorError(f"{path} holds no certificates in PEM form: {error}") from error


def decode(timestamp: bytes) -> TimeStampResponse:
    """Read a response that grants a timestamp; its signature is not verified.

    Raises:
        DamagedAnchor: it is none.
    """
    try:
        response = rfc3161.decode_timestamp_response(sort_certificates(timestamp))
        if response.status in (rfc3161.PKIStatus.GRANTED, rfc3161.PKIStatus.GRANTED_WITH_MODS):
            _ = response.tst_info.gen_time
            return response
        status = rfc3161.PKIStatus(response.status).name.lower()
    except ValueError as error:
        raise DamagedAnchor(f"this is no timestamp: {error}") from error
    raise DamagedAnchor(f"the authority refused ({status}) {' '.join(response.status_string)}")


def _read(path: Path) -> tuple[Entry, tuple[datetime, int, str], str | None]:
    """Return what a file holds, what to sort it by, and its origin."""
    where = str(path)
    try:
        note = path.read_bytes().decode()
        checkpoint = read_checkpoint(note)
    except (OSError, UnicodeDecodeError, MalformedNote) as error:
        broken = Entry(where, None, problem=f"the file holds no checkpoint: {error}")
        return broken, (_NEVER, 0, where), None
    time: datetime | None = None
    problem: str | None = None
    try:
        response = decode(path.with_suffix(SUFFIX).read_bytes())
        time = response.tst_info.gen_time
        if not _is_over(response, note.encode()):
            problem = "the timestamp beside it is of something else"
    except FileNotFoundError:
        problem = "it has no timestamp: the authority did not give one"
    except (OSError, DamagedAnchor) as error:
        problem = f"the timestamp beside it is not readable: {error}"
    key = (time or _NEVER, checkpoint.tree_size, where)
    return Entry(where, note, time, problem), key, checkpoint.origin


def _is_over(response: TimeStampResponse, note: bytes) -> bool:
    imprint = response.tst_info.message_imprint
    return imprint.hash_algorithm == SHA256 and imprint.message == sha256(note).digest()


def _verifier(certificates: Sequence[x509.Certificate]) -> Verifier:
    builder = rfc3161.VerifierBuilder()
    for certificate in certificates:
        if certificate.issuer == certificate.subject:
            builder = builder.add_root_certificate(certificate)
        elif _stamps(certificate):
            builder = builder.tsa_certificate(certificate)
        else:
            builder = builder.add_intermediate_certificate(certificate)
    return builder.build()


def _stamps(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.TIME_STAMPING in usage.value
