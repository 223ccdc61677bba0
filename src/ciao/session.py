"""Everything joined: the one place that knows which implementation stands behind which seam."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ciao import pipeline
from ciao.backends.base import Backend
from ciao.engine import Engine, Listener, Run
from ciao.errors import CiaoError, SettingsError
from ciao.model import Created, Event, JobSpec
from ciao.s2i.base import S2IClient
from ciao.settings import Settings

if TYPE_CHECKING:
    from ciao.backends.kubeflow.backend import Kubeflow
    from ciao.s2i.choosing import Choice
    from ciao.s2i.registry.client import Client

__all__ = ["FOLDERS", "Select", "Session"]

Select = Callable[[AsyncGenerator[Event, None]], AsyncGenerator[Event, None]]
"""Which of a job's lines are shown, as a filter of its events."""

PATIENCE = 1.0
"""Seconds that the end of the process waits for connections to close."""

FOLDERS = {"local": "", "kubeflow": "kubeflow"}
"""Below ``$CIAO_HOME``: in the ``jobs`` of which folder each backend keeps what was started from here."""


class Session:
    """What a frontend holds for as long as it lives. Backends are made when first used.

    ``started`` are the names of the jobs that it has run.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        engine: Engine | None = None,
        backends: Mapping[str, Backend] = MappingProxyType({}),
        s2i: S2IClient | None = None,
    ) -> None:
        self.settings = settings
        self.started: list[str] = []
        self.engine = engine or Engine()
        self._backends = dict(backends)
        self._s2i = s2i
        self._registry: Client | None = None
        self._default = ""
        self._everywhere: dict[tuple[str, ...], Backend] = {}

    def backend(self, name: str | None = None) -> Backend:
        """The backend of this name, or the one that settings choose; else the cluster if one is known here."""
        wanted = name or self.settings.backend or self._chosen()
        if wanted not in self._backends:
            self._backends[wanted] = self._make(wanted)
        return self._backends[wanted]

    def everywhere(self) -> Backend:
        """Wherever jobs were started from here: for what lists jobs, and for what finds one by its name.

        A backend that was never used from here is not asked: whoever only works on this machine waits for no cluster.
        """
        first = self.backend()
        names = (first.name, *(name for name in FOLDERS if name != first.name and self.uses(name)))
        if len(names) == 1:
            return first
        if names not in self._everywhere:
            from ciao.backends.joined import Joined

            self._everywhere[names] = Joined(first, *map(self.backend, names[1:]))
        return self._everywhere[names]

    def uses(self, name: str) -> bool:
        """Whether jobs run there, or a trace of one is here and it can still be reached as far as credentials tell."""
        if name in self._backends or name == self.backend().name:
            return True
        return _any_in(self.settings.home / FOLDERS[name] / "jobs") and (
            name == "local" or _cluster_known(self.settings)
        )

    def place(self, backend: str | None, namespace: str | None) -> str:
        """What the first line of a job's output says of where it is."""
        chosen = self.backend(backend)
        context, slash, _ = chosen.where.rpartition("/")
        return f"{context}/{namespace}" if chosen.name == "kubeflow" and namespace and slash else chosen.where

    def s2i(self, spec: JobSpec, backend: Backend) -> S2IClient:
        """The strategy by which the code reaches this backend's replicas. Raises BundleError if it cannot work here."""
        if self._s2i is not None:
            return self._s2i
        from ciao.s2i import making

        choice = self.choice(spec, backend)
        return making.made(choice, self.settings, registry=self.registry, api=getattr(backend, "api", None))

    def choice(self, spec: JobSpec, backend: Backend) -> Choice:
        """Which strategy that is, and why."""
        from ciao.s2i import choosing

        if self._s2i is not None:
            return choosing.Choice(name=self._s2i.name, reason="it was given")
        return choosing.choose(spec, self.settings, backend.name)

    def registry(self) -> Client:
        """The one client of registries: it knows what it has pushed, and its logins. Made when first used."""
        if self._registry is None:
            import atexit

            from ciao.s2i.registry.client import Client

            self._registry = Client(self.settings)
            atexit.register(self._let_go, self._registry)
        return self._registry

    def run(self, spec: JobSpec, listener: Listener) -> Run:
        """Start the job of a cell."""

        def remembering(event: Event) -> None:
            if isinstance(event, Created):
                self.started.append(event.job.name)
            listener(event)

        backend = self.backend(spec.backend)
        events = pipeline.run(spec, s2i=self.s2i(spec, backend), backend=backend)
        return self.engine.run(self._attended(events, backend, remembering), remembering)

    def attach(self, name: str, listener: Listener, *, replica: str | None = None, select: Select | None = None) -> Run:
        """Follow a job that exists, from its first line, or only the lines that ``select`` leaves.

        ``replica`` is one whose lines are wanted, however many there are.
        """
        backend = self.everywhere()
        events = self._attended(pipeline.attach(name, backend=backend, replica=replica), backend, listener)
        return self.engine.run(select(events) if select else events, listener)

    def _attended(
        self, events: AsyncGenerator[Event, None], backend: Backend, listener: Listener
    ) -> AsyncGenerator[Event, None]:
        """With a word when the job stands still."""
        from ciao.backends.attended import attended

        return attended(events, backend, listener, patience=self.settings.standstill)

    def _chosen(self) -> str:
        """Asked once, so that one kernel stays where it began. Where tests give backends, they have chosen."""
        if not self._default:
            self._default = next(iter(self._backends), "") or ("kubeflow" if _cluster_known(self.settings) else "local")
        return self._default

    def _let_go(self, connected: Kubeflow | Client) -> None:
        """Close its connections while the engine still can: Python complains of those that are open at its end."""
        with suppress(CiaoError, TimeoutError):
            self.engine.call(connected.close()).result(PATIENCE)

    def _make(self, name: str) -> Backend:
        if name == "local":
            from ciao.backends.local.backend import Local

            return Local(self.settings)
        if name == "kubeflow":
            import atexit

            from ciao.backends.kubeflow.backend import Kubeflow

            made = Kubeflow(self.settings)
            atexit.register(self._let_go, made)
            return made
        raise SettingsError(f"there is no backend {name!r}", hint="The backends are local and kubeflow")


def _cluster_known(settings: Settings) -> bool:
    """Whether there are credentials for a cluster. Reads nothing: a kernel starts as fast without one."""
    from ciao.k8s import sources

    return sources.find(settings) is not None


def _any_in(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False
