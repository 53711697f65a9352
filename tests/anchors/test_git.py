"""Checkpoints in real git repositories."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_events.anchors import AnchorError, open_store
from agent_events.anchors.git import GitStore
from agent_events.proofs import Checkpoint, MalformedNote, SigningKey

Sign = Callable[..., str]
SIZE_5 = "ledger.example/acme/00000000000000000005.note"

APPEND = """
import sys
from agent_events.anchors import open_store
store = open_store(sys.argv[1])
for note in sys.stdin.read().split("\\0"):
    store.append(note)
"""


@pytest.fixture(autouse=True)
def plain_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration but git's own: no author, no hooks, no signing."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL"):
        monkeypatch.delenv(f"GIT_{name}", raising=False)
    monkeypatch.delenv("EMAIL", raising=False)
    (tmp_path / "gitconfig").write_text(
        "[user]\nuseConfigOnly = true\n[init]\ndefaultBranch = main\n"
    )


def git(folder: Path, *arguments: Any) -> str:
    command = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "anchors"
    folder.mkdir()
    git(folder, "init", "--quiet")
    return folder


@pytest.fixture
def store(repository: Path) -> GitStore:
    return GitStore(repository)


def test_one_file_and_one_commit_each(store: GitStore, repository: Path, sign: Sign) -> None:
    kept = [sign(1), sign(5), sign(70_000)]
    receipts = [store.append(note) for note in kept]
    assert (repository / SIZE_5).read_text() == kept[1]
    commits = git(repository, "log", "--reverse", "--format=%H %an %s").splitlines()
    assert [line.split(" ", 1)[1] for line in commits] == [
        f"agent-events ledger.example/acme: {size} events" for size in (1, 5, 70_000)
    ]
    assert receipts[1] == f"{repository / SIZE_5}, commit {commits[1][:40]}"
    assert list(store.notes()) == kept
    entry = list(store.entries())[1]
    assert entry.where == f"{SIZE_5}, commit {commits[1][:40]}"
    assert entry.recorded_at is not None
    assert git(repository, "status", "--porcelain") == ""


def test_an_empty_repository_has_none(store: GitStore) -> None:
    assert list(store.notes()) == []


def test_the_same_note_again_changes_nothing(store: GitStore, repository: Path, sign: Sign) -> None:
    receipts = {store.append(sign(5)) for _ in range(3)}
    assert len(receipts) == 1
    assert list(store.notes()) == [sign(5)]
    assert git(repository, "rev-list", "--count", "HEAD") == "1\n"


def test_another_checkpoint_of_one_size_is_kept_beside(
    store: GitStore, repository: Path, sign: Sign
) -> None:
    for note in (sign(5), sign(5, "rewritten"), sign(5), sign(5, "rewritten")):
        store.append(note)
    assert (repository / SIZE_5).read_text() == sign(5)
    names = [path.name for path in sorted((repository / SIZE_5).parent.iterdir())]
    assert len(names) == 2
    assert list(store.notes()) == [sign(5), sign(5, "rewritten")]


def test_a_crash_before_the_commit_is_made_good(
    store: GitStore, repository: Path, sign: Sign
) -> None:
    (repository / SIZE_5).parent.mkdir(parents=True)
    (repository / SIZE_5).write_text(sign(5))
    assert list(store.notes()) == []
    store.append(sign(5))
    assert list(store.notes()) == [sign(5)]
    assert git(repository, "status", "--porcelain") == ""


def test_nothing_else_is_committed(store: GitStore, repository: Path, sign: Sign) -> None:
    (repository / "draft.txt").write_text("mine")
    git(repository, "add", "draft.txt")
    store.append(sign(5))
    assert git(repository, "ls-tree", "-r", "--name-only", "HEAD") == f"{SIZE_5}\n"
    assert git(repository, "status", "--porcelain") == "A  draft.txt\n"


def test_an_author_of_your_own(store: GitStore, repository: Path, sign: Sign) -> None:
    git(repository, "config", "user.name", "Ada")
    git(repository, "config", "user.email", "ada@example.com")
    store.append(sign(5))
    assert git(repository, "log", "--format=%an <%ae>") == "Ada <ada@example.com>\n"


def test_ignored_files_are_kept_all_the_same(store: GitStore, repository: Path, sign: Sign) -> None:
    (repository / ".gitignore").write_text("*.note\n")
    for size in (1, 5):
        store.append(sign(size))
    assert list(store.notes()) == [sign(1), sign(5)]


def test_git_must_not_change_what_it_keeps(store: GitStore, repository: Path, sign: Sign) -> None:
    (repository / ".gitattributes").write_text("*.note filter=shout\n")
    git(repository, "config", "filter.shout.clean", "tr a-z A-Z")
    with pytest.raises(AnchorError, match=r"git changed .* when it was committed"):
        store.append(sign(5))


def test_settings_for_people_do_not_matter(store: GitStore, repository: Path, sign: Sign) -> None:
    settings = {
        "log.showSignature": "true",
        "color.ui": "always",
        "log.follow": "true",
        "log.decorate": "full",
        "diff.renames": "copies",
        "core.autocrlf": "true",
        "core.quotePath": "true",
    }
    for name, value in settings.items():
        git(repository, "config", name, value)
    kept = [sign(1), sign(5), sign(5, "rewritten")]
    for note in kept:
        store.append(note)
    assert list(store.notes()) == kept


def test_a_replaced_object_hides_nothing(store: GitStore, repository: Path, sign: Sign) -> None:
    store.append(sign(5))
    store.append(sign(6))
    second = git(repository, "rev-parse", "HEAD").strip()
    other = git(repository, "commit-tree", "-m", "nothing", f"{second}^{{tree}}").strip()
    git(repository, "replace", second, other)
    assert git(repository, "rev-list", "--count", "HEAD") == "1\n"
    assert list(store.notes()) == [sign(5), sign(6)]


def test_later_commits_hide_nothing(store: GitStore, repository: Path, sign: Sign) -> None:
    """Changed, removed, renamed: the history has what was kept, and the change too."""
    store.append(sign(4))
    store.append(sign(5))
    (repository / SIZE_5).write_text(sign(5, "rewritten"))
    git(repository, "commit", "-qam", "tidy up")
    git(repository, "rm", "-q", SIZE_5)
    git(repository, "commit", "-qm", "gone")
    assert list(store.notes()) == [sign(4), sign(5), sign(5, "rewritten")]


def test_merges_count_where_they_were_merged(store: GitStore, repository: Path, sign: Sign) -> None:
    store.append(sign(1))
    git(repository, "checkout", "-qb", "other")
    store.append(sign(3))
    git(repository, "checkout", "-q", "main")
    store.append(sign(2))
    git(repository, "merge", "-q", "--no-edit", "other")
    assert list(store.notes()) == [sign(1), sign(2), sign(3)]


def test_what_is_no_checkpoint_is_reported(store: GitStore, repository: Path, sign: Sign) -> None:
    (repository / "odd.note").write_bytes(b"\xff")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "odd")
    store.append(sign(5))
    odd, entry = store.entries("ledger.example/acme")
    assert str(odd.problem).startswith("the file holds no checkpoint: ")
    assert entry.note == sign(5)


def test_a_lost_object_is_reported(store: GitStore, repository: Path, sign: Sign) -> None:
    store.append(sign(4))
    store.append(sign(5))
    name = git(repository, "rev-parse", f"HEAD:{SIZE_5}").strip()
    (repository / ".git" / "objects" / name[:2] / name[2:]).unlink()
    first, lost = store.entries()
    assert first.note == sign(4)
    assert str(lost.problem).startswith("the file holds no checkpoint: ")


def test_a_folder_in_a_repository(repository: Path, sign: Sign) -> None:
    folder = repository / "[some]" / "*"
    folder.mkdir(parents=True)
    GitStore(repository).append(sign(1))
    inner = GitStore(folder)
    inner.append(sign(5))
    assert (folder / SIZE_5).is_file()
    assert list(inner.notes()) == [sign(5)]


def test_origins_are_folders(store: GitStore, repository: Path, sign: Sign) -> None:
    """Whatever they are called, they stay in the repository."""
    names = ["../../etc/acme", "/x//acme", ".git/acme", "läger/acme", "a\\b/acme", "*/acme"]
    for name in names:
        store.append(sign(1, key=SigningKey.generate(name)))
        assert len(list(store.notes(name))) == 1
    assert [
        Checkpoint.parse(note.split("\n\n")[0] + "\n").origin for note in store.notes()
    ] == names
    assert not (repository / ".git" / "acme").exists()
    assert {path.name for path in repository.parent.iterdir()} == {"anchors", "gitconfig"}


def test_processes_append_at_once(store: GitStore, repository: Path, sign: Sign) -> None:
    notes = [[sign(100 * process + n) for n in range(5)] for process in range(4)]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", APPEND, f"git:{repository}"], stdin=subprocess.PIPE, text=True
        )
        for _ in notes
    ]
    for writer, own in zip(writers, notes, strict=True):
        assert writer.stdin is not None
        writer.stdin.write("\0".join(own))
        writer.stdin.close()
    assert [writer.wait() for writer in writers] == [0] * 4
    kept = list(store.notes())
    assert sorted(kept) == sorted(note for own in notes for note in own)
    for own in notes:
        assert [note for note in kept if note in own] == own


def test_pushing(repository: Path, tmp_path: Path, sign: Sign) -> None:
    remote = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", remote)
    git(repository, "remote", "add", "backup", remote)
    store = open_store(f"git:{repository}?push=backup")
    store.append(sign(1))
    assert git(remote, "rev-parse", "main") == git(repository, "rev-parse", "HEAD")

    remote.rename(tmp_path / "gone.git")
    with pytest.raises(AnchorError, match="the checkpoint is committed, but not pushed: git push"):
        store.append(sign(2))
    (tmp_path / "gone.git").rename(remote)
    store.append(sign(2))
    assert git(remote, "rev-parse", "main") == git(repository, "rev-parse", "HEAD")
    assert git(repository, "rev-list", "--count", "HEAD") == "2\n"


def test_a_hook_of_another_repository(
    store: GitStore, tmp_path: Path, sign: Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    store.append(sign(5))
    assert list(store.notes()) == [sign(5)]


def test_a_commit_that_is_refused(store: GitStore, repository: Path, sign: Sign) -> None:
    hook = repository / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(AnchorError, match=r"git commit in .* failed: not today"):
        store.append(sign(5))
    hook.unlink()
    store.append(sign(5))
    assert list(store.notes()) == [sign(5)]


def test_where_there_is_no_repository(tmp_path: Path, sign: Sign) -> None:
    bare = tmp_path / "bare.git"
    git(tmp_path, "init", "--quiet", "--bare", bare)
    for folder, message in [
        (tmp_path / "nowhere", "nowhere is no folder"),
        (tmp_path, "not a git repository"),
        (bare, "bare.git has no work tree"),
    ]:
        with pytest.raises(AnchorError, match=message):
            GitStore(folder).append(sign(1))
        with pytest.raises(AnchorError, match=message) as refusal:
            list(GitStore(folder).notes())
        assert refusal.value.hint == (None if folder == bare else f"git init {folder}")
    assert not list(tmp_path.rglob("*.note"))


def test_git_is_missing(store: GitStore, sign: Sign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AnchorError, match="the program git is missing"):
        store.append(sign(1))


def test_only_checkpoints_are_kept(store: GitStore) -> None:
    with pytest.raises(MalformedNote):
        store.append("hello\n")
