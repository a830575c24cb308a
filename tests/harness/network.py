"""A second network namespace behind a pair of interfaces; a test can cut the connection."""

import os
import shutil
import subprocess

import pytest


def _ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


def _no_program():
    message = "NO PROGRAM ip: install the package iproute2"
    if os.environ.get("CI") == "true":
        pytest.fail(message + " (CI=true: it must be there)", pytrace=False)
    pytest.skip(message)


def _not_permitted(why):
    """Skips the test: a container may forbid namespaces even to root."""
    pytest.skip(f"SKIPPED: no network namespace may be made here: {why}")


class FarNetwork:
    """here, there: our address and that of the namespace; `within`: prefix of commands there."""

    def __init__(self):
        number = os.getpid() % 16384
        self.name = f"spore-{os.getpid()}"
        self._near, self._far = f"sn{number}", f"sf{number}"
        # 198.18.0.0/15 is set aside for measuring networks (RFC 2544); a /30 for each process.
        base = number * 4
        self.here = f"198.18.{base >> 8}.{(base & 255) + 1}"
        self.there = f"198.18.{base >> 8}.{(base & 255) + 2}"
        self.within = ["ip", "netns", "exec", self.name]

    def __enter__(self):
        if os.geteuid() != 0:
            _not_permitted("only root may")
        if not shutil.which("ip"):
            _no_program()
        steps = [
            ["netns", "add", self.name],
            [
                "link",
                "add",
                self._near,
                "type",
                "veth",
                "peer",
                "name",
                self._far,
                "netns",
                self.name,
            ],
            ["addr", "add", f"{self.here}/30", "dev", self._near],
            ["-n", self.name, "addr", "add", f"{self.there}/30", "dev", self._far],
            ["link", "set", self._near, "up"],
            ["-n", self.name, "link", "set", self._far, "up"],
        ]
        for step in steps:
            done = _ip(*step)
            if done.returncode != 0:
                self._remove()
                _not_permitted(f"ip {' '.join(step)}: {done.stderr.strip()}")
        return self

    def __exit__(self, *_):
        self._remove()

    def _remove(self):
        _ip("link", "del", self._near)
        _ip("netns", "del", self.name)

    def cut(self):
        """From now on no packet passes, and neither end is notified."""
        done = _ip("-n", self.name, "link", "set", self._far, "down")
        assert done.returncode == 0, done.stderr
