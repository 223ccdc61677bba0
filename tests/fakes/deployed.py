"""The manifests of deploy/ in a namespace of a test: an overlay upon ours, as a user writes one."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml

from cluster.kubectl import program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEPLOY = Path(__file__).parents[2] / "deploy"
PLACEHOLDER = "registry.example/team/ciao-gateway"
"""The image that the overlays name, for others to write their own."""


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """``parts`` are components, such as ``roles/builds``; ``config`` is the text of config.yaml.

    ``more`` is whatever else a kustomization may say.
    """

    folder: Path
    namespace: str
    upon: str = "overlays/single-user"
    parts: Sequence[str] = ()
    image: str = ""
    config: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    def write(self) -> Path:
        """The folder for ``kubectl apply -k``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.config:
            (self.folder / "config.yaml").write_text(self.config)
        (self.folder / "kustomization.yaml").write_text(json.dumps(self._kustomization()))
        return self.folder

    def render(self) -> list[dict[str, Any]]:
        """Every object, as it would be applied."""
        return rendered(self.write())

    def _kustomization(self) -> dict[str, Any]:
        name, _, digest = self.image.partition("@")
        said = {"newName": name, "digest": digest} if digest else {"newName": name}
        made = {"name": "ciao-config", "behavior": "merge", "files": ["config.yaml"]}
        return {
            "namespace": self.namespace,
            "resources": [self._path(self.upon)],
            "components": [self._path(part) for part in self.parts],
            "generatorOptions": {"disableNameSuffixHash": True},
            **({"images": [{"name": PLACEHOLDER, **said}]} if name else {}),
            **({"configMapGenerator": [made]} if self.config else {}),
            **self.more,
        }

    def _path(self, of: str) -> str:
        """Kustomize takes no absolute ones."""
        return os.path.relpath(DEPLOY / of, self.folder.resolve())


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A gateway that is asked over the network; ``authority`` signed its certificate, which is for ``name``."""

    base: str
    authority: Path | None = None
    name: str = ""

    async def get(self, path: str, *, headers: Mapping[str, str] = MappingProxyType({})) -> tuple[int, str]:
        """Status and text of one answer."""
        import aiohttp

        tls = ssl.create_default_context(cafile=self.authority) if self.authority else True
        name, limit = self.name or None, aiohttp.ClientTimeout(total=60)
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.get(f"{self.base}{path}", ssl=tls, server_hostname=name, headers=headers) as answer,
        ):
            return answer.status, await answer.text()


def rendered(folder: Path) -> list[dict[str, Any]]:
    """What kustomize makes of a folder."""
    done = subprocess.run([program(), "kustomize", folder], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def commands(title: str) -> str:
    """The first block of shell below a title of deploy/README.md."""
    below = (DEPLOY / "README.md").read_text().partition(f"# {title}\n")[2]
    return below.partition("```sh\n")[2].partition("```")[0]
