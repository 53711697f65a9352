"""Who guesses passwords has to wait; who knows it does not."""

from __future__ import annotations

import pytest
from explorer.browsing import Browser
from explorer.conftest import Explore

from agent_events.explorer import guesses
from agent_events.explorer.authentication import BasicAuthentication, hashed
from agent_events.explorer.guesses import KEPT, MOST, WAIT, Guesses, TooManyGuesses

RIGHT = ("ann", "right")
HASH = hashed("right")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def browser(explore: Explore, clock: Clock) -> Browser:
    authentication = BasicAuthentication("ann", HASH, Guesses(clock))
    return explore(settings={"authentication": authentication})


def guess(browser: Browser, first: int, count: int) -> list[int]:
    """The answers to different wrong passwords."""
    return [
        browser.get("/events", auth=("ann", f"wrong {number}")).status_code
        for number in range(first, first + count)
    ]


def test_after_some_guesses_an_address_waits(browser: Browser, clock: Clock) -> None:
    assert guess(browser, 0, MOST) == [401] * MOST
    answer = browser.get("/events", auth=RIGHT)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == str(round(WAIT))
    assert "Too many wrong passwords" in answer.text
    assert "<nav" not in answer.text
    clock.now += WAIT - 1.5
    assert browser.get("/static/app.css", auth=RIGHT).headers["retry-after"] == "2"
    clock.now += 2
    assert guess(browser, MOST, 2) == [401, 429]
    clock.now += WAIT
    assert browser.get("/events", auth=RIGHT).status_code == 200
    assert guess(browser, 0, MOST) == [401] * MOST


def test_who_has_signed_in_does_not_wait(browser: Browser) -> None:
    assert browser.get("/events", auth=RIGHT).status_code == 200
    assert guess(browser, 0, MOST + 3) == [401] * MOST + [429] * 3
    assert browser.get("/events", auth=RIGHT).status_code == 200


def test_the_same_wrong_password_again_is_no_guess(browser: Browser) -> None:
    """So pages that are open when the password changes lock nobody out."""
    for _ in range(3 * MOST):
        assert browser.get("/events/news", auth=("ann", "old")).status_code == 401
    assert browser.get("/events", auth=RIGHT).status_code == 200


def test_wrong_names_are_guesses_too(browser: Browser) -> None:
    names = [browser.get("/", auth=(f"ann {n}", "right")).status_code for n in range(MOST + 1)]
    assert names == [401] * MOST + [429]


def test_who_gives_no_password_is_asked_for_one(browser: Browser) -> None:
    assert guess(browser, 0, MOST + 1)[-1] == 429
    assert browser.get("/events").status_code == 401


def test_other_addresses_do_not_wait(clock: Clock) -> None:
    known = Guesses(clock)
    for number in range(MOST):
        known.add("192.0.2.1", bytes([number]))
        known.add(f"2001:db8:0:1::{number + 1:x}", bytes([number]))
    for host in ("192.0.2.1", "2001:db8:0:1::ffff"):
        with pytest.raises(TooManyGuesses):
            known.is_wrong(host, b"new")
    for host in ("192.0.2.2", "2001:db8:0:2::1", "::ffff:192.0.2.2", "testclient", ""):
        assert not known.is_wrong(host, b"new")
    clock.now += KEPT
    assert not known.is_wrong("192.0.2.1", bytes(1))


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "MOST_ADDRESSES", 3)
    known = Guesses(clock)
    for host in range(4):
        for number in range(50):
            known.add(f"192.0.2.{host}", number.to_bytes())
    assert [len(tries.wrong) for tries in known._tries.values()] == [MOST] * 3
