"""Checkpoints in a git repository: one file and one commit each."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent_events.anchors.layout import locked, note_path, write_file
from agent_events.anchors.store import AnchorError, AnchorStore, Entry
from agent_events.proofs.note import Checkpoint, MalformedNote, read_checkpoint

LOCK = "agent-events.lock"
TIMEOUT = 60.0  # seconds; for a push
# Where git knows none.
AUTHOR = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "agent-events"), ("EMAIL", "agent-events@localhost"))
}
_OF_A_HOOK = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_GRAFT_FILE"),
)


class GitStore(AnchorStore):
    """A git repository with a file `<origin>/<tree size>.note` for each checkpoint.

    What was kept is read from the history, so it does not matter what later commits change or
    remove. Only a history that was rewritten is not noticed: push it where that is forbidden.

    Args:
        path: the repository, or a folder in one.
        remote: where to push after each commit; None pushes nothing.
    """

    def __init__(self, path: Path | str, remote: str | None = None) -> None:
        self.path = Path(path).absolute()
        self.remote = remote

    def append(self, note: str) -> str:
        """Commit the note, and nothing else; see `AnchorStore.append`.

        Raises AnchorError too where the push fails; the commit stays then, and the next one or the
        same note again pushes it.
        """
        checkpoint = read_checkpoint(note)
        try:
            with locked(self._lock()):
                path = note_path(self.path, checkpoint, note)
                if not path.exists():
                    write_file(path, note.encode())
                if not self._has_committed(path, note):
                    self._commit(path, checkpoint)
                    if not self._has_committed(path, note):
                        raise AnchorError(f"git changed {path} when it was committed")
                commit = self._git("log", "-1", "--format=%H", "--", self._name(path)).strip()
        except OSError as error:
            raise AnchorError(f"{self.path} cannot be written to: {error}") from error
        if self.remote:
            self._push(self.remote)
        return f"{path}, commit {commit}"

    def _commit(self, path: Path, checkpoint: Checkpoint) -> None:
        has_author = self._run("var", "GIT_COMMITTER_IDENT", may_fail=True).returncode == 0
        message = f"{checkpoint.origin}: {checkpoint.tree_size} events"
        self._git("add", "--force", "--", self._name(path))
        self._run(
            *("commit", "--quiet", "--message", message, "--only", "--", self._name(path)),
            environment={} if has_author else AUTHOR,
        )

    def _has_committed(self, path: Path, note: str) -> bool:
        committed = f"HEAD:./{self._name(path)}"
        return self._run("cat-file", "blob", committed, may_fail=True).stdout == note.encode()

    def _name(self, path: Path) -> str:
        """Name a file for git, which would read `*` and `[` in the folder's path as wildcards."""
        return path.relative_to(self.path).as_posix()

    def _push(self, remote: str) -> None:
        try:
            self._git("push", "--quiet", "--", remote, "HEAD")
        except AnchorError as error:
            raise AnchorError(f"the checkpoint is committed, but not pushed: {error}") from error

    def entries(self, origin: str | None = None) -> Iterator[Entry]:
        """Read every version of every note from the history; see `AnchorStore.entries`."""
        if not self._git("rev-parse", "--quiet", "--verify", "HEAD", may_fail=True):
            self._lock()  # no commit yet, if it is a repository
            return
        log = self._git(
            *("log", "--reverse", "--topo-order", "--first-parent", "--diff-merges=first-parent"),
            *("--raw", "--no-abbrev", "--no-renames", "--diff-filter=AMT", "--format=%H %cI"),
            *("--no-show-signature", "--no-color", "--no-follow", "--", "*.note"),
        )
        versions = list(_versions(log))
        blobs = self._blobs([version.blob for version in versions])
        for version, content in zip(versions, blobs, strict=True):
            try:
                note = content.decode()
                found = read_checkpoint(note).origin
            except (MalformedNote, UnicodeDecodeError) as error:
                problem = f"the file holds no checkpoint: {error}"
                yield Entry(version.where, None, version.recorded_at, problem)
                continue
            if origin in (None, found):
                yield Entry(version.where, note, version.recorded_at)

    def _blobs(self, names: list[str]) -> Iterator[bytes]:
        """Read objects by their names; one that the repository does not have is empty."""
        batch = self._run("cat-file", "--batch", stdin="\n".join(names).encode()).stdout
        at = 0
        for _ in names:
            end = batch.index(b"\n", at)
            *_, size = batch[at:end].split()
            at = end + 1
            if size == b"missing":
                yield b""
                continue
            yield batch[at : at + int(size)]
            at += int(size) + 1

    def _lock(self) -> Path:
        """Name a file in the repository's own folder, and so make sure that it is one."""
        try:
            found = self._git("rev-parse", "--is-inside-work-tree", "--git-path", LOCK)
        except AnchorError as error:
            hint = f"git init {self.path}" if "not a git repository" in error.message else None
            raise AnchorError(error.message, hint) from None
        is_inside, _, lock = found.rstrip("\n").partition("\n")
        if is_inside != "true":
            raise AnchorError(f"{self.path} has no work tree: clone the repository, not bare")
        return self.path / lock

    def _git(self, *arguments: str, may_fail: bool = False) -> str:
        done = self._run(*arguments, may_fail=may_fail)
        return "" if done.returncode else done.stdout.decode(errors="replace")

    def _run(
        self,
        *arguments: str,
        may_fail: bool = False,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        command = ["git", "-c", "core.fsync=all", "-c", "core.quotePath=false", *arguments]
        if not self.path.is_dir():
            raise AnchorError(f"{self.path} is no folder", f"git init {self.path}")
        try:
            done = subprocess.run(
                command,
                check=False,
                cwd=self.path,
                env={**_environment(), **(environment or {})},
                input=stdin,
                capture_output=True,
                timeout=TIMEOUT,
            )
        except FileNotFoundError:
            raise AnchorError("the program git is missing") from None
        except subprocess.TimeoutExpired:
            message = f"git {arguments[0]} in {self.path} took over {TIMEOUT:.0f} s"
            raise AnchorError(message) from None
        if done.returncode and not may_fail:
            reason = done.stderr.decode(errors="replace").strip()
            raise AnchorError(f"git {arguments[0]} in {self.path} failed: {reason}")
        return done


def _environment() -> dict[str, str]:
    """Return ours, without what leads a git hook's children to the repository of the hook.

    No object stands in for another (`git replace`), and nobody is asked for a password.
    """
    own = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    fixed = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    return {**own, **fixed}


@dataclass(frozen=True)
class _Version:
    """A file as one commit has it."""

    where: str
    blob: str
    recorded_at: datetime


def _versions(log: str) -> Iterator[_Version]:
    """Read `git log --raw --format='%H %cI'`."""
    commit = time = ""
    for line in filter(None, log.splitlines()):
        if line.startswith(":"):
            facts, _, name = line.partition("\t")
            where = f"{name}, commit {commit}"
            yield _Version(where, facts.split(" ")[3], datetime.fromisoformat(time))
        else:
            commit, _, time = line.partition(" ")
