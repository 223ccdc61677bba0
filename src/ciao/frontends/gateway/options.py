"""What the gateway was told, by its command line or by ``CIAO_GATEWAY_*`` variables. Pure.

What nobody may do by accident is refused here: kernels run whatever they are sent, so whoever comes in has everything
that this user has.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ciao.errors import CommandError
from ciao.interpreter.values import BadValue, duration
from ciao.settings.setting import count, path, size

__all__ = ["MINIMAL_TOKEN", "PORT", "TOKEN_VARIABLE", "Options", "read"]

PORT = 8889
TOKEN_VARIABLE = "JUPYTER_TOKEN"  # noqa: S105  # the name of a variable, and what every Jupyter server calls it
MINIMAL_TOKEN = 16
"""Characters of a token that more than this machine can try."""

PREFIX = "CIAO_GATEWAY_"


@dataclass(frozen=True, kw_only=True)
class Options:
    """``cull_after`` in seconds, 0 for never; ``max_message`` in bytes; ``base_url`` begins and ends with a slash."""

    ip: str = "127.0.0.1"
    port: int = PORT
    base_url: str = "/"
    certfile: Path | None = None
    keyfile: Path | None = None
    self_signed: bool = False
    token_file: Path | None = None
    user: str = ""
    user_header: str = ""
    allow_origin: str = ""
    cull_after: float = 0.0
    max_kernels: int = 16
    max_message: int = 32 * 2**20
    insecure_http: bool = False
    insecure_no_token: bool = False

    @property
    def tls(self) -> bool:
        """Whether it speaks HTTPS."""
        return self.self_signed or self.certfile is not None

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.ip == "localhost" or ipaddress.ip_address(self.ip).is_loopback


def read(given: Mapping[str, str | bool], environ: Mapping[str, str]) -> Options:
    """The command line, then the environment, then what is usual. Raises CommandError."""
    values: dict[str, object] = {}
    if environ.get("NB_PREFIX"):  # Kubeflow's notebook controller gives it, and routes that path here
        values["base_url"] = _value("NB_PREFIX", environ["NB_PREFIX"], _base_url)
    for name, reader in READERS.items():
        option, variable = f"--{name.replace('_', '-')}", PREFIX + name.upper()
        if given.get(name):
            values[name] = _value(option, str(given[name]), reader)
        elif (text := environ.get(variable, "")) and not _of_a_service(text):
            values[name] = _value(variable, text, reader)
    options = Options(**values)  # type: ignore[arg-type]  # each reader gives the type of its field
    _check(options, environ)
    return options


def _of_a_service(text: str) -> bool:
    """For a Service called ciao-gateway, Kubernetes itself sets CIAO_GATEWAY_PORT in every pod of the namespace."""
    return text.startswith("tcp://")


def _value(name: str, text: str, reader: Callable[[str], object]) -> object:
    try:
        return reader(text)
    except BadValue as error:
        raise CommandError(f"{name} is {text!r}, which is not {error.what}", hint=error.hint) from None
    except ValueError as error:
        raise CommandError(f"{name} is {text!r}, but {error}") from None


def _check(options: Options, environ: Mapping[str, str]) -> None:
    if (options.certfile is None) != (options.keyfile is None):
        raise CommandError("--certfile and --keyfile belong together", hint="Give both, or --self-signed")
    if options.self_signed and options.certfile:
        raise CommandError("--self-signed makes a certificate, --certfile names one", hint="Give one of the two")
    if options.user_header and not options.user:
        raise CommandError("--user-header needs the one name that it must bear", hint="Add --user NAME")
    token = "--token-file" if options.token_file else TOKEN_VARIABLE if environ.get(TOKEN_VARIABLE) else ""
    if options.insecure_no_token and token:
        raise CommandError(f"{token} gives a token, --insecure-no-token takes none", hint="Leave out one of the two")
    if not (options.local or options.tls or options.insecure_http):
        raise CommandError(
            f"the gateway would listen on {options.ip} without TLS: whoever is on the way could read the token and run "
            "code as you",
            hint="Give --certfile and --keyfile, or --self-signed, or --insecure-http where TLS ends before it",
        )


def _ip(text: str) -> str:
    if text == "localhost":
        return text
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        raise ValueError("must be an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all") from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**16):
        raise ValueError("must be a number below 65536; 0 takes a free one")
    return int(text)


def _base_url(text: str) -> str:
    if not re.fullmatch(r"[\w/.~@-]*", text, re.ASCII) or ".." in text:
        raise ValueError("must be a path, such as /notebook/team/mine")
    inner = "/".join(part for part in text.split("/") if part)
    return f"/{inner}/" if inner else "/"


def _header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", text):
        raise ValueError("must be the name of a header, such as kubeflow-userid")
    return text


def _user(text: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]{1,256}", text):
        raise ValueError("must be one word of visible characters")
    return text


def _origin(text: str) -> str:
    origin = text.lower().rstrip("/")
    if not re.fullmatch(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?", origin):
        raise ValueError("must be one origin, such as https://lab.example:8888")
    return origin


def _culling(text: str) -> float:
    return 0.0 if text == "0" else duration(text)


def _message(text: str) -> int:
    if (read := size(text)) < 2**16:
        raise ValueError("must be 64Ki or more: a cell is one message")
    return read


def _flag(text: str) -> bool:
    if text.lower() not in ("1", "true", "0", "false"):
        raise ValueError("must be 1 or 0")
    return text.lower() in ("1", "true")


READERS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {
        "ip": _ip,
        "port": _port,
        "base_url": _base_url,
        "certfile": path,
        "keyfile": path,
        "self_signed": _flag,
        "token_file": path,
        "user": _user,
        "user_header": _header,
        "allow_origin": _origin,
        "cull_after": _culling,
        "max_kernels": count,
        "max_message": _message,
        "insecure_http": _flag,
        "insecure_no_token": _flag,
    }
)
