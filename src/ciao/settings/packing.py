"""The settings of what the code travels in: registry, strategy, packages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from ciao.settings.setting import Setting, image, path, word
from ciao.settings.strategies import IN_THE_CLUSTER, STRATEGIES

__all__ = ["PACKING"]

THE_FIRST_CIAOS = "img"
"""The builder of the first Ciao, which nobody keeps any more: the same as auto, and a notice says so."""

_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:]+\])(?::[0-9]{{1,5}})?"
_NO_HOST = re.compile(rf"(?!localhost\b){_LABEL}(?:/.*)?")
"""Without a dot and a port: every tool takes it for a folder of Docker Hub."""
_FOLDER = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REGISTRY = re.compile(rf"{_HOST}(?:/{_FOLDER})*")
_INSECURE = re.compile(_HOST)
_SWITCH = frozenset({"yes", "no", "true", "false", "on", "off", "1", "0"})
"""What others have for the same: none of them is the name of a registry."""
_PLATFORM = re.compile(r"linux/[a-z0-9_]+(?:/v[0-9]+)?")
_SECRET = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_URL = re.compile(r"https?://[^\s,?#]+")


def _hidden(_: str) -> str:
    return "(set)"


def _without_user(text: str) -> str:
    """Whatever stands before an ``@`` may be a user and a password."""
    return ", ".join(_shown(one) for one in text.split(",")) if _are_urls(text) else _shown(text)


def _are_urls(text: str) -> bool:
    return all(_URL.fullmatch(one.strip()) for one in text.split(","))


def _shown(text: str) -> str:
    before, at, after = text.strip().rpartition("@")
    scheme = re.match(r"\w+://", before)
    return f"{scheme[0] if scheme else ''}***@{after}" if at else after


def _registry(text: str) -> str:
    """A host and a path. A registry is spoken to by TLS anyway, so ``https://`` says nothing and may stand there."""
    name = text.removeprefix("https://").rstrip("/")
    if name.startswith("http://"):
        raise ValueError("must have no http://. Write the host alone, and name it in s2i.insecure, too")
    if "@" in name:
        raise ValueError("must have no user in it. Set s2i.username and s2i.password")
    if _NO_HOST.fullmatch(name):
        raise ValueError(f"must begin with a host. Did you mean docker.io/{name}?")
    if _REGISTRY.fullmatch(name):
        return _possible(name)
    if _REGISTRY.fullmatch(name.lower()):
        raise ValueError(f"must be in small letters. Did you mean {name.lower()}?")
    raise ValueError("must be a host and a path, such as registry.example/team or localhost:5000, without a tag")


def _possible(name: str) -> str:
    port = name.partition("/")[0].rpartition("]")[2].partition(":")[2]
    if port and not 0 < int(port) < 65536:
        raise ValueError(f"must have a port from 1 to 65535, not {port}")
    if name == "docker.io":
        raise ValueError("must say whose images they are. Did you mean docker.io/YOUR-NAME?")
    return name


def _provider(text: str) -> str:
    return text if text == THE_FIRST_CIAOS else word(*STRATEGIES)(text)


def _listed(what: str, pattern: re.Pattern[str]) -> Callable[[str], tuple[str, ...]]:
    """Words that commas separate, each once."""

    def read(text: str) -> tuple[str, ...]:
        words = [one.strip() for one in text.split(",") if one.strip()]
        for one in words:
            if not pattern.fullmatch(one):
                raise ValueError(f"must be {what}, with commas between several")
        return tuple(dict.fromkeys(words))

    return read


def _insecure(text: str) -> tuple[str, ...]:
    words = _listed("hosts, such as localhost:5000", _INSECURE)(text)
    if _SWITCH & set(words):
        raise ValueError("must be hosts, such as localhost:5000. Name each registry that speaks plain HTTP")
    return words


def _url(text: str) -> str:
    if not _URL.fullmatch(text) or not _has_host(text):
        raise ValueError("must be the address of an index, such as https://index.example/simple")
    return text


def _urls(text: str) -> tuple[str, ...]:
    words = tuple(one.strip() for one in text.split(",") if one.strip())
    if not all(_URL.fullmatch(one) and _has_host(one) for one in words):
        raise ValueError("must be addresses such as https://index.example/simple, with commas between several")
    return words


def _has_host(text: str) -> bool:
    try:
        return bool(urlsplit(text).hostname)
    except ValueError:
        return False


def _builders() -> Iterator[Setting]:
    for name in IN_THE_CLUSTER:
        yield Setting(
            key=f"s2i.images.{name}",
            field="s2i_images",
            doc=f"The image that builds for {name} (for a cluster)",
            read=image,
        )


PACKING: tuple[Setting, ...] = (
    Setting(
        key="s2i.provider", field="s2i_provider", default="auto", read=_provider,
        doc=f"How code travels, unless the cell says it: {', '.join(STRATEGIES)} (for a cluster)",
    ),
    Setting(
        key="s2i.registry", field="s2i_registry", read=_registry, show=_without_user,
        doc="Where images are pushed: host[:port][/path]; they go into the repository `ciao` below it (for a cluster)",
    ),
    Setting(key="s2i.username", field="s2i_username", read=str, doc="The registry's user (for a cluster)"),
    Setting(
        key="s2i.password", field="s2i_password", read=str, show=_hidden, doc="The registry's password (for a cluster)"
    ),
    Setting(
        key="s2i.pull", field="s2i_pull", default="the same as s2i.registry", read=_registry, show=_without_user,
        doc="What the cluster's nodes call the registry, if they know it by another name (for a cluster)",
    ),
    Setting(
        key="s2i.pullSecrets", field="s2i_pull_secrets", several=True,
        read=_listed("names of Secrets of the namespace", _SECRET),
        doc="The Secrets with which nodes pull from the registry (for a cluster)",
    ),
    Setting(
        key="s2i.insecure", field="s2i_insecure", several=True,
        read=_insecure,
        doc="Registries that may be spoken to without TLS (for a cluster)",
    ),
    Setting(
        key="s2i.ca", field="s2i_ca", read=path,
        doc="A file of certificates to trust besides those of the system, as PEM (for a cluster)",
    ),
    Setting(
        key="s2i.platforms", field="s2i_platforms", default="those of the nodes", several=True,
        read=_listed("platforms, such as linux/amd64", _PLATFORM),
        doc="The platforms for which images are made (for a cluster)",
    ),
    Setting(
        key="s2i.scan", field="s2i_scan", default="warn", read=word("warn", "block", "off"),
        doc="What is done about a secret in what is sent: warn, block, or off",
    ),
    *_builders(),
    Setting(
        key="packages.index", field="packages_index", default="https://pypi.org/simple", read=_url, show=_without_user,
        doc="The index that packages come from",
    ),
    Setting(
        key="packages.extra", field="packages_extra", several=True, read=_urls, show=_without_user,
        doc="Indexes that are asked before that one",
    ),
    Setting(
        key="packages.allowed", field="packages_allowed", several=True, read=_urls, show=_without_user,
        doc="If set: the only other indexes that a cell may name",
    ),
)  # fmt: skip
