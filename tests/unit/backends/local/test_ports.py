"""Ports are reserved by open lock files."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from ciao.backends.local import ports
from ciao.backends.local.ports import reserve
from ciao.errors import CreateRefused


def test_two_reservations_share_no_port(tmp_path: Path) -> None:
    first, second = reserve(20, folder=tmp_path), reserve(20, folder=tmp_path)
    assert not set(first.ports) & set(second.ports)
    first.release()
    second.release()


def test_a_released_port_can_be_had_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "FIRST", 28111)
    monkeypatch.setattr(ports, "LAST", 28112)
    for _ in range(3):
        reserve(2, folder=tmp_path).release()


def test_a_port_that_somebody_listens_on_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setattr(ports, "FIRST", taken)
        monkeypatch.setattr(ports, "LAST", taken + 200)
        reservation = reserve(3, folder=tmp_path)
        reservation.release()
        assert taken not in reservation.ports


def test_too_few_free_ports_are_refused_and_none_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "FIRST", 28121)
    monkeypatch.setattr(ports, "LAST", 28122)
    with pytest.raises(CreateRefused, match="only 2 of 3 TCP ports"):
        reserve(3, folder=tmp_path)
    reserve(2, folder=tmp_path).release()


def test_a_disk_that_fills_up_in_between_keeps_no_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "FIRST", 28141)
    monkeypatch.setattr(ports, "LAST", 28142)
    with monkeypatch.context() as full:
        probed: list[int] = []

        def free(port: int) -> bool:
            probed.append(port)
            if len(probed) > 1:
                raise OSError(errno.ENOSPC, "No space left on device")
            return True

        full.setattr(ports, "_free", free)
        with pytest.raises(OSError, match="No space left"):
            reserve(2, folder=tmp_path)
    reserve(2, folder=tmp_path).release()
