"""Every error of the language: its message, its hint, its line and its caret."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ciao.errors import CellError, CodeError, OptionError

Fail = Callable[..., CellError]

FRAMEWORKS = "tensorflow, pytorch, jax, xgboost, paddle or mpi"
OPTIONS = (
    "The options are framework, backend, name, cleanPolicy, timeout, retries, env.NAME, background, python, "
    "package, include, s2i, dockerfile, "
    "namespace, kind, runtime, image, ttl, queue, priority, nproc, elastic, secret.NAME, volume, patch, master, chief, "
    "launcher, worker, ps and evaluator; a role has cpu, memory, gpu and ephemeral-storage"
)
OF_A_ROLE = (
    "A role has cpu, memory, gpu, ephemeral-storage, image or patch, and resources by their full names, such as "
    "nvidia.com/mig-1g.5gb"
)
STRATEGIES = (
    "auto, append, imagevolume, configmap, buildah, podman, docker, s2i, kaniko, buildkit, "
    "cluster-buildkit, cluster-kaniko or tekton"
)
BUILDERS = (
    "Write %s2i=buildah before it; what builds one is buildah, podman, docker, s2i, kaniko, "
    "buildkit, cluster-buildkit, cluster-kaniko or tekton"
)
IN_QUOTES = 'Write it in quotes, such as %patch="{spec: {nodeSelector: {disk: ssd}}}"'
OWN_CELL = "Run it in a cell of its own: below its magic lines a job cell is Python"
SUBPROCESS = "Use subprocess.run([...], check=True), or run it in a cell of its own"

# Each: the magic lines, the error's line, the carets below it, the message, the hint.
OF_OPTIONS = {
    "unknown option": (
        "%framework=jax\n%wroker=2", 2, " ^^^^^^", "there is no option 'wroker'", "Did you mean worker?",
    ),
    "unknown first": ("%framwork=jax", 1, " ^^^^^^^^", "there is no option 'framwork'", "Did you mean framework?"),
    "wrong case": (
        "%cleanpolicy=all", 1, " ^^^^^^^^^^^", "there is no option 'cleanpolicy'", "Did you mean cleanPolicy?",
    ),
    "called otherwise": ("%worker=2;%gpus=1", 1, "           ^^^^", "there is no option 'gpus'", "Did you mean gpu?"),
    "no unit": (
        "%worker=2;%memory=200", 1, "                  ^^^", "'200' is not an amount of memory: it is less than 1Mi",
        "Did you mean 200Mi?",
    ),
    "two options on a line": (
        "%framework=pytorch worker=2", 1, " " * 19 + "^" * 8, "there is text behind the value of framework",
        "Write %worker=2 on a line of its own, or all on one: %kubeflow framework=pytorch worker=2",
    ),
    "two options on a line, the second of a role": (
        "%worker=2 cpu=1", 1, " " * 10 + "^" * 5, "there is text behind the value of worker",
        "Write ;%cpu=1 instead of the space",
    ),
    "two options on a line, the second of some role": (
        "%framework=jax cpu=1", 1, " " * 15 + "^" * 5, "there is text behind the value of framework",
        "Write it on the line of its role, such as %worker=1;%cpu=1",
    ),
    "of a role": ("%worker=2;%mem=1Gi", 1, "           ^^^", "there is no option 'mem'", "Did you mean memory?"),
    "of a role, misspelt": (
        "%worker=2;%memroy=1Gi", 1, "           ^^^^^^", "there is no option 'memroy'", "Did you mean memory?",
    ),
    "role called otherwise": ("%replicas=2", 1, " ^^^^^^^^", "there is no option 'replicas'", "Did you mean worker?"),
    "behind its role": ("%worker.cpus=1", 1, " ^^^^^^^^^^^", "a role has no option 'cpus'", "Did you mean cpu?"),
    "without a value": ("%worker=2;%gpus", 1, "           ^^^^", "'gpus' is not an option", "Did you mean gpu?"),
    "like no other": ("%zzz=1", 1, " ^^^", "there is no option 'zzz'", OPTIONS),
    "spaced": ("%framework=jax\n%wroker = 2", 2, " ^^^^^^", "there is no option 'wroker'", "Did you mean worker?"),
    "later option": (
        "%send=a", 1, " ^^^^", "the option send is not in this version",
        "Remove it; %ciao help options lists those that are",
    ),
    "later resource": (
        "%worker.send=a", 1, " ^^^^^^^^^^^", "the option worker.send is not in this version",
        "Remove it; %ciao help options lists those that are",
    ),
    "unknown resource": (
        "%worker.disk=1", 1, " ^^^^^^^^^^^", "a role has no option 'disk'",
        OF_A_ROLE,
    ),
    "unknown value": (
        "%framework=torch", 1, "           ^^^^^", "'torch' is not a framework of this version",
        "Did you mean pytorch?",
    ),
    "other name": (
        "%framework=tf", 1, "           ^^", "'tf' is not a framework of this version", "Did you mean tensorflow?",
    ),
    "no such value": (
        "%framework=numpy1", 1, "           ^^^^^^", "'numpy1' is not a framework of this version",
        f"Write {FRAMEWORKS}",
    ),
    "later framework": (
        "%framework=mlx", 1, "           ^^^", "the framework mlx is not in this version", f"Write {FRAMEWORKS}",
    ),
    "no such backend": (
        "%backend=cloud", 1, "         ^^^^^", "'cloud' is not a backend of this version", "Write kubeflow or local",
    ),
    "bad policy": (
        "%cleanPolicy=some", 1, "             ^^^^", "'some' is not a clean-up policy", "Write all, running or none",
    ),
    "bad count": (
        "%worker=two", 1, "        ^^^", "'two' is not a number of replicas", "Write a whole number, such as %worker=2",
    ),
    "negative count": (
        "%worker=-1", 1, "        ^^", "'-1' is not a number of replicas", "Write a whole number, such as %worker=2",
    ),
    "bad quantity": (
        "%worker=2;%memory=1GB", 1, "                  ^^^", "'1GB' is not an amount of memory", "Did you mean 1Gi?",
    ),
    "bad cpu": (
        "%worker=2;%cpu=x", 1, "               ^", "'x' is not an amount of CPU",
        "Write cores or thousandths of a core, such as 2, 0.5 or 500m",
    ),
    "wrapped in time": (
        "%%time\n%framework=jax", 1, "^^^^^^", "%%time cannot wrap a training cell: its magic lines must be first",
        "Remove it: the status line shows how long the job took",
    ),
    "wrapped in more": (
        "\n%%capture out\n%%time\n%framework=jax", 2, "^^^^^^^^^",
        "%%capture cannot wrap a training cell: its magic lines must be first",
        "Remove it: the whole log is kept, and %ciao logs shows it",
    ),
    "as a magic of IPython": (
        "%framework jax", 1, " ^^^^^^^^^^^^^", "framework has no =", "Write %framework=jax",
    ),
    "as YAML": ("%framework: jax", 1, " ^^^^^^^^^^^^^^", "framework has no =", "Write %framework=jax"),
    "as narrow YAML": ("%framework:jax", 1, " ^^^^^^^^^^^^^", "framework has no =", "Write %framework=jax"),
    "as a magic, another name": (
        "%framework torch", 1, " ^^^^^^^^^^^^^^^", "framework has no =",
        "Write it with =, such as %framework=pytorch",
    ),
    "as a magic, below": ("%framework=jax\n%worker 2", 2, " ^^^^^^^^", "worker has no =", "Write %worker=2"),
    "as a magic, several": ("%worker: 2;%cpu=1", 1, " ^^^^^^^^^", "worker has no =", "Write %worker=2"),
    "alone with a colon": (
        "%framework:", 1, " ^^^^^^^^^^", "framework has no value", "Write it with =, such as %framework=pytorch",
    ),
    "alone": ("%framework", 1, " ^^^^^^^^^", "framework has no value", "Write it with =, such as %framework=pytorch"),
    "bare word and value": (
        "%kubeflow framework: jax worker 2", 1, " " * 10 + "^" * 14, "framework has no =", "Write framework=jax",
    ),
    "bare word before another": (
        "%kubeflow framework worker=2", 1, " " * 10 + "^" * 9, "framework has no value",
        "Write it with =, such as framework=pytorch",
    ),
    "bad flag": (
        "%background=yes", 1, "            ^^^", "'yes' is not true or false", "Did you mean true?",
    ),
    "bad time": (
        "%timeout=1w", 1, "         ^^", "'1w' is not a length of time",
        "Write it as 90s, 10m, 1h30m or 2d, or as seconds",
    ),
    "bad variable": (
        "%env.1A=x", 1, " ^^^^^^", "'1A' is not the name of a variable", "Write letters, digits and _, no digit first",
    ),
    "no value": ("%framework=jax\n%worker", 2, " ^^^^^^", "worker has no value", "Write it with =, such as %worker=2"),
    "empty value": ("%worker=", 1, " ^^^^^^", "worker has no value", "Write it as %worker=2"),
    "no % behind ;": (
        "%worker=2;cpu=1", 1, "        ^^^^^^^", "'2;cpu=1' is not a number of replicas",
        "Behind a ; the next option needs its own %, and in a %kubeflow line a space separates",
    ),
    "no ; before %": (
        "%worker=2 %cpu=1", 1, "          ^^^^^^", "there is text behind the value of worker",
        "Write ; before the next %",
    ),
    "spaces in a value": (
        "%env.A=a b", 1, "         ^", "there is text behind the value of env.A",
        "Quote a value that has spaces, such as %env.A='a b'",
    ),
    "a time in words": (
        "%timeout=5 minutes", 1, "         " + "^" * 9, "'5 minutes' is not a length of time", "Did you mean 5m?",
    ),
    "a time in words, quoted": (
        "%timeout='90 sec'", 1, "         " + "^" * 8, "'90 sec' is not a length of time", "Did you mean 90s?",
    ),
    "a title for a name": (
        "%name=My Job # mine", 1, "      " + "^" * 6, "'My Job' is not a name", "Did you mean my-job?",
    ),
    "words behind a number": (
        "%worker=2 or 3;%cpu=1", 1, "        " + "^" * 6, "'2 or 3' is not a number of replicas",
        "Write a whole number, such as %worker=2",
    ),
    "a unit apart, and no role": (
        "%worker=2\n%memory=200 Mi", 2, "        ^^^^^^", "'200 Mi' is not an amount of memory", "Did you mean 200Mi?",
    ),
    "open quote": ("%env.A='a b", 1, "       ^^^^", "this quote is not closed", "Close it, or write it as \\'"),
    "continued line": (
        "%kubeflow worker=2 \\\nps=1", 1, "                   ^", "a magic line ends at its line's end",
        "Remove the backslash; a second %kubeflow line may follow",
    ),
    "two percent signs": (
        "%%worker=2", 1, "^^", "an option begins with one %", "Only %%kubeflow is written with two",
    ),
    "late cell magic": (
        "# a\n%%kubeflow framework=jax", 2, "^^^^^^^^^^", "%%kubeflow must be the first line of the cell",
        "Move it up, or write %kubeflow, which may follow others",
    ),
    "resource without role": (
        "%framework=jax\n%cpu=1", 2, " ^^^", "%cpu has no role",
        "Write it on the line of its role, such as %worker=1;%cpu=1",
    ),
    "resource below its role": (
        "%ps=1\n%cpu=1", 2, " ^^^", "%cpu has no role", "Write it on the line of its role, such as %ps=1;%cpu=1",
    ),
    "resource below its role, of which there are more": (
        "%framework=jax\n%worker=4\n%memory=200Mi", 3, " ^^^^^^", "%memory has no role",
        "Write it on the line of its role, such as %worker=4;%memory=200Mi",
    ),
    "resource above its role": (
        "%framework=jax\n%cpu=1\n%kubeflow worker=4", 2, " ^^^", "%cpu has no role",
        "Write it on the line of its role, such as %worker=4;%cpu=1",
    ),
    "resource behind the framework": (
        "%framework=jax cpu=1\n%worker=3", 1, " " * 15 + "^^^^^", "there is text behind the value of framework",
        "Write it on the line of its role, such as %worker=3;%cpu=1",
    ),
    "word without role": (
        "%kubeflow worker=2 cpu=1", 1, "                   ^^^", "cpu has no role",
        "Write it with the name of its role, such as worker.cpu=1",
    ),
    "bare word": ("%kubeflow fastest", 1, "          ^^^^^^^", "'fastest' is not an option", "Write it as name=value"),
    "bare framework": (
        "%kubeflow pytorch", 1, "          ^^^^^^^", "'pytorch' is not an option", "Did you mean framework=pytorch?",
    ),
    "bare option": (
        "%kubeflow worker", 1, "          ^^^^^^", "worker has no value", "Write it with =, such as worker=2",
    ),
    "twice": (
        "%worker=1\n# a\n%worker=2", 3, " ^^^^^^", "worker is given twice, on lines 1 and 3", "Remove one of the two",
    ),
    "twice in a line": (
        "%kubeflow ps=1 ps=1", 1, "               ^^", "ps is given twice, on line 1", "Remove one of the two",
    ),
    "no framework": (
        "\n# a\n%worker=2 ", 3, "^^^^^^^^^", "this job cell names no framework", f"Add %framework=: {FRAMEWORKS}",
    ),
    "foreign role": (
        "%framework=pytorch\n%ps=1", 2, " ^^", "pytorch has no role ps", "Its roles are master and worker",
    ),
    "only one role": ("%framework=jax\n%master=1", 2, " ^^^^^^", "jax has no role master", "Its only role is worker"),
    "zero workers": (
        "%framework=jax\n%worker=0", 2, "        ^", "no replica is left",
        "Give one role a count above zero, such as %worker=1",
    ),
    "zero workers where a master is usual": (
        "%framework=pytorch\n%worker=0", 2, "        ^", "no replica is left",
        "Give one role a count above zero, such as %worker=1",
    ),
    "10,000 workers": (
        "%framework=jax\n%worker=10000;%backend=local", 2, "        ^^^^^",
        "10000 replicas are more than the 64 that may run on this machine",
        "Ask for fewer, or set CIAO_LOCAL_REPLICAS, or local.replicas in config.yaml",
    ),
    "10,000 workers on a cluster": (
        "%framework=jax\n%worker=10000;%backend=kubeflow", 2, "        ^^^^^",
        "10000 replicas are more than the 2000 that may run on a cluster",
        "Ask for fewer, or set CIAO_CLUSTER_REPLICAS, or cluster.replicas in config.yaml",
    ),
    "10,000 workers anywhere": (
        "%framework=jax\n%worker=10000", 2, "        ^^^^^",
        "10000 replicas are more than the 64 that may run on this machine and the 2000 that may run on a cluster",
        "Ask for fewer, or set CIAO_LOCAL_REPLICAS or CIAO_CLUSTER_REPLICAS, or their keys in config.yaml",
    ),
    "two masters": (
        "%framework=pytorch\n%master=2", 2, "        ^", "pytorch takes one master, not 2", "Write %master=1",
    ),
    "two leaders": (
        "%framework=tensorflow\n%chief=1\n%master=1", 3, " ^^^^^^", "chief and master are two words for one role",
        "Remove one of the two",
    ),
    "resources of nobody": (
        "%kubeflow framework=pytorch master=1 worker.cpu=1", 1, " " * 37 + "^^^^^^^^^^",
        "worker.cpu is given, but no worker",
        "Add worker=1, or remove it",
    ),
    "no launcher": (
        "%framework=mpi\n%launcher=0", 2, "          ^", "mpi always has one launcher", "Write %launcher=1",
    ),
    "no worker of mpi": (
        "%framework=mpi\n%worker=0", 2, "        ^", "no replica is left",
        "Give one role a count above zero, such as %worker=1",
    ),
    "resource of nobody in particular": (
        "%framework=jax\n%nvidia.com/gpu=1", 2, " ^^^^^^^^^^^^^^", "%nvidia.com/gpu has no role",
        "Write it on the line of its role, such as %worker=1;%nvidia.com/gpu=1",
    ),
    "bad number of devices": (
        "%worker=2;%nvidia.com/gpu=half", 1, " " * 26 + "^^^^", "'half' is not a number of devices",
        "Write a whole number, such as 1",
    ),
    "no name of a resource": (
        "%kubeflow worker.nvidia.com/=1", 1, " " * 10 + "^" * 18, "a role has no option 'nvidia.com/'", OF_A_ROLE,
    ),
    "misspelt resource": (
        "%worker.ephemeralstorage=1Gi", 1, " " + "^" * 23, "a role has no option 'ephemeralstorage'",
        "Did you mean ephemeral-storage?",
    ),
    "one resource by two names": (
        "%framework=jax\n%worker=2;%gpu=1;%nvidia.com/gpu=1", 2, " " * 18 + "^" * 14,
        "gpu, which is short for nvidia.com/gpu, is given twice, on line 2", "Remove one of the two",
    ),
    "unknown kind": (
        "%kind=PytorchJobs", 1, "      ^^^^^^^^^^^", "'PytorchJobs' is not a kind of Kubeflow's",
        "Did you mean PyTorchJob?",
    ),
    "kind of another framework": (
        "%framework=jax\n%kind=tfjob", 2, "      ^^^^^", "jax cannot run as TFJob", "Write JAXJob or TrainJob",
    ),
    "nproc of another framework": (
        "%framework=tensorflow\n%nproc=2", 2, " ^^^^^", "tensorflow has no nproc",
        "Remove it: pytorch, jax, xgboost and mpi have it",
    ),
    "no process": (
        "%nproc=0", 1, "       ^", "'0' is not a number of processes", "Write a whole number, such as %nproc=4",
    ),
    "elastic of another framework": (
        "%framework=xgboost\n%elastic=1:2", 2, " ^^^^^^^", "xgboost has no elastic", "Remove it: pytorch has it",
    ),
    "elastic backwards": (
        "%elastic=4:1", 1, "         ^^^",
        "'4:1' is not a range of replicas: it begins at one or more, and does not end below", "Did you mean 1:4?",
    ),
    "elastic master": (
        "%framework=pytorch\n%elastic=1:4\n%master=1\n%worker=2", 3, " ^^^^^^",
        "an elastic job has workers and no master", "Give %worker a count from 1 to 4, and no %master",
    ),
    "elastic without a role": (
        "%framework=pytorch\n%elastic=2:2", 2, " ^^^^^^^",
        "an elastic job has workers and no master", "Give %worker a count of 2, and no %master",
    ),
    "elastic with more": (
        "%framework=pytorch\n%elastic=1:4\n%worker=5", 3, "        ^",
        "5 workers are not between the 1 and the 4 of elastic",
        "Give %worker a count from 1 to 4, or change %elastic",
    ),
    "secret without key": (
        "%secret.A=hub", 1, "          ^^^", "'hub' is not a value of a Secret",
        "Write SECRET/KEY: the Secret's name, and which of its values",
    ),
    "secret of no variable": (
        "%secret.1A=hub/a", 1, " ^^^^^^^^^", "'1A' is not the name of a variable",
        "Write letters, digits and _, no digit first",
    ),
    "secret and variable": (
        "%framework=jax\n%secret.A=hub/a\n%env.A=b", 3, " ^^^^^", "the variable A is given twice, on lines 2 and 3",
        "Remove one of the two",
    ),
    "volumes at one path": (
        "%kubeflow framework=jax volume=a:/data volume=b:/data/", 1, " " * 39 + "^^^^^^",
        "the path /data is given twice, on line 1", "Remove one of the two",
    ),
    "broken patch": (
        '%patch="{spec: {a: b}"', 1, "       ^^^^^^^^^^^^^^^",
        "'{spec: {a: b}' is not YAML: expected ',' or '}', but got '<stream end>' at its character 14",
        IN_QUOTES,
    ),
    "patch without quotes": (
        "%patch={spec: {a: b}}", 1, "       ^^^^^^",
        "'{spec:' is not YAML: expected the node content, but found '<stream end>' at its character 7", IN_QUOTES,
    ),
    "patch of a role": (
        "%worker=2;%patch='nodeSelector: {a: b}'", 1, " " * 17 + "^" * 22,
        "'nodeSelector: {a: b}' is not a part of a pod template: that has metadata and spec, not 'nodeSelector'",
        "Write it below spec: {spec: {nodeSelector: ...}}",
    ),
    "unknown strategy": (
        "%s2i=buildha", 1, "     ^^^^^^^", "'buildha' is not a way for the code to travel", "Did you mean buildah?",
    ),
    "strategy of the first Ciao": (
        "%s2i=img", 1, "     ^^^", "'img' is not a way for the code to travel",
        f"Write {STRATEGIES}",
    ),
    "something else beside a strategy": (
        "%s2i=buildah image=x", 1, " " * 13 + "^" * 7, "there is text behind the value of s2i",
        "Write it on a line of its own: %image=x",
    ),
    "a letter of dockerfile forgotten": (
        "%s2i=docker dockerfil=docker/Dockerfile", 1, " " * 12 + "^" * 27, "there is text behind the value of s2i",
        "Did you mean dockerfile=docker/Dockerfile?",
    ),
    "a half of dockerfile": (
        "%s2i=docker file=Dockerfile", 1, " " * 12 + "^" * 15, "there is text behind the value of s2i",
        "Did you mean dockerfile=Dockerfile?",
    ),
    "a Dockerfile without its option": (
        "%s2i=buildah docker/Dockerfile.gpu", 1, " " * 13 + "^" * 21, "there is text behind the value of s2i",
        "Did you mean dockerfile=docker/Dockerfile.gpu?",
    ),
    "no word beside a strategy": (
        "%s2i=buildah please", 1, " " * 13 + "^" * 6, "there is text behind the value of s2i",
        "Only dockerfile= may follow on its line",
    ),
    "Dockerfile without a builder": (
        "%framework=jax\n%dockerfile=Dockerfile", 2, " ^^^^^^^^^^", "auto builds no Dockerfile", BUILDERS,
    ),
    "Dockerfile beside what builds none": (
        "%framework=jax\n%s2i=append dockerfile=D", 2, " " * 12 + "^" * 10, "append builds no Dockerfile",
        BUILDERS,
    ),
    "Dockerfile without a path": (
        "%s2i=buildah dockerfile=", 1, " " * 13 + "^" * 10, "dockerfile has no value",
        "Write it as %s2i=buildah dockerfile=Dockerfile",
    ),
    "no package": (
        "%package= # none", 1, " ^^^^^^^", "package has no value", "Write it as %package=einops 'pandas>=2'",
    ),
    "empty package": (
        "%package=a ''", 1, "         ^^^^", "\"a ''\" is not a list of packages",
        "Write it as %package=einops 'pandas>=2'",
    ),
    "a command for a package": (
        "%package=pip install a b", 1, " " * 9 + "^" * 15, "'pip install a b' is not a list of packages",
        "Write the packages alone: %package=a b",
    ),
    "open quote in packages": (
        "%package=a 'b", 1, " " * 11 + "^^", "this quote is not closed", "Close it, or write it as \\'",
    ),
    "open quote in packages of a word": (
        "%kubeflow package='a \"b'", 1, " " * 18 + "^" * 6, "'a \"b' is not a list of packages: a quote is not closed",
        "Write words as in a shell: %package=einops 'pandas>=2'",
    ),
    "packages without quotes in one line": (
        "%kubeflow package=einops timm==1 worker=2", 1, " " * 25 + "^" * 4, "'timm' is not an option",
        "Quote all that package has, such as package='einops timm'",
    ),
    "packages without quotes in one line, a path": (
        "%kubeflow include=a ./b", 1, " " * 20 + "^^^", "'./b' is not an option",
        "Quote all that include has, such as include='a ./b'",
    ),
    "no ; behind packages": (
        "%package=a %worker=2", 1, " " * 11 + "^" * 9, "the words of package end here", "Write ; before the next %",
    ),
    "nothing included": (
        "%include=", 1, " ^^^^^^^", "include has no value", "Write it as %include=data.csv src/ helper",
    ),
    "with a tab": (
        "%framework=jax\n\t%wroker=2", 2, "\t ^^^^^^", "there is no option 'wroker'", "Did you mean worker?",
    ),
    "with a BOM": ("\ufeff%wroker=2", 1, " ^^^^^^", "there is no option 'wroker'", "Did you mean worker?"),
}  # fmt: skip

# Each: the code below %framework=jax, the error's line, the carets, the message, the hint.
OF_CODE = {
    "syntax error": ("x = 1\ndef f(:\n", 3, "      ^", "the code has a syntax error: invalid syntax", ""),
    "tab before it": ("if x:\n\ty = = 1", 3, "\t    ^", "the code has a syntax error: invalid syntax", ""),
    "magic below code": (
        "x = 1\n%worker=2", 3, "^^^^^^^^^", "%worker must be at the top of the cell",
        "Move it above line 2, the first line of code",
    ),
    "block magic below code": (
        "x = 1\n%kubeflow worker=2", 3, "^" * 18, "%kubeflow must be at the top of the cell",
        "Move it above line 2, the first line of code",
    ),
    "misspelt magic below code": (
        "x = 1\n%wroker=2", 3, "^^^^^^^^^", "%wroker must be at the top of the cell",
        "Did you mean worker? Move it above line 2, the first line of code",
    ),
    "line magic": ("%matplotlib inline", 2, "^" * 18, "%matplotlib is an IPython magic, not Python", OWN_CELL),
    "indented magic": ("if x:\n    %time y()", 3, "    ^^^^^^^^^", "%time is an IPython magic, not Python", OWN_CELL),
    "cell magic": (
        "\n%%time\nx", 3, "^^^^^^", "%%time is an IPython magic, not Python",
        "Remove it: a job cell has no other cell magic",
    ),
    "env magic": (
        "%env A=b", 2, "^^^^^^^^", "%env is an IPython magic, not Python",
        "Write %env.NAME=value at the top, or os.environ in the code",
    ),
    "pip magic": (
        "%pip install -q x==1 y", 2, "^" * 22, "%pip is an IPython magic, not Python",
        "Write %package=x==1 y at the top, and the replicas have it",
    ),
    "pip magic below code": (
        "x = 1\n%pip install -r all.txt", 3, "^" * 23, "%pip is an IPython magic, not Python",
        "Write %package=-r all.txt at the top, and the replicas have it",
    ),
    "another pip magic": (
        "%pip list", 2, "^" * 9, "%pip is an IPython magic, not Python", "Run it in a cell of its own",
    ),
    "command": ("%ciao jobs", 2, "^" * 10, "%ciao is a command, not Python", "Run it in a cell of its own"),
    "assigned magic": ("x = %who", 2, "    ^^^^", "an IPython magic gives a value only in the notebook", OWN_CELL),
    "assigned shell": ("x = !ls", 2, "    ^^^", "a shell command gives a value only in the notebook", SUBPROCESS),
    "shell": ("x = 1\n!ls 'x", 3, "^" * 6, "! runs a shell only in the notebook", SUBPROCESS),
    "packages by a shell": (
        "!pip install 'x>=1'", 2, "^" * 19, "! runs a shell only in the notebook",
        "Write %package=NAME at the top, and the replicas have it",
    ),
    "shell with an open quote": (
        '!echo """\nx = 1\n', 2, "^" * 9, "! runs a shell only in the notebook", SUBPROCESS,
    ),
    "help": ("x = 1\nx?", 3, "^^", "? is the notebook's help, not Python", "Ask in a cell of its own"),
    "help first": ("?x", 2, "^^", "? is the notebook's help, not Python", "Ask in a cell of its own"),
    "bare command": (
        "conda install x", 2, "^" * 15, "this is a command, not Python",
        "Run it in a cell of its own, or in a terminal",
    ),
    "prompt": (">>> x", 2, "^^^^^", "a prompt is not Python", "Remove it: the code of a job cell is run as it stands"),
    "await": (
        "x = 1\nawait x", 3, "^^^^^^^", "a job's code is a program, so it cannot await outside of a function",
        "Put it into async def main(): ... and call asyncio.run(main())",
    ),
    "async for": (
        "async for x in y:\n    pass",
        2, "^" * 17, "a job's code is a program, so it cannot await outside of a function",
        "Put it into async def main(): ... and call asyncio.run(main())",
    ),
    "no code": (
        "\n# only words\n", 1, "^" * 14, "there is no code below the magic lines",
        "Write the code to be run below them",
    ),
    "NUL": (
        "x = '\0'", 2, "     ^", "the cell has a NUL character, which Python does not read",
        r"Remove it, or write \0 in a string",
    ),
    "half a pair": (
        "x = '\ud800'", 2, "     ^", "the character \\ud800 is half of a pair and cannot be written as UTF-8",
        "Remove it, or write it as an escape in a string",
    ),
    "cookie": (
        "# coding: latin-1\nx", 2, "          ^^^^^^^", "the code is sent as UTF-8, not as 'latin-1'",
        "Remove the comment, or write utf-8",
    ),
    "too deep": (
        "x\n" + "-" * 100_000 + "1", 2, "^", "the code is nested too deeply for Python",
        "Split the longest expression into several statements",
    ),
}  # fmt: skip

