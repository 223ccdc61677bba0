"""Values that mean something to a cluster."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ciao.backends.kubeflow.pods import WORK
from ciao.interpreter import cluster_values as values
from ciao.interpreter.values import BadValue
from ciao.model import CODE, Elastic, SecretKey, Volume

namespace = values.kubernetes_name("a namespace", example="%namespace=team-a", most=63, dots=False)
VOLUME = "Write CLAIM:/path, or node:/folder:/path for a folder of the node; :ro at its end forbids writing"

queue = values.kubernetes_name("a queue", example="%queue=research")


@pytest.mark.parametrize("word", ["pytorchjob", "PyTorchJob", "PYTORCHJOB"])
def test_capitals_of_a_kind_do_not_matter(word: str) -> None:
    assert values.kind(word) == "PyTorchJob"


@pytest.mark.parametrize(
    ("text", "volume"),
    [
        ("data:/data", Volume(kind="claim", source="data", path="/data")),
        ("data.1:/data/:ro", Volume(kind="claim", source="data.1", path="/data", read_only=True)),
        ("ro:/ciao/work/data", Volume(kind="claim", source="ro", path="/ciao/work/data")),
        ("node:/mnt/a b:/data", Volume(kind="host", source="/mnt/a b", path="/data")),
        ("node:/:/host:ro", Volume(kind="host", source="/", path="/host", read_only=True)),
    ],
)
def test_a_volume_is_a_claim_or_a_folder_of_the_node(text: str, volume: Volume) -> None:
    assert values.volume(text) == volume


def test_a_secret_is_named_by_its_key_and_an_elastic_job_by_its_ends() -> None:
    assert values.secret("hub.a/to_Ken.1") == SecretKey(secret="hub.a", key="to_Ken.1")
    assert values.elastic("2:2") == Elastic(least=2, most=2)


@pytest.mark.parametrize(
    "name",
    [
        *("python", "python:3.12-slim", "team/train", "localhost:5000/a/b__c:1", "registry.example/team/train:1_a.b"),
        *("a@sha256:" + "0" * 64, "10.0.0.1:443/a:v1@sha256:" + "f" * 64, "Registry.Example/a", "[::1]:5000/a"),
    ],
)
def test_an_image_is_named_as_a_registry_does(name: str) -> None:
    assert values.image(name) == name


@pytest.mark.parametrize(
    ("parse", "text", "hint"),
    [
        (values.image, "registry.example/Team/train", "Did you mean registry.example/team/train?"),
        (values.image, "https://registry.example/a", "Write it as registry.example/team/train:1"),
        (values.image, "Team/train", "Did you mean team/train?"),
        (values.image, "a:", "Write it as registry.example/team/train:1"),
        (values.image, "a@sha256:12", "Write it as registry.example/team/train:1"),
        (values.image, "a" * 501, "Write it as registry.example/team/train:1"),
        (values.kind, "Batch", "Write TFJob, PyTorchJob, JAXJob, XGBoostJob, PaddleJob, MPIJob or TrainJob"),
        (values.elastic, "0:3", "Write it as %elastic=1:4"),
        (values.elastic, "3", "Write the least and the most, such as %worker=2;%elastic=1:4"),
        (values.secret, "Hub/a", "Write a to z, 0 to 9 and '-', such as hub/token"),
        (values.secret, "hub/a b", "Write letters, digits, '-', '_' and '.', such as hub/token"),
        (namespace, "Team_A", "Did you mean team-a?"),
        (namespace, "a.b", "Did you mean a-b?"),
        (namespace, "_", "Write a to z, 0 to 9 and '-', such as %namespace=team-a"),
        (queue, "Research.A", "Did you mean research.a?"),
        (values.volume, "data", VOLUME),
        (values.volume, "node:/data", VOLUME),
        (values.volume, "data:/data:rw", VOLUME),
        (values.volume, "data:data", "Did you mean /data?"),
        (values.volume, "data:/../etc", "Write it as CLAIM:/path"),
        (values.volume, "node:mnt:/data", "Did you mean /mnt?"),
        (values.volume, "Data:/data", "Write a to z, 0 to 9 and '-', such as %volume=data:/data"),
        (values.volume, "data:/dev/shm/", "Choose another path, such as /data"),
    ],
)  # fmt: skip
def test_a_bad_value_says_what_is_allowed(parse: Callable[[str], object], text: str, hint: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse(text)
    assert caught.value.hint == hint


def test_a_volume_cannot_hide_the_replicas_own_folders() -> None:
    assert {CODE, WORK} < set(values.OURS)
