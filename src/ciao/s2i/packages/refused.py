"""What uv says when it cannot install, as words for the person whose cell it was."""

from __future__ import annotations

import re

from ciao.errors import BundleError

__all__ = ["refusal"]

LONGEST = 600
"""Characters of what it said that are shown: the reason stands at the beginning of it."""

BUILD = "Choose a strategy that builds an image, such as %s2i=buildah dockerfile=Dockerfile, or an image that has it"

NO_WHEELS = re.compile(
    r"(?P<what>[\w.-]+(?:==\S+)?) has no (?:usable wheels|wheels with a matching [^,;]*?)(?= and |,|$)"
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


def refusal(said: str, *, python: str, platform: str) -> BundleError:
    """The error for what it said before it failed. ``python`` and ``platform`` are what it installed for."""
    flat = " ".join(said.split())
    for one in (_disk, _denied, _hash, _no_wheels, _missing, _no_version, _python, _unreachable, _unreadable):
        if (found := one(flat, python, platform)) is not None:
            return found
    if "No solution found" in flat:
        return BundleError(
            f"the packages do not go together: {_reason(said)}", hint="Change a version, or leave one open"
        )
    return BundleError(f"the packages cannot be installed: {_reason(said)}")


def _reason(said: str) -> str:
    """What follows the first cause, without uv's own way to count and conclude."""
    flat = " ".join(said.split())
    cause = flat.partition("cause: ")[2] or flat.partition("error: ")[2] or flat
    cause = re.sub(r"hint: .*|\{[^}]*\}", "", cause)
    clauses = [re.sub(r",? ?we can conclude that .*", "", one) for one in re.split(r"\. (?=[A-Z])", cause)]
    plain = [re.sub(r"^(And )?[Bb]ecause ", "", one).replace("you require", "the cell asks for") for one in clauses]
    reason = "; ".join(filter(None, (one.strip(" .,") for one in plain)))
    return reason if len(reason) <= LONGEST else f"{reason[:LONGEST]} ..."


def _disk(flat: str, _python: str, _platform: str) -> BundleError | None:
    if not re.search(r"No space left on device|Disk quota exceeded", flat):
        return None
    hint = "Free some space, or set TMPDIR and UV_CACHE_DIR to folders that have it"
    return BundleError("the disk is full: the packages do not fit on it", hint=hint)


def _denied(flat: str, _python: str, _platform: str) -> BundleError | None:
    if (found := DENIED.search(flat)) is None:
        return None
    hint = "Put user and password into packages.index or packages.extra, or into ~/.netrc"
    return BundleError(f"the index {found['url'].rstrip(')')} does not let us in ({found['code']})", hint=hint)


def _hash(flat: str, _python: str, _platform: str) -> BundleError | None:
    if (found := HASH.search(flat)) is None:
        return None
    hint = "See where it comes from before you use it: it is not what its hash promises"
    return BundleError(
        f"{found['what'].strip()} has another content than its hash says; it was not installed", hint=hint
    )


def _no_wheels(flat: str, python: str, platform: str) -> BundleError | None:
    found = NO_WHEELS.search(flat)
    if found is None:
        return None
    message = f"{found['what']} has no wheel for Python {python} on {platform}, and Ciao builds no packages"
    return BundleError(message, hint=f"Another version may have one. {BUILD}")


def _missing(flat: str, _python: str, _platform: str) -> BundleError | None:
    if (found := MISSING.search(flat)) is None:
        return None
    return BundleError(
        f"no index has a package {found['name']}",
        hint="See how it is spelled, and add its index with --extra-index-url",
    )


def _no_version(flat: str, _python: str, _platform: str) -> BundleError | None:
    if (found := NO_VERSION.search(flat)) is None:
        return None
    return BundleError(f"there is no {found['what'].strip()}", hint="Leave the version open to see what there is")


def _python(flat: str, python: str, _platform: str) -> BundleError | None:
    if (found := NEEDS_PYTHON.search(flat)) is None:
        return None
    hint = "Ask for an earlier version of it, or for an image with a newer Python"
    return BundleError(
        f"the image has Python {python}, and Python{found['needs']} is needed: {_reason(flat)}", hint=hint
    )


def _unreachable(flat: str, _python: str, _platform: str) -> BundleError | None:
    if (found := UNREACHABLE.search(flat)) is None:
        return None
    why = flat.rpartition("cause: ")[2]
    hint = "See that the index can be reached from where the kernel runs: packages.index, HTTPS_PROXY, SSL_CERT_FILE"
    return BundleError(f"{found['url']} cannot be reached: {why[:200]}", hint=hint)


def _unreadable(flat: str, _python: str, _platform: str) -> BundleError | None:
    if "Failed to parse" not in flat and "Couldn't parse" not in flat:
        return None
    return BundleError(
        f"a requirement cannot be read: {_reason(flat)}", hint="Such as torchmetrics==1.4.0 or 'pandas>=2,<3'"
    )
