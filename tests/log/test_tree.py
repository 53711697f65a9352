"""The tree of a log: its root, tiles, edges and proofs are those of RFC 6962 at every size."""

from __future__ import annotations

import base64
import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log.consistency import check_log, check_tiles, rows
from log.emitting import emit, emit_many, insert_many, seal
from log.rfc6962 import Tree, includes, is_consistent, parent
from psycopg import sql
from pymerkle import BaseMerkleTree, InmemoryTree  # type: ignore[import-untyped]

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]
Refused = Callable[..., psycopg.Error]

SMALL = 20  # every size up to this has all its proofs checked
SIZES = [0, 1, 2, 3, 255, 256, 257, 258, 511, 512, 513]
LARGE = [65_535, 65_536, 65_537]

# What is refused, and what every reader may ask.
BAD = [
    "log_root('acme', -1)",
    "log_root('acme', 4)",
    "log_root('acme', 9223372036854775807)",
    "log_root('other', 2)",
    "consistency_proof(-1, 2, 'acme')",
    "consistency_proof(3, 2, 'acme')",
    "consistency_proof(4, null, 'acme')",
    "consistency_proof(1, 4, 'acme')",
    "consistency_proof(1, -1, 'acme')",
    "consistency_proof(0, -1, 'acme')",
    "consistency_proof(null, 2, 'acme')",
    "consistency_proof(null, null, 'acme')",
    "inclusion_proof(%(sealed)s, 0, 'acme')",
    "inclusion_proof(%(sealed)s, -1, 'acme')",
    "inclusion_proof(%(sealed)s, 4, 'acme')",
    "inclusion_proof(%(last)s, 2, 'acme')",
    "inclusion_proof(%(unsealed)s, null, 'acme')",
    "inclusion_proof(%(unsealed)s, 2, 'acme')",
    "inclusion_proof(%(theirs)s, null, 'acme')",
    "inclusion_proof(%(sealed)s, null, 'other')",
    "inclusion_proof(gen_random_uuid(), null, 'acme')",
    "inclusion_proof(null, null, 'acme')",
    "inclusion_proof(%(sealed)s, null, 'nobody')",
    "checkpoint('example.com/ledger', 4, 'acme')",
    "checkpoint('example.com/ledger', -1, 'acme')",
    "checkpoint('', null, 'acme')",
    "checkpoint('two words', null, 'acme')",
    "checkpoint('a+b', null, 'acme')",
    "checkpoint(e'a\\nb', null, 'acme')",
    "checkpoint(repeat('a', 201), null, 'acme')",
]
READS = [
    "log_root('acme')",
    "consistency_proof(1, 2, 'acme')",
    "inclusion_proof(%(event)s, 2, 'acme')",
    "position_of(%(event)s, 'acme')",
    "checkpoint('example.com/ledger', null, 'acme')",
    "read_log(tenant_id => 'acme')",
]


class LeafTree(InmemoryTree):  # type: ignore[misc]
    """Pymerkle's tree, over leaves that are hashes already."""

    def hash_buff(self, data: bytes) -> bytes:
        return data


def leaves_of(connection: AnyConnection, tenant_id: str = "acme") -> list[bytes]:
    """Hashes of the sealed events, by position."""
    query = """
        select e.hash
        from ledger.log_entries as l
        join ledger.agent_events as e
          on e.tenant_id = l.tenant_id and e.created_at = l.created_at and e.id = l.event_id
        where l.tenant_id = %s
        order by l.position
    """
    return [row[0] for row in connection.execute(query, [tenant_id]).fetchall()]


def pymerkle_of(leaves: list[bytes]) -> BaseMerkleTree:
    tree = LeafTree()
    for leaf in leaves:
        tree.append_entry(leaf)
    return tree


def grow(
    connection: AnyConnection,
    sizes: list[int],
    order: random.Random,
    emit_batch: Callable[[AnyConnection, int], object] = emit_many,
) -> Iterator[int]:
    """Emit and seal in batches of many sizes; stops where the tree has one of these sizes."""
    sealed = emitted = 0
    for size in sizes:
        while emitted < size:
            batch = min(size - emitted, order.choice([1, 7, 1000, 4000, 10_000]))
            emit_batch(connection, batch)
            emitted += batch
            if order.random() < 0.3:
                sealed = seal(connection)["tree_size"]
                assert sealed == emitted
        sealed = seal(connection)["tree_size"]
        assert sealed == size
        yield size


def roots(connection: AnyConnection, sizes: list[int], tenant_id: str = "acme") -> list[bytes]:
    query = """
        select ledger.log_root(%s, s.size)
        from unnest(%s::bigint[]) with ordinality as s (size, n)
        order by s.n
    """
    return [row[0] for row in connection.execute(query, [tenant_id, sizes]).fetchall()]


