"""Asks the gateway of this container whether it is alive; exits with 0 if it is. Needs the standard library alone.

Where it listens is read from its command line, and from its variables. Its certificate is for its name outside, which
is not the one it is asked by here: nothing is checked, and nothing secret is sent.
"""

from __future__ import annotations

import os
import ssl
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

FIRST = Path("/proc/1/cmdline")
PORT = 8889
SECONDS = 4.0


def url(words: Sequence[str], environ: Mapping[str, str]) -> str:
    """Of the gateway that was started by these words with these variables. It answers this one below any base URL."""
    port = _option(words, "--port") or environ.get("CIAO_GATEWAY_PORT", "")
    address = _option(words, "--ip") or environ.get("CIAO_GATEWAY_IP", "")
    certificate = _option(words, "--certfile") or environ.get("CIAO_GATEWAY_CERTFILE")
    own = "--self-signed" in words or environ.get("CIAO_GATEWAY_SELF_SIGNED", "").lower() in ("1", "true")
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(address, address)  # noqa: S104 - not listened on
    scheme = "https" if certificate or own else "http"
    return f"{scheme}://{host}:{port if port.isdigit() else PORT}/healthz"  # a Service called so gives tcp://...


def _option(words: Sequence[str], name: str) -> str:
    """`--name value` or `--name=value`; the last one counts."""
    found = ""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == name:
            found = following
        elif word.startswith(f"{name}="):
            found = word.partition("=")[2]
    return found


def main() -> int:
    """One question, at this container's own address: no proxy is asked."""
    words = FIRST.read_bytes().decode(errors="replace").split("\0")
    trusting = ssl._create_unverified_context()  # noqa: S323, SLF001 - see above
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting))
    try:
        opener.open(url(words, os.environ), timeout=SECONDS).close()
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
