"""Packages of Spore, and an empty Debian in which they are installed."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from .nspawn import FILES, Machine, demand
from .peers import REPOSITORY, is_sanitized
from .process import clean_environment
from .scale import seconds
from .upgrades import change_version

PACKAGE = REPOSITORY / "conf" / "package"
# Not optimised and without the packages of debug symbols: a build takes half the time.
QUICKLY = "noopt noautodbgsym"
BUILD_TIMEOUT = 500


def demand_tools():
    """Skips the test without what builds packages; fails it if CI=true."""
    if is_sanitized():
        pytest.skip("SKIPPED: packages are built without a sanitizer")
    for program, package in (("dpkg-buildpackage", "dpkg-dev"), ("dh", "debhelper")):
        demand(program, package)
    demand("scdoc", "scdoc")


def build(folder):
    """The folder, with the packages of this source tree. No two builds have the same paths."""
    scratch = folder.with_name(folder.name + "-scratch")
    scratch.mkdir(parents=True, exist_ok=True)
    more = {"DEB_BUILD_OPTIONS": QUICKLY, "TMPDIR": str(scratch)}
    with subprocess.Popen(
        [PACKAGE, "--output", folder],
        env=clean_environment(more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds(BUILD_TIMEOUT))
        except BaseException:
            os.killpg(process.pid, 9)
            raise
    assert process.returncode == 0, output[-4000:]
    return folder


def fields(package):
    """The fields of a package's control file."""
    done = subprocess.run(
        ["dpkg-deb", "--field", package], stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(re.findall(r"^(\S+): (.*)$", done.stdout, re.MULTILINE))


def debs(folder, pattern="*"):
    return sorted(folder.glob(f"{pattern}.deb"))


def newer(folder, packages, suffix):
    """The folder, with copies of the packages whose version is higher. The program says so, too."""
    folder.mkdir()
    for package in packages:
        tree = folder / "tree"
        subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
        control = tree / "DEBIAN" / "control"
        version = fields(package)["Version"]
        control.write_text(control.read_text().replace(version, version + suffix))
        if (tree / "usr/bin/spore").exists():
            change_version(tree / "usr/bin/spore")
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, folder],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        shutil.rmtree(tree)
    return folder


def root_archive():
    """The empty Debian that tests/lib/root.sh makes."""
    release = pathlib.Path("/etc/os-release").read_text(encoding="utf-8")
    codename = re.search(r"^VERSION_CODENAME=(\w+)$", release, re.MULTILINE)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    name = f"root-{codename.group(1) if codename else 'unknown'}.tar"
    return pathlib.Path(os.environ.get("DEBIAN_ROOT") or f"{cache}/spore-peers/{name}")


class Debian(Machine):
    """An empty Debian that runs, with a network of its own and with the folder of the packages as
    /packages."""

    def __init__(self, folder, packages):
        super().__init__(folder)
        self.packages = packages

    def _install(self):
        archive = root_archive()
        if not archive.is_file():
            message = f"SKIPPED: NO {archive}: tests/run makes it, with mmdebstrap"
            if os.environ.get("CI") == "true":
                pytest.fail(message + " (CI=true: it must be there)", pytrace=False)
            pytest.skip(message)
        (self.folder / "root").mkdir(parents=True)
        subprocess.run(["tar", "-xf", archive, "-C", self.folder / "root"], check=True)
        # Nothing of it stays, so nothing must reach the disk.
        (self.folder / "root/etc/dpkg/dpkg.cfg.d/test").write_text("force-unsafe-io\n")
        for name, text in FILES.items():
            file = self.folder / "root/etc/systemd" / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def _options(self):
        yield f"--directory={self.folder}/root"
        yield f"--bind-ro={self.packages}:/packages"
        yield "--private-network"

    def install(self, folder, *patterns):
        """The packages of a folder in /packages, or those with these names. What apt says."""
        found = [deb for each in patterns or ("*",) for deb in debs(folder, each)]
        assert found
        paths = [f"/packages/{folder.name}/{deb.name}" for deb in found]
        return self.apt("install", "--allow-downgrades", "--reinstall", *paths)

    def apt(self, *arguments):
        """Uses what the archive has downloaded, since the machine has no network."""
        command = ["apt-get", "--yes", "--no-install-recommends"]
        return self.must(*command, *arguments, timeout=120)
