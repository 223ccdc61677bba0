"""The kernels: how many there may be, where their kernelspecs are, who may ask for them."""

# mypy: disable-error-code="no-untyped-call,override"
# (Jupyter's server is typed in part)

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.auth.identity import IdentityProvider, User
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado import web
from tornado.websocket import WebSocketClosedError
from traitlets import Instance, Integer, List, Set, Unicode

from ciao.frontends.gateway.buffer import Recent
from ciao.frontends.gateway.door import State, asked
from ciao.frontends.gateway.frames import sound
from ciao.frontends.gateway.gate import Rules, refusal

__all__ = ["Channels", "Kernels", "KernelsOnly", "OneUser"]

log = logging.getLogger(__name__)

TOO_LONG = 1009
"""The code with which a WebSocket is closed then (RFC 6455)."""
RESOURCES = frozenset(("api", "kernels", "kernelspecs", "sessions"))


class Kernels(AsyncMappingKernelManager):
    """Jupyter's, up to a number, and no new ones once the gateway stops."""

    most = Integer(16, config=True, help="How many kernels there may be")
    state = Instance(State, args=())
    _starting = Set(Unicode())
    _awaited = List(Unicode())

    async def _async_start_kernel(self, *, kernel_id: str | None = None, **how: Any) -> str:
        """Raises HTTPError with words that a JupyterLab shows."""
        if self.state.stopping:
            raise web.HTTPError(503, "This gateway stops, and starts no kernels any more", reason="The gateway stops")
        if len({*self.list_kernel_ids(), *self._starting}) >= self.most:
            words = f"There are {self.most} kernels already: shut one down, or start the gateway with --max-kernels"
            raise web.HTTPError(429, words, reason="Too many kernels")
        name = how.get("kernel_name") or self.default_kernel_name
        if self.kernel_spec_manager and name not in self.kernel_spec_manager.find_kernel_specs():
            raise web.HTTPError(404, f"There is no kernel {name!r} here", reason="No such kernel")
        new = kernel_id or self.new_kernel_id(**how)
        self._starting.add(new)
        try:
            return await super()._async_start_kernel(kernel_id=new, **how)
        finally:
            self._starting.discard(new)
            self._pending_kernels.pop(new, None)  # Jupyter leaves one there that could not start

    @contextmanager
    def awaited(self, kernel_id: str) -> Iterator[None]:
        """Somebody waits for it to start, and is no connection of it before."""
        self._awaited.append(kernel_id)  # once for each who waits
        try:
            yield
        finally:
            self._awaited.remove(kernel_id)

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """One that starts is not idle, however long its machine takes for that."""
        if kernel_id not in self._awaited:
            await super().cull_kernel_if_idle(kernel_id)

    def start_buffering(self, kernel_id: str, session_key: str, channels: Any) -> None:
        """Keep what comes until the client is back, but not all of it for ever."""
        super().start_buffering(kernel_id, session_key, channels)
        if (info := self._kernel_buffers.get(kernel_id)) is not None:
            info["buffer"] = Recent()

    start_kernel = _async_start_kernel  # type: ignore[assignment]  # as in its base, which has it twice too


