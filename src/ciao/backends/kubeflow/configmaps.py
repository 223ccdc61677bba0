"""The ConfigMap that brings the cell and the runner into the pods."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from ciao.k8s.base import Manifest
from ciao.model import Files, JobSpec

__all__ = ["config_map", "name_of", "only_the_cell", "volume"]


def name_of(job: str, attempt: int) -> str:
    """Each attempt has its own: that of the attempt before goes with its job, some time after the new one is made."""
    return f"{job}-code" if attempt == 1 else f"{job}-code-{attempt}"


def only_the_cell(spec: JobSpec) -> Files:
    """A bundle for a plan or a trial: what carries the code is decided later, and the runner is the same for all."""
    return Files(entry=spec.cell.filename, files={spec.cell.filename: spec.code})


def config_map(bundle: Files, *, name: str, metadata: Mapping[str, Any]) -> Manifest:
    """Immutable, which spares the kubelets their watching. What is no text is in a part of its own, as base64."""
    contents = {key: bundle.files[path] for key, path in _keys(bundle).items()}
    binary = {key: base64.b64encode(data).decode() for key, data in contents.items() if isinstance(data, bytes)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {**metadata, "name": name},
        "immutable": True,
        "data": {key: text for key, text in contents.items() if isinstance(text, str)},
        **({"binaryData": binary} if binary else {}),
    }


def volume(bundle: Files, *, name: str) -> dict[str, Any]:
    """Its files at their own paths again: a key has no slash."""
    items = [{"key": key, "path": path, **_mode(bundle, path)} for key, path in _keys(bundle).items()]
    return {"name": "ciao-code", "configMap": {"name": name, "items": items}}


def _mode(bundle: Files, path: str) -> dict[str, int]:
    return {"mode": 0o755} if path in bundle.executable else {}


def _keys(bundle: Files) -> dict[str, str]:
    """Paths by key: readable, valid, and different for different paths."""
    keys: dict[str, str] = {}
    for number, path in enumerate(sorted(bundle.files)):
        key = re.sub(r"[^-._a-zA-Z0-9]", "_", path.replace("/", "."))[:200].lstrip(".") or "_"
        keys[key if key not in keys else f"{key}.{number}"] = path
    return keys
