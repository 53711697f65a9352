"""The kinds of findings that docs/operating.md says to alert on are those that doctor() has."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SQL = "".join(path.read_text() for path in sorted((ROOT / "sql").rglob("*.sql")))
CHECKS = "".join(path.read_text() for path in sorted((ROOT / "sql" / "monitor").glob("*.sql")))
ROW = re.compile(r"^\| (error|warning) \| (.+?) \|", re.MULTILINE)
PLAIN = re.compile(r"^ *'(error|warning)',\s+'([A-Za-z_ ]+[a-z_A-Z])',?$", re.MULTILINE)
IN_A_LINE = re.compile(r"^ *'(error|warning)', '([A-Za-z_ ]+[a-z_A-Z])',", re.MULTILINE)


def documented() -> dict[str, str]:
    """Kind: severity."""
    page = (ROOT / "docs" / "operating.md").read_text()
    return {
        kind: severity
        for severity, kinds in ROW.findall(page)
        for kind in re.findall(r"`([^`]+)`", kinds)
    }


def test_every_documented_kind_exists() -> None:
    """As it stands, or put together: 'guard ' || 'missing'."""
    for kind in documented():
        first, _, rest = kind.rpartition(" ")
        is_composed = f"'{first} '" in CHECKS and f"'{rest}'" in SQL
        assert f"'{kind}'" in CHECKS or is_composed, kind


def test_every_plain_kind_is_documented() -> None:
    told = documented()
    found = {kind: severity for severity, kind in PLAIN.findall(CHECKS) + IN_A_LINE.findall(CHECKS)}
    assert len(found) > 10
    assert {kind: told.get(kind) for kind in found} == found
