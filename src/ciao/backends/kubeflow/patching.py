"""Merges what a user writes into a pod template: maps merge, lists go by name, ``null`` removes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ciao.errors import CreateRefused

__all__ = ["check_patch", "patched"]

_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "ephemeralContainers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "ports": ("containerPort",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
"""By what the items of a list are told apart, as Kubernetes itself does. Other lists are replaced as a whole."""

_TOP = ("metadata", "spec")


def patched(template: Mapping[str, Any], patch: Mapping[str, Any], *, container: str) -> dict[str, Any]:
    """The template with the patch merged into it; both stay as they are.

    ``container`` is the training container's name: an item of ``containers`` without a name means that one.
    Raises CreateRefused if the patch has another shape than the template.
    """
    check_patch(patch)
    return _map(template, patch, "", container)


def check_patch(patch: Mapping[str, Any]) -> None:
    """Raises CreateRefused for what is no part of a pod template."""
    for key in patch:
        if key not in _TOP:
            raise CreateRefused(
                f"a patch is a part of a pod template, which has metadata and spec, not {key!r}",
                hint=f"Write it below spec: {{spec: {{{key}: ...}}}}",
            )


def _merge(old: object, new: object, path: str, container: str) -> object:
    if isinstance(new, Mapping):
        if old is not None and not isinstance(old, Mapping):
            raise _mismatch(path, "a list" if isinstance(old, list) else "a single value", "a map")
        return _map(old or {}, new, path, container)
    if isinstance(old, Mapping):
        raise _mismatch(path, "a map", "a list" if isinstance(new, list) else "a single value")
    if not isinstance(new, list):
        if isinstance(old, list):
            raise _mismatch(path, "a list", "a single value")
        return new
    keys = _KEYS.get(path.rpartition(".")[2])
    if keys is None:
        return [_merge(None, item, path, container) for item in new]
    return _list(old if isinstance(old, list) else [], new, path, keys=keys, container=container)


def _map(old: Mapping[str, Any], new: Mapping[str, Any], path: str, container: str) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value, f"{path}.{key}".lstrip("."), container)
    return merged


def _list(old: list[Any], new: list[Any], path: str, *, keys: tuple[str, ...], container: str) -> list[Any]:
    """Each new item merges into the old one that has its key, else it comes after them.

    ``$patch: delete`` in an item removes the old one, as Kubernetes writes it.
    """
    merged = {_key(item, path, keys, container): item for item in old}
    for item in new:
        key = _key(item, path, keys, container)
        if item.get("$patch") == "delete":
            merged.pop(key, None)
            continue
        named = {**dict(zip(keys, key, strict=True)), **item}
        merged[key] = _merge(merged.get(key), named, path, container)
    return list(merged.values())


def _key(item: object, path: str, keys: tuple[str, ...], container: str) -> tuple[Any, ...]:
    if not isinstance(item, Mapping):
        raise CreateRefused(f"the patch has {item!r} in {path}, whose items are maps", hint=f"Give each a {keys[0]}")
    if path == "spec.containers" and item.get("name") is None:
        return (container,)
    if missing := next((key for key in keys if item.get(key) is None), None):
        raise CreateRefused(f"an item of {path} in the patch has no {missing}", hint=f"Give each a {missing}")
    return tuple(item[key] for key in keys)


def _mismatch(path: str, is_now: str, given: str) -> CreateRefused:
    return CreateRefused(f"the patch has {given} at {path}, which is {is_now} in the pod", hint="Correct %patch=")
