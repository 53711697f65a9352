"""Notes, checkpoints and keys: the specification's examples, strict reading, every mutation."""

from __future__ import annotations

import random
from base64 import b64decode, b64encode
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent_events.proofs import (
    BadSignature,
    Checkpoint,
    MalformedKey,
    MalformedNote,
    NoteError,
    SignedNote,
    SigningKey,
    UnknownKey,
    VerifierKey,
    open_checkpoint,
    read_checkpoint,
)
from agent_events.proofs.note import MAX_LENGTH, MAX_SIGNATURES, check_origin, is_key_name

# C2SP signed-note, "Example" and "Format".
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1\
Yu72IneyaQM=
"""
SPEC_POEM = """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcX\
xj99ihAQwaqP3ZekRwNtIc=
"""
# C2SP tlog-checkpoint.
SPEC_CHECKPOINT = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzG\
ku9nTo+zyWE+xeMcTOAYQ8=
"""
ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="

with_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def cosign(note: str, name: str = "witness.example/one") -> str:
    """The note with one more signature above the others."""
    text, _, lines = note.rpartition("\n\n")
    other = SigningKey.generate(name)
    added = other._private_key.sign(f"{text}\n".encode())
    encoded = b64encode(other.vkey().key_id + added).decode()
    return f"{text}\n\n— {other.name} {encoded}\n{lines}"


def test_the_example_of_the_specification() -> None:
    key = VerifierKey.parse(SPEC_VKEY)
    assert key.text() == SPEC_VKEY
    assert key.key_id.hex() == "530d903a"
    signed = SignedNote.parse(SPEC_NOTE)
    assert signed.text == "This is an example message.\n"
    assert signed.verify([key]) == (key,)


def test_a_text_may_have_empty_lines() -> None:
    signed = SignedNote.parse(SPEC_POEM.encode())
    assert signed.text == SPEC_POEM.rpartition("\n\n")[0] + "\n"
    assert [(line.name, line.key_id.hex()) for line in signed.signatures] == [
        ("quasimodo.example/salvatore", "367ba04b")
    ]


def test_the_checkpoint_of_the_specification() -> None:
    checkpoint = read_checkpoint(SPEC_CHECKPOINT)
    assert checkpoint == Checkpoint("example.com/behind-the-sofa", 20852163, b64decode(ROOT))
    assert checkpoint.text() == SPEC_CHECKPOINT.rpartition("\n\n")[0] + "\n"


def test_a_signed_checkpoint_verifies(key: SigningKey, checkpoint: Checkpoint, note: str) -> None:
    assert open_checkpoint(note, [key.vkey()]) == checkpoint
    assert open_checkpoint(note.encode(), [key.vkey()]) == checkpoint
    other = SigningKey.generate(key.name).vkey()
    assert open_checkpoint(note, [other, key.vkey(), key.vkey()]) == checkpoint


def test_unknown_signatures_do_not_matter(
    key: SigningKey, checkpoint: Checkpoint, note: str
) -> None:
    cosigned = cosign(cosign(note), key.name)
    assert len(SignedNote.parse(cosigned).signatures) == 3
    assert open_checkpoint(cosigned, [key.vkey()]) == checkpoint


def test_no_known_key(key: SigningKey, note: str) -> None:
    other = SigningKey.generate(key.name).vkey()
    signer = f"{key.name}+{key.vkey().key_id.hex()}"
    with pytest.raises(UnknownKey, match="no known key signed the note, only ") as refusal:
        open_checkpoint(note, [other])
    assert str(refusal.value).endswith(signer)
    with pytest.raises(UnknownKey):
        open_checkpoint(note, [])
    renamed = replace(key.vkey(), name="ledger.example/other")
    with pytest.raises(UnknownKey):
        open_checkpoint(note, [renamed])


def test_only_the_key_of_the_origin_speaks_for_it(key: SigningKey, checkpoint: Checkpoint) -> None:
    foreign = SigningKey.generate("ledger.example/other")
    text = checkpoint.text()
    signature = foreign.vkey().key_id + foreign._private_key.sign(text.encode())
    note = f"{text}\n— {foreign.name} {b64encode(signature).decode()}\n"
    assert SignedNote.parse(note).verify([foreign.vkey()])
    with pytest.raises(UnknownKey, match=r"ledger\.example/other signed .*, but none"):
        open_checkpoint(note, [foreign.vkey(), key.vkey()])


