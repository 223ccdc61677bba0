"""The one table of commands: parsing, help and completion come from it, in the shell and in a cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["BY_NAME", "COMMANDS", "SYNONYMS", "Argument", "Command"]


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One word of a command. ``name`` is ``JOB``, or ``--all``; ``value`` is what follows an option, if anything."""

    name: str
    doc: str
    short: str = ""
    value: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()

    @property
    def is_option(self) -> bool:
        """Whether it is written with dashes."""
        return self.name.startswith("-")

    @property
    def field(self) -> str:
        """Its name in a request."""
        return self.name.lstrip("-").replace("-", "_").lower()

    @property
    def usage(self) -> str:
        """How a usage line shows it."""
        shown = "|".join(self.choices) or (f"{self.name} {self.value}" if self.value else self.name)
        return shown if self.required else f"[{shown}]"


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command. ``where`` tells whether it is for the shell alone; ``doc`` says what the summary cannot."""

    name: str
    summary: str
    doc: str = ""
    arguments: tuple[Argument, ...] = ()
    where: Literal["both", "shell"] = "both"

    @property
    def usage(self) -> str:
        """``logs [JOB] [REPLICA] [--follow]``."""
        return " ".join((self.name, *(a.usage for a in self.arguments)))

    @property
    def options(self) -> tuple[str, ...]:
        """Every spelling of every option."""
        return tuple(s for a in self.arguments if a.is_option for s in (a.name, a.short) if s)


JOB = Argument(name="JOB", doc="a job's name, or enough of its beginning to be the only one")
JSON = Argument(name="--json", doc="for programs: JSON instead of text")

COMMANDS: tuple[Command, ...] = (
    Command(
        name="jobs",
        summary="List the jobs that run, and the last that ended",
        arguments=(Argument(name="--all", short="-a", doc="every job that is kept"), JSON),
    ),
    Command(
        name="describe",
        summary="Show one job: its replicas, times and error",
        doc="Without a name: the newest job, in a notebook that of this kernel.",
        arguments=(JOB, JSON),
    ),
    Command(
        name="logs",
        summary="Print a job's lines, of all replicas in the order of time",
        doc="Without a name: as for describe. Of a job that runs, the lines so far; --follow stays to its end.",
        arguments=(
            JOB,
            Argument(name="REPLICA", doc="only the lines of this replica, such as worker-0"),
            Argument(name="--follow", short="-f", doc="stay until the job ends; Ctrl-C lets go, and the job goes on"),
            Argument(name="--tail", value="N", doc="only the last N lines, and with --follow what comes after them"),
            Argument(name="--since", value="TIME", doc="only lines since then: 10m ago, 14:30, 2026-01-31T14:30:00Z"),
            Argument(name="--grep", value="RE", doc="only lines in which this regular expression is found"),
            Argument(name="--timestamps", short="-t", doc="begin each line with its time (UTC)"),
        ),
    ),
    Command(
        name="attach",
        summary="Follow a job from its first line to its end",
        doc="Without a name: the only job that runs, else the newest. Ctrl-C lets go, and the job goes on.",
        arguments=(JOB,),
    ),
    Command(
        name="stacks",
        summary="Show where each replica of a job stands, and who stands elsewhere than the others",
        doc="""Without a name: as for attach. Replicas that stand at the same place are shown together; the job goes on.
With REPLICA: every frame of every thread. On a cluster it needs the right to run commands in pods.""",
        arguments=(JOB, Argument(name="REPLICA", doc="all that this replica tells, such as worker-0")),
    ),
    Command(
        name="cancel",
        summary="End a job; its log stays",
        doc="Without a name: the only job that runs; in a notebook, of those that this kernel started.",
        arguments=(JOB,),
    ),
    Command(
        name="delete",
        summary="End a job if it runs, and remove all that is kept of it",
        doc="With --ended: list all jobs that ended, and with --yes as well delete them.",
        arguments=(
            JOB,
            Argument(name="--ended", doc="every job that ended, in place of JOB"),
            Argument(name="--yes", doc="delete them, not only list them"),
        ),
    ),
    Command(
        name="plan",
        summary="Print what a cell would create, as YAML, and create nothing",
        doc="In a notebook, write `%%ciao plan` above the cell's magic lines.",
        arguments=(Argument(name="FILE", doc="a file that begins with magic lines; '-' for standard input"),),
    ),
    Command(
        name="run",
        summary="Run a file that begins with magic lines, as a job",
        doc="""Ctrl-C ends the job. The exit status is 0 if it succeeded, 1 if it failed, 130 after Ctrl-C, and
