"""JSON as HTML: indented, coloured, and harmless whatever somebody put into it.

Works on the text, piece by piece, so that numbers keep every digit, depth is no matter, and the
beginning of something long can be shown without the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

LONGEST = 48_000
"""Characters that are shown; a browser lays out more in a second, not in an instant."""

LONGEST_HTML = 400_000
"""Characters of HTML in which they are shown: ever so many small pieces take long, too."""

_TOKEN = re.compile(r'(?P<string>"(?:[^"\\]++|\\.)*+"?)|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)
_LONGEST_INDENT = 40

# What changes how text around it is read, or cannot be seen: controls, bidirectional overrides and
# isolates, zero-width characters, line and paragraph separators, tags.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def json_html(text: str, longest: int = LONGEST) -> Markup:
    """Return the beginning of a JSON text as HTML for a `<pre>`; no more than `longest` of it.

    Where that would be longer than `LONGEST_HTML`, it ends earlier, and says so.
    """
    parts: list[Markup] = []
    length = 0
    for part in _spans(text[:longest]):
        length += len(part)
        if length > LONGEST_HTML:
            parts.append(Markup('\n<span class="muted">… and more, which is not shown</span>'))
            break
        parts.append(part)
    return Markup("").join(parts)


def visible(text: str) -> Markup:
    """Escape text, with a mark in the place of each character that nobody would see."""
    if text.isascii() and text.isprintable():
        return escape(text)
    parts: list[Markup] = []
    end = 0
    for match in _INVISIBLE.finditer(text):
        code = f"U+{ord(match.group()):04X}"
        parts.append(escape(text[end : match.start()]))
        parts.append(Markup('<span class="unseen">{}</span>').format(code))
        end = match.end()
    parts.append(escape(text[end:]))
    return Markup("").join(parts)


def _spans(text: str) -> Iterator[Markup]:
    depth = 0
    before = ""
    for match in _TOKEN.finditer(text):
        piece = match.group()
        if piece in "}]":
            depth -= 1
            if before not in ("{", "["):
                yield _line(depth)
        elif before in ("{", "[", ","):
            yield _line(depth)
        yield _span(piece, is_key=text[match.end() : match.end() + 1] == ":")
        if piece in "{[":
            depth += 1
        before = piece


def _line(depth: int) -> Markup:
    return Markup("\n") + "  " * min(depth, _LONGEST_INDENT)


def _span(piece: str, is_key: bool) -> Markup:
    if piece == ":":
        return Markup(": ")
    if piece in "{}[],":
        return escape(piece)
    if piece[0] == '"':
        kind = "key" if is_key else "string"
        return Markup('<bdi class="json-{}">{}</bdi>').format(kind, visible(piece))
    return Markup('<span class="json-{}">{}</span>').format(
        "word" if piece[0].isalpha() else "number", visible(piece)
    )