class Channels(ZMQChannelsWebsocketConnection):
    """Jupyter's, without a wait for more bytes before a message is sent, and one for each client at a time."""

    _opened = False

    @property
    def write_message(self) -> Callable[..., None]:
        """Jupyter calls what this gives for each message."""
        return self._write

    def _write(self, message: str | bytes, *, binary: bool = False) -> None:
        """Nothing to one who has gone and whose end has not been seen yet: Jupyter would log an empty line."""
        with suppress(WebSocketClosedError):
            self.websocket_handler.write_message(message, binary=binary)

    async def prepare(self) -> None:
        """Called before the WebSocket is open; it waits for a kernel that starts.

        A JupyterLab connects twice: the first time it asks for a subprotocol that it then does without. If both opened,
        the kernel would send its replies to either. Raises HTTPError for the one that was replaced while it waited.
        """
        with self.multi_kernel_manager.awaited(self.kernel_id):
            await super().prepare()
        if self._open_sessions.get(self.session_key, self.websocket_handler) is not self.websocket_handler:
            raise web.HTTPError(409, "The same client has connected again", reason="Replaced")
        if self.websocket_handler.connection is not self:
            raise web.HTTPError(409, "The client has gone", reason="Gone")

    def connect(self) -> asyncio.Future[None] | None:
        """Called once the WebSocket is open: Tornado lets its packets wait again behind the handshake."""
        self.websocket_handler.set_nodelay(True)
        self._tell_of_long_messages()
        self._opened = True
        return super().connect()

    def disconnect(self) -> None:
        """Called when a WebSocket ends, also one whose client left before it was open: Jupyter never counted that one.

        If it counted it here, a kernel with an open page would seem to have none, and what is kept for a client that
        was cut off would be dropped.
        """
        if self._opened:
            self._opened = False
            super().disconnect()
            return
        if self._open_sessions.get(self.session_key) is self.websocket_handler:
            del self._open_sessions[self.session_key]
        if self.kernel_info_channel is not None and not self.kernel_info_channel.closed():
            self.kernel_info_channel.close()
            self._let_another_ask()

    def _let_another_ask(self) -> None:
        """What this one asked the kernel is answered to nobody any more, and others may wait for the answer."""
        if not self._kernel_info_future.done():
            self._kernel_info_future.set_result({})
        if getattr(self.kernel_manager, "_kernel_info_future", None) is self._kernel_info_future:
            del self.kernel_manager._kernel_info_future  # noqa: SLF001  # as in Jupyter's own

    def _tell_of_long_messages(self) -> None:
        """Tornado sends those away who send them, and tells nobody."""
        protocol: Any = self.websocket_handler.ws_connection
        if protocol is None:  # it is closed already
            return
        close = protocol.close

        def told(code: int | None = None, reason: str | None = None) -> None:
            if code == TOO_LONG:
                limit = self.websocket_handler.max_message_size / 2**20
                log.warning(
                    "a message of more than %g MiB to kernel %s is refused: --max-message", limit, self.kernel_id
                )
            close(code, reason)

        protocol.close = told

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        """Called with each message of the client."""
        if isinstance(incoming_msg, bytes) and not sound(incoming_msg, subprotocol=bool(self.subprotocol)):
            log.warning("a client of kernel %s was sent away: its message is not one of Jupyter", self.kernel_id)
            self.websocket_handler.close(1007, "This is no message of Jupyter")
            return
        super().handle_incoming_message(incoming_msg)


class OneUser(IdentityProvider):
    """Whoever the gate lets in is the one user. No cookies, no login form."""

    rules: Rules = Rules(token="")  # nobody's, until the gateway sets it

    async def get_user(self, handler: web.RequestHandler) -> User | None:
        """Asked again here, so that nothing is open that does not come through the door."""
        if handler.request.method == "OPTIONS" or refusal(asked(handler.request, self.rules), self.rules):
            return None
        return User(username=self.rules.user or "user")

    def is_token_authenticated(self, handler: web.RequestHandler) -> bool:
        """There are no cookies, and so nothing that another page could ride on."""
        return handler.current_user is not None

    @property
    def auth_enabled(self) -> bool:
        """Always."""
        return True

    @property
    def login_available(self) -> bool:
        """No form."""
        return False

    @property
    def logout_available(self) -> bool:
        """Nothing to leave."""
        return False


class KernelsOnly(Authorizer):
    """Whatever Jupyter would offer beside kernels is refused, should it ever be there."""

    def is_authorized(self, *asked: Any) -> bool:
        """By the resource, which Jupyter names last: there is one user, who may do all with kernels."""
        return asked[-1] in RESOURCES
