"""Who and what does not come in, over HTTP and WebSocket."""

from __future__ import annotations

import http.client
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import websocket

from fakes.strangers import RIGHT, TOKEN

if TYPE_CHECKING:
    from fakes.strangers import Gateway, Start

pytestmark = pytest.mark.timeout(240)

STRANGERS = {
    "no token": {},
    "a wrong token": {"Authorization": "token wrong"},
    "a token cut short": {"Authorization": f"token {TOKEN[:-1]}"},
    "the right one in a cookie": {"Cookie": f"token={TOKEN}; username-127-0-0-1={TOKEN}"},
}


def content(file: Path) -> bytes:
    """Nothing of one that is gone, as a kernel's is that ends meanwhile."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def handshake(gateway: Gateway, headers: Mapping[str, str], origin: str | None = None, kernel: str = "") -> int:
    """The status of the answer to one who wants a kernel's channels."""
    try:
        gateway.channels(kernel or str(uuid.uuid4()), headers=headers, origin=origin).close()
    except websocket.WebSocketBadStatusException as refused:
        return int(refused.status_code)
    return 101


@pytest.mark.parametrize("stranger", STRANGERS)
def test_without_its_token_nobody_comes_in(gateway: Gateway, stranger: str) -> None:
    for method, path in (("GET", "/api/kernels"), ("POST", "/api/kernels"), ("GET", "/api/me"), ("GET", "/api")):
        answer = gateway.ask(path, method=method, headers=STRANGERS[stranger], body=b"{}")
        assert (answer.status, "token" in answer.message) == (401, True)
    assert handshake(gateway, STRANGERS[stranger]) == 401
    assert gateway.ids() == []


def test_with_its_token_one_comes_in_by_header_and_by_query(gateway: Gateway) -> None:
    assert gateway.ask("/api/kernels").status == 200
    assert gateway.ask("/api/kernels", headers={"Authorization": f"Bearer {TOKEN}"}).status == 200
    assert gateway.ask(f"/api/kernels?token={TOKEN}", headers={}).status == 200


def test_no_cookie_lets_in_again(gateway: Gateway) -> None:
    assert not {"Set-Cookie", "set-cookie"} & set(gateway.ask("/api/me").headers)


def test_plain_http_is_refused_where_tls_is_on(gateway: Gateway) -> None:
    connection = http.client.HTTPConnection(*gateway.address, timeout=10)
    connection.request("GET", "/api/kernels", headers=RIGHT)
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.getresponse()
    connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/api/contents", "/api/terminals", "/api/config/notebook", "/api/nbconvert", "/api/shutdown", "/files/x",
        "/metrics", "/login", "/logout", "/lab", "/tree", "/static/favicon.ico", "/api/spec.yaml",
        "/api/resolvePath?path=/etc/passwd",
    ],
)  # fmt: skip
def test_there_are_kernels_and_nothing_else(gateway: Gateway, path: str) -> None:
    for method in ("GET", "POST"):
        answer = gateway.ask(path, method=method, body=b"{}")
        assert (answer.status, answer.message) == (404, "This gateway has kernels, kernelspecs and sessions only")


def test_a_logo_leads_to_no_other_file(gateway: Gateway) -> None:
    assert gateway.ask("/kernelspecs/ciao/logo-svg.svg").status == 200
    for path in ("..%2f..%2fpasswd", "%2e%2e/%2e%2e/kernel.json", "..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd"):
        assert gateway.ask(f"/kernelspecs/ciao/{path}").status in (403, 404)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_from_elsewhere_is_refused_with_the_right_token_too(gateway: Gateway, origin: str) -> None:
    kernel = gateway.kernel()
    for method in ("GET", "POST", "OPTIONS"):
        answer = gateway.ask("/api/kernels", method=method, headers={**RIGHT, "Origin": origin}, body=b"{}")
        assert (answer.status, "may not use this gateway" in answer.message) == (403, True)
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert handshake(gateway, RIGHT, origin=origin, kernel=kernel.id) == 403
    assert handshake(gateway, RIGHT, origin=gateway.url, kernel=kernel.id) == 101


