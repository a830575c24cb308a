"""Copies of this source tree in a git of their own, and releases that conf/release makes there."""

import os
import pathlib
import shutil
import subprocess

from .debian import BUILD_TIMEOUT, QUICKLY
from .peers import REPOSITORY
from .process import clean_environment
from .scale import seconds

VERSION = "7008.9.10"
TIME = 1_790_000_000  # 2026-09-21
DATE = "2026-09-21"


def files():
    """The files of the source tree, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        check=True,
    )
    names = {os.fsdecode(name) for name in listed.stdout.split(b"\0") if name}
    return sorted(name for name in names if (REPOSITORY / name).is_file())


class Repository:
    """A git with one commit, of the source tree."""

    def __init__(self, folder):
        self.folder = folder
        for name in files():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.name", "Tester")
        self.git("config", "user.email", "tester@spore.invalid")
        self.commit("the source tree")

    def git(self, *arguments):
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, subject):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)

    def state(self):
        """All that a release may change."""
        return self.git("rev-parse", "HEAD"), self.git("tag"), self.git("status", "--porcelain")

    def run(self, name, *arguments, timeout=BUILD_TIMEOUT, **variables):
        """Runs a script of the copy."""
        with subprocess.Popen(
            [self.folder / "conf" / name, *arguments],
            cwd=self.folder,
            env=clean_environment(
                {"DEB_BUILD_OPTIONS": QUICKLY, "SOURCE_DATE_EPOCH": str(TIME), **variables}
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=seconds(timeout))
            except BaseException:
                os.killpg(process.pid, 9)
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


class Release:
    """A release of a copy, in a folder that several workers share."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.made = self.folder / "made"
        self.source = self.folder / "source"

    def make(self):
        repository = Repository(self.source)
        done = repository.run("release", "--commit", "--output", self.made, VERSION)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return self

    def git(self, *arguments):
        return subprocess.run(
            ["git", *arguments], cwd=self.source, stdout=subprocess.PIPE, check=True
        ).stdout

    @property
    def image(self):
        (found,) = self.made.glob("*.oci.tar")
        return found
