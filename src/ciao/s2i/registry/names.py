"""Names of images, by Docker's rules: which registry, which repository, which tag or digest."""

from __future__ import annotations

import re

from ciao.errors import BundleError, RegistryMissing
from ciao.s2i.registry.base import Reference
from ciao.settings import Settings
from ciao.settings.strategies import SET_A_REGISTRY

__all__ = ["HUB", "parse", "pulled", "repository"]

HUB = "docker.io"
HUB_NAMES = frozenset({HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
OURS = "ciao"
"""The one repository below ``s2i.registry`` for all that Ciao pushes: its blobs are there for the next image, too."""

LONGEST = 255
HOST = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?")
PATH = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*")
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

EXAMPLE = "Write it as registry.example/team/base:1; without a host it is Docker Hub's"


def parse(text: str) -> Reference:
    """The full name of what is written as a user writes it. ``latest`` is not added. Raises BundleError."""
    rest, _, digest = text.partition("@")
    head, colon, tag = rest.rpartition(":")
    if not (colon and tag) or "/" in tag:  # the colon of a port
        head, tag = rest, ""
    host, path = _split(head)
    reference = Reference(host=host, repository=path, tag=tag, digest=digest)
    problem = _problem(reference, text)
    if problem:
        raise BundleError(f"{_shown(text)} is no image's name: {problem}", hint=EXAMPLE)
    return reference


def repository(settings: Settings) -> Reference:
    """Where Ciao pushes: ``<s2i.registry>/ciao``. Raises BundleError if no registry is set, or if it is none."""
    if not settings.s2i_registry:
        raise RegistryMissing("no registry is set", hint=SET_A_REGISTRY)
    place = _place(settings.s2i_registry)
    host, slash, path = place.partition("/")
    if host in HUB_NAMES and not slash:
        raise BundleError("s2i.registry names Docker Hub and no user", hint=f"Write it as {HUB}/NAME")
    reference = Reference(host=_host(host), repository=f"{path}/{OURS}" if path else OURS)
    problem = "" if _looks_like_a_host(host) else f"nodes take {host} for a part of {HUB}; add its port"
    problem = problem or _problem(reference, place)
    if problem:
        hint = "Write a host, and if need be a path: registry.example/team"
        raise BundleError(f"s2i.registry, {_shown(place)}, is no registry: {problem}", hint=hint)
    return reference


def pulled(reference: Reference, settings: Settings) -> str:
    """The same by the name that nodes have for it: ``s2i.pull`` in place of ``s2i.registry``."""
    name = str(reference)
    if not (settings.s2i_pull and settings.s2i_registry):
        return name
    host, slash, path = _place(settings.s2i_registry).partition("/")
    ours = f"{_host(host)}{slash}{path}/"
    return f"{_place(settings.s2i_pull)}/{name.removeprefix(ours)}" if name.startswith(ours) else name


def _split(head: str) -> tuple[str, str]:
    """A first word may be a host."""
    first, slash, rest = head.partition("/")
    if slash and _looks_like_a_host(first):
        host = _host(first)
    else:
        host, rest = HUB, head
    return host, f"library/{rest}" if host == HUB and "/" not in rest else rest


def _looks_like_a_host(word: str) -> bool:
    """With a dot, a port or capitals; or it is ``localhost``."""
    return bool(re.search(r"[.:\[]", word)) or word == "localhost" or word != word.lower()


def _host(text: str) -> str:
    return HUB if text in HUB_NAMES else text


def _place(text: str) -> str:
    """As people write a registry, too: with a scheme that does not matter, and with a slash at its end."""
    return re.sub(r"^https?://", "", text.strip()).rstrip("/")


def _problem(name: Reference, text: str) -> str:
    """The first thing that is wrong; empty if nothing is."""
    host = HOST.fullmatch(name.host)
    repository = PATH.fullmatch(name.repository) and len(name.repository) <= LONGEST
    checks = (
        ("://" not in text, "it has a scheme"),
        (host is not None and int(host[1] or 0) <= 65535, "its host is none"),
        (name.repository == name.repository.lower(), "a repository has no capitals"),
        (repository, "a repository has a-z, 0-9, and between them . _ - /"),
        (not name.tag or TAG.fullmatch(name.tag), "a tag has letters, digits, . _ and -"),
        ("@" not in text or DIGEST.fullmatch(name.digest), "a digest is sha256: and 64 hexadecimal digits"),
    )
    return next((problem for good, problem in checks if not good), "")


def _shown(text: str) -> str:
    """Without what may be a password: somebody may have written ``user:password@host/name``."""
    before, at, after = text.rpartition("@")
    safe = not at or (after.startswith("sha256:") and "@" not in before)
    return repr((text if safe else f"...@{after}")[:LONGEST])
