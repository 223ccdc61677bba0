"""The page of the gateway."""

from __future__ import annotations

import re

import pytest

from ciao.frontends.gateway.page import Page, html, text

PAGE = Page(scheme="https", host="gateway.example:8889", base_url="/notebook/team/mine/", token=True)


def test_it_gives_the_line_that_connects_a_jupyterlab() -> None:
    line = "JUPYTER_GATEWAY_AUTH_TOKEN=... jupyter lab --gateway-url=https://gateway.example:8889/notebook/team/mine/"
    assert line in text(PAGE)
    assert line in html(PAGE)


def test_without_a_token_it_asks_for_none() -> None:
    page = Page(scheme="http", host="[::1]:8889", base_url="/", token=False)
    assert "    jupyter lab --gateway-url=http://[::1]:8889/\n" in text(page)
    assert not any(word in text(page) for word in ("TOKEN", "SSL_CERT_FILE"))


@pytest.mark.parametrize("host", ["<script>", "a b", "x;rm -rf", "", "a/b", "a\nb", "x" * 300])
def test_a_host_that_is_none_is_not_repeated(host: str) -> None:
    page = Page(scheme="https", host=host, base_url="/", token=True)
    assert "--gateway-url=https://HOST:8889/" in text(page)
    assert "script" not in html(page)


def test_it_brings_nothing_from_elsewhere_and_runs_nothing() -> None:
    shown = html(PAGE).replace("https://gateway.example", "")
    assert not re.search(r"<script|src=|href=|url\(|http| on\w+=", shown)
