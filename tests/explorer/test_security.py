"""Headers of every answer, strangers' host names, and forms of other web sites."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from explorer.browsing import Browser
from explorer.conftest import Explore
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from agent_events.explorer.authentication import BasicAuthentication
from agent_events.explorer.security import TOKEN, form, form_token

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


async def fail(_: Request) -> Response:
    raise RuntimeError("secret-of-the-inside")


async def write(request: Request) -> Response:
    if request.method == "GET":
        return PlainTextResponse(form_token(request))
    return PlainTextResponse(str(sorted((await form(request)).items())))


ROUTES = [Route("/fail", fail), Route("/write", write, methods=["GET", "POST"])]


@pytest.fixture
def browser(explore: Explore) -> Browser:
    return explore(routes=ROUTES)


@pytest.fixture
def answers(browser: Browser) -> list[httpx.Response]:
    """One of each kind."""
    return [browser.get(url) for url in ("/events", "/static/app.css", "/nothing", "/fail")]


def test_every_answer_is_closed_to_the_rest_of_the_web(answers: list[httpx.Response]) -> None:
    assert [answer.status_code for answer in answers] == [200, 200, 404, 500]
    for answer in answers:
        check_headers(answer)


def check_headers(answer: httpx.Response) -> None:
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy)
    assert {"frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} <= set(policy)
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_mistake_of_the_explorer_says_nothing_of_its_inside(browser: Browser) -> None:
    page = browser.get("/fail").text
    assert "secret-of-the-inside" not in page
    assert "Something is wrong with this page" in page


def test_pages_are_not_kept_and_static_files_are(browser: Browser) -> None:
    page = browser.get("/events")
    assert page.headers["cache-control"] == "no-store"
    start = page.text.index("/static/app.css?v=")
    current = page.text[start : page.text.index('"', start)]
    assert "immutable" in browser.get(current).headers["cache-control"]
    assert browser.get("/static/app.css?v=old").headers["cache-control"] == "no-cache"


def test_this_machine_goes_by_its_names(browser: Browser) -> None:
    for host in ("localhost:8750", "127.0.0.1:1", "[::1]:8750", "LOCALHOST"):
        assert browser.get("/events", headers={"Host": host}).status_code == 200, host


def test_a_name_of_somebody_else_that_leads_here_is_refused(browser: Browser) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example:8750", "", "[", "a b"):
        answer = browser.get("/events", headers={"Host": host})
        assert answer.status_code == 421, host
        assert "--public-host" in answer.text


def test_a_public_name_is_let_in(explore: Explore) -> None:
    browser = explore(settings={"public_hosts": ("Audit.example",)})
    assert browser.get("/events", headers={"Host": "audit.example"}).status_code == 200
    assert browser.get("/events", headers={"Host": "evil.example"}).status_code == 421


def test_where_strangers_must_sign_in_any_name_will_do(explore: Explore) -> None:
    login = BasicAuthentication("ann", "right")
    browser = explore(settings={"host": "0.0.0.0", "authentication": login})  # noqa: S104
    given: dict[str, Any] = {"headers": {"Host": "ledger.intern"}, "auth": ("ann", "right")}
    assert browser.get("/events", **given).status_code == 200


def test_a_form_of_another_web_site_is_refused(browser: Browser) -> None:
    token = browser.get("/write").text
    elsewhere: list[dict[str, str]] = [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:8750"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {},
    ]
    for headers in elsewhere:
        answer = browser.post("/write", data={TOKEN: token}, headers=headers)
        assert answer.status_code == 403, headers
        assert "did not come from here" in answer.text


def test_a_form_of_ours_comes_through(browser: Browser) -> None:
    answer = browser.get("/write")
    assert "HttpOnly; SameSite=Strict" in answer.headers["set-cookie"]
    data = {TOKEN: answer.text, "name": "ü"}
    for headers in (SAME_ORIGIN, {"Origin": "http://127.0.0.1:8750"}):
        assert browser.post("/write", data=data, headers=headers).text == "[('name', 'ü')]"


def test_a_form_without_the_token_of_this_browser_is_refused(browser: Browser) -> None:
    browser.get("/write")
    for token in ("", "guessed"):
        answer = browser.post("/write", data={TOKEN: token, "name": "x"}, headers=SAME_ORIGIN)
        assert answer.status_code == 403
        assert "open the page again" in answer.text


def test_a_cookie_that_somebody_made_up_is_replaced(browser: Browser) -> None:
    answer = browser.get("/write", headers={"Cookie": f'{TOKEN}="x\\012Set-Cookie: y=z"'})
    assert answer.status_code == 200
    assert answer.headers.get_list("set-cookie") == [
        f"{TOKEN}={answer.text}; Path=/; HttpOnly; SameSite=Strict"
    ]
    assert "y=z" not in answer.text


def test_a_form_that_is_none_is_refused(browser: Browser) -> None:
    browser.get("/write")
    too_long = browser.post("/write", content=b"a=" + b"x" * 70_000, headers=SAME_ORIGIN)
    assert too_long.status_code == 413
    assert browser.post("/write", content=b"\xff", headers=SAME_ORIGIN).status_code == 400


def test_pages_take_no_posts(browser: Browser) -> None:
    assert browser.post("/events", headers=SAME_ORIGIN).status_code == 405
