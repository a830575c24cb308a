"""Prefixes that start a program in a sandbox: without some system calls, or without /proc."""

import os
import pathlib
import subprocess

import pytest

from .peers import spore_binary


def refusing(error, *calls):
    """The kernel refuses these system calls with EPERM or ENOSYS, by a real seccomp filter."""
    program = pathlib.Path(spore_binary()).parent / "test-programs" / "refuse"
    prefix = [str(program), error, ",".join(calls)]
    done = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        message = f"SKIPPED: no system call may be refused here: {done.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(message + " (CI=true: it must work)", pytrace=False)
        pytest.skip(message)
    assert done.returncode == 0, done.stderr
    return prefix


def without_proc():
    """/proc is an empty folder in a mount namespace of the program."""
    # The mount is private to the namespace; "$@" is the program.
    prefix = ["unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', "sh"]
    done = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        # A container may forbid it even to root, as in harness.network.
        pytest.skip(f"SKIPPED: no mount namespace may be made here: {done.stderr.strip()}")
    return prefix
