"""``ciao gateway``: from the options to a server, and to its gentle end."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ciao.errors import CiaoError
from ciao.frontends import kernelspec
from ciao.frontends.gateway import gate, jobs, options, start, tls, token
from ciao.frontends.gateway.options import Options
from ciao.frontends.gateway.scrub import Scrubbed
from ciao.home import make_private

if TYPE_CHECKING:
    from ciao.frontends.gateway.server import Gateway
    from ciao.settings import Settings

__all__ = ["run"]

GENTLE = 5.0
"""Seconds for kernels to end. With the list of jobs it stays below ten; Kubernetes gives thirty."""
KILLED = 1.5
"""Seconds for those that must be killed, all at once."""
RENEWAL = 60.0
"""Seconds between two looks at the certificate's files: who renews them restarts nothing."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Ready:
    """All that could be wrong was looked at."""

    chosen: Options
    settings: Settings
    secret: token.Token | None
    pair: tls.Pair | None
    context: ssl.SSLContext | None


def run(given: Mapping[str, str | bool], settings: Settings) -> int:
    """Serve until a signal; the exit status. Raises CiaoError, before it listens."""
    if find_spec("jupyter_server") is None:
        words = "the gateway needs Jupyter's server, which is not installed"
        raise CiaoError(words, hint="pip install 'ciao-kernel[gateway]'")
    chosen = options.read(given, os.environ)
    secret = token.find(chosen, os.environ, settings.home)
    pair = tls.find(chosen, settings.home)
    context = tls.context(pair) if pair else None
    _log_to_stderr(secret)
    _check_runtime()
    ready = Ready(chosen=chosen, settings=settings, secret=secret, pair=pair, context=context)
    return asyncio.run(_served(ready, _bound(chosen)))


async def _served(ready: Ready, sockets: list[socket.socket]) -> int:
    from ciao.frontends.gateway import server
    from ciao.frontends.gateway.door import Door, State, connections

    chosen, state, rules = ready.chosen, State(), _rules(ready)
    app = server.made(chosen, rules, state, specs=_kernelspecs(ready.settings.home))
    web = connections(Door(app.web_app, rules, state), state, ssl_options=ready.context, max_message=chosen.max_message)
    first, second = _signals()
    web.add_sockets(sockets)
    _tell_start(ready, app, port=sockets[0].getsockname()[1])
    async with asyncio.TaskGroup() as tasks:
        renewal = tasks.create_task(_renewed(ready.context, ready.pair))
        await first.wait()
        renewal.cancel()
    state.stopping = True
    await _end_kernels(app, hurry=second)
    await _tell_jobs(ready.settings)
    web.stop()
    with suppress(TimeoutError):
        await asyncio.wait_for(web.close_all_connections(), 1)
    return 0


async def _end_kernels(app: Gateway, *, hurry: asyncio.Event) -> None:
    """They are asked to end; those that do not are killed, and at once if there is a second signal."""
    from jupyter_core.utils import ensure_async

    kernels = app.kernels
    _tell(f"stopping; {_many(len(kernels.list_kernel_ids()))}")
    gently = asyncio.ensure_future(ensure_async(kernels.shutdown_all()))
    impatient = asyncio.ensure_future(hurry.wait())
    await asyncio.wait({gently, impatient}, timeout=GENTLE, return_when=asyncio.FIRST_COMPLETED)
    impatient.cancel()
    if not gently.done():
        gently.cancel()
    elif error := gently.exception():
        log.error("a kernel did not end as it should: %s", error)
    left = [ensure_async(kernels.get_kernel(one).shutdown_kernel(now=True)) for one in kernels.list_kernel_ids()]
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*left, return_exceptions=True), KILLED)  # some end meanwhile


async def _tell_jobs(settings: Settings) -> None:
    from ciao.session import Session

    if line := await jobs.going_on(Session(settings)):
        _tell(line)


async def _renewed(context: ssl.SSLContext | None, pair: tls.Pair | None) -> None:
    """Load a certificate that was renewed; a pair that is half written is looked at again."""
    if context is None or pair is None:
        return
    known = _state(pair)
    while True:
        await asyncio.sleep(RENEWAL)
        if (now := _state(pair)) == known:
            continue
        try:
            tls.load(context, pair)
        except CiaoError as error:
            log.warning("%s: the certificate of before stays", error.message)
        else:
            known = now
            log.warning("the certificate in %s is a new one, and is used from now on", pair.cert)


def _state(pair: tls.Pair) -> tuple[int, ...]:
    try:
        return (pair.cert.stat().st_mtime_ns, pair.key.stat().st_mtime_ns)
    except OSError:
        return ()


def _rules(ready: Ready) -> gate.Rules:
    chosen = ready.chosen
    return gate.Rules(
        base_url=chosen.base_url,
        token=ready.secret.text if ready.secret else None,
        user=chosen.user,
        user_header=chosen.user_header,
        origin=chosen.allow_origin,
        local=chosen.local,
    )


def _bound(chosen: Options) -> list[socket.socket]:
    from tornado.netutil import bind_sockets

    try:
        return bind_sockets(chosen.port, chosen.ip)
    except OSError as error:
        hints = {
            errno.EADDRINUSE: "Another program has it: end that one, or give --port",
            errno.EACCES: "Ports below 1024 are root's: give --port",
            errno.EADDRNOTAVAIL: "It is no address of this machine: give --ip",
        }
        words = f"{chosen.ip}, port {chosen.port}, cannot be listened on: {os.strerror(error.errno or 0)}"
        raise CiaoError(words, hint=hints.get(error.errno or 0, "Give --ip or --port")) from error


def _check_runtime() -> None:
    """Jupyter writes there how to speak to a kernel."""
    from jupyter_core.paths import jupyter_runtime_dir

    folder = Path(jupyter_runtime_dir())
    try:
        make_private(folder)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        words = f"kernels cannot start: {folder} cannot be written"
        raise CiaoError(words, hint="Set JUPYTER_RUNTIME_DIR, or HOME, to a folder of yours")


def _kernelspecs(home: Path) -> Path:
    """That of this Python's environment; without one there, one of our own."""
    if not ((folder := kernelspec.place(sys_prefix=True)) / "kernel.json").is_file():
        folder = kernelspec.install(prefix=str(home / "gateway"))
    return folder.parent


def _signals() -> tuple[asyncio.Event, asyncio.Event]:
    """Of the first signal that asks to end, and of the next."""
    first, second = asyncio.Event(), asyncio.Event()

    def came() -> None:
        (second if first.is_set() else first).set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, came)
    return first, second


def _log_to_stderr(secret: token.Token | None) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Scrubbed(secret.text if secret else ""))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("traitlets").setLevel(logging.ERROR)  # of a kernelspec in a folder of ours, which nobody searches
    logging.captureWarnings(capture=True)


def _tell_start(ready: Ready, app: Gateway, *, port: int) -> None:
    names = sorted(app.specs.find_kernel_specs(), key=lambda name: (name != kernelspec.NAME, name))
    address = start.url(ready.chosen, port, socket.gethostname())
    for line in start.facts(ready.chosen, address, pair=ready.pair, token=ready.secret, kernels=names):
        _tell(line)


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _many(kernels: int) -> str:
    return "no kernel runs" if kernels == 0 else "1 kernel ends" if kernels == 1 else f"{kernels} kernels end"
