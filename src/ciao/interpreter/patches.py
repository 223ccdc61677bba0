"""``%patch=``: a part of a pod template, written as YAML on one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ciao.interpreter.nearest import did_you_mean
from ciao.interpreter.source import clip
from ciao.interpreter.values import BadValue

if TYPE_CHECKING:
    from yaml.nodes import MappingNode, Node, ScalarNode

__all__ = ["patch"]

ROOTS = ("metadata", "spec")
EXAMPLE = '%patch="{spec: {nodeSelector: {disk: ssd}}}"'

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_OCTAL = re.compile(r"0o?([0-7]{1,18})")
_FLOAT = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{0,18}(?:[eE][-+]?[0-9]{1,2})?")
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


def patch(value: str) -> Mapping[str, Any]:
    """The template's part as plain values: maps, lists, texts, numbers, true, false and None."""
    try:
        found = _plain(_composed(value))
    except RecursionError:
        raise BadValue("a part of a pod template: it is nested too deeply", hint=f"Write it as {EXAMPLE}") from None
    if not isinstance(found, dict) or not found:
        raise BadValue("a part of a pod template", hint=f"Write its metadata or spec as a map, such as {EXAMPLE}")
    for key, part in found.items():
        if key not in ROOTS:
            hint = did_you_mean(key, among=ROOTS) or f"Write it below spec: {{spec: {{{key[:40]}: ...}}}}"
            raise BadValue(f"a part of a pod template: that has metadata and spec, not {clip(key)}", hint=hint)
        if not isinstance(part, dict):
            raise BadValue(f"a part of a pod template: its {key} is no map", hint=f"Write it as {EXAMPLE}")
    return MappingProxyType(found)


def _composed(value: str) -> Node | None:
    """YAML as a tree of nodes, so that what its words mean is decided here, whatever the version of YAML."""
    import yaml

    try:
        for event in yaml.parse(value, Loader=yaml.SafeLoader):
            if getattr(event, "anchor", None) or getattr(event, "tag", None):
                raise BadValue("a patch: it has an anchor or a tag of YAML", hint="Write out what it stands for")
        return yaml.compose(value, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise BadValue(f"YAML: {_problem(error)}", hint=f"Write it as {EXAMPLE}") from None


def _problem(error: Exception) -> str:
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if not problem:
        return "it has a character that YAML does not take"
    return f"{problem} at its character {mark.column + 1}" if mark else str(problem)


def _plain(node: Node | None) -> Any:
    from yaml.nodes import MappingNode, ScalarNode, SequenceNode

    if isinstance(node, MappingNode):
        return _map(node)
    if isinstance(node, SequenceNode):
        return [_plain(item) for item in node.value]
    return _scalar(node) if isinstance(node, ScalarNode) else None


def _map(node: MappingNode) -> dict[str, Any]:
    """Keys are texts: ``on`` is no truth value, and a port's name may look like a number."""
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key.value, str):
            raise BadValue("a part of a pod template: a key is no word", hint=f"Write it as {EXAMPLE}")
        if key.value in found:
            raise BadValue(f"a part of a pod template: it has {clip(key.value)} twice", hint="Remove one of the two")
        found[key.value] = _plain(value)
    return found


def _scalar(node: ScalarNode) -> Any:
    """As YAML 1.2 reads it, where ``yes`` and ``on`` are words; and a mode such as 0644 is octal, as in manifests."""
    text: str = node.value
    if node.style is not None:  # quoted
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if octal := _OCTAL.fullmatch(text):
        return int(octal[1], 8)
    return float(text) if _FLOAT.fullmatch(text) else text
