"""What uv says when it cannot install, as words for the person whose cell it was."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from ciao.errors import BundleError
from ciao.model.distributions import distribution_of

__all__ = ["IMAGE", "Asked", "refusal"]

IMAGE = "the image"

PYPI = "https://pypi.org/simple"

LONGEST = 600
"""Characters of what it said that are shown: the reason stands at the beginning of it."""

BUILD = "Choose a strategy that builds an image, such as %s2i=buildah dockerfile=Dockerfile, or an image that has it"

NO_WHEELS = re.compile(
    r"(?P<what>[\w.-]+(?:==\S+)?) (?:has|have) no (?:usable wheels|wheels with a matching [^,;]*?)(?= and |,|$)"
)
TAG = re.compile(r"has no wheels with a matching (?P<what>[^,()]*?tag|Python \w+)[^,]*")
MISSING = re.compile(
    r"[Bb]ecause (?P<name>[\w.-]+) was not found in the (?:package registry|provided package locations)"
)
NO_VERSION = re.compile(r"there (?:is|are) no versions? of (?P<what>[^,]*?)(?= and |,|$)")
NEEDS_PYTHON = re.compile(r"requested Python version \([^)]*\) does not satisfy Python(?P<needs>[^ ,]*)")
DENIED = re.compile(
    r"(?P<url>https?://\S+?)\)? could not be queried due to (?:a )?lack of valid authentication \S+ \((?P<code>\d+)"
)
UNREACHABLE = re.compile(
    r"(?:Failed to fetch|Request failed[^:]*|error sending request for url)[:\s(]*`?(?P<url>https?://[^`\s)]+)"
)
HASH = re.compile(r"[Hh]ash mismatch for `?(?P<what>[^`\n]+)`?")
NOT_HERE = re.compile(r"(?P<name>[\w.-]+) was not found in the cache")
BROKEN = re.compile(
    r"(?:Failed to read `(?P<file>[^`]+)`|(?P<what>[\w.-]+==\S+) has an invalid package format)"
    r".*?(?:zip file|end of central directory|package format)"
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What it was to do: for which Python and platform, how many requirements, from where, in which folder.

    ``indexes`` are URLs without a credential. ``scratch`` is a folder of ours that no message names.
    ``who`` has that Python.
    """

    python: str
    platform: str
    several: bool = True
    indexes: tuple[str, ...] = ()
    scratch: str = ""
    who: str = IMAGE


def refusal(said: str, asked: Asked) -> BundleError:
    """The error for what it said before it failed."""
    said = _without_ours(said, asked.scratch)
    flat = " ".join(said.split())
    for one in (_disk, _offline, _denied, _hash, _broken, _no_wheels, _missing, _no_version, _python, _unreachable):
        if (found := one(flat, asked)) is not None:
            return found
    if (unreadable := _unreadable(flat)) is not None:
        return unreadable
    if "No solution found" in flat and asked.several:
        return BundleError(
            f"the packages do not go together: {_reason(said)}", hint="Change a version, or leave one open"
        )
    if "No solution found" in flat:
        return BundleError(f"the package cannot be installed: {_reason(said)}", hint="Try another version of it")
    return BundleError(f"the packages cannot be installed: {_reason(said)}")


def _without_ours(said: str, scratch: str) -> str:
    """A folder that lives for a moment says nothing to anybody."""
    return re.sub(rf"(?:file://)?(?:/private)?{re.escape(scratch)}/?", "", said) if scratch else said


def _reason(said: str) -> str:
    """What follows the first cause, without uv's own way to count and conclude."""
    flat = " ".join(said.split())
    cause = flat.partition("cause: ")[2] or flat.partition("error: ")[2] or flat
    cause = re.sub(r"hint: .*|\{[^}]*\}", "", cause)
    clauses = [re.sub(r",? ?we can conclude that .*", "", one) for one in re.split(r"\. (?=[A-Z])", cause)]
    plain = [re.sub(r"^(And )?[Bb]ecause ", "", one).replace("you require", "the cell asks for") for one in clauses]
    reason = "; ".join(filter(None, (one.strip(" .,") for one in plain)))
    return reason if len(reason) <= LONGEST else f"{reason[:LONGEST]} ..."


