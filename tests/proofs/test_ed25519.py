"""Verification against RFC 8032's vectors and `cryptography`, and what only the strict refuse."""

from __future__ import annotations

import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from agent_events.proofs import ed25519

# RFC 8032, 7.1: public key, message, signature.
VECTORS = {
    "1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
            "f9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    "2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
            "f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    "3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f76098"
            "4dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    "SHA(abc)": (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        (
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3"
            "feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c664"
            "31e0303dca179c138ac17ad9bef1177331a704"
        ),
    ),
}
SMALL_ORDER = [  # all canonical encodings of the eight points of order 1, 2, 4 and 8
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]

seeds = st.binary(min_size=32, max_size=32)


def accepted_by_cryptography(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
def test_vectors_of_the_rfc(vector: tuple[str, str, str]) -> None:
    public_key, message, signature = map(bytes.fromhex, vector)
    assert ed25519.verify(public_key, message, signature)
    assert not ed25519.verify(public_key, message + b"\x00", signature)


@given(seeds, st.binary(max_size=200))
def test_every_signature_of_cryptography_verifies(seed: bytes, message: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    assert ed25519.verify(key.public_key().public_bytes_raw(), message, key.sign(message))


@given(seeds, st.binary(min_size=1, max_size=100), st.data())
def test_a_flipped_bit_is_found(seed: bytes, message: bytes, data: st.DataObject) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    parts = [key.public_key().public_bytes_raw(), message, key.sign(message)]
    which = data.draw(st.integers(0, 2))
    bit = data.draw(st.integers(0, 8 * len(parts[which]) - 1))
    changed = bytearray(parts[which])
    changed[bit // 8] ^= 1 << bit % 8
    parts[which] = bytes(changed)
    assert not ed25519.verify(*parts)
    assert not accepted_by_cryptography(*parts)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=20), st.binary(max_size=80))
def test_noise_is_no_signature(public_key: bytes, message: bytes, signature: bytes) -> None:
    assert not ed25519.verify(public_key, message, signature)


def test_s_must_be_below_the_order() -> None:
    """S + L satisfies the equation too: a second signature made without the key."""
    key = Ed25519PrivateKey.generate()
    public_key, signature = key.public_key().public_bytes_raw(), key.sign(b"message")
    s = int.from_bytes(signature[32:], "little") + ed25519.ORDER
    forged = signature[:32] + s.to_bytes(32, "little")
    assert ed25519.verify(public_key, b"message", signature)
    assert not ed25519.verify(public_key, b"message", forged)


@pytest.mark.parametrize("encoded", SMALL_ORDER)
def test_a_key_of_small_order_signs_nothing(encoded: str) -> None:
    """With the neutral element as the key, R = [S]B would be a signature of any message."""
    base = (4 * pow(5, -1, ed25519.PRIME) % ed25519.PRIME).to_bytes(32, "little")
    one = (1).to_bytes(32, "little")
    assert not ed25519.verify(bytes.fromhex(encoded), b"any message", base + one)
    assert not ed25519.verify(bytes.fromhex(encoded), b"any message", bytes.fromhex(encoded) + one)


@pytest.mark.parametrize("sign", [0, 1 << 255])
def test_points_have_one_encoding(sign: int) -> None:
    """y = 1 written as p + 1, and x = 0 with a sign."""
    other = (ed25519.PRIME + 1 | sign).to_bytes(32, "little")
    signature = (1).to_bytes(32, "little") + bytes(32)
    assert not ed25519.verify(other, b"", signature)
    assert not ed25519.verify((1 | 1 << 255).to_bytes(32, "little"), b"", signature)
    key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert not ed25519.verify(key, b"", other + bytes(32))


@pytest.mark.parametrize(("key_size", "signature_size"), [(31, 64), (33, 64), (32, 63), (32, 65)])
def test_lengths_are_fixed(key_size: int, signature_size: int) -> None:
    assert not ed25519.verify(bytes(key_size), b"", bytes(signature_size))


def test_a_signature_takes_a_few_milliseconds() -> None:
    public_key, message, signature = map(bytes.fromhex, VECTORS["2"])
    start = time.process_time()
    for _ in range(20):
        assert ed25519.verify(public_key, message, signature)
    assert time.process_time() - start < 20 * 0.02
