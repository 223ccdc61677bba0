"""``%patch=``: a part of a pod template, written as YAML on one line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ciao.interpreter.nearest import did_you_mean
from ciao.interpreter.source import clip
from ciao.interpreter.values import BadValue

if TYPE_CHECKING:
    from yaml.events import Event, ScalarEvent

__all__ = ["patch"]

ROOTS = ("metadata", "spec")
EXAMPLE = '%patch="{spec: {nodeSelector: {disk: ssd}}}"'

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_OCTAL = re.compile(r"0o?([0-7]{1,18})")
_FLOAT = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{0,18}(?:[eE][-+]?[0-9]{1,2})?")
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


def patch(value: str) -> Mapping[str, Any]:
    """The template's part as plain values: maps, lists, texts, numbers, true, false and None."""
    found = _read(value)
    if not isinstance(found, dict) or not found:
        raise _bad("it is no map", f"Write its metadata or spec, such as {EXAMPLE}")
    for key, part in found.items():
        if key not in ROOTS:
            hint = did_you_mean(key, among=ROOTS) or f"Write it below spec: {{spec: {{{key[:40]}: ...}}}}"
            raise _bad(f"that has metadata and spec, not {clip(key)}", hint)
        if not isinstance(part, dict):
            raise _bad(f"its {key} is no map", f"Write it as {EXAMPLE}")
    return MappingProxyType(found)


def _bad(why: str, hint: str) -> BadValue:
    return BadValue(f"a part of a pod template: {why}", hint=hint)


def _read(value: str) -> Any:
    """From YAML's events, so that what its words mean is decided here, whatever the version of YAML."""
    import yaml

    try:
        events = _inner(yaml.parse(value, Loader=yaml.SafeLoader))
        first = next(events, None)
        return None if first is None else _node(first, events)
    except yaml.YAMLError as error:
        raise BadValue(f"YAML: {_problem(error)}", hint=f"Write it in quotes, such as {EXAMPLE}") from None
    except RecursionError:
        raise _bad("it is nested too deeply", f"Write it as {EXAMPLE}") from None


def _problem(error: Exception) -> str:
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if not problem:
        return "it has a character that YAML does not take"
    return f"{problem} at its character {mark.column + 1}" if mark else str(problem)


def _inner(events: Iterator[Event]) -> Iterator[Event]:
    """Without what is around the one value of a line. All is read at once: what is wrong may come behind the value."""
    from yaml.events import CollectionEndEvent, NodeEvent

    inner = [event for event in events if isinstance(event, (NodeEvent, CollectionEndEvent))]
    if any(getattr(event, "anchor", None) or getattr(event, "tag", None) for event in inner):
        raise _bad("it has an anchor or a tag of YAML", "Write out what it stands for")
    return iter(inner)


def _node(event: Event, events: Iterator[Event]) -> Any:
    """The value that begins with this event; takes what belongs to it from the others."""
    from yaml.events import MappingStartEvent, ScalarEvent

    if isinstance(event, ScalarEvent):
        return _scalar(event)
    if isinstance(event, MappingStartEvent):
        return _map(events)
    return [_node(item, events) for item in _until_end(events)]


def _until_end(events: Iterator[Event]) -> Iterator[Event]:
    from yaml.events import CollectionEndEvent

    for event in events:
        if isinstance(event, CollectionEndEvent):
            return
        yield event


def _map(events: Iterator[Event]) -> dict[str, Any]:
    """Keys are words whatever they look like: ``on`` is no truth value."""
    from yaml.events import ScalarEvent

    found: dict[str, Any] = {}
    for key in _until_end(events):
        if not isinstance(key, ScalarEvent):
            raise _bad("a key is no word", f"Write it as {EXAMPLE}")
        if key.value in found:
            raise _bad(f"it has {clip(key.value)} twice", "Remove one of the two")
        found[key.value] = _node(next(events), events)
    return found


def _scalar(event: ScalarEvent) -> str | int | float | bool | None:
    """As YAML 1.2 reads it, where ``yes`` and ``on`` are words; and a mode such as 0644 is octal, as in manifests."""
    text: str = event.value
    if event.style:  # quoted
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if octal := _OCTAL.fullmatch(text):
        return int(octal[1], 8)
    return float(text) if _FLOAT.fullmatch(text) else text
