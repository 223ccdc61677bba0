"""Everything joined: the one place that knows which implementation stands behind which seam."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ciao import pipeline
from ciao.backends.base import Backend
from ciao.engine import Engine, Listener, Run
from ciao.errors import SettingsError
from ciao.model import Created, Event, JobSpec
from ciao.s2i.base import S2IClient
from ciao.settings import Settings

__all__ = ["Session"]


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

    def backend(self, name: str | None = None) -> Backend:
        """The backend of this name, or the one that settings choose."""
        wanted = name or self.settings.backend or "local"
        if wanted not in self._backends:
            self._backends[wanted] = self._make(wanted)
        return self._backends[wanted]

    def s2i(self) -> S2IClient:
        """The strategy by which code reaches the backend's replicas."""
        if self._s2i is None:
            from ciao.s2i.directory import Directory

            self._s2i = Directory(self.settings)
        return self._s2i

    def run(self, spec: JobSpec, listener: Listener) -> Run:
        """Start the job of a cell."""

        def remembering(event: Event) -> None:
            if isinstance(event, Created):
                self.started.append(event.job.name)
            listener(event)

        return self.engine.run(pipeline.run(spec, s2i=self.s2i(), backend=self.backend(spec.backend)), remembering)

    def attach(self, name: str, listener: Listener) -> Run:
        """Follow a job that exists, from its first line."""
        return self.engine.run(pipeline.attach(name, backend=self.backend()), listener)

    def _make(self, name: str) -> Backend:
        if name != "local":
            raise SettingsError(f"there is no backend {name!r}", hint="The backend of this version is local")
        from ciao.backends.local.backend import Local

        return Local(self.settings)
