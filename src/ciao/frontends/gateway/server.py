"""Jupyter's server, configured by us and by nobody's configuration files."""

# mypy: disable-error-code="no-untyped-call"
# (Jupyter's server is typed in part)

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, cast

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.serverapp import ServerApp
from jupyter_server.services.sessions.sessionmanager import SessionManager
from tornado import web
from traitlets.config import Config

from ciao.frontends.gateway.door import POLICY, State
from ciao.frontends.gateway.gate import Rules
from ciao.frontends.gateway.kernels import Channels, Kernels, KernelsOnly, OneUser
from ciao.frontends.gateway.options import Options
from ciao.frontends.gateway.scrub import Scrubbed
from ciao.frontends.kernelspec import NAME

__all__ = ["Gateway", "made"]

log = logging.getLogger(__name__)

SHUTDOWN_WITHIN = 4.0
"""Seconds for a kernel to end by itself."""
CULL_EVERY = 300
"""Seconds, at most, between two looks at what is idle."""


class Gateway(ServerApp):
    """No files of configuration, no extensions, no signals, no files with the token in them: all of that is ours."""

    default_services = ("api", "kernels", "kernelspecs", "sessions")  # type: ignore[assignment]  # fewer than usual
    own_token = ""

    @property
    def kernels(self) -> Kernels:
        """Its manager, by its own name."""
        return cast("Kernels", self.kernel_manager)

    @property
    def specs(self) -> KernelSpecManager:
        """Where kernels are known."""
        return cast("KernelSpecManager", self.kernel_spec_manager)

    def migrate_config(self) -> None:
        """Nothing of the past."""

    def load_config_file(self, *_: Any, **__: Any) -> None:
        """A file that turned something on would not be seen."""

    def init_logging(self) -> None:
        """One way out for every line, without tokens."""
        super().init_logging()
        for one in self.log.handlers:
            one.setFormatter(Scrubbed(self.own_token))
            one.addFilter(_worth_telling)

    def init_signal(self) -> None:
        """They are for the one who runs it."""


def made(options: Options, rules: Rules, state: State, *, specs: Path) -> Gateway:
    """Ready to be served; nothing listens yet. ``specs``: the folder of kernelspecs that come before all others."""
    for name in [n for n in os.environ if n.startswith(("JUPYTER_GATEWAY_", "JUPYTER_TOKEN", "CIAO_GATEWAY_"))]:
        del os.environ[name]  # it is the gateway itself, and no kernel needs to know how it was started
    app = Gateway.instance(config=_config(options))
    app.own_token = rules.token or ""
    app.initialize(argv=[], find_extensions=False, new_httpserver=False)
    cast("OneUser", app.identity_provider).rules = rules
    app.kernels.state = state
    app.specs.kernel_dirs = [str(specs), *app.specs.kernel_dirs]
    return app


def _config(options: Options) -> Config:
    config = Config()
    server: dict[str, Any] = {
        "ip": options.ip,
        "base_url": options.base_url,
        "allow_origin": options.allow_origin,
        "allow_remote_access": True,  # the gate looks at the host
        "allow_root": True,
        "cookie_secret": os.urandom(32),  # there are no cookies, and no file for this is needed
        "open_browser": False,
        "terminals_enabled": False,
        "root_dir": str(Path.cwd()),
        "log_level": "WARN",
        "authorizer_class": KernelsOnly,
        "identity_provider_class": OneUser,
        "kernel_manager_class": Kernels,
        "kernel_spec_manager_class": KernelSpecManager,
        "kernel_websocket_connection_class": Channels,
        "session_manager_class": SessionManager,
        "tornado_settings": {
            "headers": {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "Server": "ciao"},
            "log_function": _noted,
            "websocket_max_message_size": options.max_message,
        },
    }
    config.ServerApp.update(server)
    config.IdentityProvider.token = ""  # the gate has it
    config.KernelManager.shutdown_wait_time = SHUTDOWN_WITHIN
    config.Kernels.update(
        {
            "default_kernel_name": NAME,
            "most": options.max_kernels,
            "cull_idle_timeout": int(options.cull_after),
            "cull_interval": max(1, min(CULL_EVERY, int(options.cull_after / 2))),
        }
    )
    return config


def _worth_telling(record: logging.LogRecord) -> bool:
    """Jupyter's interval of pings is in milliseconds; Tornado takes it for seconds, and complains."""
    return "websocket_ping_timeout" not in str(record.msg)


def _noted(handler: web.RequestHandler) -> None:
    """The access log: what went wrong here. What was refused is told where it is refused."""
    if handler.get_status() >= 500:
        request = handler.request
        log.error("%s %s answered %d", request.method, ascii(request.path), handler.get_status())
