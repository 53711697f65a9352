"""Who may look: HTTP Basic, a reverse proxy, and where nobody needs to say who they are."""

from __future__ import annotations

import base64

import pytest
from explorer.browsing import Browser
from explorer.conftest import Explore

from agent_events.explorer.authentication import (
    BasicAuthentication,
    NoAuthentication,
    ProxyAuthentication,
    hashed,
)
from agent_events.explorer.settings import Settings, UnsafeSettings

OUTSIDE = "0.0.0.0"  # noqa: S104
KNOWN = "known to both"
PAGES = ("/events", "/static/app.css", "/nothing", "/search?q=x")


def proxy(secret: str | None = KNOWN) -> ProxyAuthentication:
    return ProxyAuthentication("X-Forwarded-User", "X-Explorer-Secret", secret)


@pytest.mark.parametrize("password", ["rïght", hashed("rïght")], ids=["in clear", "hashed"])
def test_the_password_opens_every_page(explore: Explore, password: str) -> None:
    browser = explore(settings={"authentication": BasicAuthentication("änn", password)})
    for url in PAGES:
        assert browser.get(url).status_code == 401
        assert browser.get(url, auth=("änn", "rïght")).status_code in (200, 404)
        assert browser.get(url, auth=("änn", "wrong")).status_code == 401
    assert browser.get("/events", auth=("somebody", "rïght")).status_code == 401
    assert "änn" in browser.get("/events", auth=("änn", "rïght")).text


def test_who_is_not_signed_in_is_asked_and_sees_nothing(explore: Explore) -> None:
    answer = explore(settings={"authentication": BasicAuthentication("ann", "right")}).get(
        "/events"
    )
    assert answer.headers["www-authenticate"].startswith('Basic realm="agent-events"')
    assert "<nav" not in answer.text


def test_credentials_that_are_none_are_refused(explore: Explore) -> None:
    browser = explore(settings={"authentication": BasicAuthentication("ann", "right")})
    for header in ("Basic", "Basic !", "Bearer x", "Basic " + base64.b64encode(b"\xff:").decode()):
        assert browser.get("/events", headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize(
    ("user", "password"), [("a:b", "x"), ("ann", ""), ("ann", "scrypt:x:y"), ("ann", "scrypt:")]
)
def test_a_password_that_is_none_is_told_at_once(user: str, password: str) -> None:
    with pytest.raises(ValueError, match=r"password|scrypt"):
        BasicAuthentication(user, password)


def test_the_proxy_says_who_it_is_and_proves_that_it_is_the_proxy(explore: Explore) -> None:
    browser = explore(
        settings={"authentication": proxy(), "host": OUTSIDE},
        client={"peer": ("192.0.2.7", 4000)},
    )
    named = {"X-Forwarded-User": "ann"}
    assert browser.get("/events", headers=named).status_code == 401
    assert browser.get("/events", headers={**named, "X-Explorer-Secret": "no"}).status_code == 401
    assert browser.get("/events", headers={"X-Explorer-Secret": KNOWN}).status_code == 401
    page = browser.get("/events", headers={**named, "X-Explorer-Secret": KNOWN})
    assert page.status_code == 200
    assert "ann" in page.text


@pytest.mark.parametrize(("peer", "status"), [("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 401)])
def test_without_a_secret_the_proxy_is_on_this_machine(
    explore: Explore, peer: str, status: int
) -> None:
    browser = explore(settings={"authentication": proxy(None)}, client={"peer": (peer, 4000)})
    assert browser.get("/events", headers={"X-Forwarded-User": "ann"}).status_code == status


@pytest.mark.parametrize("host", [OUTSIDE, "::", "192.0.2.1", "ledger.example", ""])
@pytest.mark.parametrize("authentication", [NoAuthentication(), proxy(None), proxy("")])
def test_other_machines_do_not_reach_it_without_authentication(
    host: str, authentication: NoAuthentication | ProxyAuthentication
) -> None:
    with pytest.raises(UnsafeSettings, match="can be reached from other machines"):
        Settings("", host=host, authentication=authentication)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_needs_none(host: str) -> None:
    assert Settings("", host=host).is_local


@pytest.mark.parametrize("authentication", [BasicAuthentication("a", "b"), proxy()])
def test_with_authentication_any_address_will_do(
    authentication: BasicAuthentication | ProxyAuthentication,
) -> None:
    assert not Settings("", host=OUTSIDE, authentication=authentication).is_local


def test_nobody_is_named_where_nobody_signs_in(explore: Explore) -> None:
    browser: Browser = explore()
    assert 'class="user"' not in browser.get("/events").text


def test_a_header_that_comes_twice_is_not_believed(explore: Explore) -> None:
    browser = explore(settings={"authentication": proxy()})
    known = ("X-Explorer-Secret", KNOWN)
    for headers in (
        [known, ("X-Forwarded-User", "mallory"), ("X-Forwarded-User", "ann")],
        [known, ("X-Explorer-Secret", "guessed"), ("X-Forwarded-User", "ann")],
    ):
        assert browser.get("/events", headers=headers).status_code == 401
    assert browser.get("/events", headers=[known, ("X-Forwarded-User", "ann")]).status_code == 200
