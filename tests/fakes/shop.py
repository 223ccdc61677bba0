"""A shop of wheels: an installation that takes them from a folder, and from nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ciao.model import Notice, Packing
from ciao.s2i.packages.indexes import sources
from ciao.s2i.packages.install import Installed, install
from ciao.s2i.packages.interior import Interior
from ciao.s2i.packages.words import read
from ciao.settings import Settings
from fakes.wheels import wheel


@dataclass(kw_only=True)
class Shop:
    """``links`` is the folder with wheels; what is told is kept."""

    root: Path
    told: list[Packing | Notice] = field(default_factory=list)
    tries: int = 0

    @property
    def links(self) -> Path:
        return self.root / "wheels"

    @property
    def line(self) -> str:
        """What makes a cell take packages from here alone."""
        return f"--no-index --find-links {self.links}"

    @property
    def notices(self) -> str:
        return "\n".join(n.text for n in self.told if isinstance(n, Notice))

    def has(self, name: str, version: str = "1.0", **more: object) -> Path:
        return wheel(self.links, name, version, **more)  # type: ignore[arg-type]  # as they are there

    def settings(self, **more: object) -> Settings:
        return Settings(home=self.root / "home", **more)  # type: ignore[arg-type]  # as they are there

    async def install(
        self, *lines: str, has: Mapping[str, str] | None = None, python: str = "", site: Path | None = None
    ) -> tuple[Installed, Path]:
        """Into a new folder, for a base that ``has`` these."""
        self.tries += 1
        site = site or self.root / f"try-{self.tries}" / "site"
        site.mkdir(parents=True)
        wanted = read([self.line, *lines], self.root)
        interior = Interior(python="3.11.2", libc="glibc 2.36", machine="amd64", distributions=has or {})
        found = sources(wanted, self.settings())
        made = await install(
            wanted, found, interior, site=site, scratch=site.parent, tell=self.told.append, python=python
        )
        return made, site
