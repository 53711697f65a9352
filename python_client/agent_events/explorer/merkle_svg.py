"""Where the nodes of an inclusion proof are drawn: the root above, the leaf below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from agent_events.explorer.proving import EventProof, Node

WIDTH = 348
_BOX = (108, 36)
_COLUMNS = {"left": 2, "middle": 120, "right": 238}
_ROW = 62

Kind = Literal["leaf", "way", "sibling", "root"]


@dataclass(frozen=True)
class Box:
    """A node: the upper left corner of its box, and what stands in it."""

    x: int
    y: int
    kind: Kind
    node: Node
    width: int = _BOX[0]
    height: int = _BOX[1]

    @property
    def center(self) -> int:
        """Where lines meet it."""
        return self.x + self.width // 2


@dataclass(frozen=True)
class Edge:
    """A line from a node, at the top, to one below it."""

    x1: int
    y1: int
    x2: int
    y2: int
    is_way: bool


@dataclass(frozen=True)
class Drawing:
    """Everything to draw, in a picture of `width` by `height`."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


def drawing_of(proof: EventProof) -> Drawing:
    """Lay an inclusion proof out, from top to bottom."""
    rows = len(proof.steps)
    boxes = tuple(_boxes(proof))
    return Drawing(WIDTH, rows * _ROW + _BOX[1] + 4, boxes, tuple(_edges(boxes)))


def _boxes(proof: EventProof) -> Iterator[Box]:
    """Give the way from the root down to the leaf, each node with the one beside it."""
    way = [proof.leaf, *(step.parent for step in proof.steps)]
    for level in range(len(way) - 1, -1, -1):
        y = (len(way) - 1 - level) * _ROW + 2
        kind: Kind = "leaf" if level == 0 else "root" if level == len(way) - 1 else "way"
        yield Box(_COLUMNS["middle"], y, kind, way[level])
        if level < len(proof.steps):
            step = proof.steps[level]
            side = "left" if step.is_left else "right"
            yield Box(_COLUMNS[side], y, "sibling", step.sibling)


def _edges(boxes: tuple[Box, ...]) -> Iterator[Edge]:
    way = [box for box in boxes if box.kind != "sibling"]
    parents = {below.y: above for above, below in pairwise(way)}
    for box in boxes[1:]:
        above = parents[box.y]
        yield Edge(above.center, above.y + above.height, box.center, box.y, box.kind != "sibling")
