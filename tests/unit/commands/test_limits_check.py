"""What ciao doctor says of memory, cores and GPUs."""

from __future__ import annotations

from ciao.commands.limits_check import judged, limits

GIB = 1024**3


def test_what_is_there_for_replicas_is_told() -> None:
    found = judged(room=20 * GIB, cores=8, gpus=2, memory_is_held=True)
    assert (found.verdict, found.words) == ("ok", "20Gi of memory free, 8 cores, 2 GPUs")


def test_a_system_that_cannot_hold_replicas_to_what_they_state_says_so() -> None:
    found = judged(room=20 * GIB, cores=0, gpus=0, memory_is_held=False)
    assert (found.verdict, found.words) == ("ok", "20Gi of memory free, %memory= and %cpu= not held: only Linux can")


def test_little_memory_is_a_warning_with_a_way_out() -> None:
    found = judged(room=GIB // 2, cores=2, gpus=0, memory_is_held=True)
    assert (found.verdict, found.words, bool(found.fix)) == ("warn", "512Mi of memory free, 2 cores", True)


def test_this_machine_has_an_answer() -> None:
    assert limits().name == "limits"
