"""Manifests as YAML that people read: texts of several lines as such, in the order in which they are created."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ciao.backends.kubeflow.manifests import Manifests

__all__ = ["as_yaml"]


def as_yaml(made: Manifests) -> str:
    """One document for each object. The runner's sources and what is no text are only said to be in a ConfigMap."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Knows how a text of several lines is shown."""

    Dumper.add_representer(str, _text)
    documents = [_shown(manifest) for _, manifest in made.in_order]
    dumped = yaml.dump_all(documents, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return str(dumped)


def _shown(manifest: dict[str, Any]) -> dict[str, Any]:
    if manifest["kind"] != "ConfigMap":
        return manifest
    data, binary = manifest["data"], manifest.get("binaryData", {})
    cut = {key: f"({len(text)} characters)" if key.startswith("ciao_runner") else text for key, text in data.items()}
    sizes = {key: f"({len(base64.b64decode(text))} bytes)" for key, text in binary.items()}
    return {**manifest, "data": cut, **({"binaryData": sizes} if sizes else {})}


def _text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
