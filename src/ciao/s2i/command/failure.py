"""What a tool said before it failed, as an error with a way out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ciao.errors import BundleError
from ciao.s2i.command.finding import Found, otherwise

__all__ = ["SHOWN", "of"]

SHOWN = 15
"""Lines of a tool's output that are shown, the last ones."""

STAMP = re.compile(r'^time="[^"]*" level=\w+ msg=')
"""What Kaniko and daemons put before each line."""

FLAGS = "Name the host in s2i.insecure if it speaks plain HTTP"
CERTIFICATE = "Set s2i.ca to the file of the authority that signed it"

LOGIN = "The registry refused the login: look at s2i.username and s2i.password, or log in with the tool itself"
RUN = "Look whether its daemon and the registry run"
NO_PIP = "Name a base image that has pip, with which this strategy installs %package"
MAY_NOT = "This user may not do what the tool needs; in a container BUILDAH_ISOLATION=chroot may help"

CAUSES: Mapping[str, str] = {
    r"unauthorized|authentication required|access denied|requested access to the resource is denied": LOGIN,
    r"server gave HTTP response to HTTPS client": FLAGS,
    r"x509:|certificate signed by unknown|certificate verify": CERTIFICATE,
    r"no space left on device|disk quota exceeded": "Free some space in the tool's storage and in TMPDIR",
    r"toomanyrequests|429 too many": "The registry wants fewer requests: wait, or log in",
    r"cannot connect to the docker daemon|connection refused|no such host|i/o timeout": RUN,
    r"no module named pip": NO_PIP,
    r"operation not permitted|clone_newuser": MAY_NOT,
}
"""What is found in the output, whatever its capitals; the first that fits is told."""


def of(what: str, code: int, lines: Sequence[str], found: Found, *, dockerfile: bool = False) -> BundleError:
    """The error of a step. ``lines`` have no secrets in them any more. ``dockerfile``: there is one of the user's."""
    said = [STAMP.sub("", line) for line in lines if line.strip()][-SHOWN:]
    words = "".join(f"\n    {line}" for line in said) or " nothing"
    ending = f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
    ways = f"{_way_out(said, found)}{otherwise(dockerfile=dockerfile)}"
    return BundleError(f"{what} {ending}", hint=f"It said:{words}\n{ways}.")


def _way_out(said: Sequence[str], found: Found) -> str:
    text = "\n".join(said)
    advice = next(
        (advice for pattern, advice in CAUSES.items() if re.search(pattern, text, re.IGNORECASE)),
        "Correct what it complains about",
    )
    if found.tool.daemon and advice in (FLAGS, CERTIFICATE):
        return f"{found.tool.daemon} decides about that, not Ciao: tell it in its own settings"
    return advice
