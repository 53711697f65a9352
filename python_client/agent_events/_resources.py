"""Where the SQL and the migrations stand: in the package (wheel) or in the checkout (editable)."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]


def sql_dir() -> Path:
    """The folder that holds `install.sql`."""
    return _folder("sql")


def migrations_dir() -> Path:
    """The folder that holds alembic's `env.py` and the revisions."""
    return _folder("migrations")


def _folder(name: str) -> Path:
    for parent in (_PACKAGE, _CHECKOUT):
        if (parent / name).is_dir():
            return parent / name
    raise FileNotFoundError(f"agent-events was installed without its {name}/ folder")
