"""scripts/freeze, on small trees of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FREEZE = Path(__file__).parents[2] / "scripts" / "freeze"

FILES = {
    "schema/roles.sql": "select 'roles';\n",
    "event/events.sql": "-- The events.\ncreate table ledger.events (id int);\n",
    "event/emit.sql": (
        "create or replace function ledger.emit(id int)\nreturns int\nlanguage sql\nreturn 1;\n"
    ),
    "grants.sql": "select 'grants';\n",
}


class Tree:
    """A checkout with nothing but sql/ and migrations/."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "migrations").mkdir()
        self.files = dict(FILES)
        for path, text in FILES.items():
            self.write(path, text)

    def write(self, path: str, text: str, after: str | None = None) -> None:
        """Write a file and list it in install.sql, where it is new after the one named."""
        target = self.root / "sql" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        if path not in self.files and after:
            order = list(self.files)
            order.insert(order.index(after) + 1, path)
            self.files = {name: self.files.get(name, text) for name in order}
        self.contents()

    def remove(self, path: str) -> None:
        (self.root / "sql" / path).unlink()
        del self.files[path]
        self.contents()

    def contents(self) -> None:
        lines = [f"-- A room.\n\\ir {path}" for path in self.files]
        text = "\n".join(["-- Reading order.", "begin;", *lines, "commit;", ""])
        (self.root / "sql" / "install.sql").write_text(text)

    def freeze(self, *arguments: str) -> str:
        """Run it; return what it says, raise what it refuses."""
        done = subprocess.run(
            [sys.executable, FREEZE, "--root", self.root, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RefusedError(done.stderr)
        return done.stdout

    def frozen(self, name: str) -> str:
        return (self.root / "migrations" / "versions" / name).read_text()

    def sections(self, name: str) -> list[str]:
        lines = self.frozen(name).splitlines()[1:]
        kinds = ("-- from", "-- by hand", "-- no longer", "-- call of", "-- reset of")
        return [line.removeprefix("-- ") for line in lines if line.startswith(kinds)]

    def fill_in(self, name: str, sql: str) -> None:
        """Write the part of a revision that is left to a person."""
        path = self.root / "migrations" / "versions" / name
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(f"{sql}\n" if "not written yet" in ln else ln for ln in lines))


class RefusedError(Exception):
    pass


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@pytest.fixture
def released(tree: Tree) -> Tree:
    """A tree whose first revision is released."""
    tree.freeze("foundation")
    tree.fill_in("0001_foundation.down.sql", "drop schema ledger cascade;")
    tree.freeze("--refreeze")
    tree.freeze("--release", "0.1.0")
    return tree


def test_first_revision_is_everything_in_install_order(tree: Tree) -> None:
    tree.freeze("foundation")
    assert tree.sections("0001_foundation.up.sql") == [f"from sql/{path}" for path in FILES]
    for text in FILES.values():
        assert text in tree.frozen("0001_foundation.up.sql")
    assert 'revision = "agent_events_0001"' in tree.frozen("0001_foundation.py")
    assert "begin;" not in tree.frozen("0001_foundation.up.sql")


def test_unwritten_removal_fails_the_check(tree: Tree) -> None:
    tree.freeze("foundation")
    with pytest.raises(RefusedError, match=r"down\.sql has a part that is not written yet"):
        tree.freeze("--check")


def test_refreeze_keeps_what_was_written_by_hand(tree: Tree) -> None:
    tree.freeze("foundation")
    tree.fill_in("0001_foundation.down.sql", "drop schema ledger cascade;")
    tree.write("schema/roles.sql", "select 'other roles';\n")
    tree.freeze("--refreeze")
    down = tree.frozen("0001_foundation.down.sql")
    assert "drop schema ledger cascade;" in down
    assert "other roles" in down
    assert tree.freeze("--check")


def test_check_fails_when_sql_changed(tree: Tree) -> None:
    tree.freeze("foundation")
    tree.fill_in("0001_foundation.down.sql", "drop schema ledger cascade;")
    tree.freeze("--refreeze")
    tree.write("grants.sql", "select 'more grants';\n")
    with pytest.raises(RefusedError, match="not what sql/ says"):
        tree.freeze("--check")


def test_check_fails_when_an_unreleased_revision_was_edited(tree: Tree) -> None:
    tree.freeze("foundation")
    tree.fill_in("0001_foundation.down.sql", "drop schema ledger cascade;")
    with pytest.raises(RefusedError, match="differs from its checksum"):
        tree.freeze("--check")


def test_check_fails_when_a_released_revision_changed(released: Tree) -> None:
    path = released.root / "migrations" / "versions" / "0001_foundation.up.sql"
    path.write_text(path.read_text() + "-- one more line\n")
    with pytest.raises(RefusedError, match=r"released in 0\.1\.0 and may not change"):
        released.freeze("--check")


def test_released_revision_is_not_refrozen(released: Tree) -> None:
    with pytest.raises(RefusedError, match=r"released in 0\.1\.0"):
        released.freeze("--refreeze")


def test_check_asks_for_a_revision_after_a_release(released: Tree) -> None:
    assert released.freeze("--check")
    released.write("grants.sql", "select 'more grants';\n")
    with pytest.raises(RefusedError, match="sql/ changed since the last release"):
        released.freeze("--check")


def test_no_change_makes_no_revision(released: Tree) -> None:
    with pytest.raises(RefusedError, match="nothing changed"):
        released.freeze("nothing")


def test_changed_function_comes_whole_and_goes_back_whole(released: Tree) -> None:
    changed = FILES["event/emit.sql"].replace("return 1;", "return 2;")
    released.write("event/emit.sql", changed)
    released.freeze("emit_two")
    expected = ["from sql/schema/roles.sql", "from sql/event/emit.sql", "from sql/grants.sql"]
    assert released.sections("0002_emit_two.up.sql") == expected
    assert released.sections("0002_emit_two.down.sql") == expected
    assert changed in released.frozen("0002_emit_two.up.sql")
    assert FILES["event/emit.sql"] in released.frozen("0002_emit_two.down.sql")
    assert 'down_revision = "agent_events_0001"' in released.frozen("0002_emit_two.py")
    assert released.freeze("--check")


def test_changed_interface_drops_the_old_function_instead_of_overloading_it(released: Tree) -> None:
    released.write("event/emit.sql", FILES["event/emit.sql"].replace("id int", "id bigint"))
    released.freeze("emit_bigint")
    for direction in ("up", "down"):
        name = f"0002_emit_bigint.{direction}.sql"
        assert "no longer in sql/event/emit.sql" in released.sections(name)
        assert "drop routine ledger.emit;" in released.frozen(name)


def test_previous_text_is_found_through_several_revisions(released: Tree) -> None:
    second = FILES["event/emit.sql"].replace("return 1;", "return 2;")
    released.write("event/emit.sql", second)
    released.freeze("second")
    released.write("grants.sql", "select 'more grants';\n")
    released.freeze("third")
    released.write("event/emit.sql", FILES["event/emit.sql"])
    released.freeze("fourth")
    assert second in released.frozen("0004_fourth.down.sql")
    assert "more grants" in released.frozen("0004_fourth.down.sql")
    assert released.freeze("--check")


def test_new_files_are_dropped_on_the_way_down(released: Tree) -> None:
    released.write("log/heads.sql", "create table ledger.heads (n int);\n", "event/emit.sql")
    view = "create or replace view ledger.tops\nas\nselect n from ledger.heads;\n"
    released.write("log/tops.sql", view, "log/heads.sql")
    trigger = (
        "create or replace trigger heads_guard before update on ledger.heads\n"
        "for each row execute function ledger.no();\n"
    )
    released.write("log/heads_guard.sql", trigger, "log/tops.sql")
    released.freeze("log")
    down = released.frozen("0002_log.down.sql")
    gone = [line for line in down.splitlines() if line.startswith("drop")]
    assert gone == [
        "drop trigger heads_guard on ledger.heads;",
        "drop view ledger.tops;",
        "drop table ledger.heads;",
    ]


def test_removed_function_is_dropped_and_comes_back(released: Tree) -> None:
    released.remove("event/emit.sql")
    released.freeze("no_emit")
    assert "drop routine ledger.emit;" in released.frozen("0002_no_emit.up.sql")
    assert FILES["event/emit.sql"] in released.frozen("0002_no_emit.down.sql")


def test_changed_table_needs_an_alter_by_hand(released: Tree) -> None:
    released.write("event/events.sql", "create table ledger.events (id int, at timestamptz);\n")
    with pytest.raises(RefusedError, match=r"sql/event/events\.sql.*--allow-table-change"):
        released.freeze("event_time")
    assert not (released.root / "migrations" / "versions" / "0002_event_time.up.sql").exists()

    released.freeze("event_time", "--allow-table-change")
    with pytest.raises(RefusedError, match="not written yet"):
        released.freeze("--check")
    name = "0002_event_time"
    released.fill_in(f"{name}.up.sql", "alter table ledger.events add column at timestamptz;")
    released.fill_in(f"{name}.down.sql", "alter table ledger.events drop column at;")
    released.freeze("--refreeze")
    assert "add column at" in released.frozen(f"{name}.up.sql")
    assert "drop column at" in released.frozen(f"{name}.down.sql")
    assert released.freeze("--check")
    released.freeze("--release", "0.2.0")

    released.write("event/events.sql", "create table ledger.events (id int, at date);\n")
    with pytest.raises(RefusedError, match=r"sql/event/events\.sql"):
        released.freeze("event_date")


def test_trigger_that_cannot_be_replaced_is_changed_by_hand(tree: Tree) -> None:
    trigger = "create constraint trigger t after insert on ledger.events execute function f();\n"
    tree.write("event/guard.sql", trigger, "event/emit.sql")
    tree.freeze("foundation")
    tree.fill_in("0001_foundation.down.sql", "drop schema ledger cascade;")
    tree.freeze("--refreeze")
    tree.freeze("--release", "0.1.0")
    tree.write("event/guard.sql", trigger.replace("insert", "update"))
    with pytest.raises(RefusedError, match=r"sql/event/guard\.sql"):
        tree.freeze("guard_updates")


def test_what_follows_grants_is_repeated_only_when_it_changed(tree: Tree) -> None:
    tree.write("catalog/audit.sql", "select 'audit';\n", "grants.sql")
    tree.freeze("foundation")
    tree.fill_in("0001_foundation.down.sql", "drop schema ledger cascade;")
    tree.freeze("--refreeze")
    tree.freeze("--release", "0.1.0")
    tree.write("event/emit.sql", FILES["event/emit.sql"].replace("return 1;", "return 2;"))
    tree.freeze("emit_two")
    assert tree.sections("0002_emit_two.up.sql")[-1] == "from sql/grants.sql"
    tree.write("catalog/audit.sql", "select 'more audit';\n")
    tree.freeze("--refreeze")
    assert tree.sections("0002_emit_two.up.sql")[-1] == "from sql/catalog/audit.sql"
    assert tree.sections("0002_emit_two.down.sql")[-1] == "from sql/catalog/audit.sql"


def test_removed_table_needs_a_drop_by_hand(released: Tree) -> None:
    released.remove("event/events.sql")
    with pytest.raises(RefusedError, match=r"sql/event/events\.sql"):
        released.freeze("no_events")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("create table t (i int);\ncreate or replace view v as select 1;\n", "mixes a table"),
        ("create function f() returns int language sql return 1;\n", "can run twice"),
        ("-- from sql/grants.sql\nselect 1;\n", "looks like a section"),
    ],
)
def test_file_that_cannot_be_frozen_is_refused(tree: Tree, text: str, reason: str) -> None:
    tree.write("event/new.sql", text, "event/emit.sql")
    with pytest.raises(RefusedError, match=reason):
        tree.freeze("foundation")


