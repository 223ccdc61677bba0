"""``ciao config``: every setting, its value and where it comes from; and the page of them for the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ciao.errors import did_you_mean
from ciao.model import Role
from ciao.settings import SETTINGS, Given, Setting, Settings

__all__ = ["Row", "config", "page", "strangers"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One setting. ``value`` is as it was written, empty if there is none; a secret is shown as ``(set)``."""

    key: str
    value: str
    source: str
    doc: str


def config(settings: Settings) -> tuple[Row, ...]:
    """Every setting, in the order of the table."""
    return tuple(_row(s, settings.given.get(s.key, Given(s.default, "default"))) for s in SETTINGS)


def strangers(environ: Mapping[str, str]) -> tuple[str, ...]:
    """CIAO_* variables that are none of ours but nearly: most likely mistyped. Each with what was meant."""
    known = {s.variable for s in SETTINGS}
    found = ((v, did_you_mean(v, known)) for v in sorted(environ) if _may_be_ours(v) and v not in known)
    return tuple(f"{variable}: {meant}" for variable, meant in found if meant)


def _may_be_ours(variable: str) -> bool:
    """``CIAO_TEST_...`` is for the tests of Ciao."""
    return variable.startswith("CIAO_") and not variable.startswith("CIAO_TEST_")


def page() -> str:
    """docs/settings.md, which is generated from the table."""
    return "\n".join((*_HEAD, *_table(), *_FOOT, ""))


def _row(setting: Setting, given: Given) -> Row:
    return Row(key=setting.key, value=given.text, source=given.source if given.text else "", doc=setting.doc)


def _table() -> Iterator[str]:
    yield "| key in config.yaml | variable | default | what it is |"
    yield "|---|---|---|---|"
    for setting in SETTINGS:
        role, _, resource = setting.key.rpartition(".")
        if role not in tuple(Role):
            key = f"`{setting.key}`" if setting.in_files else ""
            yield f"| {key} | `{setting.variable}` | {setting.default} | {setting.doc} |"
        elif role == Role.WORKER:
            doc = setting.doc.replace(role, "replica of this role")
            yield f"| `ROLE.{resource}` | `CIAO_ROLE_{resource.upper()}` |  | {doc} |"


_HEAD = (
    "# Settings",
    "",
    "<!-- Generated from the table of settings by `make docs`; do not edit. -->",
    "",
    "Weakest first: defaults, `/etc/ciao/config.yaml`, `~/.ciao/config.yaml` (`$CIAO_HOME/config.yaml`),",
    "`CIAO_*` variables, and the options of a cell. `ciao config` shows what holds here, and from where.",
    "",
)

_FOOT = (
    "",
    f"ROLE is any of {', '.join(f'`{r.value}`' for r in Role)}; in a variable, in capitals: `CIAO_WORKER_CPU`.",
    "What is marked *for a cluster* is read and checked, and has no meaning for jobs on this machine.",
    "",
    "A dot in a key is a section in the file:",
    "",
    "```yaml",
    "grace: 10",
    "keep:",
    "  days: 30",
    "worker:",
    "  cpu: 500m",
    "```",
    "",
    "A key that does not exist, or a value that is not allowed, is an error that names the file. The config.yaml of",
    "the first Ciao is read as it is.",
)
