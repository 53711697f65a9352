"""Every page, light and dark, wide and narrow: it looks, behaves and reads as it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser.filling import Filled
from browser.walk import NAMES, Open, Seen, paths
from playwright.sync_api import Page

from agent_events.explorer.pages import MODULES

NARROW = (390, 844)
PICTURE = (1280, 720)
MOST_SHIFT = 0.1
MOST_BYTES = 200_000
GRAVE = ("serious", "critical")

every_page = pytest.mark.parametrize("name", NAMES)


def look(page: Page, seen: Seen, picture: Path) -> None:
    watched: dict[str, Any] = page.evaluate("watched")
    page.screenshot(path=picture, full_page=True)
    assert seen == Seen()
    assert watched["violations"] == []
    assert watched["shift"] < MOST_SHIFT
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def grave_violations(page: Page, axe: str) -> list[str]:
    page.evaluate(axe)
    found: dict[str, Any] = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in GRAVE
        for node in each["nodes"][:3]
    ]


@every_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_calm_and_accessible(
    name: str, scheme: str, open_page: Open, filled: Filled, seen: Seen, pictures: Path, axe: str
) -> None:
    page = open_page(paths(filled)[name], color_scheme=scheme)
    look(page, seen, pictures / f"{name}-{scheme}.png")
    assert grave_violations(page, axe) == []


@every_page
def test_a_page_fits_a_narrow_screen(
    name: str, open_page: Open, filled: Filled, seen: Seen, pictures: Path
) -> None:
    page = open_page(paths(filled)[name], NARROW)
    look(page, seen, pictures / f"{name}-narrow.png")


@pytest.mark.parametrize("name", ["events", "proof"])
def test_a_picture_for_the_documentation_is_small(
    name: str, open_page: Open, filled: Filled, pictures: Path
) -> None:
    query = "actor_type=agent" if name == "events" else ""
    picture = pictures / f"explorer-{name}.png"
    open_page(f"{paths(filled)[name]}?{query}", PICTURE).screenshot(path=picture)
    assert picture.stat().st_size < MOST_BYTES


def test_every_page_of_the_navigation_is_walked(filled: Filled) -> None:
    walked = {path.partition("?")[0] for path in paths(filled).values()}
    assert {module.NAVIGATION.path for module in MODULES if module.NAVIGATION} <= walked
