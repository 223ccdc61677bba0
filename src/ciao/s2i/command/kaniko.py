"""Kaniko on the user's machine: it unpacks the base over its own root, so it gets one that is thrown away.

That takes root, and mounts in a namespace of its own. It is no sandbox: a ``RUN`` line is run as root of this machine,
in another root folder; and it can read the logins with which Kaniko pulls and pushes, which are the only ones in there.
Kaniko keeps no layers from one build to the next; each one unpacks the base.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from ciao.s2i.command.signing_in import only
from ciao.s2i.command.tools import Order, Step

__all__ = ["NAMES", "prepare", "steps", "why_not"]

NAMES = ("executor", "kaniko", "/kaniko/executor")
"""What the program may be called."""

CERTIFICATES = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pki/tls/certs/ca-bundle.crt"))

ENTER = """
set -e
root=$1 context=$2 executor=$3
shift 3
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount --bind "$executor" "$root/kaniko/executor"
mount --bind "$context" "$root/workspace"
mount -o remount,bind,ro "$root/workspace"
for name in resolv.conf hosts; do
  if [ -e "/etc/$name" ]; then touch "$root/etc/$name"; mount --bind "/etc/$name" "$root/etc/$name"; fi
done
exec chroot "$root" /kaniko/executor "$@"
"""
"""In a mount namespace that ends with it. What is mounted, Kaniko leaves alone, and takes for no part of the image."""


def why_not(environ: Mapping[str, str]) -> str:  # noqa: ARG001 # the table's
    """It must be root, to mount and to unpack files of any owner."""
    return "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "on this machine kaniko needs root"


def prepare(order: Order) -> None:
    """Its root, with nothing in it but what Kaniko itself reads."""
    root = _root(order)
    for folder in ("dev", "proc", "workspace", "tmp", "etc", "kaniko/.docker", "kaniko/ssl/certs"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "kaniko/executor").touch()
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    if found := next((path for path in CERTIFICATES if path.exists()), None):
        shutil.copyfile(found, root / "kaniko/ssl/certs/ca-certificates.crt")
    if order.certificates:
        shutil.copyfile(order.certificates / "ca.crt", root / "kaniko/ca.crt")
    if order.login:
        logins = only((order.login / "config.json").read_text(), {order.host, *order.sources})
        (root / "kaniko/.docker/config.json").write_text(logins)
    shutil.copyfile(order.dockerfile, root / "kaniko/Dockerfile")


def steps(order: Order) -> tuple[Step, ...]:
    """One call, which pushes too."""
    secure = sorted({order.host, *order.sources} - order.plain)
    flags = (
        "--force", "--context=dir:///workspace", "--dockerfile=/kaniko/Dockerfile",
        f"--destination={order.name}", "--digest-file=/kaniko/digest", "--log-format=text", "--ignore-path=/workspace",
        *(f"--insecure-registry={host}" for host in sorted(order.plain)),
        *(f"--registry-certificate={host}=/kaniko/ca.crt" for host in (secure if order.certificates else ())),
        *((f"--custom-platform={order.platform}",) if order.platform else ()),
        *(f"--build-arg={name}={value}" for name, value in order.arguments.items()),
    )  # fmt: skip
    clean = ("env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root")
    known = ("DOCKER_CONFIG=/kaniko/.docker", "SSL_CERT_DIR=/kaniko/ssl/certs")
    apart = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child")
    inside = ("sh", "-c", ENTER, "sh", str(_root(order)), str(order.context), order.programs[NAMES[0]])
    return (Step(what="kaniko: building and pushing", argv=(*clean, *known, *apart, *inside, *flags)),)


def digest(order: Order, _: object) -> str:
    """It writes it into its own root."""
    return (_root(order) / "kaniko/digest").read_text().strip()


def _root(order: Order) -> Path:
    return order.scratch / "root"
