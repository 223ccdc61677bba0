"""What everybody may ask."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fakes.strangers import Gateway, Start


pytestmark = pytest.mark.timeout(240)


def test_health_is_told_to_everybody_and_nothing_with_it(gateway: Gateway) -> None:
    told = [gateway.ask(path, headers={}) for path in ("/healthz", "/readyz")]
    assert [(answer.status, answer.text) for answer in told] == [(200, "ok\n"), (200, "ready\n")]
    assert not any("ornado" in str(answer.headers) for answer in told)


def test_a_probe_need_not_know_the_base_url(start: Start) -> None:
    gateway = start("--base-url=/notebook/team/mine")
    below = [gateway.ask(path, headers={}).status for path in ("/healthz", "/readyz", "/", "")]
    assert below == [200, 200, 200, 200]
    root = gateway.url.removesuffix("/notebook/team/mine")
    for path in ("/healthz", "/readyz"):
        with urllib.request.urlopen(f"{root}{path}") as answer:
            assert answer.status == 200


def test_a_browser_gets_a_page_and_a_terminal_gets_text(gateway: Gateway) -> None:
    line = f"jupyter lab --gateway-url={gateway.url}/"
    page = gateway.ask("/", headers={"Accept": "text/html,*/*"})
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert line in page.text
    text = gateway.ask("/", headers={"Accept": "*/*"})
    assert (text.headers["Content-Type"], text.text.splitlines()[0]) == ("text/plain; charset=utf-8", "Ciao gateway")
    assert line in text.text


def test_the_page_is_the_same_for_who_has_the_token_and_for_who_has_not(gateway: Gateway) -> None:
    assert gateway.ask("/").text == gateway.ask("/", headers={}).text
