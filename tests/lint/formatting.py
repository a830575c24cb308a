"""The sources are formatted, and shellcheck accepts the scripts.

usage: formatting.py clang-format|black|shellcheck [ROOT]

Versions of a formatter differ in their output, so another version than ours is a skip. A missing
tool is a skip, but a failure if CI=true.
"""

import re
import shutil
import subprocess
import sys

import source

# The language, the command, the version (None: any), and what marks a fault in the output.
TOOLS = {
    "clang-format": ("c", ["clang-format", "--dry-run", "-Werror"], 14, r": error: "),
    "black": ("python", ["black", "--check", "--line-length=100"], 23, r"^(would reformat|error:)"),
    "shellcheck": (
        "shell", ["shellcheck", "--external-sources", "--severity=warning", "--format=gcc"], None,
        r": (warning|error): ",
    ),  # fmt: skip
}


def check(tool, root):
    language, command, _, fault = TOOLS[tool]
    files = [str(path) for path in source.walk(root) if source.language(path) == language]
    if not files:
        return [f"{root}: there is no file for {tool}"]
    done = subprocess.run(
        [*command, *files],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    if done.returncode == 0:
        return []
    faults = [line for line in done.stdout.splitlines() if re.search(fault, line)]
    return faults or [f"{tool}: status {done.returncode}\n{done.stdout}"]


def unusable(tool):
    """The exit status of a lint whose tool is not the one that is wanted; None if it is."""
    expected = TOOLS[tool][2]
    if not shutil.which(tool):
        return source.skip(f"SKIPPED: {tool} is not installed", fatal_in_ci=True)
    if not expected:
        return None
    said = subprocess.run([tool, "--version"], stdout=subprocess.PIPE, text=True, timeout=60).stdout
    version = re.search(r"(\d+)\.\d+", said)
    if not version or int(version.group(1)) != expected:
        return source.skip(f"SKIPPED: expected {tool} {expected}, found {said.strip()}")
    return None


if __name__ == "__main__":
    tool = sys.argv[1]
    sys.exit(
        unusable(tool)
        or source.report(
            check(tool, sys.argv[2] if len(sys.argv) > 2 else source.REPOSITORY), f"format {tool}"
        )
    )
