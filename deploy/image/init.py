"""The first process of the container: starts the command, passes signals on to it, and takes in what others leave.

What a kernel starts may outlive it: a job's supervisor, a command with `&`. When such a process ends, nobody but the
first process of the container can take it in, and the gateway knows its own children only. It ends as the command ends.
"""

from __future__ import annotations

import os
import signal
import sys

PASSED_ON = frozenset(
    {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH}
)
WAITED_FOR = PASSED_ON | {signal.SIGCHLD}


def main(command: list[str]) -> int:
    """Run it; its exit code, or 128 and the number of the signal that ended it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR)  # before it starts, so that none is lost
    try:
        child = os.posix_spawnp(command[0], command, os.environ, setsigmask=(), setsigdef=(signal.SIGPIPE,))
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}.\n")
        return 127
    while True:
        number = signal.sigwait(WAITED_FOR)
        if number != signal.SIGCHLD:
            os.kill(child, number)  # it is not taken in yet, so its id is nobody else's
        elif (status := taken_in(child)) is not None:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def taken_in(child: int) -> int | None:
    """Every process that has ended; the status of this one, if it has. One signal may stand for several."""
    found = None
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not ended:
            return found
        if ended == child:
            found = status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