Row = tuple[str, int, str, str, str]


@pytest.mark.parametrize("row", OF_OPTIONS.values(), ids=OF_OPTIONS)
def test_an_error_of_the_magics_shows_its_place_and_the_way_out(row: Row, error: Fail) -> None:
    text, line, carets, message, hint = row
    found = error(f"{text}\nx = 1\n")
    assert isinstance(found, OptionError)
    assert (found.message, found.hint, found.line) == (message, hint, line)
    source = text.removeprefix("\ufeff").split("\n")[line - 1]
    assert found.picture() == f"{source}\n{carets}"


@pytest.mark.parametrize("row", OF_CODE.values(), ids=OF_CODE)
def test_an_error_of_the_code_shows_its_place_and_the_way_out(row: Row, error: Fail) -> None:
    code, line, carets, message, hint = row
    found = error(f"%framework=jax\n{code}")
    assert isinstance(found, CodeError)
    assert (found.message, found.hint, found.line) == (message, hint, line)
    source = f"%framework=jax\n{code}".split("\n")[line - 1]
    assert found.picture() == f"{source}\n{carets}"


def test_the_limit_of_replicas_counts_all_roles(error: Fail) -> None:
    found = error("%framework=tensorflow\n%ps=30\n%backend=local\n%worker=35\nx")
    assert (found.line, found.message) == (4, "65 replicas are more than the 64 that may run on this machine")


def test_a_text_without_magics_is_told_how_to_begin(error: Fail) -> None:
    words = "line 1: this cell has no magic lines of a job. Begin it with a line such as %framework=pytorch"
    assert str(error("x")) == words


def test_a_long_value_is_cut_in_the_message(error: Fail) -> None:
    assert len(error(f"%framework={'x' * 100_000}\nx").message) < 100
