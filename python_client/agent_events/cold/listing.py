"""Where every partition is, which file has it, and what the retention policy asks for next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from agent_events.cold.errors import MalformedManifest
from agent_events.cold.manifest import data_path, manifest_path, read_manifest
from agent_events.verifying.session import Session

_LIST = """
select
  p.partition_name,
  p.tier,
  p.from_time,
  p.to_time,
  p.age,
  coalesce(f.row_count, case when p.is_counted then p.row_count end),
  f.file_name,
  f.file_bytes,
  pg_catalog.encode(f.file_sha256, 'hex'),
  f.exported_at,
  case
    when p.due <> 'cold' then p.due
    when p.due is not null then case when f.file_name is null then 'export' else 'drop' end
  end
from ledger.partition_status as p
left join lateral (
  select c.*
  from ledger.cold_files as c
  where c.partition_name = p.partition_name
  order by c.exported_at desc
  limit 1
) as f on true
where p.parent_name = 'agent_events'
order by p.from_time
"""


@dataclass(frozen=True)
class Listed:
    """A partition and its newest file.

    Attributes:
        partition_name, tier, from_time, to_time, age: as in `ledger.partition_status`.
        row_count: events in it, counted when it was archived or exported; None before.
        file_name, file_bytes, file_sha256, exported_at: as it was recorded; None where the
            partition was never exported.
        due: what the retention policy asks for, such as `export`, `drop` or `expire`; or None.
        in_folder: `there`, `missing`, or `another` where a file of that name is not the recorded
            one; None where no folder was looked into, or nothing was exported.
    """

    partition_name: str
    tier: str
    from_time: datetime
    to_time: datetime
    age: timedelta
    row_count: int | None
    file_name: str | None
    file_bytes: int | None
    file_sha256: str | None
    exported_at: datetime | None
    due: str | None
    in_folder: str | None = None


def list_partitions(session: Session, folder: Path | None = None) -> list[Listed]:
    """Return the partitions of the events, by time.

    Args:
        session: of a role that reads and operates every tenant.
        folder: where the files should be; sizes and manifests are looked at, rows are not read.
    """
    listed = [Listed(*row) for row in session.rows(_LIST)]
    return [
        replace(each, in_folder=_state(folder, each.partition_name, each.file_sha256))
        for each in listed
    ]


def _state(folder: Path | None, name: str, sha256: str | None) -> str | None:
    if folder is None or sha256 is None:
        return None
    try:
        size = data_path(folder, name).stat().st_size
        manifest = read_manifest(manifest_path(folder, name))
    except FileNotFoundError:
        return "missing"
    except (OSError, MalformedManifest):
        return "another"
    is_same = (manifest.file_sha256, manifest.file_bytes) == (sha256, size)
    return "there" if is_same else "another"
