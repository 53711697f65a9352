"""Secrets replaced by "***", before anything leaves the process.

`mask_keys` is the database's own `ledger.mask()`: values under keys on the deny list. `mask_text`
looks for secrets by their form in text that nobody structured, such as messages of errors and
logs: it knows the usual forms, and no other. `mask` does both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

MASKED = "***"
_LONGEST = 10_000
_LONGEST_WORD = 500

SECRET_KEYS = {
    "password": False,
    "passwd": False,
    "passphrase": False,
    "secret": False,
    "token": True,
    "authorization": False,
    "api_key": False,
    "api-key": False,
    "apikey": False,
    "secret_key": False,
    "secret-key": False,
    "secretkey": False,
    "private_key": False,
    "private-key": False,
    "privatekey": False,
    "access_key": False,
    "access-key": False,
    "accesskey": False,
    "credential": False,
    "credentials": False,
    "cookie": False,
    "cookies": False,
    "mnemonic": False,
    "seed_phrase": False,
    "seedphrase": False,
}
"""`ledger.secret_keys()`: endings of keys, and whether only a text under them is a secret."""

_ENDINGS = "|".join(map(re.escape, SECRET_KEYS))
_ALWAYS = "|".join(re.escape(ending) for ending, only_text in SECRET_KEYS.items() if not only_text)
_OF_TEXT, _OF_ANYTHING = (re.compile(rf"(?ai:{ends})\Z") for ends in (_ENDINGS, _ALWAYS))

_LINES = ("authorization", "cookie")  # headers: what follows them on the line is the value
_WORDS = "|".join(
    map(re.escape, [*(e for e in SECRET_KEYS if e not in _LINES), "pwd", "signature"])
)
_IS = r"""(?:\\?["'])?[ \t]*(?:=>|[:=]|%3D)[ \t]*"""
_QUOTED = r"""\*{3}(?!\w)|\\"[^"]*"?|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.|'')*'?"""
_VALUE = rf"""(?:{_QUOTED}|[^\s"'&,;)}}\]]+)"""
_LINE = rf"""(?:{_QUOTED}|[^\r\n"']+)"""

# Each with the group that stays.
_FORMS = [
    re.compile(r"()-----BEGIN [A-Z ]*PRIVATE KEY.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL),
    re.compile(r"((?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://)[^\s/?#\"'<>]*(?=@)", re.IGNORECASE),
    re.compile(rf"((?:{'|'.join(_LINES)}){_IS}){_LINE}", re.IGNORECASE),
    re.compile(rf"((?:{_WORDS}){_IS}){_VALUE}", re.IGNORECASE),
    re.compile(rf"((?<![\w-])--[\w-]{{0,64}}(?:{_WORDS})[ \t]+){_VALUE}", re.IGNORECASE),
    re.compile(r"(\b(?:bearer|basic)[ \t]+)[\w.~+/=-]{6,}", re.IGNORECASE),
    re.compile(
        r"""()(?:
          \bsk-[\w-]{8,} | \b[prs]k_(?:live|test)_\w+
          | \bgh[oprsu]_\w{16,} | \bgithub_pat_\w+ | \bglpat-[\w-]+
          | \bxox[a-z]-[\w-]+ | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b
          | \bAIza[\w-]{30,} | \bya29\.[\w-]+ | \bhf_\w{16,} | \bnpm_\w{30,} | \bpypi-[\w-]{16,}
          | \bSG\.[\w-]{16,}\.[\w-]+ | \bwhsec_[\w+/=]+
          | \beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?
          | PRIVATE\+KEY\+\S+ | \bAGE-SECRET-KEY-\w+
        )""",
        re.VERBOSE,
    ),
]


def mask_keys(document: Any) -> Any:
    """Return a JSON document as `ledger.mask()` does: by the keys, at any depth."""
    return _masked(document, lambda text: text)


def mask_text(text: str, limit: int = _LONGEST) -> str:
    """Return text with what looks like a secret replaced, and without what PostgreSQL refuses.

    It is cut to `limit` characters, at most 10,000.
    """
    text = _hidden(_searched(text))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def mask(document: Any) -> Any:
    """Return a JSON document with secrets masked by their keys, and by their form in its texts."""
    return _masked(document, _hidden)


def _searched(text: str) -> str:
    """Cut a text that is too long, before its last word: half a secret has no form."""
    if len(text) <= _LONGEST:
        return text
    start = _LONGEST - _LONGEST_WORD
    end = max(text.rfind(mark, start, _LONGEST) for mark in " \t\r\n\"'<>")
    return text[: max(end + 1, start)] + "…"


def _hidden(text: str) -> str:
    text = text.replace("\0", "\ufffd").encode(errors="replace").decode()
    for form in _FORMS:
        text = form.sub(rf"\g<1>{MASKED}", text)
    return text


def _masked(value: Any, of_text: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return of_text(value)
    if isinstance(value, Mapping):
        return {
            of_text(str(key)): MASKED if _is_secret(str(key), each) else _masked(each, of_text)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_masked(each, of_text) for each in value]
    return value


def _is_secret(key: str, value: Any) -> bool:
    return (_OF_TEXT if isinstance(value, str) else _OF_ANYTHING).search(key) is not None
