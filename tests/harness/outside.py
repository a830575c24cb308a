"""Builds third-party plugins with the SDK's headers alone."""

import pathlib
import subprocess

from .peers import REPOSITORY
from .scale import seconds

SOURCES = REPOSITORY / "tests" / "sdk" / "outside"


def build_outside(source, path, *flags):
    """Builds a plugin of that folder at `path`, replacing the file."""
    command = [
        "cc",
        "-std=c11",
        "-O2",
        "-fPIC",
        "-shared",
        "-fvisibility=hidden",
        "-Wl,-z,defs",
        f"-I{REPOSITORY / 'sdk' / 'include'}",
        *flags,
        "-o",
        str(path),
        str(SOURCES / f"{source}.c"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds(60), check=False)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(path)


def build_door(path, name):
    """Builds auth_door, which accepts every client as `name`."""
    return build_outside("auth_door", path, f'-DDOOR_NAME="{name}"')
