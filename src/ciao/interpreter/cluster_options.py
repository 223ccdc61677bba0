"""Options that a cluster makes real. Whether it can do what they ask is for the backend to say."""

from __future__ import annotations

from typing import Any

from ciao.frameworks import FRAMEWORKS
from ciao.interpreter import cluster_values as cluster
from ciao.interpreter import values
from ciao.interpreter.option import Choice, Option
from ciao.interpreter.patches import patch
from ciao.model import Role

__all__ = [
    "CLUSTER",
    "ELASTIC",
    "IMAGE",
    "KIND",
    "NAMESPACE",
    "NPROC",
    "PATCH",
    "PRIORITY",
    "QUEUE",
    "RUNTIME",
    "SECRET",
    "TTL",
    "VOLUME",
]

UNUSED = "it has no meaning, and a notice says so"

NAMESPACE = Option(
    name="namespace",
    scope="job",
    parse=cluster.kubernetes_name("a namespace", example="%namespace=team-a", most=63, dots=False),
    metavar="NAME",
    meaning="the namespace in which the job is created",
    help="It must exist, and this user must be allowed to create jobs in it: %ciao doctor tells.",
    example="%namespace=team-a",
    default="what the settings say, else the kubeconfig's, or in a pod its own",
    local=UNUSED,
)
KIND = Option(
    name="kind",
    scope="job",
    parse=cluster.kind,
    metavar="KIND",
    meaning="which of Kubeflow's kinds the job is",
    help="Each framework has one kind of its own; most can also run as a TrainJob. Capitals do not matter.",
    example="%kind=TrainJob",
    default="the framework's own kind if the cluster serves it, else TrainJob",
    choices=(
        *(Choice(f.operator.kind, f"{f.title}, by Kubeflow's Training Operator") for f in FRAMEWORKS.values()),
        Choice(cluster.TRAINJOB, "any framework that has a training runtime, by Kubeflow's Trainer"),
    ),
    local=UNUSED,
)
RUNTIME = Option(
    name="runtime",
    scope="job",
    parse=cluster.kubernetes_name("a training runtime", example="%runtime=torch-distributed"),
    metavar="NAME",
    meaning="the training runtime of a TrainJob",
    help="A TrainingRuntime of the namespace or a ClusterTrainingRuntime. It alone says as much as %kind=TrainJob.",
    example="%runtime=torch-distributed",
    default="one that is made for the job, else what Trainer ships for the framework",
    local=UNUSED,
)
IMAGE = Option(
    name="image",
    scope="both",
    parse=cluster.image,
    metavar="IMAGE",
    meaning="the image in which the code runs",
    help="It has Python 3.8 or later as python3, and the framework. Behind a role (%worker=2;%image=..., or "
    "worker.image=... in a %kubeflow line) it is that of this role alone.",
    example="%image=registry.example/team/train:1",
    default="what the settings say for the framework, else the training runtime's",
    local=UNUSED,
)
TTL = Option(
    name="ttl",
    scope="job",
    parse=values.duration,
    metavar="TIME",
    meaning="the cluster deletes the job this long after its end",
    help="Written as %timeout is. A TrainJob takes none.",
    example="%ttl=1h",
    default="the job stays until it is deleted",
    local=UNUSED,
)
QUEUE = Option(
    name="queue",
    scope="job",
    parse=cluster.kubernetes_name("a queue", example="%queue=research", most=63),
    metavar="NAME",
    meaning="the queue in which the job waits until there is room for it",
    help="Kueue's: a LocalQueue of the namespace. Every role must then state cpu and memory: the queue counts them.",
    example="%queue=research",
    default="none: the job starts at once",
    local=UNUSED,
)
PRIORITY = Option(
    name="priority",
    scope="job",
    parse=cluster.kubernetes_name("a priority class", example="%priority=low"),
    metavar="NAME",
    meaning="the priority class of the job's pods",
    help="A PriorityClass of the cluster: which pods go first, and which give way, where room is short.",
    example="%priority=low",
    default="the cluster's",
    local=UNUSED,
)
NPROC = Option(
    name="nproc",
    scope="job",
    parse=values.count("a number of processes", example="%nproc=4", least=1),
    metavar="COUNT",
    meaning="how many processes each replica runs",
    help="Such as one for each GPU of the replica: each has its own rank and LOCAL_RANK. For mpi they are the slots of "
    "each worker.",
    example="%nproc=4",
    default="1",
    frameworks=tuple(f.name for f in FRAMEWORKS.values() if f.ranks or Role.LAUNCHER in f.always),
)
ELASTIC = Option(
    name="elastic",
    scope="job",
    parse=cluster.elastic,
    metavar="LEAST:MOST",
    meaning="the job goes on with any number of workers between these two",
    help="torchrun starts the cell anew in every worker whenever one joins or leaves, so the code must save its state "
    "and find it again. The count of %worker lies between the two. There is no master, and worker-0 must stay: the "
    "others meet there. An exception of the code is no loss but the job's error.",
    example="%worker=2;%elastic=1:4",
    default="the number of replicas is fixed",
    local="a worker that is lost is not started again, and none joins later",
    frameworks=("pytorch",),
)
SECRET = Option(
    name="secret.NAME",
    scope="job",
    parse=cluster.secret,
    metavar="SECRET/KEY",
    meaning="an environment variable of every replica, with a value out of a Secret",
    help="The Secret is one of the job's namespace. Its value goes from the cluster to the replicas, never through "
    "the notebook. May be given for any number of names.",
    example="%secret.HF_TOKEN=hub/token",
    default="none",
    local="refused, because Secrets are the cluster's: %env.NAME gives a variable",
    family="secret.",
)
VOLUME = Option(
    name="volume",
    scope="job",
    parse=cluster.volume,
    metavar="VOLUME",
    meaning="a volume of the cluster, mounted into every replica",
    help="CLAIM:/path is a PersistentVolumeClaim of the namespace; node:/folder:/path is a folder of the node that a "
    "replica runs on, if the setting volumes.host allows it. With :ro at its end it cannot be written to. May be "
    "given several times.",
    example="%volume=data:/data:ro",
    default="none",
    local="refused, because volumes are the cluster's: the code can open any folder of this machine by its own path",
    repeats=True,
)
PATCH = Option(
    name="patch",
    scope="both",
    parse=patch,
    metavar="YAML",
    meaning="anything else of a pod, merged into every replica's",
    help="A part of a pod template, with its metadata and spec, as YAML on one line and in quotes. Maps merge, null "
    "removes. Containers, volumes, variables and other things with names merge by name, and a container without a "
    "name is the one that trains; any other list is replaced. Behind a role (%worker=2;%patch=...) it is for its "
    "replicas alone, after the job's. Anchors and tags of YAML are not taken, and no file is read: the cell says "
    "all that it asks for.",
    example='%patch="{spec: {nodeSelector: {disk: ssd}, tolerations: [{key: gpu, operator: Exists}]}}"',
    default="none",
    local=UNUSED,
)

CLUSTER: tuple[Option[Any], ...] = (
    *(NAMESPACE, KIND, RUNTIME, IMAGE, TTL, QUEUE, PRIORITY, NPROC, ELASTIC, SECRET, VOLUME, PATCH),
)
