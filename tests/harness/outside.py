"""A plugin by somebody else: built by the tests from the SDK's headers alone, in as many
versions as needed."""

import pathlib
import subprocess

from .peers import REPOSITORY
from .scale import seconds

SOURCE = REPOSITORY / "tests" / "sdk" / "outside" / "auth_door.c"


def build_door(path, name):
    """A build of auth_door at `path` that lets everybody in as `name`. What was there is written
    over."""
    command = [
        "cc",
        "-std=c11",
        "-O2",
        "-fPIC",
        "-shared",
        "-fvisibility=hidden",
        "-Wl,-z,defs",
        f"-I{REPOSITORY / 'sdk' / 'include'}",
        f'-DDOOR_NAME="{name}"',
        "-o",
        str(path),
        str(SOURCE),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds(60), check=False)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(path)
