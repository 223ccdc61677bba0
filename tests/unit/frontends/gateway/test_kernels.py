"""What stands between Jupyter's server and its kernels, should anything come past the door."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import MappingKernelManager
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from ciao.frontends.gateway.gate import Rules
from ciao.frontends.gateway.kernels import Channels, Kernels, KernelsOnly, OneUser

FIRST = RequestStartLine("GET", "/api/kernels", "HTTP/1.1")
RULES = Rules(token="right", user="ann")


def asking(**headers: str) -> Any:
    """So much of a request's handler as is looked at."""
    given = HTTPHeaders({"Host": "localhost", **headers})
    return SimpleNamespace(request=HTTPServerRequest(start_line=FIRST, headers=given))


async def user(handler: Any, rules: Rules | None) -> str | None:
    identity = OneUser()
    if rules:
        identity.rules = rules
    found = await identity.get_user(handler)
    return found.username if found else None


async def test_the_gate_is_asked_again_behind_the_door() -> None:
    assert await user(asking(Authorization="token right"), RULES) == "ann"
    assert await user(asking(Authorization="token wrong"), RULES) is None
    assert await user(asking(Authorization="token right", Origin="https://evil.example"), RULES) is None


@pytest.mark.parametrize("token", ["", "right"])
async def test_before_it_knows_its_rules_it_lets_nobody_in(token: str) -> None:
    assert await user(asking(Authorization=f"token {token}"), None) is None


@pytest.mark.parametrize("resource", ["contents", "terminals", "config", "nbconvert", "server", "events", "csp", ""])
def test_nobody_is_authorized_for_more_than_kernels(resource: str) -> None:
    assert not KernelsOnly().is_authorized(None, None, "read", resource)
    assert KernelsOnly().is_authorized(None, None, "execute", "kernels")


def test_there_is_no_form_to_log_in() -> None:
    identity = OneUser()
    assert (identity.login_available, identity.logout_available, identity.auth_enabled) == (False, False, True)
    assert identity.get_handlers() == []


def test_a_message_does_not_wait_for_more_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []

    class Tried(Channels):
        websocket_handler: Any = SimpleNamespace(set_nodelay=told.append, ws_connection=None)

    monkeypatch.setattr(ZMQChannelsWebsocketConnection, "connect", lambda _: told.append("connected"))
    Tried.__new__(Tried).connect()
    assert told == [True, "connected"]


async def test_a_kernel_for_whose_start_somebody_waits_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []

    async def cull(_: object, kernel: str) -> None:
        looked_at.append(kernel)

    monkeypatch.setattr(MappingKernelManager, "cull_kernel_if_idle", cull)
    kernels = Kernels()  # type: ignore[no-untyped-call]  # as Jupyter's own

    class Tried(Channels):
        kernel_id, session_key, multi_kernel_manager = "slow", "slow:one", kernels
        websocket_handler: Any = SimpleNamespace(connection=None)

    one = Tried.__new__(Tried)
    one.websocket_handler.connection = one

    async def starts(_: object) -> None:
        for kernel in ("slow", "other"):
            await kernels.cull_kernel_if_idle(kernel)

    monkeypatch.setattr(ZMQChannelsWebsocketConnection, "prepare", starts)
    await one.prepare()
    assert looked_at == ["other"]
    await kernels.cull_kernel_if_idle("slow")
    assert looked_at == ["other", "slow"]
