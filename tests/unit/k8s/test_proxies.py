"""Proxies are chosen as kubectl chooses them."""

from __future__ import annotations

import pytest

from ciao.k8s.proxies import proxy_for

PROXY = "http://proxy:3128"


@pytest.mark.parametrize(
    ("server", "exceptions", "proxied"),
    [
        ("https://api.example.com", "", True),
        ("https://api.example.com", "*", False),
        ("https://api.example.com", "example.com", False),
        ("https://api.example.com", ".example.com", False),
        ("https://api.example.com", "*.example.com", False),
        ("https://example.com", ".example.com", True),
        ("https://anexample.com", "example.com", True),
        ("https://api.example.com", "other, API.example.com", False),
        ("https://api:6443", "api:443", True),
        ("https://api:6443", "api:6443", False),
        ("https://10.96.0.1", "10.0.0.0/8", False),
        ("https://11.96.0.1", "10.0.0.0/8,junk/99", True),
        ("https://10.96.0.1:443", "10.96.0.1", False),
        ("https://[fd00::1]:443", "fd00::/8", False),
        ("https://[fd00::1]:443", "[fd00::1]:443", False),
        ("https://127.0.0.1:6443", "", False),
        ("https://localhost:6443", "", False),
    ],
)
def test_a_server_is_behind_the_proxy_unless_it_is_excepted(server: str, exceptions: str, proxied: bool) -> None:  # noqa: FBT001 - a column of the table
    assert proxy_for(server, {"HTTPS_PROXY": PROXY, "NO_PROXY": exceptions}) == (PROXY if proxied else None)


def test_a_proxy_is_for_its_scheme_and_may_be_named_in_small_letters() -> None:
    assert proxy_for("http://api", {"https_proxy": PROXY}) is None
    assert proxy_for("https://api", {"https_proxy": "proxy:3128"}) == PROXY
