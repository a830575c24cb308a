"""Waits for a condition by polling."""

import time

from .scale import seconds


def wait_until(condition, what, timeout=10.0, interval=0.02):
    """Calls `condition` until it returns something true, and returns that.

    Fails with `what` and the last result when the time is up.
    """
    deadline = time.monotonic() + seconds(timeout)
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {seconds(timeout):g} s for {what}; last seen: {answer!r}")
        time.sleep(interval)
