"""docs/cdc.md, for the tests: what stands in its blocks, by heading."""

from __future__ import annotations

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[2] / "docs"
PAGE = (FOLDER / "cdc.md").read_text()
CONSUMER = FOLDER / "cdc" / "consumer.py"


def blocks(heading: str, language: str) -> list[str]:
    """The blocks below that heading, up to the next one."""
    (section,) = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    found = re.findall(rf"^```{language}\n(.*?)^```", section, re.M | re.S)
    assert found, f"no {language} below {heading}"
    return found


def sql(heading: str) -> list[str]:
    """Statement by statement."""
    text = re.sub(r" *--[^\n]*", "", "".join(blocks(heading, "sql")))
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def settings(heading: str, block: int = 0) -> dict[str, str]:
    """Lines of postgresql.conf."""
    lines = blocks(heading, "ini")[block].splitlines()
    pairs = (re.sub(r"#.*", "", line).partition("=") for line in lines)
    return {name.strip(): value.strip().strip("'") for name, _, value in pairs}


def load_consumer() -> ModuleType:
    """docs/cdc/consumer.py, which is also what the tests decode with."""
    spec = spec_from_file_location("consumer", CONSUMER)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # where NamedTuple looks its annotations up
    spec.loader.exec_module(module)
    return module
