"""An authority and what it signs, for tests of TLS: made by openssl, new in each run."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ciao.k8s.access import KeyPair


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """``authority`` signed the server's, which is for 127.0.0.1 and ``api.example``, and the client's."""

    folder: Path

    @property
    def authority(self) -> bytes:
        return self._read("ca.crt")

    @property
    def client(self) -> KeyPair:
        return KeyPair(certificate=self._read("client.crt"), key=self._read("client.key"))

    def server(self, name: str = "server", *, asks: bool = False) -> ssl.SSLContext:
        """For a server that may ask its clients for a certificate; ``example`` is a server for that name only."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.folder / "ca.crt")
        context.load_cert_chain(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
        return context

    def _read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


def make(folder: Path) -> Certificates:
    extensions = ("-addext", "keyUsage=critical,keyCertSign")
    _openssl(folder, "req", "-x509", *_new("ca"), "-out", "ca.crt", "-days", "1", *extensions)
    for name, alternative in (("server", "IP:127.0.0.1"), ("example", "DNS:api.example"), ("client", "DNS:client")):
        _openssl(folder, "req", *_new(name), "-out", f"{name}.csr")
        (folder / "ext").write_text(f"subjectAltName={alternative}\n")
        signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", "ext")
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.crt")
    return Certificates(folder=folder)


def _new(name: str) -> tuple[str, ...]:
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key")
    return ("-new", *key, "-subj", f"/CN={name}")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=True)
