"""Certificates: named ones, and those that are made here."""

from __future__ import annotations

import os
import shutil
import ssl
import time
from pathlib import Path

import pytest

from ciao.errors import CiaoError
from ciao.frontends.gateway import tls
from ciao.frontends.gateway.options import Options
from ciao.frontends.gateway.tls import Pair
from fakes.handshake import shakes_hands

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
SIGNED = Options(self_signed=True)


def made(home: Path, options: Options = SIGNED) -> Pair:
    pair = tls.find(options, home)
    assert pair
    return pair


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_pair_of_its_own_is_good_for_this_machine_to_who_trusts_it(name: str, tmp_path: Path) -> None:
    pair = made(tmp_path)
    shakes_hands(tls.context(pair), trusts=pair.cert, name=name)


def test_where_others_reach_it_it_has_the_names_and_addresses_by_which_they_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "trainer")
    monkeypatch.setattr("socket.getfqdn", lambda: "trainer.team.example")
    monkeypatch.setattr(tls, "_outward", lambda: iter(["192.168.1.5", "fd00::5"]))
    pair = made(tmp_path, Options(ip="0.0.0.0", self_signed=True))
    for name in ("trainer", "trainer.team.example", "192.168.1.5", "fd00::5", "localhost"):
        shakes_hands(tls.context(pair), trusts=pair.cert, name=name)
    local = made(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError):
        shakes_hands(tls.context(local), trusts=local.cert, name="trainer")


def test_what_is_no_name_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "my_machine,IP:9.9.9.9")
    monkeypatch.setattr("socket.getfqdn", lambda: "")
    monkeypatch.setattr(tls, "_outward", lambda: iter([]))
    assert tls._names(Options(ip="::", self_signed=True)) == "DNS:localhost,IP:127.0.0.1,IP:::1"


def test_it_is_good_for_no_other_name_and_to_nobody_else(tmp_path: Path) -> None:
    pair, other = made(tmp_path / "one"), made(tmp_path / "two")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"doesn't match|mismatch"):
        shakes_hands(tls.context(pair), trusts=pair.cert, name="evil.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        shakes_hands(tls.context(pair), trusts=other.cert, name="localhost")


def test_it_is_made_once_and_only_this_user_reads_the_key(tmp_path: Path) -> None:
    pair = made(tmp_path)
    before = pair.cert.read_bytes()
    assert made(tmp_path).cert.read_bytes() == before
    assert [path.stat().st_mode & 0o777 for path in (pair.key, pair.key.parent)] == [0o600, 0o700]


def test_it_is_made_anew_when_it_is_old_or_this_machine_has_another_address(tmp_path: Path) -> None:
    pair = made(tmp_path)
    first = pair.cert.read_bytes()
    second = made(tmp_path, Options(ip="10.9.8.7", self_signed=True)).cert.read_bytes()
    assert second != first
    long_ago = time.time() - 2 * tls.RENEWED
    os.utime(pair.cert, (long_ago, long_ago))
    assert made(tmp_path, Options(ip="10.9.8.7", self_signed=True)).cert.read_bytes() != second


def test_one_that_is_broken_or_that_others_may_read_is_made_anew(tmp_path: Path) -> None:
    pair, other = made(tmp_path / "one"), made(tmp_path / "two")
    for spoil in (
        lambda: pair.key.chmod(0o640),
        lambda: pair.key.write_text(other.key.read_text()),
        lambda: pair.cert.write_text("no certificate"),
        pair.key.unlink,
    ):
        before = pair.cert.read_bytes()
        spoil()
        assert made(tmp_path / "one").cert.read_bytes() != before
        assert pair.key.stat().st_mode & 0o777 == 0o600
        shakes_hands(tls.context(pair), trusts=pair.cert, name="localhost")


def test_what_cannot_be_loaded_takes_nothing_away(tmp_path: Path) -> None:
    pair, other = made(tmp_path / "one"), made(tmp_path / "two")
    context, trusted = tls.context(pair), tmp_path / "trusted.pem"
    shutil.copy(pair.cert, trusted)
    for file, text in ((pair.cert, other.cert.read_text()), (pair.cert, "no certificate"), (pair.key, "")):
        file.write_text(text)
        with pytest.raises(CiaoError):
            tls.load(context, pair)
        shakes_hands(context, trusts=trusted, name="localhost")


def test_without_openssl_there_is_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CiaoError, match=r"needs the program openssl.*give --certfile and --keyfile"):
        tls.find(SIGNED, tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    pair = made(tmp_path)
    with pytest.raises(CiaoError, match=r"nowhere\.pem cannot be read: No such file"):
        tls.context(Pair(cert=tmp_path / "nowhere.pem", key=pair.key))


def test_a_key_of_another_certificate_or_with_a_password_is_told(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one"), made(tmp_path / "two")
    with pytest.raises(CiaoError, match="cannot serve TLS: KEY_VALUES_MISMATCH"):
        tls.context(Pair(cert=one.cert, key=other.key))
    other.key.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
    with pytest.raises(CiaoError, match="its own key without a password"):
        tls.context(Pair(cert=one.cert, key=other.key))


def test_old_versions_of_tls_are_not_spoken(tmp_path: Path) -> None:
    assert tls.context(made(tmp_path)).minimum_version == ssl.TLSVersion.TLSv1_2


def test_without_options_there_is_none(tmp_path: Path) -> None:
    assert tls.find(Options(), tmp_path) is None
