"""The tools, each a row."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ciao.s2i.command import kaniko
from ciao.s2i.command.tools import (
    Tool,
    buildkit,
    buildkit_is_there,
    containers,
    docker,
    removed,
    told_by_buildkit,
    told_by_docker,
)

__all__ = ["TOOLS"]

EXTERNAL = '{{if eq .Status "Storage"}}{{.ID}}{{end}}'
"""Of Podman's list only containers in which an image is built. All others are somebody's, who may need them."""

_ROWS = (
    Tool(
        name="buildah",
        programs=(("buildah",),),
        advice="Install the package buildah",
        steps=containers("buildah"),
        clean=removed("buildah", "rmi"),
        driver=("info", "--format", "{{.store.GraphDriverName}}"),
        user=("inspect", "--type", "image", "--format", "{{.OCIv1.Config.User}}"),
        listing=("containers", "--quiet"),
        removing=("rm",),
        stores=True,
    ),
    Tool(
        name="podman",
        programs=(("podman",),),
        advice="Install the package podman",
        steps=containers("podman"),
        clean=removed("podman", "rmi"),
        driver=("info", "--format", "{{.Store.GraphDriverName}}"),
        user=("image", "inspect", "--format", "{{.Config.User}}"),
        listing=("ps", "--all", "--external", "--format", EXTERNAL),
        removing=("rm", "--force"),
        stores=True,
    ),
    Tool(
        name="docker",
        programs=(("docker",),),
        advice="Install Docker (Debian: docker.io) and start its daemon",
        steps=docker,
        digest=told_by_docker,
        clean=removed("docker", "image", "rm"),
        driver=("info", "--format", "{{.Driver}}"),
        user=("image", "inspect", "--format", "{{.Config.User}}"),
        stores=True,
        daemon="Docker's daemon",
    ),
    Tool(
        name="kaniko",
        programs=(kaniko.NAMES,),
        advice="Put Kaniko's executor on the PATH; it is in Kaniko's image at /kaniko/executor",
        steps=kaniko.steps,
        digest=kaniko.digest,
        prepare=kaniko.prepare,
        check=kaniko.why_not,
    ),
    Tool(
        name="buildkit",
        programs=(("buildctl",),),
        advice="Install BuildKit, and start its buildkitd",
        steps=buildkit,
        digest=told_by_buildkit,
        check=buildkit_is_there,
        daemon="buildkitd",
    ),
)

TOOLS: Mapping[str, Tool] = MappingProxyType({tool.name: tool for tool in _ROWS})
"""By their names. ``s2i`` is none of them: it goes before one of them."""
