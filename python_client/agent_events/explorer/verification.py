"""Verifications that people ask for: in the background, one at a time for each tenant."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event, Lock
from typing import Literal

import psycopg

from agent_events.anchors import AnchorError, open_store
from agent_events.explorer.database import standalone_dsn
from agent_events.explorer.settings import Settings
from agent_events.verifying import Finding, NothingVisible, TenantReport, load, verify
from agent_events.verifying.recording import record
from agent_events.verifying.telling import held_against, summary

LONGEST = timedelta(minutes=30)
"""After which one is given up: the command has no such limit."""

MOST_AT_A_TIME = 2
MOST_FINDINGS = 200
MOST_KEPT = 50  # tenants whose last one is remembered

_PROCESSES = 2  # what is large is read by processes, so that pages are served meanwhile


class _Stopped(Exception):
    """It was asked to stop, or took too long; the message says which."""


@dataclass
class Verification:
    """One verification of a tenant's log: how far it is, and what came out.

    state         waiting for others, running, done, or failed; then `failure` says why
    total, read   events; a total of 0 while guards, functions and checkpoints are read
    findings      what is wrong, the first MOST_FINDINGS; `finding_count` says how many there are
    summary       what was verified, and `held_against`, with which checkpoints; once it is done
    not_recorded  why there is no event ledger.verified
    """

    tenant_id: str
    started_at: datetime
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    ended_at: datetime | None = None
    total: int = 0
    read: int = 0
    findings: list[Finding] = field(default_factory=list)
    finding_count: int = 0
    summary: str = ""
    held_against: str = ""
    failure: str = ""
    not_recorded: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("done", "failed")


class Verifications:
    """The last verification of each tenant, and those that run.

    They are those of `agent-events verify`: everything is read and hashed outside the database, as
    the role of the explorer, and said in an event where that role may.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(MOST_AT_A_TIME, "verification")
        self._lock = Lock()
        self._last: dict[str, Verification] = {}
        self._is_closing = Event()

    def last(self, tenant_id: str) -> Verification | None:
        """Return the last one of a tenant, which may run still."""
        return self._last.get(tenant_id)

    def start(self, tenant_id: str) -> Verification:
        """Begin one, unless one runs already, and return it."""
        with self._lock:
            last = self._last.get(tenant_id)
            if last is not None and not last.is_over:
                return last
            new = Verification(tenant_id, datetime.now(UTC))
            self._last.pop(tenant_id, None)
            self._last[tenant_id] = new
            self._forget()
        self._threads.submit(self._run, new)
        return new

    def close(self) -> None:
        """Stop what runs, and wait until it has."""
        self._is_closing.set()
        self._threads.shutdown(cancel_futures=True)

    def _forget(self) -> None:
        over = [tenant for tenant, each in self._last.items() if each.is_over]
        for tenant in over[: max(0, len(self._last) - MOST_KEPT)]:
            del self._last[tenant]

    def _run(self, verification: Verification) -> None:
        verification.state = "running"
        try:
            self._verify(verification)
            verification.state = "done"
        except (_Stopped, NothingVisible) as error:
            verification.failure = str(error)
        except AnchorError as error:
            verification.failure = f"An anchor cannot be read: {error.message}"
        except psycopg.Error as error:
            verification.failure = error.diag.message_primary or str(error)
        except BaseException:
            verification.failure = "That is a fault of the explorer; its log on stderr says more."
            raise
        finally:
            verification.ended_at = datetime.now(UTC)
            if verification.state != "done":
                verification.state = "failed"

    def _verify(self, verification: Verification) -> None:
        settings = self._settings
        anchored = load([open_store(url) for url in settings.anchors], settings.keys)
        report = verify(
            standalone_dsn(settings, read_only=True),
            tenant_id=verification.tenant_id,
            anchored=anchored,
            worker_count=_PROCESSES,
            listener=_Listener(verification, self._is_closing),
        )
        (tenant,) = report.tenants
        verification.summary = _without_name(tenant)
        verification.held_against = held_against(tenant, anchored)
        took = datetime.now(UTC) - verification.started_at
        with psycopg.connect(standalone_dsn(settings, read_only=False), autocommit=True) as own:
            verification.not_recorded = record(own, report, took / timedelta(milliseconds=1))


class _Listener:
    """Notes how far it is, and ends it where it should not go on."""

    def __init__(self, verification: Verification, is_closing: Event) -> None:
        self._verification = verification
        self._is_closing = is_closing

    def begin(self, tenant_id: str, events: int) -> None:
        self._verification.total = events
        self.advance(0)

    def advance(self, events: int) -> None:
        self._verification.read += events
        if self._is_closing.is_set():
            raise _Stopped("The explorer was stopped.")
        if datetime.now(UTC) - self._verification.started_at > LONGEST:
            raise _Stopped(f"It took more than {LONGEST.seconds // 60} minutes.")

    def found(self, findings: Sequence[Finding]) -> None:
        kept = self._verification.findings
        self._verification.finding_count += len(findings)
        kept.extend(findings[: MOST_FINDINGS - len(kept)])


def _without_name(tenant: TenantReport) -> str:
    return summary(tenant).removeprefix(f"{tenant.tenant_id}: ")
