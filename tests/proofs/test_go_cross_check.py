"""Go's code for its checksum database verifies our notes, keys, trees, tiles and proofs."""

from __future__ import annotations

import random
from typing import Any

import pytest
from proofs.go_check import GoCheck, build

from agent_events.proofs import (
    Checkpoint,
    SigningKey,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    tile_root,
    tree_root,
)

WIDTH = 256  # hashes of a full tile
SIZES = [0, 1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 600, 65_535, 65_536, 65_537, 66_000]
LEAVES = [leaf_hash(b"%d" % number) for number in range(max(SIZES))]


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> GoCheck:
    return build(tmp_path_factory.mktemp("go"))


def tiles(leaves: list[bytes]) -> list[dict[str, Any]]:
    """C2SP tlog-tiles: 256 hashes a tile; each full one is a hash of the level above."""
    made = []
    level, row = 0, leaves
    while row:
        cut = [b"".join(row[at : at + WIDTH]) for at in range(0, len(row), WIDTH)]
        made += [{"level": level, "index": i, "hashes": tile} for i, tile in enumerate(cut)]
        row = [tile_root(tile) for tile in cut if len(tile) == 32 * WIDTH]
        level += 1
    return made


def some(numbers: range) -> list[int]:
    """All of a few, else the ends and some between."""
    if len(numbers) <= 40:
        return list(numbers)
    return sorted({numbers[0], numbers[-1], *random.Random(7).sample(numbers, 10)})


def case(key: SigningKey, size: int) -> dict[str, Any]:
    leaves = LEAVES[:size]
    small = size <= 1000
    return {
        "name": f"{size} leaves",
        "note": key.sign(Checkpoint(key.name, size, tree_root(leaves))),
        "vkey": key.vkey().text(),
        "skey": key.text(),
        "leaf_hashes": leaves,
        **({"tiles": tiles(leaves)} if leaves else {}),
        "inclusion": [
            {"index": index, "leaf_hash": leaves[index], "proof": inclusion_proof(leaves, index)}
            for index in some(range(size))[: None if small else 4]
        ],
        "consistency": [
            {
                "old_size": old_size,
                "old_root": tree_root(leaves[:old_size]),
                "proof": consistency_proof(leaves, old_size),
            }
            for old_size in some(range(1, size + 1))[: None if small else 4]
        ],
    }


def test_go_verifies(go: GoCheck, key: SigningKey) -> None:
    lines = go.check(*(case(key, size) for size in SIZES))
    assert lines[3] == (
        "ok 3 leaves: note, private key, 3 leaf hashes, 1 tiles, 3 inclusion proofs, "
        "3 consistency proofs"
    )
    assert "261 tiles" in lines[-1]


def test_go_finds_what_is_wrong(go: GoCheck, key: SigningKey) -> None:
    """So that a check that checks nothing would show."""
    good = case(key, 600)
    other = case(SigningKey.generate(key.name), 600)
    root = tree_root(LEAVES[:599])
    tile, *rest = good["tiles"]
    proof = {**good["inclusion"][3], "index": 5}
    broken = {
        "bad note": {"note": good["note"].replace("600", "601")},
        "other key": {"vkey": other["vkey"]},
        "other private key": {"skey": other["skey"]},
        "leaf": {"leaf_hashes": [*LEAVES[:599], LEAVES[0]]},
        "root": {"note": key.sign(Checkpoint(key.name, 600, root))},
        "tile": {"tiles": [{**tile, "hashes": tile["hashes"][:-1] + b"!"}, *rest]},
        "no tile": {"tiles": rest},
        "inclusion": {"inclusion": [proof]},
        "consistency": {"consistency": [{**good["consistency"][0], "old_root": bytes(32)}]},
    }
    code, lines = go.run({**good, "name": name, **change} for name, change in broken.items())
    assert code == 1
    assert [line.partition(":")[0] for line in lines] == [f"FAIL {name}" for name in broken]
