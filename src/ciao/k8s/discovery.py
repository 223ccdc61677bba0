"""What a cluster serves, asked once: kinds of a group, the version, the field in which a TrainJob changes its pods."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from ciao.k8s.base import Api, Manifest, Resource
from ciao.k8s.errors import ApiError

__all__ = ["OVERRIDES", "TRAINER", "Discovery"]

T = TypeVar("T")

TRAINER = "trainer.kubeflow.org"
OVERRIDES = ("runtimePatches", "podTemplateOverrides", "podSpecOverrides")
"""Of Trainer 2.2 and later, 2.1 and 2.0; newest first."""

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Discovery:
    """Answers are kept as long as this lives, other than those that something is missing: it may be installed."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, Any] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def version(self) -> str:
        """Of the API server: ``v1.34.4``."""

        async def ask() -> str:
            return str((await self._api.request("GET", "/version")).get("gitVersion", ""))

        return await self._once("version", ask)

    async def served(self, group: str) -> Mapping[str, Resource]:
        """The kinds of a group, each in the version that the server likes best; empty if it does not know the group."""

        async def ask() -> Mapping[str, Resource]:
            return await self._kinds(group)

        return await self._once(f"group {group}", ask)

    async def kind(self, group: str, kind: str) -> Resource | None:
        """One kind, if it is served."""
        return (await self.served(group)).get(kind)

    async def override(self) -> str | None:
        """One of OVERRIDES, or None if there is no TrainJob, or none that can change its pods."""
        return await self._once("override", self._override)

    async def _once(self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        async with self._asking[what]:  # who asks meanwhile waits for the answer
            if what not in self._known:
                found = await ask()
                if not found:
                    return found
                self._known[what] = found
            known: T = self._known[what]
            return known

    async def _kinds(self, group: str) -> Mapping[str, Resource]:
        about = await _unless_missing(self._api, f"/apis/{group}")
        best = about.get("preferredVersion", {}).get("version")
        versions = [entry["version"] for entry in about.get("versions", ())]
        kinds: dict[str, Resource] = {}
        for version in sorted(versions, key=lambda v: v != best):
            listed = await _unless_missing(self._api, f"/apis/{group}/{version}")
            for resource in _resources(listed, group=group, version=version):
                kinds.setdefault(resource.kind, resource)
        return kinds

    async def _override(self) -> str | None:
        resource = await self.kind(TRAINER, "TrainJob")
        if resource is None:
            return None
        try:
            crd = await self._api.request("GET", f"{CRDS}/{resource.plural}.{TRAINER}")
            fields = _fields_of_crd(crd, version=resource.version)
        except ApiError as error:
            if error.code not in (403, 404):
                raise
            fields = _fields_of_openapi(await self._api.request("GET", f"/openapi/v3/apis/{resource.api_version}"))
        return next((name for name in OVERRIDES if name in fields), None)


async def _unless_missing(api: Api, path: str) -> Manifest:
    try:
        return await api.request("GET", path)
    except ApiError as error:
        if error.code == 404:
            return {}
        raise


def _resources(listed: Manifest, *, group: str, version: str) -> list[Resource]:
    """Of one version, without parts such as ``pytorchjobs/status``."""
    return [
        Resource(
            kind=entry["kind"],
            plural=entry["name"],
            group=group,
            version=version,
            namespaced=bool(entry.get("namespaced")),
        )
        for entry in listed.get("resources", ())
        if "/" not in entry["name"]
    ]


def _fields_of_crd(crd: Manifest, *, version: str) -> Mapping[str, Any]:
    for entry in crd.get("spec", {}).get("versions", ()):
        if entry.get("name") == version:
            return _fields(entry.get("schema", {}).get("openAPIV3Schema", {}))
    return {}


def _fields_of_openapi(document: Manifest) -> Mapping[str, Any]:
    """Anybody may read it; CRDs may only be read by those who were given the right."""
    for schema in document.get("components", {}).get("schemas", {}).values():
        kinds = schema.get("x-kubernetes-group-version-kind", ())
        if any(kind.get("kind") == "TrainJob" for kind in kinds):
            return _fields(schema)
    return {}


def _fields(schema: Manifest) -> Mapping[str, Any]:
    """Of the spec."""
    found: Mapping[str, Any] = schema.get("properties", {}).get("spec", {}).get("properties", {})
    return found
