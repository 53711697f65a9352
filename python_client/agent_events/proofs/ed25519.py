"""Verify Ed25519 signatures: RFC 8032, 5.1. There is no signing here, so nothing is secret.

Strict where the RFC leaves room: S below the group's order, points in their one canonical encoding,
no public key of small order (such keys have signatures that fit any message), and the equation
without the cofactor, as OpenSSL and Go check it. About 2 ms for a signature.

This file needs Python 3.9 and its standard library only, and is copied verbatim into evidence
bundles.
"""

from __future__ import annotations

from hashlib import sha512

# Extended homogeneous coordinates X, Y, Z, T: x = X/Z, y = Y/Z, x * y = T/Z (5.1.4).
Point = tuple[int, int, int, int]

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME
SQRT_MINUS_ONE = pow(2, (PRIME - 1) // 4, PRIME)
IDENTITY: Point = (0, 1, 1, 0)


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature is that of a key over a message (RFC 8032, 5.1.7).

    Args:
        public_key: 32 bytes.
        message: any bytes.
        signature: 64 bytes; of any other length it is none.
    """
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key = _decode(public_key)
    s = int.from_bytes(signature[32:], "little")
    if key is None or _has_small_order(key) or s >= ORDER:
        return False
    r = signature[:32]
    k = int.from_bytes(sha512(r + public_key + message).digest(), "little") % ORDER
    return _encode(_base_times_minus(s, k, key)) == r


def _add(p: Point, q: Point) -> Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % PRIME
    b = (p[1] + p[0]) * (q[1] + q[0]) % PRIME
    c = 2 * p[3] * q[3] * D % PRIME
    d = 2 * p[2] * q[2] % PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME


def _double(p: Point) -> Point:
    a = p[0] * p[0] % PRIME
    b = p[1] * p[1] % PRIME
    h = a + b
    e = h - (p[0] + p[1]) ** 2 % PRIME
    g = a - b
    f = 2 * p[2] * p[2] % PRIME + g
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME


def _negate(p: Point) -> Point:
    return PRIME - p[0], p[1], p[2], PRIME - p[3]


def _base_times_minus(s: int, k: int, key: Point) -> Point:
    """Return [s]B - [k]key, both multiplications in one walk over the bits."""
    minus_key = _negate(key)
    summands = (None, BASE, minus_key, _add(BASE, minus_key))
    result = IDENTITY
    for bit in range(max(s.bit_length(), k.bit_length()) - 1, -1, -1):
        result = _double(result)
        summand = summands[(s >> bit & 1) + 2 * (k >> bit & 1)]
        if summand is not None:
            result = _add(result, summand)
    return result


def _has_small_order(p: Point) -> bool:
    x, _, _, _ = eightfold = _double(_double(_double(p)))
    return x == 0 and eightfold[1] == eightfold[2]


def _encode(p: Point) -> bytes:
    inverse = pow(p[2], -1, PRIME)
    x = p[0] * inverse % PRIME
    y = p[1] * inverse % PRIME
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decode(encoded: bytes) -> Point | None:
    """Return the point, or None where these bytes encode none (5.1.3)."""
    number = int.from_bytes(encoded, "little")
    y = number & (1 << 255) - 1
    sign = number >> 255
    if y >= PRIME:
        return None
    u = (y * y - 1) % PRIME
    v = (D * y * y + 1) % PRIME
    x = u * v**3 * pow(u * v**7 % PRIME, (PRIME - 5) // 8, PRIME) % PRIME
    if v * x * x % PRIME != u:
        x = x * SQRT_MINUS_ONE % PRIME
    if v * x * x % PRIME != u or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = PRIME - x
    return x, y, 1, x * y % PRIME


def _base() -> Point:
    point = _decode((4 * pow(5, -1, PRIME) % PRIME).to_bytes(32, "little"))
    if point is None:
        raise AssertionError("the base point is a point")
    return point


BASE = _base()