def test_bodies_and_strings_are_not_statements(tree: Tree) -> None:
    text = (
        "drop policy if exists p on t;\ncreate policy p on t;\n"
        "do $$ begin create table t (i int); create function f() ; end $$;\n"
        "select 'x; create view v';\n"
    )
    tree.write("event/new.sql", text, "event/emit.sql")
    assert tree.freeze("foundation") == "wrote 0001_foundation\n"


def test_file_that_install_sql_does_not_list_is_refused(tree: Tree) -> None:
    (tree.root / "sql" / "event" / "forgotten.sql").write_text("select 1;\n")
    with pytest.raises(RefusedError, match=r"not in sql/install\.sql: event/forgotten\.sql"):
        tree.freeze("foundation")


def test_optional_rooms_are_not_installed(tree: Tree) -> None:
    (tree.root / "sql" / "citus").mkdir()
    (tree.root / "sql" / "citus" / "distribute.sql").write_text("select 1;\n")
    tree.freeze("foundation")
    assert "distribute" not in tree.frozen("0001_foundation.up.sql")


def test_statements_of_install_sql_count_as_files(tree: Tree) -> None:
    path = tree.root / "sql" / "install.sql"
    text = path.read_text().replace("begin;", "begin;\nset local check_function_bodies = off;")
    path.write_text(text.replace("commit;", "select 'partitions';\ncommit;"))
    tree.freeze("foundation")
    sections = tree.sections("0001_foundation.up.sql")
    assert sections[:2] == ["from sql/install.sql#1", "from sql/schema/roles.sql"]
    assert sections[-2:] == ["from sql/install.sql#2", "reset of sql/install.sql#1"]
    assert "set local check_function_bodies to default;" in tree.frozen("0001_foundation.up.sql")


@pytest.mark.parametrize("line", ["\\set x 1", "\\copy t from f", "select", "\\ir no/such.sql"])
def test_anything_else_in_install_sql_is_refused(tree: Tree, line: str) -> None:
    path = tree.root / "sql" / "install.sql"
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(RefusedError, match=r"sql/install\.sql"):
        tree.freeze("foundation")


def test_manifest_keeps_reading_order(tree: Tree) -> None:
    tree.freeze("foundation")
    manifest = json.loads((tree.root / "migrations" / "frozen.json").read_text())
    assert list(manifest[0]["files"]) == list(FILES)
