"""Secrets as the ledger masks them, before they get to the disk.

`ledger.mask()` without the fields that a schema marks "x-secret", which only the database knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from agent_events._queries import to_json

MASKED = "***"
KEYS = (
    ("password", False),
    ("passwd", False),
    ("passphrase", False),
    ("secret", False),
    ("token", True),
    ("authorization", False),
    ("api_key", False),
    ("api-key", False),
    ("apikey", False),
    ("secret_key", False),
    ("secret-key", False),
    ("secretkey", False),
    ("private_key", False),
    ("private-key", False),
    ("privatekey", False),
    ("access_key", False),
    ("access-key", False),
    ("accesskey", False),
    ("credential", False),
    ("credentials", False),
    ("cookie", False),
    ("cookies", False),
    ("mnemonic", False),
    ("seed_phrase", False),
    ("seedphrase", False),
)
"""`ledger.secret_keys()`: endings of keys, and whether only a text there is a secret."""


class SecretKeys:
    """A deny list: endings of keys, whatever their case, whose values are secrets."""

    def __init__(self, keys: Iterable[tuple[str, bool]] = KEYS) -> None:
        keys = list(keys)
        self._any = _ending(ending for ending, only_text in keys if not only_text)
        self._text = _ending(ending for ending, _ in keys)
        self._key_in_json = re.compile(f'{_one_of(ending for ending, _ in keys)}":')

    def may_be_in(self, text: str) -> bool:
        """Whether JSON without blanks has such a key, or, seldom, looks as if."""
        return self._key_in_json.search(text) is not None

    def masked(self, value: Any) -> Any:
        """Return what is written as JSON with "***" in the place of each secret, at any depth."""
        return self._masked(json.loads(to_json(value)))

    def _masked(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: MASKED if self._is_secret(key, each) else self._masked(each)
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [self._masked(each) for each in value]
        return value

    def _is_secret(self, key: str, value: object) -> bool:
        pattern = self._text if isinstance(value, str) else self._any
        return pattern.search(key) is not None


def _ending(endings: Iterable[str]) -> re.Pattern[str]:
    return re.compile(_one_of(endings) + r"\Z")


def _one_of(endings: Iterable[str]) -> str:
    return f"(?ai:{'|'.join(map(re.escape, endings))})"
