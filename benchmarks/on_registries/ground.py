"""What the parts share: an open registry of this machine's, base images of any size, specs, and bare requests."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from ciao.model import Cell, Job, JobSpec, Role, RoleSpec, Target
from ciao.s2i.append import Append
from ciao.s2i.documents import OCI
from ciao.s2i.registry.base import Descriptor, Reference
from ciao.s2i.registry.client import Client
from ciao.s2i.registry.names import parse
from ciao.settings import Settings

LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")
CODE = "# " + "x" * 78 + "\n"
"""A line; 80 of them are the cell of the figures in the decisions."""

_numbers = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A registry, and a folder on the same disk."""

    address: str
    folder: Path

    def settings(self, home: str = "home", *, path: str = "team") -> Settings:
        return Settings(home=self.folder / home, s2i_registry=f"{self.address}/{path}")

    async def base(self, name: str, size: int, *, layers: int = 4) -> str:
        """An image of so many bytes that nothing can compress; its name, by digest."""
        at = parse(f"{self.address}/{name}:1")
        client = Client(self.settings())
        try:
            made = [self._layer(size // layers) for _ in range(layers)]
            for descriptor, _, file in made:
                await client.push_blob(at, descriptor, file)
                file.unlink()
            config = json.dumps(_config([diff_id for _, diff_id, _ in made])).encode()
            about = described(OCI.config, config)
            await client.push_blob(at, about, config)
            entries = [_entry(descriptor) for descriptor, _, _ in made]
            manifest = {"schemaVersion": 2, "mediaType": OCI.manifest, "config": _entry(about), "layers": entries}
            pushed = await client.push_manifest(at, OCI.manifest, json.dumps(manifest).encode())
            return f"{self.address}/{name}@{pushed.digest}"
        finally:
            await client.close()

    def _layer(self, size: int) -> tuple[Descriptor, str, Path]:
        import io
        import tarfile

        file = self.folder / f"layer-{next(_numbers)}"
        with tarfile.open(file, "w") as tar:
            info = tarfile.TarInfo(f"opt/{file.name}")
            info.size = size
            tar.addfile(info, io.BytesIO(os.urandom(size)))
        with file.open("rb") as content:
            digest = f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
        return Descriptor(media_type=OCI.tar, digest=digest, size=file.stat().st_size), digest, file


@asynccontextmanager
async def ground() -> AsyncGenerator[Ground]:
    """A registry that ends with this; nothing of it is kept."""
    with tempfile.TemporaryDirectory(prefix="ciao-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        config = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": f"{name}/registry"}},
            "http": {"addr": "127.0.0.1:0"},
            "log": {"accesslog": {"disabled": True}, "level": "info"},
        }
        (folder / "registry.yaml").write_text(json.dumps(config))  # JSON is YAML
        log = folder / "registry.log"
        with log.open("wb") as file, contextlib.ExitStack() as stack:
            command = ["docker-registry", "serve", str(folder / "registry.yaml")]
            process = stack.enter_context(subprocess.Popen(command, stdout=file, stderr=file))  # noqa: ASYNC220  # a daemon
            stack.callback(process.kill)
            yield Ground(address=await _address(log), folder=folder)


async def _address(log: Path) -> str:
    async with asyncio.timeout(30):
        while not (found := LISTENING.search(log.read_text())):  # noqa: ASYNC110, ASYNC240  # nothing is measured yet
            await asyncio.sleep(0.01)
    return found[1]


def spec(lines: int = 80, **more: Any) -> JobSpec:
    """A cell that nobody has seen before, of about 80 bytes a line."""
    code = f"print({time.time_ns()}, {next(_numbers)})\n{CODE * lines}"
    role = RoleSpec(role=Role.WORKER, count=1)
    return JobSpec(cell=Cell(text=code, number=1), code=code, framework="pytorch", roles=(role,), **more)


def strategy(here: Ground, client: Client, **where: str) -> Append:
    return Append(here.settings(**where), client)


async def built(strategy: Any, base: str, **more: Any) -> float:
    """Seconds from the spec to the bundle."""
    asked = spec(**more)
    job, target = Job.named(asked, backend="kubeflow", now=0), Target(images={Role.WORKER: base})
    began = time.perf_counter()
    await strategy.build(asked, job, target, lambda _: None)
    return time.perf_counter() - began


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def sent(session: aiohttp.ClientSession, into: Reference, content: bytes, digest: str) -> None:
    """A blob: POST, then PUT."""
    url = f"http://{into.host}/v2/{into.repository}/blobs/uploads/"
    async with session.post(url) as answer:
        assert answer.status == 202
        place = answer.headers["Location"]
    join = "&" if "?" in place else "?"
    headers = {"Content-Type": "application/octet-stream"}
    async with session.put(f"{place}{join}digest={digest}", data=content, headers=headers) as answer:
        assert answer.status == 201, await answer.text()


async def mounted(session: aiohttp.ClientSession, source: Reference, into: Reference, digest: str) -> None:
    """A blob of another repository."""
    params = {"mount": digest, "from": source.repository}
    async with session.post(f"http://{into.host}/v2/{into.repository}/blobs/uploads/", params=params) as answer:
        assert answer.status == 201, await answer.text()


def described(media_type: str, raw: bytes) -> Descriptor:
    return Descriptor(media_type=media_type, digest=f"sha256:{hashlib.sha256(raw).hexdigest()}", size=len(raw))


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


def _entry(one: Descriptor) -> Mapping[str, Any]:
    return {"mediaType": one.media_type, "digest": one.digest, "size": one.size}


def _config(diff_ids: Sequence[str]) -> Mapping[str, Any]:
    return {
        "os": "linux",
        "architecture": "amd64",
        "config": {"Env": ["PATH=/usr/bin:/bin", "PYTHON_VERSION=3.11.2"]},
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
    }
