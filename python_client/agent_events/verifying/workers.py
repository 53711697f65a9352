"""Runs tasks in this process or in several, all with the same snapshot."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice

import psycopg

from agent_events.verifying.session import Session, connect
from agent_events.verifying.stretch import Result, Task, verify_stretch
from agent_events.verifying.tenant import Run


@contextmanager
def workers(dsn: str, session: Session, count: int) -> Iterator[Run]:
    """Return what runs tasks.

    Args:
        dsn: connection string for the processes' own connections.
        session: whose snapshot they take; with one worker, whose connection is used.
        count: processes.
    """
    if count == 1:
        yield lambda tasks: (verify_stretch(session, task) for task in tasks)
        return
    executor = ProcessPoolExecutor(
        count,
        multiprocessing.get_context("spawn"),
        initializer=_connect,
        initargs=(dsn, session.export()),
    )
    try:
        yield lambda tasks: _run(executor, tasks, ahead=2 * count)
    except BrokenProcessPool as error:
        raise psycopg.OperationalError(
            "a process of the verifier died, or could not connect"
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _run(executor: ProcessPoolExecutor, tasks: Iterable[Task], ahead: int) -> Iterator[Result]:
    """Keep some tasks in hand, so that neither results nor workers pile up."""
    tasks = iter(tasks)
    pending: deque[Future[Result]] = deque(
        executor.submit(_verify, task) for task in islice(tasks, ahead)
    )
    while pending:
        yield pending.popleft().result()
        pending.extend(executor.submit(_verify, task) for task in islice(tasks, 1))


_session: Session


def _connect(dsn: str, snapshot: str) -> None:
    """Open this process's session; it ends with the process."""
    global _session
    _session = Session(connect(dsn), snapshot)


def _verify(task: Task) -> Result:
    return verify_stretch(_session, task)
