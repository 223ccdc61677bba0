"""Where packages may come from, and how the installer is told so that nobody else sees a password."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ciao.errors import BundleError
from ciao.s2i.packages.wanted import Index, Wanted
from ciao.settings import Settings

__all__ = ["Sources", "configuration", "secrets_of", "sources"]

PYPI = "https://pypi.org/simple"


class Sources:
    """The indexes of one installation, the first searched last: ``extra`` come before ``index``.

    ``chosen``: the cell or the settings name one.
    """

    def __init__(self, wanted: Wanted, settings: Settings) -> None:
        self.index = wanted.index or Index.of(settings.packages_index or PYPI)
        given = (*wanted.extra, *map(Index.of, settings.packages_extra))
        self.extra = tuple(dict.fromkeys(one for one in given if one != self.index))
        self.chosen = bool(wanted.index or given or settings.packages_index)
        self.links = wanted.links
        self.none = wanted.no_index
        self.pre = wanted.pre
        self.trusted = wanted.trusted
        urls = (r.text.partition(" @ ")[2] or r.text for r in wanted.requirements if "://" in r.text)
        self.direct = tuple(Index.of(url.partition(" ")[0]) for url in urls)

    @property
    def remote(self) -> tuple[Index, ...]:
        """Every URL that may be asked."""
        links = (link for link in self.links if isinstance(link, Index))
        return (*(() if self.none else (self.index, *self.extra)), *links, *self.direct)


def sources(wanted: Wanted, settings: Settings) -> Sources:
    """Of the cell and the settings. Raises BundleError for one that the settings do not allow."""
    found = Sources(wanted, settings)
    if not settings.packages_allowed:
        return found
    known = [settings.packages_index or PYPI, *settings.packages_extra, *settings.packages_allowed]
    allowed = [Index.of(url).url for url in known]
    for one in found.remote:
        if not any(_within(one.url, place) for place in allowed):
            raise BundleError(
                f"packages may not come from {one.url}: packages.allowed does not name it",
                hint=f"Allowed are {', '.join(dict.fromkeys(allowed))}",
            )
    if found.trusted:
        raise BundleError(
            f"--trusted-host {found.trusted[0]} is not possible where packages.allowed says what may be used",
            hint="Set SSL_CERT_FILE to a file with the authority of its certificate",
        )
    return found


def _within(url: str, place: str) -> bool:
    """Below it, part by part: ``/simple`` is no part of ``/simple-evil``, and ``..`` leads nowhere."""
    one, other = urlsplit(url), urlsplit(place)
    path = unquote(one.path)
    same = (one.scheme, one.netloc) == (other.scheme, other.netloc)
    return same and ".." not in path.split("/") and f"{path}/".startswith(f"{other.path.rstrip('/')}/")


def secrets_of(found: Sources) -> list[str]:
    """Every text that must not be shown: users' passwords, as written and as meant, and what may be a signature."""
    secrets: set[str] = set()
    for one in found.remote:
        parts = urlsplit(one.secret)
        userinfo = parts.netloc.rpartition("@")[0]
        user, _, password = userinfo.partition(":")
        secrets |= {userinfo, password or user, unquote(password or user), parts.query}
    return sorted(filter(None, secrets), key=len, reverse=True)


def configuration(found: Sources) -> str:
    """Uv's own configuration file, for a file that only this user can read.

    All of it is there and nothing in the command, which every user of the machine can see.
    """
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Sources) -> Iterator[str]:
    """A TOML string is a JSON string."""
    if found.links:
        links = ", ".join(json.dumps(link.as_uri() if isinstance(link, Path) else link.secret) for link in found.links)
        yield f"find-links = [{links}]"
    if found.none:
        yield "no-index = true"
    if found.pre:
        yield 'prerelease = "allow"'
    if found.trusted:
        yield f"allow-insecure-host = {json.dumps(list(found.trusted))}"
    if not found.none:
        for index in found.extra:
            yield f"[[index]]\nurl = {json.dumps(index.secret)}"
        yield f"[[index]]\nurl = {json.dumps(found.index.secret)}\ndefault = true"
