"""A layer on a base: what is new, and all that stays."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ciao.s2i.documents import DOCKER, OCI, Family
from ciao.s2i.layer import Entry, Layer
from ciao.s2i.layers import pack
from ciao.s2i.oci import Base, Image, appended, indexed, scratch
from ciao.s2i.registry.base import Reference
from fakes import images

CODE = pack([Entry(path="ciao/code/cell_3.py", source=b"print(1)")])
ABOUT = {"org.opencontainers.image.title": "cell_3.py", "dev.ciao.version": "1"}
DIGEST = "sha256:" + "ab" * 32
EPOCH = "1970-01-01T00:00:00Z"


def base(family: Family = OCI, *layers: images.Blob, **changed: Any) -> Base:
    below = layers or (images.layer(family),)
    return Base(
        name="team/python:1",
        reference=Reference(host="registry.example", repository="team/python", digest=DIGEST),
        platform="linux/amd64",
        manifest={"schemaVersion": 2, "mediaType": family.manifest, "layers": [one.entry() for one in below]},
        config=images.config(below, **changed),
        media_type=family.manifest,
    )


def made(on: Base, *layers: Layer, command: tuple[str, ...] = ("python3", "/x")) -> tuple[Any, Any]:
    image = appended(on, layers or [CODE], about=ABOUT, command=command)
    return json.loads(image.manifest), json.loads(image.config)


def test_user_folder_environment_ports_and_volumes_stay_the_bases() -> None:
    _, config = made(base())
    kept = ("User", "WorkingDir", "Env", "ExposedPorts", "Volumes")
    assert {key: config["config"][key] for key in kept} == {key: images.RUNS[key] for key in kept}


def test_the_entrypoint_is_ours_and_the_inherited_command_goes() -> None:
    _, config = made(base())
    assert config["config"]["Entrypoint"] == ["python3", "/x"]
    assert "Cmd" not in config["config"]


def test_an_image_that_only_gains_packages_keeps_what_the_base_runs() -> None:
    _, config = made(base(), command=())
    assert (config["config"]["Entrypoint"], config["config"]["Cmd"]) == (["tini", "--"], ["python3"])


def test_the_layer_is_in_manifest_config_and_history() -> None:
    on = base()
    manifest, config = made(on)
    assert manifest["layers"][:-1] == on.manifest["layers"]
    assert manifest["layers"][-1] == {"mediaType": OCI.tar, "digest": CODE.digest, "size": CODE.size}
    assert config["rootfs"]["diff_ids"] == [*on.config["rootfs"]["diff_ids"], CODE.diff_id]
    assert len(config["history"]) == len(manifest["layers"])


def test_no_time_but_the_bases_is_in_it() -> None:
    _, config = made(base())
    assert config["created"] == config["history"][-1]["created"] == "2024-05-06T07:08:09.123456789Z"


def test_a_base_without_a_time_was_made_at_the_beginning_of_time() -> None:
    on = base()
    _, config = made(replace(on, config={key: value for key, value in on.config.items() if key != "created"}))
    assert config["created"] == config["history"][-1]["created"] == EPOCH


def test_a_history_that_the_base_does_not_tell_is_not_begun() -> None:
    on = base()
    _, config = made(replace(on, config={key: value for key, value in on.config.items() if key != "history"}))
    assert "history" not in config


@pytest.mark.parametrize("family", [OCI, DOCKER])
def test_an_image_is_of_one_family_from_top_to_bottom(family: Family) -> None:
    packed = pack([Entry(path="ciao/code/site/a.py", source=b"")], compress=True)
    image = appended(base(family), [packed, CODE], about=ABOUT)
    manifest = json.loads(image.manifest)
    types = {manifest["mediaType"], manifest["config"]["mediaType"], *(one["mediaType"] for one in manifest["layers"])}
    assert types == {family.manifest, family.config, family.gzip, family.tar}
    assert (image.descriptor.media_type, image.config_descriptor.media_type) == (family.manifest, family.config)


def test_labels_and_annotations_tell_code_and_base() -> None:
    manifest, config = made(base())
    origin = {"base.name": "docker.io/team/python:1", "base.digest": DIGEST}
    told = ABOUT | {f"org.opencontainers.image.{key}": value for key, value in origin.items()}
    assert config["config"]["Labels"] == told | {"team": "vision"}
    assert manifest["annotations"] == told


def test_dockers_manifests_have_no_annotations_and_the_same_labels() -> None:
    manifest, config = made(base(DOCKER))
    assert "annotations" not in manifest
    assert config["config"]["Labels"]["org.opencontainers.image.base.digest"] == DIGEST


def test_what_points_to_the_base_is_not_said_of_the_image() -> None:
    on = base()
    other = {"subject": on.manifest["layers"][0], "annotations": {"org.opencontainers.image.created": "yesterday"}}
    manifest, _ = made(replace(on, manifest={**on.manifest, **other}))
    assert "subject" not in manifest
    assert "org.opencontainers.image.created" not in manifest["annotations"]


def test_foreign_and_zstd_layers_of_the_base_are_passed_through_untouched() -> None:
    zstd = replace(images.layer(), media_type=OCI.tar + "+zstd")
    foreign = replace(
        images.layer(OCI, "elsewhere"),
        media_type="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        urls=("https://elsewhere.example/layer",),
    )
    manifest, _ = made(base(OCI, zstd, foreign))
    assert manifest["layers"][:2] == [zstd.entry(), foreign.entry()]


def test_an_image_is_the_base_of_the_next_and_keeps_what_is_told_of_it() -> None:
    into = Reference(host="registry.example", repository="ciao", tag="packages-1")
    packages = appended(base(), [CODE], about={"dev.ciao.requirements.key": "0123", "dev.ciao.version": "0"})
    on = packages.at(into)
    manifest, config = made(on)
    assert on.reference == Reference(host="registry.example", repository="ciao", digest=packages.descriptor.digest)
    assert manifest["annotations"]["dev.ciao.requirements.key"] == on.packages == "0123"
    assert manifest["annotations"]["org.opencontainers.image.base.digest"] == DIGEST  # the user's, not ours
    assert config["config"]["Labels"]["dev.ciao.version"] == "1"


def test_the_digest_is_a_function_of_base_layers_and_words() -> None:
    shuffled = base()
    shuffled = replace(
        shuffled,
        config=dict(reversed(list(shuffled.config.items()))),
        manifest=dict(reversed(list(shuffled.manifest.items()))),
    )
    digests = {appended(one, [CODE], about=ABOUT).descriptor.digest for one in (base(), shuffled)}
    assert len(digests) == 1


def test_a_base_that_says_nothing_of_how_it_runs_gets_an_entrypoint_all_the_same() -> None:
    on = base()
    _, config = made(replace(on, config={**on.config, "config": None}))
    assert config["config"]["Entrypoint"] == ["python3", "/x"]


@pytest.mark.parametrize(
    ("user", "number"),
    [("1001", 1001), ("1001:0", 1001), ("0", None), ("root", None), ("", None), ("ann:100", None), ("²", None)],
)
def test_a_user_is_known_by_number_only(user: str, number: int | None) -> None:
    on = base()
    assert replace(on, config={**on.config, "config": {"User": user}}).user == number


@pytest.mark.parametrize(("family", "index"), [(OCI, OCI.index), (DOCKER, DOCKER.index)])
def test_an_index_names_the_image_of_each_platform(family: Family, index: str) -> None:
    platforms = ("linux/amd64", "linux/arm64", "linux/arm/v6")
    each = [appended(replace(base(family), platform=one), [CODE], about=ABOUT) for one in platforms]
    media_type, raw = indexed(each, about=ABOUT)
    entries = json.loads(raw)["manifests"]
    assert media_type == json.loads(raw)["mediaType"] == index
    assert [entry["digest"] for entry in entries] == [image.descriptor.digest for image in each]
    assert [entry["platform"] for entry in entries] == [
        {"os": "linux", "architecture": "amd64"},
        {"os": "linux", "architecture": "arm64", "variant": "v8"},
        {"os": "linux", "architecture": "arm", "variant": "v6"},
    ]


def test_an_image_of_the_code_alone_has_a_platform_and_nothing_else() -> None:
    image: Image = appended(scratch("linux/arm/v7"), [CODE], about=ABOUT)
    config = json.loads(image.config)
    assert (config["os"], config["architecture"]) == ("linux", "arm")
    assert config["rootfs"]["diff_ids"] == [CODE.diff_id]
    assert len(config["history"]) == 1
    assert json.loads(image.manifest)["annotations"] == ABOUT
