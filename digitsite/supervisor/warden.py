"""Ends the children of a supervisor that died without ending them (SIGKILL, a crash).

Runs as a script of its own, in its own session, with nothing but the standard library. The
supervisor tells it on standard input which process groups live; when the pipe closes, whatever is
still listed is ended in order. It also inherits the lock of the home, so that a new supervisor
waits until the last process of the former one is gone.

Lines: `born <group> <stage> <seconds>`, `gone <group>`.
"""

import contextlib
import os
import signal
import sys
import time


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # only zombies are left, or the number is somebody else's by now
        return False
    return True


def end_stage(groups: dict[int, float]) -> None:
    """SIGTERM to the leaders, SIGKILL to whole groups that outstay their seconds."""
    began = time.monotonic()
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(group, signal.SIGTERM)
    waiting = dict(groups)
    while waiting:
        for group, seconds in list(waiting.items()):
            if not alive(group):
                del waiting[group]
            elif time.monotonic() - began > seconds:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, signal.SIGKILL)
                del waiting[group]
        time.sleep(0.05)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[int, tuple[int, float]] = {}
    for line in sys.stdin:
        word, *numbers = line.split()
        if word == "born":
            groups[int(numbers[0])] = (int(numbers[1]), float(numbers[2]))
        elif word == "gone":
            groups.pop(int(numbers[0]), None)
    for stage in sorted({stage for stage, _ in groups.values()}):
        end_stage({group: seconds for group, (at, seconds) in groups.items() if at == stage})


if __name__ == "__main__":
    main()
