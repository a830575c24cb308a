"""The load generator of tests/bench and its service: far more visitors than Python can play."""

import json
import os
import pathlib
import subprocess

import pytest

from .peers import spore_binary


def _program(name):
    """If it was not built the test is skipped, or fails if CI=true."""
    path = pathlib.Path(spore_binary()).parent / "tests" / "bench" / name
    if os.access(path, os.X_OK):
        return str(path)
    message = f"NO {name}: configure with -DSPORE_BENCH=ON"
    if os.environ.get("CI") == "true":
        pytest.fail(message + " (CI=true: it must be there)", pytrace=False)
    pytest.skip(message)


class LoadService:
    """Answers the visitors of the load generator."""

    host = "127.0.0.1"

    def __enter__(self):
        # It runs until its standard input ends.
        self._process = subprocess.Popen(
            [_program("spore-bench-service")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self._process.stdout.readline()
        assert line.startswith("listening at "), line
        self.port = int(line.rpartition(":")[2])
        return self

    def __exit__(self, *_):
        self._process.communicate("")


def churn(port, number, at_once, timeout):
    """So many visitors of this port of 127.0.0.1: each asks, is answered and leaves.

    Returns how many came per second.
    """
    words = ["churn", "--port", port, "--count", number, "--connections", at_once]
    done = subprocess.run(
        [_program("spore-bench-load"), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["total"] == number and not any(figures["errors"].values()), figures
    return figures["rate"]