def _disk(flat: str, _asked: Asked) -> BundleError | None:
    if not re.search(r"No space left on device|Disk quota exceeded", flat):
        return None
    hint = "Free some space, or set TMPDIR and UV_CACHE_DIR to folders that have it"
    return BundleError("the disk is full: the packages do not fit on it", hint=hint)


def _offline(flat: str, _asked: Asked) -> BundleError | None:
    found = NOT_HERE.search(flat)
    if found is None and "the network was disabled" not in flat:
        return None
    what = f"{found['name']} was never downloaded here" if found else "not all packages were downloaded here before"
    return BundleError(f"{what}, and UV_OFFLINE forbids that now", hint="Unset UV_OFFLINE where the kernel runs")


def _broken(flat: str, _asked: Asked) -> BundleError | None:
    if (found := BROKEN.search(flat)) is None:
        return None
    what = found["what"] or found["file"]
    return BundleError(f"{what} is damaged: it cannot be read as a wheel", hint="Build or download it anew")


def _denied(flat: str, _asked: Asked) -> BundleError | None:
    if (found := DENIED.search(flat)) is None:
        return None
    hint = "Put user and password into packages.index or packages.extra, or into ~/.netrc"
    return BundleError(f"the index {found['url'].rstrip(')')} does not let us in ({found['code']})", hint=hint)


def _hash(flat: str, _asked: Asked) -> BundleError | None:
    if (found := HASH.search(flat)) is None:
        return None
    hint = "See where it comes from before you use it: it is not what its hash promises"
    return BundleError(
        f"{found['what'].strip()} has another content than its hash says; it was not installed", hint=hint
    )


def _no_wheels(flat: str, asked: Asked) -> BundleError | None:
    found = NO_WHEELS.search(flat)
    if found is None:
        return None
    message = f"{found['what']} has no wheel for Python {asked.python} on {asked.platform}, and Ciao builds no packages"
    if (other := _otherwise(found["what"])) is not None:
        return BundleError(message, hint=other)
    return BundleError(message, hint=f"Another version may have one. {BUILD}")


def _missing(flat: str, asked: Asked) -> BundleError | None:
    if (found := MISSING.search(flat)) is None:
        return None
    hint = _otherwise(found["name"]) or "See how it is spelled, and add its index with --extra-index-url"
    if asked.indexes not in ((), (PYPI,)):
        hint += f". {'Asked were' if len(asked.indexes) > 1 else 'Asked was'} {', '.join(asked.indexes)}"
    if odd := next((url for url in asked.indexes if not _usual(url)), None):
        hint = f"Is {odd} the page with all packages? Most indexes have that at {odd.rstrip('/')}/simple"
    return BundleError(f"no index has a package {found['name']}", hint=hint)


def _usual(url: str) -> bool:
    """Of an index that holds packages of its own, the path is not empty; PyPI's first page is for people."""
    return urlsplit(url).path not in ("", "/", "/pypi", "/pypi/")


def _otherwise(name: str) -> str | None:
    """For a module that is installed by another name."""
    bare = name.partition("==")[0]
    other = distribution_of(bare)
    return f"{bare} is the name to import: the package is called {other}" if other != bare else None


def _no_version(flat: str, _asked: Asked) -> BundleError | None:
    if (found := NO_VERSION.search(flat)) is None:
        return None
    return BundleError(f"there is no {found['what'].strip()}", hint="Leave the version open to see what there is")


def _python(flat: str, asked: Asked) -> BundleError | None:
    if (found := NEEDS_PYTHON.search(flat)) is None:
        return None
    hint = "Ask for an earlier version of it, or for an image with a newer Python"
    return BundleError(
        f"{asked.who} has Python {asked.python}, and Python{found['needs']} is needed: {_reason(flat)}", hint=hint
    )


def _unreachable(flat: str, _asked: Asked) -> BundleError | None:
    if (found := UNREACHABLE.search(flat)) is None:
        return None
    why = flat.rpartition("cause: ")[2]
    hint = "See that the index can be reached from where the kernel runs: packages.index, HTTPS_PROXY, SSL_CERT_FILE"
    return BundleError(f"{found['url']} cannot be reached: {why[:200]}", hint=hint)


def _unreadable(flat: str) -> BundleError | None:
    if "Failed to parse" not in flat and "Couldn't parse" not in flat:
        return None
    return BundleError(
        f"a requirement cannot be read: {_reason(flat)}", hint="Such as torchmetrics==1.4.0 or 'pandas>=2,<3'"
    )