def test_a_wrong_signature_of_a_known_key_spoils_the_note(key: SigningKey, note: str) -> None:
    """Also beside a right one."""
    other = key.sign(Checkpoint(key.name, 6, bytes(32)))
    text, _, line = note.rpartition("\n\n")
    _, _, wrong = other.rpartition("\n\n")
    for lines in (wrong, line + wrong, wrong + line):
        with pytest.raises(BadSignature, match="is not over this text"):
            open_checkpoint(f"{text}\n\n{lines}", [key.vkey()])


def test_two_known_keys_of_one_id_are_refused(key: SigningKey, note: str) -> None:
    class Colliding(VerifierKey):
        key_id = key.vkey().key_id

    with pytest.raises(MalformedKey, match="two known keys are"):
        open_checkpoint(note, [key.vkey(), Colliding(key.name, bytes(32))])


@with_fixtures
@given(seed=st.integers(0, 2**32))
def test_any_mutation_is_found(seed: int, key: SigningKey, note: str) -> None:
    """Bytes changed, dropped, doubled or added: never the same note, never another checkpoint."""
    chance = random.Random(seed)
    mutated = bytearray(note.encode())
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(mutated))
        new = chance.choice([*b"\n 0123456789ABC+/=", chance.randrange(256)])
        mutated[at : at + chance.randint(0, 1)] = chance.choice([[], [new], [mutated[at], new]])
    if bytes(mutated) == note.encode():
        return
    with pytest.raises(NoteError):
        open_checkpoint(bytes(mutated), [key.vkey()])


@given(st.text() | st.binary())
@example("\n\n— a ")
@example("\n\n— a AAAAAAA=\n")
def test_noise_is_malformed(noise: str | bytes) -> None:
    with pytest.raises(NoteError):
        open_checkpoint(noise, [VerifierKey.parse(SPEC_VKEY)])


SIGNATURE = "— a/b " + b64encode(bytes(68)).decode()


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        f"text\n\n{SIGNATURE}",  # no newline at the end
        f"text\n{SIGNATURE}\n",  # no empty line
        f"text\n\n{SIGNATURE}\n\n",
        f"text\n\n{SIGNATURE}\nmore\n",
        f"te\x00xt\n\n{SIGNATURE}\n",
        f"te\txt\n\n{SIGNATURE}\n",
        f"text\r\n\r\n{SIGNATURE}\r\n",
        f"text\n\n{SIGNATURE.replace('— ', '- ')}\n",
        f"text\n\n{SIGNATURE.replace('— ', '—')}\n",
        f"text\n\n{SIGNATURE.replace('a/b ', 'a/b  ')}\n",
        f"text\n\n{SIGNATURE.replace('a/b', 'a+b')}\n",
        "text\n\n— a\u00a0b AAAAAAA=\n",
        f"text\n\n{SIGNATURE.replace('a/b', '')}\n",
        f"text\n\n{SIGNATURE.rstrip('=')}\n",
        f"text\n\n{SIGNATURE} \n",
        f"text\n\n{SIGNATURE[:-2]}B=\n",  # bits beyond the last byte
        "text\n\n— a/b AAAAAA==\n",  # a key id and nothing else
        "text\n\n— a/b \n",
        "text\n\n" + f"{SIGNATURE}\n" * (MAX_SIGNATURES + 1),
        "x" * MAX_LENGTH + f"\n\n{SIGNATURE}\n",
        "\ud800",
        b"\xff\n\n",
    ],
)
def test_a_malformed_note_is_refused(note: str | bytes) -> None:
    with pytest.raises(MalformedNote):
        SignedNote.parse(note)


def test_many_signatures_are_read() -> None:
    assert len(SignedNote.parse("text\n\n" + f"{SIGNATURE}\n" * MAX_SIGNATURES).signatures) == 100


