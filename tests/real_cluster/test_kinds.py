"""Every kind of job reaches its end, and its replicas find one another by the variables that its operator promises.

The jobs of v1 run as a user without rights, TrainJobs as root.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from real_cluster.manifests import USER, Images, Told, finished, missing, python, template, told, train_job, v1_job

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

ALL_REDUCE = """
import torch, torch.distributed as dist
dist.init_process_group("gloo")
value = torch.ones(1) * (dist.get_rank() + 1)
dist.all_reduce(value)
result = int(value)
dist.destroy_process_group()
"""

AS_TORCHRUN = """
import os
os.environ.update(MASTER_ADDR=os.environ["PET_MASTER_ADDR"], MASTER_PORT=os.environ["PET_MASTER_PORT"],
                  RANK=os.environ["PET_NODE_RANK"], WORLD_SIZE=os.environ["PET_NNODES"])
"""

JAX = """
import os, jax
from jax.experimental import multihost_utils
coordinator = os.environ["COORDINATOR_ADDRESS"] + ":" + os.environ["COORDINATOR_PORT"]
rank = int(os.environ["PROCESS_ID"])
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(coordinator, int(os.environ["NUM_PROCESSES"]), rank)
result = int(multihost_utils.process_allgather(jax.numpy.array([rank + 1])).sum())
"""

TENSORFLOW = """
import tensorflow
resolver = tensorflow.distribute.cluster_resolver.TFConfigClusterResolver()
result = [resolver.task_type, resolver.task_id, resolver.cluster_spec().as_dict()]
"""

XGBOOST = """
import os, socket, time, numpy, xgboost
from xgboost import collective, tracker
rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
port, own = int(os.environ["MASTER_PORT"]), socket.gethostbyname(socket.gethostname())
if rank == 0:
    serving = tracker.RabitTracker(n_workers=size, host_ip=own, port=port)
    serving.start()
def address():
    while True:
        try:
            return socket.gethostbyname(os.environ["MASTER_ADDR"])
        except OSError:
            time.sleep(0.1)
with collective.CommunicatorContext(
    dmlc_communicator="rabit", dmlc_tracker_uri=address(), dmlc_tracker_port=port, dmlc_task_id=str(rank), dmlc_retry=20
):
    data = numpy.arange(20.0).reshape(-1, 1)[rank::2]
    model = xgboost.train({"max_depth": 2}, xgboost.DMatrix(data, label=data[:, 0] > 9), 2)
    result = [float(collective.allreduce(numpy.ones(1) * (rank + 1), collective.Op.SUM)[0]), model.num_boosted_rounds()]
if rank == 0:
    serving.wait_for()  # the others let go of it too
"""

PADDLE = """
import os, socket, time
host, port = os.environ["PADDLE_MASTER"].rsplit(":", 1)
number = int(socket.gethostname().rsplit("-", 1)[1]) + 1
def connect():
    while True:
        try:
            return socket.create_connection((host, int(port)))
        except OSError:
            time.sleep(0.1)
if "POD_IP_DUMMY" in os.environ:
    server = socket.create_server((host, int(port)))
    peers = [server.accept()[0] for _ in range(int(os.environ["PADDLE_NNODES"]) - 1)]
    result = number + sum(int(peer.recv(9)) for peer in peers)
    for peer in peers:
        peer.sendall(str(result).encode())
else:
    peer = connect()
    peer.sendall(str(number).encode())
    result = int(peer.recv(9))