def check_inclusion(connection: AnyConnection, tree: Tree, pairs: list[tuple[int, int]]) -> None:
    """The proof for each (position, tree size) leads to the root of that size, and only so."""
    query = """
        select a.position as asked, a.size, p.*
        from unnest(%s::bigint[], %s::bigint[]) as a (position, size)
        join ledger.log_entries as l on l.tenant_id = 'acme' and l.position = a.position
        cross join lateral ledger.inclusion_proof(l.event_id, a.size, 'acme') as p
    """
    positions, sizes = ([pair[n] for pair in pairs] for n in (0, 1))
    proofs = rows(connection, query, positions, sizes)
    assert len(proofs) == len(pairs)
    for p in proofs:
        assert (p["position"], p["tree_size"]) == (p["asked"], p["size"])
        assert p["leaf_hash"] == tree.leaves[p["position"]]
        assert p["root"] == tree.root(p["size"])
        proved = (p["leaf_hash"], p["position"], p["size"], p["proof"], p["root"])
        assert includes(*proved)
        leaf, position, size, proof, root = proved
        assert not includes(parent(leaf, leaf), position, size, proof, root)
        assert not includes(leaf, position, size, [*proof, leaf], root)
        assert not proof or not includes(leaf, position, size, proof[:-1], root)


def check_consistency(connection: AnyConnection, tree: Tree, pairs: list[tuple[int, int]]) -> None:
    """The proof for each (earlier size, later size) leads to both roots, and only to them."""
    query = """
        select a.first, a.second, ledger.consistency_proof(a.first, a.second, 'acme') as proof
        from unnest(%s::bigint[], %s::bigint[]) as a (first, second)
    """
    firsts, seconds = ([pair[n] for pair in pairs] for n in (0, 1))
    proofs = rows(connection, query, firsts, seconds)
    assert len(proofs) == len(pairs)
    for p in proofs:
        first, second, proof = p["first"], p["second"], p["proof"]
        if first in (0, second):
            assert proof == []
            continue
        one, two = tree.root(first), tree.root(second)
        assert is_consistent(first, second, proof, one, two)
        assert not is_consistent(first, second, proof, two, two)
        assert not is_consistent(first, second, proof, one, one)
        assert not is_consistent(first, second, [*proof, one], one, two)


def test_tree_at_every_small_size_and_around_tiles(ledger: AnyConnection) -> None:
    for size in grow(ledger, SIZES, random.Random(1)):
        tree = Tree(leaves_of(ledger))
        assert len(tree.leaves) == size
        check_tiles(ledger, "acme", tree)
        assert roots(ledger, [size]) == [tree.root(size)]
        assert pymerkle_of(list(tree.leaves)).get_root() == tree.root(size)
    check_log(ledger, "acme")
    every = list(range(SIZES[-1] + 1))
    assert roots(ledger, every) == [tree.root(size) for size in every]
    oracle = pymerkle_of(list(tree.leaves))
    assert [oracle.get_root(size) for size in every] == [tree.root(size) for size in every]

    small = range(SMALL + 1)
    check_inclusion(ledger, tree, [(i, n) for n in small for i in range(n)])
    check_consistency(ledger, tree, [(m, n) for n in small for m in range(n + 1)])
    order = random.Random(2)
    around = [*range(250, 262), *range(508, 514)]
    check_inclusion(ledger, tree, [(order.randrange(n), n) for n in around for _ in range(4)])
    check_consistency(ledger, tree, [(order.randrange(n), n) for n in around for _ in range(4)])


def test_tree_of_three_levels(ledger: AnyConnection) -> None:
    order = random.Random(3)
    oracle = LeafTree()
    leaves: list[bytes] = []
    for size in grow(ledger, LARGE, order, insert_many):
        tree = Tree(leaves_of(ledger))
        assert list(tree.leaves[: len(leaves)]) == leaves
        for leaf in tree.leaves[len(leaves) :]:
            oracle.append_entry(leaf)
        leaves = list(tree.leaves)
        check_tiles(ledger, "acme", tree)
        assert rows(ledger, "select root, tree_size from ledger.log_heads") == [
            {"root": tree.root(size), "tree_size": size}
        ]
        assert oracle.get_root() == tree.root(size)
    check_log(ledger, "acme")

    sizes = [*LARGE, 65_280, 65_281, 32_768, *(order.randrange(65_537) for _ in range(200))]
    assert roots(ledger, sizes) == [tree.root(n) for n in sizes]
    chosen = [(order.randrange(n), n) for n in sizes[:60] if n]
    edges = [(i, n) for n in LARGE for i in (0, 255, 256, 32_767, 32_768, n - 2, n - 1)]
    check_inclusion(ledger, tree, chosen + edges)
    check_consistency(ledger, tree, chosen + [(m, n) for n in LARGE for m in (1, 256, 65_280)])
    check_consistency(ledger, tree, list(itertools.combinations(LARGE, 2)))


def test_any_split_into_seals_gives_the_same_tree(ledger: AnyConnection) -> None:
    tenants = (f"split{number}" for number in itertools.count())

    @settings(
        max_examples=15,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        derandomize=True,
    )
    @given(st.lists(st.sampled_from([1, 2, 3, 100, 255, 256, 257, 300, 600]), max_size=6))
    def check(batches: list[int]) -> None:
        tenant_id = next(tenants)
        ledger.execute("select ledger.set_tenant_policy(%s, 'open')", [tenant_id])
        for count in batches:
            emit_many(ledger, count, tenant_id)
            assert seal(ledger, tenant_id)["sealed"] == count
        leaves = leaves_of(ledger, tenant_id)
        assert len(leaves) == sum(batches)
        assert roots(ledger, [len(leaves)], tenant_id) == [Tree(leaves).root(len(leaves))]
        assert pymerkle_of(leaves).get_root() == Tree(leaves).root(len(leaves))
        check_log(ledger, tenant_id)

    check()