@pytest.mark.parametrize(
    "text",
    [
        f"a/b\n1\n{ROOT}",
        f"a/b\n1\n{ROOT}\n\n",
        f"a/b\n1\n{ROOT}\n\nx\n",
        "a/b\n1\n",
        f"\n1\n{ROOT}\n",
        f"a/b\n\n{ROOT}\n",
        f"a/b\n01\n{ROOT}\n",
        f"a/b\n-1\n{ROOT}\n",
        f"a/b\n+1\n{ROOT}\n",
        f"a/b\n1_0\n{ROOT}\n",
        f"a/b\n 1\n{ROOT}\n",
        f"a/b\n1.0\n{ROOT}\n",
        f"a/b\n٣\n{ROOT}\n",  # a digit, but not an ASCII one
        f"a/b\n{2**63}\n{ROOT}\n",
        f"a/b\n{'9' * 5000}\n{ROOT}\n",
        f"a/b\n1\n{ROOT[:-1]}\n",
        f"a/b\n1\n{ROOT}=\n",
        f"a/b\n1\n {ROOT}\n",
        f"a/b\n1\n{ROOT[:-2]}J=\n",
        f"a/b\n1\n{b64encode(bytes(31)).decode()}\n",
        f"a/b\n1\n{ROOT.replace('/', '_')}\n",
        f"a/b\r\n1\r\n{ROOT}\r\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedNote):
        Checkpoint.parse(text)


def test_extension_lines_are_kept() -> None:
    text = f"a/b\n{2**63 - 1}\n{ROOT}\none\ntwo words\n"
    checkpoint = Checkpoint.parse(text)
    assert checkpoint.extensions == ("one", "two words")
    assert checkpoint.text() == text
    for line in ("", "a\nb", "a\tb"):
        with pytest.raises(MalformedNote, match="is no extension line"):
            replace(checkpoint, extensions=(line,))


def test_the_empty_tree_has_size_0() -> None:
    assert Checkpoint.parse(f"a/b\n0\n{ROOT}\n").tree_size == 0


@pytest.mark.parametrize(
    "origin",
    [
        *["acme", "/acme", "ledger/", "ledger.example/a b", "ledger example/acme", "a+b/acme", ""],
        *["ledger/.acme", "ledger/-acme", "ledger/" + "a" * 64, "ledger/ümlaut", "ledger\u2003/a"],
        *["ledger/acme\n", "led\nger/acme", "led\x01ger/acme", "led\x85ger/acme", "\ud800/acme"],
    ],
)
def test_an_origin_is_ledger_and_tenant(origin: str) -> None:
    with pytest.raises(MalformedNote, match="is no origin"):
        Checkpoint(origin, 1, bytes(32))


@pytest.mark.parametrize("origin", ["a/b", "ledger.example/prod/acme", "läger/Acme_1.x-y"])
def test_origins(origin: str) -> None:
    check_origin(origin)
    assert is_key_name(origin)
    assert Checkpoint.parse(Checkpoint(origin, 1, bytes(32)).text()).origin == origin


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        SPEC_VKEY.replace("530d903a", "530D903A"),
        SPEC_VKEY.replace("530d903a", "530d903b"),
        SPEC_VKEY.replace("530d903a", "0530d903a"),
        SPEC_VKEY.replace("example.com/foo", "example.com/bar"),
        SPEC_VKEY.replace("example.com/foo", ""),
        SPEC_VKEY.replace("example.com/foo", "example com/foo"),
        SPEC_VKEY.replace("+AekyeR", "+BEkyeR"),  # type 0x04
        SPEC_VKEY[:-4],
        SPEC_VKEY + "=",
        SPEC_VKEY + "\n",
        SPEC_VKEY.replace("AekyeR", "Aeky eR"),
        SPEC_VKEY + "+x",
    ],
)
def test_a_malformed_key_is_refused(vkey: str) -> None:
    with pytest.raises(MalformedKey):
        VerifierKey.parse(vkey)


def test_a_key_has_a_name_and_32_bytes() -> None:
    with pytest.raises(MalformedKey, match="'a b' is no name of a key"):
        VerifierKey("a b", bytes(32))
    with pytest.raises(MalformedKey, match="has 32 bytes, not 31"):
        VerifierKey("a/b", bytes(31))


@pytest.mark.parametrize(("size", "root"), [(-1, bytes(32)), (2**63, bytes(32)), (1, bytes(31))])
def test_a_checkpoint_has_a_size_and_a_root(size: int, root: bytes) -> None:
    with pytest.raises(MalformedNote):
        Checkpoint("a/b", size, root)
