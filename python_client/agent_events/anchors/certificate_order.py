"""Timestamps whose certificates are not in DER's order, made readable for a strict parser.

RFC 5652 (5.1) lets the certificates of a signed message stand in any order, and `openssl ts` and
some public authorities write them from the signer up. rfc3161-client parses DER only, where a set
is sorted. No signature covers the set, so sorting it changes nothing that is verified.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_CONSTRUCTED_0 = 0xA0


class _Element(NamedTuple):
    """Where an element's tag, its content and its end are."""

    tag: int
    start: int
    content: int
    end: int


def sort_certificates(response: bytes) -> bytes:
    """Return a TimeStampResp (RFC 3161, 2.4.2) with its certificates in DER's order.

    Anything else comes back as it is.
    """
    try:
        _, token = _children(response, _element(response, 0))
        _, content = _children(response, token)
        (signed_data,) = _children(response, content)
        found = [e for e in _children(response, signed_data) if e.tag == _CONSTRUCTED_0]
        (certificates,) = found
        encoded = [response[e.start : e.end] for e in _children(response, certificates)]
    except (IndexError, ValueError):
        return response
    before, after = response[: certificates.content], response[certificates.end :]
    return before + b"".join(sorted(encoded)) + after


def _children(der: bytes, parent: _Element) -> list[_Element]:
    return list(_between(der, parent.content, parent.end))


def _between(der: bytes, at: int, end: int) -> Iterator[_Element]:
    while at < end:
        element = _element(der, at)
        if element.end > end:
            raise ValueError("an element ends outside its parent")
        yield element
        at = element.end


def _element(der: bytes, at: int) -> _Element:
    length = der[at + 1]
    content = at + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[content : content + size], "big")
        content += size
    return _Element(der[at], at, content, content + length)
