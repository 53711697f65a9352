"""What names an anchor, and what does not."""

from __future__ import annotations

import sys

import pytest

from agent_events.anchors import AnchorError, MissingExtra, open_store


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", " is no anchor"),
        ("anchors.jsonl", "anchors.jsonl is no anchor"),
        ("ftp://example.com/x", "ftp://example.com/x is no anchor"),
        ("file:", "a path is missing"),
        ("file://host/path", "it names another machine"),
        ("git:?push=origin", "a path is missing"),
        ("git:repo?pull=origin", "only ?push=REMOTE may follow the path"),
        ("git:repo?push=", "only ?push=REMOTE may follow the path"),
        ("https://", "no host"),
        ("http://host:port/", "the address is no https"),
        ("https://host/a b", "the address is no https"),
        ("https://höst/", "the address is no https"),
        ("https://user:secret@host/", "has a user name or password in it"),
        ("tsa+https://host/tsr", "which keeps nothing"),
        ("tsa+https://#folder", "no host"),
    ],
)
def test_what_names_no_anchor(url: str, message: str) -> None:
    with pytest.raises(AnchorError) as refusal:
        open_store(url)
    assert message in refusal.value.message
    assert "secret" not in str(refusal.value)


def test_a_missing_extra_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    monkeypatch.delitem(sys.modules, "agent_events.anchors.timestamp", raising=False)
    with pytest.raises(MissingExtra, match=r"pip install 'agent-events\[timestamp\]'"):
        open_store("tsa+https://host/tsr#folder")


def test_other_anchors_do_not_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    for url in ("file:a", "git:a", "https://host/"):
        open_store(url)
