"""What a kernel said while nobody was connected."""

from __future__ import annotations

from ciao.frontends.gateway.buffer import Recent


def test_all_of_it_is_kept_in_order_while_it_is_not_too_much() -> None:
    recent = Recent(100)
    said = [("iopub", [b"stream", b"one"]), ("shell", [b"x", b"reply"]), ("iopub", [b"kernel.1.status", b"idle"])]
    for one in said:
        recent.append(one)
    assert (list(recent), len(recent)) == (said, 3)


def test_of_too_much_the_newest_output_is_kept_and_every_reply_and_state() -> None:
    recent = Recent(100)
    recent.append(("iopub", [b"kernel.1.status", b"busy"]))
    recent.append(("shell", [b"id", b"reply"]))
    for number in range(1000):
        recent.append(("iopub", [b"stream", b"%034d" % number]))
    kept = list(recent)
    assert [channel for channel, _ in kept] == ["iopub", "shell", "iopub", "iopub"]
    assert [int(parts[1]) for _, parts in kept[2:]] == [998, 999]
    assert recent.dropped == 998


def test_one_message_is_kept_however_long() -> None:
    recent = Recent(10)
    recent.append(("iopub", [b"display_data", b"x" * 100]))
    assert len(recent) == 1
