"""The one way in: health, the page, and the gate before all that Jupyter answers."""

from __future__ import annotations

import json
import logging
import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tornado import httputil, web
from tornado.httpserver import HTTPServer
from tornado.routing import Router

from ciao.frontends.gateway import page
from ciao.frontends.gateway.gate import QUOTED, Asked, Refusal, Rules, refusal

if TYPE_CHECKING:
    from tornado.iostream import IOStream

__all__ = ["POLICY", "Door", "State", "asked", "connections"]

log = logging.getLogger(__name__)

UNPROVEN = 256
"""Connections that have not yet shown a right request; beyond, the oldest of them is closed."""
HEADERS_WITHIN = 30.0
"""Seconds in which a client says what it wants, from the first byte of TLS on; also for the next request."""
BODY_WITHIN = 60.0
HEADER_LIMIT = 64 * 1024
BODY_LIMIT = 2**20
"""Bytes of a request's body: nothing that is asked of kernels and sessions is longer. Cells come by WebSocket."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


@dataclass(kw_only=True)
class State:
    """``unproven``: the connections that nobody knows yet, oldest first."""

    stopping: bool = False
    unproven: dict[IOStream, None] = field(default_factory=dict)

    def prove(self, connection: object) -> None:
        """A right request came on it."""
        self.unproven.pop(getattr(connection, "stream", None), None)  # type: ignore[arg-type]  # none is no stream


@dataclass(frozen=True, kw_only=True)
class Said:
    """A whole answer."""

    status: int
    text: str
    kind: str = "text/plain; charset=utf-8"


class Door(Router):
    """Answers what is everybody's, refuses what it must, and lets the rest go to Jupyter."""

    def __init__(self, application: web.Application, rules: Rules, state: State) -> None:
        self._application, self._rules, self._state = application, rules, state
        base = rules.base_url
        self._open: dict[str, Callable[[httputil.HTTPServerRequest], Said]] = {
            base: self._page,
            base.rstrip("/") or base: self._page,
        }
        for above in {base, "/"}:  # who asks after health may not know the base URL
            self._open[f"{above}healthz"] = lambda _: Said(status=200, text="ok\n")
            self._open[f"{above}readyz"] = lambda _: _ready(state)

    def find_handler(self, request: httputil.HTTPServerRequest, **_: Any) -> httputil.HTTPMessageDelegate | None:
        """Called when the headers are there, before a body is read."""
        answer = self._open.get(request.path)
        if answer and request.method in ("GET", "HEAD"):
            return self._saying(request, answer(request))
        if refused := refusal(asked(request, self._rules), self._rules) or self._too_late(request):
            what = f"{(request.method or '')[:QUOTED]} {request.path[:QUOTED]!a}"
            log.warning("refused %s from %s: %s", what, request.remote_ip, refused.words)
            return self._saying(request, _as_json(refused))
        if request.method != "OPTIONS":  # a browser asks so without a token, and so can anybody
            self._state.prove(request.connection)
        return self._application.find_handler(request)

    def _too_late(self, request: httputil.HTTPServerRequest) -> Refusal | None:
        """Nothing is begun once it stops: a kernel that is started again would be left behind."""
        words = "This gateway stops, and starts no kernels any more"
        return Refusal(503, words) if self._state.stopping and request.method == "POST" else None

    def _saying(self, request: httputil.HTTPServerRequest, said: Said) -> httputil.HTTPMessageDelegate:
        return self._application.get_handler_delegate(request, Answer, {"said": said})

    def _page(self, request: httputil.HTTPServerRequest) -> Said:
        scheme = "https" if request.headers.get("X-Forwarded-Proto", "") == "https" else request.protocol
        opened = page.Page(
            scheme=scheme, host=request.host, base_url=self._rules.base_url, token=self._rules.token is not None
        )
        if "text/html" in request.headers.get("Accept", ""):
            return Said(status=200, text=page.html(opened), kind="text/html; charset=utf-8")
        return Said(status=200, text=page.text(opened))


@web.stream_request_body
class Answer(web.RequestHandler):
    """Says it as soon as the headers are read: nothing of a stranger's body is kept."""

    def initialize(self, said: Said) -> None:
        """Called by Tornado with the answer."""
        self._said = said

    def prepare(self) -> None:
        """Answer whatever was asked."""
        self.set_status(self._said.status)
        self.set_header("Content-Type", self._said.kind)
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Vary", "Accept")
        self.set_header("Server", "ciao")
        if self._said.status == 401:
            self.set_header("WWW-Authenticate", 'Bearer realm="ciao gateway"')
        self.finish(self._said.text)

    def check_xsrf_cookie(self) -> None:
        """Nothing is changed here."""

    def data_received(self, chunk: bytes) -> None:
        """Let it fall."""


def asked(request: httputil.HTTPServerRequest, rules: Rules) -> Asked:
    """What the gate looks at."""
    headers = request.headers
    origin = headers.get("Origin", headers.get("Sec-Websocket-Origin"))
    tokens = request.query_arguments.get("token", [b""])
    return Asked(
        method=request.method or "",
        path=request.path,
        host=headers.get("Host", ""),
        origin=None if origin is None else origin.lower(),
        authorization=headers.get("Authorization", ""),
        query_token=tokens[-1].decode(errors="replace"),
        named=headers.get(rules.user_header) if rules.user_header else None,
    )


def connections(door: Door, state: State, *, ssl_options: Any, max_message: int) -> HTTPServer:
    """A server that no number of slow or silent clients keeps from serving the others."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)  # those of kernels come first
    most = UNPROVEN if files == resource.RLIM_INFINITY else min(UNPROVEN, files // 4)

    class Server(HTTPServer):
        def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
            state.unproven[stream] = None
            for old in list(state.unproven):
                if old.closed():
                    del state.unproven[old]
            if len(state.unproven) > most:
                oldest = next(iter(state.unproven))
                del state.unproven[oldest]
                oldest.close()
            super().handle_stream(stream, address)

    return Server(
        door,
        ssl_options=ssl_options,
        idle_connection_timeout=HEADERS_WITHIN,
        body_timeout=BODY_WITHIN,
        max_header_size=HEADER_LIMIT,
        max_body_size=BODY_LIMIT,
        max_buffer_size=max(max_message, BODY_LIMIT) + 2 * HEADER_LIMIT,
    )


def _ready(state: State) -> Said:
    return Said(status=503, text="stopping\n") if state.stopping else Said(status=200, text="ready\n")


def _as_json(refused: Refusal) -> Said:
    """As Jupyter's own errors: a JupyterLab shows the message."""
    words = json.dumps({"message": refused.words, "reason": None})
    return Said(status=refused.status, text=words, kind="application/json")
