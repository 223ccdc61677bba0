"""What stands above a job's output, updated in place while it lives: how it is, its replicas, why some wait. Pure.

It is read in notebooks that trust it and in those that do not, in dark and in light ones, in exported pages and by
tools. So the HTML is a list of words with a few colours beside them: no style block, script, picture or variable, and
only elements that the strictest clean-up (``nbconvert --sanitize-html``) leaves, which take their style along where
they may. Nothing moves without need: every line of it is there from the beginning, but for reasons and last lines.
"""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ciao.frontends.display import strip
from ciao.frontends.display.colour import plain
from ciao.frontends.display.status import Head, View, head, line, place, reason, short
from ciao.model import ReplicaState, ReplicaStatus

__all__ = ["Status", "panel"]

REASONS = 3
NAMES = 3
"""So many reasons are told, each with so many names of replicas."""

_COLOURS = {  # legible on white and on black
    "succeeded": "#2e9e44",
    "running": "#1e88e5",
    "failed": "#e0443e",
    "pending": "#b8860b",
    "preparing": "#b8860b",
}
_GREY = "#808080"

_TOGETHER = "\N{NO-BREAK SPACE}"
_DOT = f"{_TOGETHER}· "  # no line begins with it

_VERBS = {ReplicaState.WAITING: ("waits", "wait"), ReplicaState.FAILED: ("failed", "failed")}

_LIST = "list-style:none;margin:2px 0;padding:1px 0 1px 8px;border-left:3px solid"
_ITEM = "margin:0;line-height:20px"
_ROLE = "font-style:normal;display:inline-block"
_LINE = "background:none;padding:0;font-size:12px;white-space:pre;overflow:hidden;text-overflow:ellipsis;display:block"


@dataclass(frozen=True, kw_only=True)
class Status:
    """``text`` is one line. ``key`` is its words without what passes: where it cannot be replaced, show new keys only.

    ``urgent`` is what a person waits for; all else may be late by half a second.
    """

    html: str
    text: str
    key: str
    urgent: str


def panel(view: View) -> Status:
    """All of it at this moment."""
    first, said = head(view), line(view)
    items = [_head(view, first), *_body(view)]
    listed = "".join(f'<li style="{_ITEM}">{item}</li>' for item in items)
    return Status(
        html=f'<ul style="{_LIST} {_COLOURS.get(first.state, _GREY)}">{listed}</ul>',
        text=said.text,
        key=said.key,
        urgent=f"{first.words} · {view.name} · {len(view.expected)} · {view.attempt}",
    )


def _head(view: View, first: Head) -> str:
    colour = _COLOURS.get(first.state, _GREY)
    facts = [place(view), view.framework]
    if first.passing:
        facts += [f"attempt {view.attempt[0]} of {view.attempt[1]}"] if view.attempt else []
        facts += [view.packing.text] if view.packing else []
    dot = f'<i style="color:{colour};font-style:normal">●</i>'
    rest = _DOT.join(html.escape(plain(fact)) for fact in facts if fact)
    return f"{dot} <b>{html.escape(first.words)}</b>{html.escape(first.passing)}{_DOT}{rest}"


def _body(view: View) -> Iterator[str]:
    kind = view.stage.kind if view.stage is not None and view.outcome is None else ""
    if kind == "refused":
        return
    left = kind == "background"  # what is written here may never be replaced: nothing that passes
    roles = _by_role(view)
    width = max(map(len, roles)) if len(roles) > 1 else 0
    for role, states in roles.items():
        name = f'<i style="{_ROLE};min-width:{0.65 * width:.1f}em">{html.escape(plain(role))}</i>'
        if left:
            yield f"{name} {strip.squares([None] * len(states))}{_DOT}{_number(len(states))}"
        else:
            yield from _role(name, states)
    if view.outcome is None and not left:
        yield from _reasons(view.replicas.values())
    if view.outcome is None and view.notice:
        yield html.escape(plain(view.notice))
    yield from _latest(view.latest)


def _role(name: str, states: Sequence[ReplicaState | None]) -> Iterator[str]:
    """Its squares, and in words how many stand where; squares that fill lines come below the words."""
    found, squares = strip.counts(states), strip.squares(states)
    if len(states) > strip.ONE_LINE:
        yield f"{name} {_counted(found)}"
        yield squares
    else:
        yield f"{name} {squares}{_DOT}{found[0][1] if len(found) == 1 else _counted(found)}"


def _counted(found: Iterable[tuple[ReplicaState | None, str]]) -> str:
    """A mark and its words stay in one line."""
    return " · ".join(f"{strip.mark(state)}{_TOGETHER}{words.replace(' ', _TOGETHER)}" for state, words in found)


def _number(replicas: int) -> str:
    return "1 replica" if replicas == 1 else f"{replicas} replicas"


def _by_role(view: View) -> dict[str, list[ReplicaState | None]]:
    """The states of its replicas, in their order."""
    roles: defaultdict[str, list[ReplicaState | None]] = defaultdict(list)
    for name in dict.fromkeys([*view.expected, *view.replicas]):
        known = view.replicas.get(name)
        roles[name.rpartition("-")[0]].append(known.state if known else None)
    return roles


def _reasons(statuses: Iterable[ReplicaStatus]) -> Iterator[str]:
    """Why replicas wait, or failed; what concerns most of them first."""
    found: defaultdict[tuple[ReplicaState, str], list[str]] = defaultdict(list)
    for one in statuses:
        if one.reason and one.state in _VERBS:
            found[one.state, one.reason].append(one.replica)
    most = sorted(found.items(), key=lambda item: (item[0][0] is not ReplicaState.FAILED, -len(item[1])))
    for (state, why), names in most[:REASONS]:
        verb = _VERBS[state][len(names) > 1]
        yield f"{strip.mark(state)} <b>{html.escape(_names(names))}</b> {verb}: {html.escape(reason(why))}"
    if (others := len(most) - REASONS) > 0:
        yield f"and {others} other {'reason' if others == 1 else 'reasons'}"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(map(plain, names[:NAMES]))
    return shown + (f" and {len(names) - NAMES} more" if len(names) > NAMES else "")


def _latest(lines: Mapping[str, str]) -> Iterator[str]:
    """The last line of some replicas; also an empty one has its place, so that nothing moves when it comes."""
    width = max(map(len, lines), default=0)
    for replica, text in lines.items():
        words = html.escape(f"{plain(replica):{width}} | {short(plain(text))}")
        yield f'<code style="{_LINE}">{words}</code>'
