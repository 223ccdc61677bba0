"""Values that mean something to a cluster: each parser gives a value or raises BadValue."""

from __future__ import annotations

import re
from collections.abc import Callable
from posixpath import normpath

from ciao.frameworks import FRAMEWORKS
from ciao.interpreter.nearest import did_you_mean
from ciao.interpreter.source import clip
from ciao.interpreter.values import BadValue
from ciao.model import Elastic, SecretKey, Volume

__all__ = ["OURS", "TRAINJOB", "elastic", "image", "kind", "kubernetes_name", "secret", "volume"]

TRAINJOB = "TrainJob"
KINDS = (*(framework.operator.kind for framework in FRAMEWORKS.values()), TRAINJOB)
OURS = ("/", "/ciao", "/ciao/code", "/ciao/work", "/dev/shm")  # noqa: S108  # the pods', not a folder of this machine
"""Where nothing else can be mounted, because the replica itself lies there."""

_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")
_KEY = re.compile(r"[-._A-Za-z0-9]{1,253}")
_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
_IMAGE = re.compile(
    rf"(?:(?=[^/]*[.:]|localhost/){_HOST}/)?{_PART}(?:/{_PART})*(?::[\w][\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?",
    re.ASCII,
)
_ELASTIC = re.compile(r"([0-9]{1,5}):([0-9]{1,5})")


def kubernetes_name(what: str, *, example: str, most: int = 253, dots: bool = True) -> Callable[[str], str]:
    """A parser of the names that Kubernetes gives to things."""

    def parse(value: str) -> str:
        if _is_name(value, most=most) and (dots or "." not in value):
            return value
        meant = re.sub(r"[^a-z0-9.]+" if dots else r"[^a-z0-9]+", "-", value[:most].lower()).strip("-.")
        hint = did_you_mean(meant) if _is_name(meant, most=most) else f"Write a to z, 0 to 9 and '-', such as {example}"
        raise BadValue(f"the name of {what}", hint=hint)

    return parse


def _is_name(value: str, *, most: int = 253) -> bool:
    return len(value) <= most and _NAME.fullmatch(value) is not None


def kind(value: str) -> str:
    """One of Kubeflow's kinds as Kubeflow writes it, whatever the capitals."""
    found = {word.lower(): word for word in KINDS}.get(value.lower())
    if found is None:
        raise BadValue("a kind of Kubeflow's", hint=did_you_mean(value, among=KINDS, else_list="Write"))
    return found


def image(value: str) -> str:
    """The name of an image, with a tag or a digest or none."""
    if len(value) > 500 or not _IMAGE.fullmatch(value):
        lower = value.lower()
        meant = lower if lower != value and _IMAGE.fullmatch(lower) else None
        hint = did_you_mean(meant) or "Write it as registry.example/team/train:1"
        raise BadValue("the name of an image", hint=hint)
    return value


def elastic(value: str) -> Elastic:
    """``1:4``."""
    match = _ELASTIC.fullmatch(value)
    if match is None:
        raise BadValue("a range of replicas", hint="Write the least and the most, such as %worker=2;%elastic=1:4")
    least, most = int(match[1]), int(match[2])
    if not 1 <= least <= most:
        meant = f"{most}:{least}" if 1 <= most < least else None
        words = "a range of replicas: it begins at one or more, and does not end below"
        raise BadValue(words, hint=did_you_mean(meant) or "Write it as %elastic=1:4")
    return Elastic(least=least, most=most)


def secret(value: str) -> SecretKey:
    """``SECRET/KEY``."""
    name, slash, key = value.partition("/")
    if not slash:
        raise BadValue("a value of a Secret", hint="Write SECRET/KEY: the Secret's name, and which of its values")
    if not _is_name(name):
        words = f"a value of a Secret: {clip(name)} is no Secret's name"
        raise BadValue(words, hint="Write a to z, 0 to 9 and '-', such as hub/token")
    if not _KEY.fullmatch(key):
        words = f"a value of a Secret: {clip(key)} is no key of one"
        raise BadValue(words, hint="Write letters, digits, '-', '_' and '.', such as hub/token")
    return SecretKey(secret=name, key=key)


def volume(value: str) -> Volume:
    """``CLAIM:/path``, ``node:/folder:/path``, each with ``:ro`` at its end if nothing is written there."""
    *head, last = value.split(":")
    read_only = bool(head) and last == "ro"
    match head if read_only else [*head, last]:
        case ["node", folder, path]:
            return Volume(kind="host", source=_absolute(folder), path=_mounted(path), read_only=read_only)
        case [claim, path] if claim != "node":
            if not _is_name(claim):
                words = f"a volume: {clip(claim)} is no claim's name"
                raise BadValue(words, hint="Write a to z, 0 to 9 and '-', such as %volume=data:/data")
            return Volume(kind="claim", source=claim, path=_mounted(path), read_only=read_only)
    hint = "Write CLAIM:/path, or node:/folder:/path for a folder of the node; :ro at its end forbids writing"
    raise BadValue("a volume", hint=hint)


def _absolute(path: str) -> str:
    if not path.startswith("/") or ".." in path.split("/"):
        hint = f"Did you mean /{path}?" if re.fullmatch(r"\w[\w/-]*", path) else "Write it as CLAIM:/path"
        raise BadValue(f"a volume: {clip(path)} is no absolute path", hint=hint)
    return "/" + normpath(path).lstrip("/")


def _mounted(path: str) -> str:
    found = _absolute(path)
    if found in OURS:
        raise BadValue(f"a volume: {found} is taken by the replica itself", hint="Choose another path, such as /data")
    return found