"""

LAUNCH = """
import subprocess, sys
rank = '''
from mpi4py import MPI
total = MPI.COMM_WORLD.allreduce(MPI.COMM_WORLD.rank + 1)
print(total, "on", MPI.Get_processor_name(), flush=True)
'''
done = subprocess.run(["mpirun", "python3", "-m", "mpi4py", "-c", rank], stdout=subprocess.PIPE, text=True, check=True)
result = sorted(done.stdout.splitlines())
"""


def test_a_pytorchjob_reduces_over_a_master_and_two_workers(kubectl: Kubectl, image: Images) -> None:
    body = python(image("pytorch"), ALL_REDUCE, name="pytorch")
    kubectl.create(v1_job("PyTorchJob", {"Master": (1, body), "Worker": (2, body)}))
    replicas = finished(kubectl, "PyTorchJob", "job-master-0", "job-worker-0", "job-worker-1")
    for rank, replica in enumerate(replicas):
        address = {"MASTER_ADDR": "job-master-0", "MASTER_PORT": "23456"}
        torchrun = {f"PET_{name}": value for name, value in address.items()}
        torchrun |= {"PET_NNODES": "3", "PET_NODE_RANK": str(rank), "PET_NPROC_PER_NODE": "auto"}
        own = {"RANK": str(rank), "WORLD_SIZE": "3", "PYTHONUNBUFFERED": "1"}
        assert not missing(replica["variables"], **address, **torchrun, **own)
        assert replica["result"] == 6


def test_a_tfjob_has_its_tf_config_as_tensorflow_reads_it(kubectl: Kubectl, image: Images) -> None:
    body = python(image("python"), "result = None", name="tensorflow")
    chief = python(image("tensorflow"), TENSORFLOW, name="tensorflow")
    kubectl.create(v1_job("TFJob", {"Chief": (1, chief), "PS": (1, body), "Worker": (2, body)}))
    replicas = finished(kubectl, "TFJob", "job-chief-0", "job-ps-0", "job-worker-0", "job-worker-1")
    suffix = f"{kubectl.namespace}.svc:2222"
    peers = {role: [f"job-{role}-0.{suffix}"] for role in ("chief", "ps", "worker")}
    peers["worker"].append(f"job-worker-1.{suffix}")
    for replica, (role, index) in zip(replicas, [("chief", 0), ("ps", 0), ("worker", 0), ("worker", 1)], strict=True):
        task = {"type": role, "index": index}
        told = json.loads(replica["variables"]["TF_CONFIG"])
        assert told == {"cluster": peers, "task": task, "environment": "cloud"}
    assert replicas[0]["result"] == ["chief", 0, peers]


def test_a_jaxjob_gathers_over_its_processes(kubectl: Kubectl, image: Images) -> None:
    kubectl.create(v1_job("JAXJob", {"Worker": (2, python(image("jax"), JAX, name="jax"))}))
    for rank, replica in enumerate(finished(kubectl, "JAXJob", "job-worker-0", "job-worker-1")):
        address = {"COORDINATOR_ADDRESS": "job-worker-0", "COORDINATOR_PORT": "6666"}
        own = {"NUM_PROCESSES": "2", "PROCESS_ID": str(rank), "PYTHONUNBUFFERED": "1"}
        assert not missing(replica["variables"], **address, **own)
        assert replica["result"] == 3


def test_an_xgboostjob_trains_over_its_masters_tracker(kubectl: Kubectl, image: Images) -> None:
    body = python(image("xgboost"), XGBOOST, name="xgboost")
    kubectl.create(v1_job("XGBoostJob", {"Master": (1, body), "Worker": (1, body)}))
    for rank, replica in enumerate(finished(kubectl, "XGBoostJob", "job-master-0", "job-worker-0")):
        address = {"MASTER_ADDR": "job-master-0", "MASTER_PORT": "9999"}
        peers = {"WORKER_ADDRS": "job-worker-0", "WORKER_PORT": "9999"}
        own = {"RANK": str(rank), "WORLD_SIZE": "2", "PYTHONUNBUFFERED": "1"}
        assert not missing(replica["variables"], **address, **peers, **own)
        assert replica["result"] == [3, 2]


def test_a_paddlejob_sums_over_sockets(kubectl: Kubectl, image: Images) -> None:
    body = python(image("python"), PADDLE, name="paddle")
    kubectl.create(v1_job("PaddleJob", {"Worker": (2, body)}))
    first, second = finished(kubectl, "PaddleJob", "job-worker-0", "job-worker-1")
    own = f"{first['variables']['POD_IP_DUMMY']}:36543"
    for replica, master in ((first, own), (second, "job-worker-0:36543")):
        job = {"PADDLE_JOB_ID": "job", "PADDLE_NNODES": "2", "PADDLE_MASTER": master, "PYTHONUNBUFFERED": "1"}
        assert not missing(replica["variables"], **job)
        assert replica["result"] == 3


def test_an_mpijobs_mpirun_reaches_its_workers(kubectl: Kubectl, image: Images) -> None:
    launcher = python(image("openmpi"), LAUNCH, name="mpi")
    worker = template(image("openmpi"), "sleep", "infinity", name="mpi", securityContext=USER)
    kubectl.create(v1_job("MPIJob", {"Launcher": (1, launcher), "Worker": (2, worker)}))
    kubectl.condition("mpijob/job", "Succeeded", seconds=600)
    replica = told(kubectl("logs", "job-launcher", "--container=mpi"))
    ways = {"OMPI_MCA_plm_rsh_agent": "/etc/mpi/kubexec.sh", "OMPI_MCA_orte_default_hostfile": "/etc/mpi/hostfile"}
    intel = {"I_MPI_HYDRA_BOOTSTRAP": "rsh", "I_MPI_HYDRA_BOOTSTRAP_EXEC": "/etc/mpi/kubexec.sh"}
    gpus = {"NVIDIA_VISIBLE_DEVICES": "", "NVIDIA_DRIVER_CAPABILITIES": ""}
    assert not missing(replica["variables"], **ways, **intel, **gpus)
    assert replica["result"] == ["3 on job-worker-0", "3 on job-worker-1"]


def test_a_trainjob_reduces_over_two_nodes(kubectl: Kubectl, image: Images) -> None:
    kubectl.create(train_job("torch-distributed", image("pytorch"), AS_TORCHRUN + ALL_REDUCE))
    kubectl.condition("trainjob/job", "Complete", seconds=600)
    for rank, replica in enumerate(_nodes(kubectl)):
        address = {"PET_MASTER_ADDR": "job-node-0-0.job", "PET_MASTER_PORT": "29500"}
        own = {"PET_NNODES": "2", "PET_NODE_RANK": str(rank), "JOB_COMPLETION_INDEX": str(rank)}
        assert not missing(replica["variables"], **address, **own)
        assert replica["result"] == 3


@pytest.mark.parametrize(
    ("runtime", "common", "rank"),
    [
        (
            "jax-distributed",
            {"JAX_COORDINATOR_ADDRESS": "job-node-0-0.job:29500", "JAX_NUM_PROCESSES": "2"},
            "JAX_PROCESS_ID",
        ),
        (
            "xgboost-distributed",
            {"DMLC_TRACKER_URI": "job-node-0-0.job", "DMLC_TRACKER_PORT": "29500", "DMLC_NUM_WORKER": "2"},
            "DMLC_TASK_ID",
        ),
    ],
)
def test_a_trainjobs_runtime_decides_its_variables(
    runtime: str, common: dict[str, str], rank: str, kubectl: Kubectl, image: Images
) -> None:
    kubectl.create(train_job(runtime, image("python"), "result = None"))
    kubectl.condition("trainjob/job", "Complete", seconds=600)
    for index, replica in enumerate(_nodes(kubectl)):
        assert not missing(replica["variables"], **common, **{rank: str(index)})


def _nodes(kubectl: Kubectl) -> list[Told]:
    """What each node of a TrainJob told: their pods' names end in letters of chance, their ranks do not."""
    return [told(kubectl("logs", name)) for name in sorted(kubectl.names("pods"))]
