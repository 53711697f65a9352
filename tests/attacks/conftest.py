"""A sealed, checkpointed ledger; a superuser who tampers with it; and both verifiers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attacks.tampering import AnyConnection, Audit, Outside, Report, Superuser, command


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    folder = tmp_path / "outside"
    folder.mkdir()
    assert command("keygen", "example.com/ledger/acme", "--out", str(folder / "acme.key"))[0] == 0
    return Outside(folder)


@pytest.fixture
def signed(dsn: str, outside: Outside) -> Callable[[], int]:
    """`signed()`: have the log checkpointed; the exit code of the signer."""

    def sign() -> int:
        code, _ = command(
            "checkpoint", "--dsn", dsn, "--tenant", "acme",
            "--key", str(outside.key), "--anchor", outside.anchor,
        )  # fmt: skip
        return code

    return sign


@pytest.fixture
def emit(pg: AnyConnection) -> Callable[[int], None]:
    """`emit(n)`: n events of the tenant acme, in three streams and without any, then sealed."""
    pg.execute("select ledger.set_tenant_policy('acme', 'open')")

    def some(count: int) -> None:
        pg.execute(
            """
            select ledger.emit_event(
              'deal.noted',
              jsonb_build_object('n', n, 'price', 1.5, 'name', E'caf\\u00e9'),
              tenant_id => 'acme', actor_type => 'agent', actor_id => 'a1', outcome => 'success',
              metadata => '{"source": "test"}',
              aggregate_type => case when n %% 4 > 0 then 'deal' end,
              aggregate_id => nullif(n %% 4, 0)::text
            )
            from generate_series(1, %s) as n
            """,
            [count],
        )
        pg.execute("select ledger.seal('acme')")

    return some


@pytest.fixture
def superuser(
    pg: AnyConnection, emit: Callable[[int], None], signed: Callable[[], int]
) -> Superuser:
    """A ledger of 500 events in five blocks, a checkpoint at 400, and who may do everything."""
    for _ in range(4):
        emit(100)
    assert signed() == 0
    emit(100)
    return Superuser(pg)


@pytest.fixture
def inside(pg: AnyConnection) -> Report:
    """`inside()`: the kinds of findings of ledger.verify()."""

    def kinds() -> set[str]:
        return {row[0] for row in pg.execute("select kind from ledger.verify('acme')").fetchall()}

    return kinds


@pytest.fixture
def audit(dsn: str, outside: Outside) -> Audit:
    """`audit()`: the findings of `agent-events verify`, which must exit accordingly."""

    def findings(*more: str, login: str | None = None) -> list[dict[str, Any]]:
        code, lines = command(
            "verify", "--dsn", login or dsn, "--tenant", "acme", "--workers", "1", "--json",
            "--anchor", outside.anchor, "--vkey", outside.vkey, *more,
        )  # fmt: skip
        found = [line for line in lines if "kind" in line]
        assert code == (1 if found else 0), (code, lines)
        return found

    return findings


@pytest.fixture
def from_outside(audit: Audit) -> Report:
    """`from_outside()`: the kinds of findings of `agent-events verify`."""
    return lambda *more, **options: {line["kind"] for line in audit(*more, **options)}