143 after SIGTERM or if the job was cancelled from elsewhere.""",
        arguments=(Argument(name="FILE", doc="the file; '-' for standard input", required=True),),
        where="shell",
    ),
    Command(
        name="images",
        summary="List the images that were pushed, and remove those that nobody needs",
        doc="""`prune` lists what no job needs and was not used from here for a while; with --yes as well it is removed.
Images carry no time: of those that others have pushed the age is not known, and they stay unless --all is given.""",
        arguments=(
            Argument(name="ACTION", doc="prune: list, or remove, what nobody needs", choices=("prune",)),
            Argument(name="--older-than", value="AGE", doc="not used for so long, such as 14d; without it, keep.days"),
            Argument(name="--all", short="-a", doc="also those that were never used from here"),
            Argument(name="--yes", doc="remove them, not only list them"),
            JSON,
        ),
    ),
    Command(name="doctor", summary="Check what works from here, and say how to fix what does not"),
    Command(name="config", summary="Show every setting, its value and where it comes from"),
    Command(
        name="kernel",
        summary="Make the kernel known to Jupyter, or unknown again",
        doc="Without an option: for this user. Jupyter itself starts the kernel with `-f FILE`.",
        arguments=(
            Argument(name="ACTION", doc="what to do", choices=("install", "uninstall"), required=True),
            Argument(name="--user", doc="for this user (as without an option)"),
            Argument(name="--sys-prefix", doc="for the environment of this Python"),
            Argument(name="--prefix", value="DIR", doc="for the environment in this folder"),
        ),
        where="shell",
    ),
    Command(
        name="gateway",
        summary="Serve kernels to a JupyterLab that runs somewhere else",
        doc="""The JupyterLab connects with `--gateway-url` and keeps the notebooks; here are kernels and nothing else.
Each option is also a variable, such as CIAO_GATEWAY_MAX_KERNELS. Without a token one is made and kept.""",
        arguments=(
            Argument(name="--ip", value="ADDRESS", doc="where to listen; 127.0.0.1, or 0.0.0.0 for every address"),
            Argument(name="--port", value="N", doc="the port; 8889, and 0 for a free one"),
            Argument(name="--base-url", value="PATH", doc="below which path; without it NB_PREFIX, else /"),
            Argument(name="--certfile", value="FILE", doc="TLS: the certificate with its chain"),
            Argument(name="--keyfile", value="FILE", doc="TLS: its key"),
            Argument(name="--self-signed", doc="TLS: with a certificate that is made here, once"),
            Argument(name="--token-file", value="FILE", doc="the token; without it JUPYTER_TOKEN, else one is made"),
            Argument(name="--user", value="NAME", doc="the one user"),
            Argument(name="--user-header", value="HEADER", doc="which every request must bear, with that name in it"),
            Argument(name="--allow-origin", value="ORIGIN", doc="whose pages may use it beside its own"),
            Argument(name="--cull-after", value="TIME", doc="end kernels that idle so long, such as 2h; 0: never"),
            Argument(name="--max-kernels", value="N", doc="how many kernels there may be; 16"),
            Argument(
                name="--max-message", value="SIZE", doc="how long a client's message may be, such as a cell; 32Mi"
            ),
            Argument(name="--insecure-http", doc="listen beyond this machine without TLS: it ends before"),
            Argument(name="--insecure-no-token", doc="let in whoever reaches it: authentication ends before"),
        ),
        where="shell",
    ),
    Command(
        name="help",
        summary="Explain Ciao, a command, or an option of a cell",
        arguments=(Argument(name="COMMAND", doc="the command, or an option such as worker; options for all of those"),),
    ),
    Command(name="version", summary="Print the version"),
)

BY_NAME: Mapping[str, Command] = MappingProxyType({c.name: c for c in COMMANDS})

_WORDS = {
    "jobs": "status ls list ps queue squeue running history",
    "describe": "info show inspect get detail details",
    "logs": "log tail cat output out lines",
    "attach": "follow watch wait resume",
    "stacks": "stack top trace traces threads backtrace where pyspy dump",
    "cancel": "kill stop abort end terminate interrupt scancel",
    "delete": "rm remove del purge clean erase",
    "plan": "dryrun preview render yaml manifest diff",
    "run": "submit start train exec launch apply create sbatch",
    "doctor": "check diagnose test verify",
    "config": "settings setting configure set",
    "images": "prune gc",
    "kernel": "install uninstall setup",
    "gateway": "serve server",
    "help": "usage man",
    "version": "about",
}

SYNONYMS: Mapping[str, str] = MappingProxyType({word: name for name, words in _WORDS.items() for word in words.split()})
"""What people call commands elsewhere, in small letters without ``-`` and ``_``: likeness makes stacks of status."""
