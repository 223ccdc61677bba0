"""Certificate and key: those that were named, or a pair that is made once for this machine."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ciao.errors import CiaoError
from ciao.frontends.gateway.options import Options
from ciao.home import make_private

__all__ = ["Pair", "context", "find"]

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
DAYS = 365
RENEWED = 300 * 86400
"""Seconds after which a pair of our own is made anew."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """``made``: by us, so that a client must be told to trust it."""

    cert: Path
    key: Path
    made: bool = False


def find(options: Options, home: Path) -> Pair | None:
    """None where there is no TLS. Raises CiaoError."""
    if options.self_signed:
        return _self_signed(home / "gateway" / "tls", _names(options))
    if options.certfile and options.keyfile:
        return Pair(cert=options.certfile, key=options.keyfile)
    return None


def context(pair: Pair) -> ssl.SSLContext:
    """TLS 1.2 or later. Raises CiaoError, which names the file."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    load(made, pair)
    return made


def load(into: ssl.SSLContext, pair: Pair) -> None:
    """What the files hold now: connections that begin later have it. Raises CiaoError, and nothing has changed then."""
    for file in (pair.cert, pair.key):
        try:
            file.read_bytes()
        except OSError as error:
            raise CiaoError(f"{file} cannot be read: {error.strerror}", hint="Name files in PEM format") from error
    try:
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), into):  # one that fails keeps no key and serves nobody
            context.load_cert_chain(pair.cert, pair.key, password=lambda: "")  # never ask on a terminal
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise CiaoError(
            f"{pair.cert} and {pair.key} cannot serve TLS: {reason}",
            hint="Name a certificate with its chain, and its own key without a password, both in PEM format",
        ) from error


def _names(options: Options) -> str:
    """All that a client may call this machine, as openssl writes it, in the same order each time."""
    found = {"DNS:localhost", "IP:127.0.0.1", "IP:::1"}
    if not options.local:
        names = {socket.gethostname(), socket.getfqdn()}
        found |= {f"DNS:{name}" for name in names if NAME.fullmatch(name)}
        found |= {f"IP:{address}" for address in (*_addresses(socket.gethostname()), *_outward())}
    if options.ip not in ("localhost", "0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        found.add(f"IP:{options.ip}")
    return ",".join(sorted(found))


def _addresses(name: str) -> Iterator[str]:
    """Of this name here; that may be an address that nobody else has, such as 127.0.1.1."""
    with suppress(OSError):
        yield from (str(info[4][0]) for info in socket.getaddrinfo(name, None) if "%" not in str(info[4][0]))


def _outward() -> Iterator[str]:
    """By which this machine goes out. Nothing is sent: these addresses are for documentation, and UDP says no hello."""
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as way:
            way.connect((elsewhere, 9))
            yield str(way.getsockname()[0])


def _self_signed(folder: Path, names: str) -> Pair:
    pair = Pair(cert=folder / "cert.pem", key=folder / "key.pem", made=True)
    note = folder / "names"
    try:
        make_private(folder)
        if _fits(pair, note, names):
            return pair
        with tempfile.TemporaryDirectory(dir=folder) as new:
            _make(Path(new), names)
            for file in (pair.key, pair.cert):
                Path(new, file.name).replace(file)
        note.write_text(names)
    except OSError as error:
        raise CiaoError(
            f"no certificate can be kept in {folder}: {error.strerror}", hint="Give --certfile and --keyfile"
        ) from error
    return pair


def _fits(pair: Pair, note: Path, names: str) -> bool:
    """Young, for these names, of one making, and nobody else could read the key."""
    try:
        young = time.time() - pair.cert.stat().st_mtime < RENEWED
        private = not pair.key.stat().st_mode & 0o077
        if not (young and private and note.read_text() == names):
            return False
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pair)
    except (OSError, CiaoError):
        return False
    return True


def _make(folder: Path, names: str) -> None:
    """A certificate that vouches for itself alone: whoever trusts it trusts no other by it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise CiaoError(
            "--self-signed needs the program openssl, which is not here",
            hint="Install it, or give --certfile and --keyfile",
        )
    words = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-keyout", "key.pem", "-out", "cert.pem", "-days", str(DAYS), "-subj", "/CN=ciao gateway"]
    for extension in (f"subjectAltName={names}", "basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth"):
        words += ["-addext", extension]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise CiaoError(
            f"openssl made no certificate: {done.stderr.strip()[-500:]}", hint="Give --certfile and --keyfile"
        )
    (folder / "key.pem").chmod(0o600)
