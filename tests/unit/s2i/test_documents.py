"""Manifests and configs from elsewhere: whatever they are, an error in words or a shape that can be relied on."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.errors import BundleError
from ciao.s2i.documents import DOCKER, OCI, config_of, is_index, manifest_of, offers, platform_of
from ciao.s2i.registry.base import Document
from fakes import images

PART = {"mediaType": OCI.gzip, "digest": "sha256:" + "0" * 64, "size": 1}
CONFIG = PART | {"mediaType": OCI.config}
GOOD = {"schemaVersion": 2, "mediaType": OCI.manifest, "config": CONFIG, "layers": [PART]}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*GOOD, *PART, "manifests", "platform"]), inner),
)


def document(value: object, media_type: str = OCI.manifest) -> Document:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Document(media_type=media_type, digest=images.sha256(raw), raw=raw)


def test_a_manifest_is_read_with_its_media_type() -> None:
    assert manifest_of(document(GOOD), "base") == (OCI.manifest, GOOD)


def test_the_media_type_may_be_told_by_the_registry_alone_or_by_the_manifest_alone() -> None:
    bare = {key: value for key, value in GOOD.items() if key != "mediaType"}
    assert manifest_of(document(bare), "base")[0] == OCI.manifest
    assert manifest_of(document(GOOD, "application/octet-stream"), "base")[0] == OCI.manifest


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"size": NaN}', "is not JSON"),
        (b'{"size": 1e999}', "is not JSON"),
        (GOOD | {"layers": [PART | {"size": 10**400}]}, "no media type, digest or size"),
        ([], "is no JSON object"),
        (GOOD | {"schemaVersion": 1}, "schema 1"),
        (GOOD | {"mediaType": DOCKER.manifest}, "contradicts itself"),
        (GOOD | {"manifests": []}, "contradicts itself"),
        (
            GOOD | {"config": PART | {"mediaType": "application/vnd.cncf.helm.config.v1+json"}},
            "is no image that can be",
        ),
        (GOOD | {"layers": "none"}, "without layers"),
        (GOOD | {"layers": [PART] * 1001}, "1,001 layers; 1,000 are allowed"),
        (GOOD | {"layers": [1]}, "without layers"),
        (GOOD | {"layers": [PART | {"digest": "../../etc"}]}, "which is no SHA-256"),
        (GOOD | {"layers": [PART | {"size": -1}]}, "no media type, digest or size"),
        (GOOD | {"layers": [PART | {"size": "1"}]}, "no media type, digest or size"),
        ({key: value for key, value in GOOD.items() if key != "config"}, "no media type, digest or size"),
    ],
)
def test_a_manifest_that_is_none_is_refused_by_the_name_of_its_image(value: object, said: str) -> None:
    with pytest.raises(BundleError, match=f"^the image team/base:1 .*{said}"):
        manifest_of(document(value), "team/base:1")


def test_the_old_format_of_docker_is_named() -> None:
    media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    with pytest.raises(BundleError, match="Docker's old format, schema 1") as caught:
        is_index(document({"schemaVersion": 1, "fsLayers": []}, media_type), "base")
    assert "push it again" in caught.value.hint


def test_what_is_no_image_at_all_is_told_by_its_media_type() -> None:
    with pytest.raises(BundleError, match="its media type is 'text/html'"):
        is_index(document({}, "text/html"), "base")


def test_an_index_offers_images_and_no_attestations() -> None:
    entries: list[dict[str, Any]] = [
        CONFIG | {"mediaType": OCI.manifest, "platform": {"os": "unknown", "architecture": "unknown"}},
        CONFIG | {"mediaType": OCI.manifest, "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
        CONFIG | {"mediaType": "application/vnd.other", "platform": {"os": "linux", "architecture": "amd64"}},
        CONFIG | {"mediaType": OCI.manifest},
    ]
    index = document({"schemaVersion": 2, "manifests": entries}, OCI.index)
    assert is_index(index, "base")
    assert [str(one.platform) for one in offers(index, "base")] == ["linux/arm", "None"]


def test_an_index_in_an_index_is_refused() -> None:
    with pytest.raises(BundleError, match="has an index in its index"):
        manifest_of(document({"schemaVersion": 2, "manifests": []}, OCI.index), "base")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "without digests of its layers"),
        ({"rootfs": {"diff_ids": ["x"]}}, "without digests of its layers"),
        ({"rootfs": {"diff_ids": []}}, "has 1 layers, and its config tells of 0"),
        ({"rootfs": {"diff_ids": [PART["digest"]]}, "config": []}, None),
        ({"rootfs": {"diff_ids": [PART["digest"]]}, "config": [1]}, "config that is no object"),
    ],
)
def test_a_config_tells_of_each_layer_of_its_manifest(value: object, said: str | None) -> None:
    raw = json.dumps(value).encode()
    if said is None:
        assert config_of(raw, GOOD, "base") == value
        return
    with pytest.raises(BundleError, match=said):
        config_of(raw, GOOD, "base")


def test_a_config_that_names_no_platform_is_refused() -> None:
    with pytest.raises(BundleError, match="does not say for which platform"):
        platform_of({"os": "linux"}, "base")


@given(ANYTHING)
def test_nothing_but_an_error_in_words_comes_out_of_anything(value: object) -> None:
    raw = json.dumps(value).encode()
    for media_type in (OCI.manifest, OCI.index):
        for read in (is_index, offers, manifest_of):
            with suppress(BundleError):
                read(Document(media_type=media_type, digest=images.sha256(raw), raw=raw), "base")
    with suppress(BundleError):
        platform_of(config_of(raw, GOOD, "base"), "base")


@pytest.mark.parametrize("part", ["os", "architecture", "variant"])
@pytest.mark.parametrize("word", ["\x1b]0;evil\x07", "a/b", "\n", "a" * 33, "\u202e"])
def test_a_platform_is_made_of_words_that_can_be_shown(part: str, word: str) -> None:
    with pytest.raises(BundleError, match="for which platform"):
        platform_of({"os": "linux", "architecture": "arm", "variant": "v7", part: word}, "base")
