"""Options of the destinations, which come as text."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path


def seconds(name: str, text: str) -> float:
    """Return a time in seconds, more than 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 86_400:
        raise ValueError(f"option {name}={text}: must be seconds, more than 0 and less than a day")
    return value


def whole(name: str, text: str, *, least: int = 1) -> int:
    """Return a whole number, `least` at least."""
    if not (text.isascii() and text.isdecimal() and int(text) >= least):
        raise ValueError(f"option {name}={text}: must be a whole number, {least} or more")
    return int(text)


def choice(name: str, text: str, choices: Sequence[str]) -> str:
    """Return one of several words."""
    if text not in choices:
        raise ValueError(f"option {name}={text}: must be one of {', '.join(choices)}")
    return text


def tls_context(
    *, ca_file: str | None, cert_file: str | None, key_file: str | None
) -> ssl.SSLContext:
    """Return a context that verifies the server, by the system's authorities or by `ca_file`."""
    for name, path in (("ca_file", ca_file), ("cert_file", cert_file), ("key_file", key_file)):
        if path is not None and not Path(path).is_file():
            raise ValueError(f"option {name}={path}: there is no such file")
    if key_file and not cert_file:
        raise ValueError("option key_file: needs cert_file, too")
    context = ssl.create_default_context(cafile=ca_file)
    if cert_file:
        context.load_cert_chain(cert_file, key_file)
    return context
