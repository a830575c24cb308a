"""What the tests of packages, releases and images share: it is built once."""

import fcntl
import os
import pathlib

import pytest

from harness import debian
from harness.nspawn import demand
from harness.releases import Release


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """A function once(NAME, MAKE): a folder that MAKE(folder) has filled, in one of the workers.

    What has failed is not tried again: it takes minutes."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def get(name, make):
        with (base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            begun, done, folder = base / f"{name}.begun", base / f"{name}.done", base / name
            if not begun.exists():
                begun.touch()
                make(folder)
                done.touch()
        assert done.exists(), f"{folder} could not be made: see the first failure"
        return folder

    return get


@pytest.fixture(scope="session")
def packages(once):
    """A folder with the packages of this source tree."""
    if "SPORE_PACKAGES" in os.environ:
        return pathlib.Path(os.environ["SPORE_PACKAGES"])
    debian.demand_tools()
    return once("packages", debian.build)


@pytest.fixture(scope="session")
def release(once):
    """A release of a copy of this source tree, committed and tagged there."""
    if "SPORE_RELEASE" in os.environ:
        return Release(os.environ["SPORE_RELEASE"])
    debian.demand_tools()
    for program in ("git", "mmdebstrap", "umoci"):
        demand(program, program)
    if os.geteuid() != 0:
        pytest.skip("SKIPPED: NOT ROOT: an image is made by root")
    return Release(once("release", lambda folder: Release(folder).make()))