def test_an_empty_log_has_the_empty_root(ledger: AnyConnection) -> None:
    empty = Tree([]).root(0)
    assert roots(ledger, [0]) == [empty]
    assert ledger.execute("select ledger.log_root('acme')").fetchone() == (empty,)
    assert ledger.execute("select ledger.consistency_proof(0)").fetchone() == ([],)
    seal(ledger)
    emit(ledger)
    assert ledger.execute("select ledger.log_root('acme')").fetchone() == (empty,)


def test_without_a_size_a_proof_is_for_the_tree_as_it_stands(ledger: AnyConnection) -> None:
    events = emit_many(ledger, 5)
    seal(ledger)
    tree = Tree(leaves_of(ledger))
    (proof,) = rows(ledger, "select * from ledger.inclusion_proof(%s, null, 'acme')", events[3])
    assert (proof["tree_size"], proof["position"], proof["root"]) == (5, 3, tree.root(5))
    assert includes(proof["leaf_hash"], 3, 5, proof["proof"], tree.root(5))
    later = ledger.execute("select ledger.consistency_proof(3, tenant_id => 'acme')").fetchone()
    assert later is not None
    assert is_consistent(3, 5, later[0], tree.root(3), tree.root(5))
    ledger.execute("set ledger.tenant_id = 'acme'")
    assert rows(ledger, "select * from ledger.inclusion_proof(%s)", events[3]) == [proof]


def test_what_there_is_no_proof_of_is_refused(ledger: AnyConnection, refused: Refused) -> None:
    events = {"sealed": emit(ledger), "middle": emit(ledger), "last": emit(ledger)}
    seal(ledger)
    events |= {"theirs": emit(ledger, "other"), "unsealed": emit(ledger)}
    seal(ledger, "other")
    ledger.execute("set ledger.name = 'example.com/ledger'")
    for call in BAD:
        refused(ledger, "LG009", f"select ledger.{call}", events)


def test_proofs_are_for_readers_of_the_tenant(
    ledger: AnyConnection, connect: Connect, login_role: LoginRole, refused: Refused
) -> None:
    event = {"event": emit(ledger)}
    emit(ledger)
    seal(ledger)
    strangers = {
        "LG005": [{"other": ["read"]}, {"other": ["audit"], "acme": ["write"]}],
        "42501": [{"acme": ["write", "consume"]}, {}],
    }
    for sqlstate, granted in strangers.items():
        for grants in granted:
            stranger = connect(user=login_role("stranger", grants))
            for call in READS:
                refused(stranger, sqlstate, f"select ledger.{call}", event)
    for grants in ({"acme": ["read"]}, {"*": ["read"]}, {"acme": ["read", "audit"]}):
        reader = connect(user=login_role("reader", grants))
        for call in READS:
            assert reader.execute(f"select ledger.{call}", event).fetchone() is not None


def test_a_tile_that_is_missing_is_named(ledger: AnyConnection, refused: Refused) -> None:
    emit_many(ledger, 300)
    seal(ledger)
    for name in ("ddl", "detach", "drop", "rewrite"):
        ledger.execute(
            sql.SQL("alter event trigger {} disable").format(sql.Identifier(f"ledger_guard_{name}"))
        )
    ledger.execute("alter table ledger.log_tiles disable trigger all")
    ledger.execute("delete from ledger.log_tiles")
    error = refused(ledger, "LG010", "select ledger.log_root('acme', 100)")
    assert "tile 0 of level 0 of tenant acme is missing" in str(error)


def test_checkpoint_is_the_text_of_tlog_checkpoint(ledger: AnyConnection) -> None:
    emit_many(ledger, 3)
    seal(ledger)
    tree = Tree(leaves_of(ledger))

    def text_of(origin: str, size: int) -> str:
        return f"{origin}/acme\n{size}\n{base64.b64encode(tree.root(size)).decode()}\n"

    def checkpoint(arguments: str) -> str:
        row = ledger.execute(f"select ledger.checkpoint({arguments})").fetchone()
        assert row is not None
        return str(row[0])

    given_name = "'example.com/ledger'"
    assert checkpoint(f"{given_name}, tenant_id => 'acme'") == text_of("example.com/ledger", 3)
    for size in range(4):
        assert checkpoint(f"{given_name}, {size}, 'acme'") == text_of("example.com/ledger", size)
    assert checkpoint("tenant_id => 'acme'") == text_of(ledger.info.dbname, 3)
    ledger.execute("set ledger.name = 'set.example/ledger'")
    ledger.execute("set ledger.tenant_id = 'acme'")
    assert checkpoint("") == text_of("set.example/ledger", 3)
    assert checkpoint(given_name) == text_of("example.com/ledger", 3)
