"""Build the gateway's image, write it and what is in it into out/, and push it if a name for it is given.

Usage: python tools/build_image.py [--base IMAGE] [--push HOST/NAME:TAG] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from ciao.errors import CiaoError
from ciao.s2i.registry.base import Descriptor
from ciao.s2i.registry.client import Client
from ciao.s2i.registry.names import parse
from ciao.settings import load

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from cluster import gateway, image_folder  # noqa: E402 - found by the line above
from cluster.errors import ClusterError  # noqa: E402
from cluster.gateway_base import BASE  # noqa: E402


def main(arguments: list[str]) -> int:
    """Say what stands, and how it gets elsewhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="", help="an image to build on, instead of a Debian that is made here")
    parser.add_argument("--push", default="", help="a name in a registry, such as registry.example/team/ciao:1")
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="where the archive and the SBOM are written")
    given = parser.parse_args(arguments)
    try:
        one = gateway.Gateway(revision=revision(), base=given.base or BASE).build(tell)
        written(one, given.out)
        if given.push:
            asyncio.run(pushed(one, given.push))
    except (ClusterError, CiaoError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def written(one: image_folder.Kept, out: Path) -> None:
    """Its archive and its bill."""
    out.mkdir(parents=True, exist_ok=True)
    name = f"localhost/{one.name}:{gateway.version(ROOT)}"
    archive = out / f"{one.name}.tar"
    image_folder.archive(one.folder, archive, name)
    (out / "sbom.json").write_bytes(image_folder.read(one.folder, "usr/share/doc/ciao/sbom.json"))
    tell(f"{archive}: {name}, {image_folder.size(one.folder) / 1e6:.0f} MB")
    tell(f"{out / 'sbom.json'}: what is in it")
    tell(f"Load it:  podman load --input {archive}    (or docker load)")
    tell("Push it:  make image REGISTRY=registry.example/team/ciao-gateway:TAG")


async def pushed(one: image_folder.Kept, name: str) -> None:
    """As Ciao pushes its own: with the login of `podman login` or `docker login`, or of its settings."""
    into = parse(name)
    into = replace(into, tag=into.tag or "latest", digest="")
    raw, parts = image_folder.parts(one.folder)
    async with Client(load()) as registry:
        for part, file in parts:
            tell(f"pushing {part['digest'][:19]}, {part['size'] / 1e6:.1f} MB")
            blob = Descriptor(media_type=part["mediaType"], digest=part["digest"], size=part["size"])
            await registry.push_blob(into, blob, file)
        there = await registry.push_manifest(into, json.loads(raw)["mediaType"], raw)
    tell(f"Pushed:   {into.host}/{into.repository}@{there.digest}")


def revision() -> str:
    """The commit, and whether something was changed since; nothing where there is no git."""
    ask = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(ask, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def tell(line: str) -> None:
    """On the terminal, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
