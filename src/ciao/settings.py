"""What the user set outside of cells, weakest first: defaults, /etc, ~/.ciao/config.yaml, CIAO_* variables.

``SETTINGS`` is the one table: :func:`load`, ``ciao config`` and docs/settings.md come from it. The config.yaml of
the first Ciao (kubeconfig, namespace, s2i, and cpu and memory by role) is read as it is.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ciao.errors import SettingsError, did_you_mean
from ciao.model import Resources, Role

__all__ = ["SETTINGS", "SYSTEM_FILE", "Given", "Setting", "Settings", "load"]

SYSTEM_FILE = Path("/etc/ciao/config.yaml")

BACKENDS = ("local",)
PROVIDERS = ("configmap", "img", "s2i")

SUFFIXES = {"": 0, "k": 3, "m": 6, "g": 9, "t": 12}
BINARY_SUFFIXES = {"ki": 10, "mi": 20, "gi": 30, "ti": 40}


class Given(NamedTuple):
    """A setting as somebody wrote it, and where: a file, a variable, or ``default``. Never holds a secret."""

    text: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, with its default. Times are in seconds, sizes in bytes.

    ``home`` holds one folder a job. ``resources`` are defaults by role name. ``keep_for`` and ``keep_bytes`` are
    when the folders of ended jobs are pruned. ``grace`` is how long a replica has between SIGTERM and SIGKILL.
    ``python`` is the interpreter of local replicas, None for the kernel's own. ``kubeconfig``, ``namespace`` and
    ``s2i_*`` are for a cluster. ``given`` tells, by key, what was set and where.
    """

    home: Path
    backend: str | None = None
    python: str | None = None
    resources: Mapping[str, Resources] = field(default_factory=lambda: MappingProxyType({}))
    local_replicas: int = 64
    grace: float = 5.0
    keep_for: float = 14 * 86400.0
    keep_bytes: int = 2 * 1024**3
    kubeconfig: Path | None = None
    namespace: str | None = None
    s2i_provider: str | None = None
    s2i_registry: str | None = None
    s2i_username: str | None = None
    s2i_password: str | None = field(default=None, repr=False)
    given: Mapping[str, Given] = field(default_factory=lambda: MappingProxyType({}), repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table. ``key`` is its path in config.yaml; its variable follows from it.

    ``field`` is that of :class:`Settings`. ``read`` makes the value of the text; its ValueError says in words
    what is allowed. ``default`` is for people.
    """

    key: str
    field: str
    doc: str
    read: Callable[[str], object]
    default: str = ""
    secret: bool = False
    in_files: bool = True

    @property
    def variable(self) -> str:
        """The environment's name for it: ``CIAO_S2I_REGISTRY`` for ``s2i.registry``."""
        return "CIAO_" + self.key.upper().replace(".", "_")


def _path(text: str) -> Path:
    """Absolute, because the processes that watch over jobs work in folders of their own."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ValueError("must be a full path, because this user has no home folder") from None


def _word(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be {' or '.join(allowed)}" + did_you_mean(text, allowed, before=". "))
        return text

    return read


def _number(unit: str, *, factor: float = 1.0) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not 0 <= number < math.inf:
            raise ValueError(f"must be a number of {unit}, 0 or more")
        return number * factor

    return read


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError("must be a whole number, 1 or more")
    return int(text)


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]{0,2})", text.lower(), re.ASCII)
    suffix = match[2] if match else "?"
    if match and suffix in SUFFIXES:
        return int(float(match[1]) * 10 ** SUFFIXES[suffix])
    if match and suffix in BINARY_SUFFIXES:
        return int(float(match[1]) * 2 ** BINARY_SUFFIXES[suffix])
    raise ValueError("must be a size such as 500Mi or 2Gi")


def _quantity(example: str) -> Callable[[str], str]:
    """The shape of a Kubernetes quantity; its meaning is for the interpreter, as in a cell."""

    def read(text: str) -> str:
        if not re.fullmatch(r"(\d+(\.\d*)?|\.\d+)([num]|[kKMGTPE]i?|[eE][+-]?\d+)?", text, re.ASCII):
            raise ValueError(f"must be a Kubernetes quantity such as {example}")
        return text

    return read


def _namespace(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", text, re.ASCII):
        raise ValueError("must be a Kubernetes name: small letters, digits and '-', at most 63")
    return text


def _resources() -> Iterator[Setting]:
    for role in Role:
        name = role.value
        yield Setting(
            key=f"{name}.cpu",
            field=name,
            doc=f"CPU of each {name} for which a cell states none",
            read=_quantity("500m"),
        )
        yield Setting(
            key=f"{name}.memory",
            field=name,
            doc=f"Memory of each {name} for which a cell states none",
            read=_quantity("1Gi"),
        )


SETTINGS: tuple[Setting, ...] = (
    Setting(
        key="home", field="home", default="~/.ciao", read=_path, in_files=False,
        doc="The folder of jobs and of the user's config.yaml; only as a variable",
    ),
    Setting(key="backend", field="backend", default="local", read=_word(*BACKENDS), doc="Where jobs run"),
    Setting(
        key="python", field="python", default="the kernel's own", read=str,
        doc="The Python that runs local replicas: a path, or a command on PATH",
    ),
    Setting(
        key="local.replicas", field="local_replicas", default="64", read=_count,
        doc="The most replicas of one job on this machine",
    ),
    Setting(
        key="grace", field="grace", default="5", read=_number("seconds"),
        doc="Seconds that a replica has to end by itself before it is killed",
    ),
    Setting(
        key="keep.days", field="keep_for", default="14", read=_number("days", factor=86400.0),
        doc="Days for which the folder of an ended job is kept",
    ),
    Setting(
        key="keep.bytes", field="keep_bytes", default="2Gi", read=_bytes,
        doc="The most that all folders of ended jobs may take; the oldest go first",
    ),
    *_resources(),
    Setting(key="kubeconfig", field="kubeconfig", read=_path, doc="The cluster's credentials (for a cluster)"),
    Setting(key="namespace", field="namespace", read=_namespace, doc="Where jobs are created (for a cluster)"),
    Setting(
        key="s2i.provider", field="s2i_provider", read=_word(*PROVIDERS),
        doc="How code becomes an image (for a cluster)",
    ),
    Setting(key="s2i.registry", field="s2i_registry", read=str, doc="Where images are pushed (for a cluster)"),
    Setting(key="s2i.username", field="s2i_username", read=str, doc="The registry's user (for a cluster)"),
    Setting(
        key="s2i.password", field="s2i_password", read=str, secret=True, doc="The registry's password (for a cluster)"
    ),
)  # fmt: skip

BY_KEY: Mapping[str, Setting] = MappingProxyType({s.key: s for s in SETTINGS})


def load(environ: Mapping[str, str] = os.environ, *, system: Path = SYSTEM_FILE) -> Settings:
    """Everything the user set. Raises SettingsError, which names the file or variable, the key and what is allowed.

    A variable or key without a value counts as not set.
    """
    values: dict[str, object] = {}
    given: dict[str, Given] = {}

    def take(setting: Setting, text: str, *, source: str) -> None:
        values[setting.key] = _read(setting, text, source=source)
        given[setting.key] = Given("(set)" if setting.secret else text, source)

    home = _read(BY_KEY["home"], environ.get("CIAO_HOME") or "~/.ciao", source="CIAO_HOME")
    assert isinstance(home, Path)
    for file in (system, home / "config.yaml"):
        for setting, text in _from_file(file):
            take(setting, text, source=str(file))
    for setting in SETTINGS:
        if text := environ.get(setting.variable, ""):
            take(setting, text, source=setting.variable)
    return _settings({"home": home} | values, given)


def _settings(values: Mapping[str, object], given: Mapping[str, Given]) -> Settings:
    roles: dict[str, dict[str, Any]] = {}
    plain: dict[str, Any] = {}
    for key, value in values.items():
        role, _, resource = key.rpartition(".")
        if role in tuple(Role):
            roles.setdefault(role, {})[resource] = value
        else:
            plain[BY_KEY[key].field] = value
    resources = {role: Resources(**asked) for role, asked in roles.items()}
    return Settings(**plain, resources=MappingProxyType(resources), given=MappingProxyType(dict(given)))


def _read(setting: Setting, text: str, *, source: str) -> object:
    try:
        return setting.read(text)
    except ValueError as error:
        what = setting.key if source != setting.variable else "the variable"
        shown = "its value" if setting.secret else repr(text)
        rule, _, hint = str(error).partition(". ")
        raise SettingsError(f"{source}: {what} is {shown}, but {rule}", hint=hint) from None


def _from_file(file: Path) -> Iterator[tuple[Setting, str]]:
    for key, value in _flat(_parsed(file), file=file):
        setting = BY_KEY.get(key.lower())  # the first Ciao did not mind capitals
        if setting is None:
            raise _unknown(key, file=file)
        if not setting.in_files:
            raise SettingsError(f"{file}: {key} cannot be set in a file", hint=f"Set the variable {setting.variable}")
        if isinstance(value, list):
            raise SettingsError(f"{file}: {key} is a list, but must be one value")
        if value:
            yield setting, value


def _parsed(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"{file} cannot be read: {words}", hint="Correct it or remove it") from None
    import yaml  # only who has a file pays for it

    try:
        # Every value stays the text it is: 0123 in a password, 0.10 in a quantity, `no` as a name.
        tree = yaml.load(text, Loader=yaml.BaseLoader)  # builds text, lists and mappings only
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "special characters are not allowed"
        raise SettingsError(f"{file}{place}: not valid YAML: {problem}") from None
    if tree in (None, ""):
        return {}
    if not isinstance(tree, dict):
        raise SettingsError(f"{file}: must hold settings such as 'backend: local'")
    return tree


def _flat(tree: Mapping[Any, Any], *, file: Path, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            if key.lower() in BY_KEY:
                raise SettingsError(f"{file}: {key} is a section, but must be one value")
            yield from _flat(value, file=file, prefix=f"{key}.")
        elif value or key.lower() in BY_KEY:
            yield key, value


def _unknown(key: str, *, file: Path) -> SettingsError:
    inside = [s.key for s in SETTINGS if s.key.startswith(f"{key.lower()}.")]
    if inside:
        names = ", ".join(k.rpartition(".")[2] for k in inside)
        return SettingsError(f"{file}: {key} must be a section", hint=f"Write below it: {names}")
    known = [s.key for s in SETTINGS if s.in_files]
    nearest = did_you_mean(key, known)
    return SettingsError(f"{file}: unknown setting {key!r}", hint=nearest or "'ciao config' lists all settings")
