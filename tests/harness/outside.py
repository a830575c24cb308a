"""Builds versions of a third-party plugin with the SDK's headers alone."""

import pathlib
import subprocess

from .peers import REPOSITORY
from .scale import seconds

SOURCE = REPOSITORY / "tests" / "sdk" / "outside" / "auth_door.c"


def build_door(path, name):
    """Builds auth_door at `path`, replacing the file. It accepts every client as `name`."""
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