def test_a_page_of_the_origin_that_is_allowed_is_let_in(start: Start) -> None:
    gateway = start("--allow-origin=https://lab.example")
    lab, evil = "https://lab.example", "https://evil.example"
    asked_first = {"Origin": lab, "Access-Control-Request-Method": "POST"}
    answer = gateway.ask("/api/kernels", method="OPTIONS", headers=asked_first)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, lab)
    assert gateway.ask("/api/kernels", headers={**RIGHT, "Origin": lab}).status == 200
    assert gateway.ask("/api/kernels", headers={"Origin": lab}).status == 401
    assert gateway.ask("/api/kernels", headers={**RIGHT, "Origin": evil}).status == 403


def test_a_second_user_is_refused(start: Start) -> None:
    options = ("--user=ann@example.org", "--user-header=kubeflow-userid", "--insecure-no-token")
    gateway = start(*options, token="", NB_PREFIX="/notebook/team/mine")
    assert gateway.url.endswith("/notebook/team/mine")
    ann = {"kubeflow-userid": "ann@example.org"}
    assert gateway.ask("/api/kernels", headers=ann).status == 200
    kernel = str(gateway.kernel(**ann).id)
    for named in ({}, {"kubeflow-userid": "bob@example.org"}, {"kubeflow-userid": "ann@example.org, bob@example.org"}):
        for path in ("/api/kernels", f"/api/kernels/{kernel}", "/api/status"):
            assert gateway.ask(path, headers=named).status == 403
        assert gateway.ask(f"/api/kernels/{kernel}", method="DELETE", headers=named).status == 403
        assert handshake(gateway, named, kernel=kernel) == 403
    assert handshake(gateway, ann, kernel=kernel) == 101
    assert '"username": "ann@example.org"' in gateway.ask("/api/me", headers=ann).text


def test_another_name_for_this_machine_is_refused(gateway: Gateway) -> None:
    answer = gateway.ask("/api/kernels", headers={**RIGHT, "Host": "evil.example"})
    assert (answer.status, "asked for as 'evil.example'" in answer.message) == (403, True)


def test_no_token_is_in_the_log_or_in_any_file_but_its_own(gateway: Gateway) -> None:
    kernel = gateway.kernel()
    kernel.run("1")
    gateway.ask(f"/api/kernels?token={TOKEN}", headers={"Referer": f"https://lab.example/?token={TOKEN}"})
    gateway.ask("/api/kernels?token=of-somewhere-else", headers={})
    gateway.ask(f"/api/kernels/{uuid.uuid4()}?token={TOKEN}", headers={})  # Tornado quotes what it does not find
    gateway.ask("/api/sessions", method="POST", body=b"{no json", headers={**RIGHT, "X": TOKEN})
    gateway.ask(f"/api/contents/{TOKEN}?token={TOKEN}")
    assert "refused GET" in gateway.log
    assert TOKEN not in gateway.log
    assert "of-somewhere-else" not in gateway.log
    for folder in (gateway.home, Path(os.environ["JUPYTER_RUNTIME_DIR"])):
        files = [file for file in folder.rglob("*") if file.is_file()]
        assert [file for file in files if TOKEN.encode() in content(file)] == []


def test_a_kernel_has_neither_the_token_nor_the_options_in_its_environment(start: Start) -> None:
    kernel = start("--self-signed", CIAO_GATEWAY_MAX_KERNELS="3", JUPYTER_GATEWAY_AUTH_TOKEN="of-another").kernel()
    found = kernel.run(
        "import os; sorted(n for n, v in os.environ.items() if 'GATEWAY' in n or 'TOKEN' in n or '0123456789' in v)"
    )
    assert found.results == ["[]"]


def test_what_jupyter_is_configured_to_elsewhere_changes_nothing(start: Start, tmp_path: Path) -> None:
    (tmp_path / "jupyter_server_config.py").write_text(
        "c.ServerApp.allow_origin = '*'\nraise SystemExit('it was read')\n"
    )
    gateway = start("--self-signed", JUPYTER_CONFIG_DIR=str(tmp_path), JUPYTER_GATEWAY_URL="http://127.0.0.1:1")
    assert gateway.ask("/api/kernels", headers={}).status == 401
    assert gateway.kernel().run("1 + 1").results == ["2"]
