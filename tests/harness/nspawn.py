"""A machine with systemd: a container whose root is empty but for /usr of this machine.

It shares this machine's network. It ends with the context, and nothing of it stays.
"""

import os
import pathlib
import shutil
import subprocess

import pytest

from .network import network_of
from .peers import is_sanitized, spore_binary
from .scale import seconds
from .waiting import wait_until

# Only what a test starts runs, not what packages of this machine would enable.
FILES = {
    "system/spore-test.target": "[Unit]\nDescription=Test\nWants=systemd-journald.service\n",
    "system-preset/00-nothing.preset": "disable *\n",
}


def demand(program, package):
    """Skips the test without the program; fails it if CI=true."""
    if shutil.which(program) or os.path.exists(f"/lib/systemd/{program}"):
        return
    message = f"SKIPPED: NO PROGRAM {program}: install the package {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(message + " (CI=true: it must be there)", pytrace=False)
    pytest.skip(message)


def _read(path):
    return path.read_text(encoding="utf-8") if path.exists() else ""


class _Cgroup:
    """A control group for the machine's processes alone: systemd in it takes it for its own."""

    def __init__(self, name):
        self.folders = [folder / name for folder in self._own()]

    @staticmethod
    def _own():
        """The groups of this process in the hierarchies that systemd uses."""
        mounts = {}
        for line in _read(pathlib.Path("/proc/self/mountinfo")).splitlines():
            before, after = line.split(" - ")
            kind, _, options = after.split()[:3]
            if kind == "cgroup2" or "name=systemd" in options.split(","):
                mounts[kind] = pathlib.Path(before.split()[4])
        for line in _read(pathlib.Path("/proc/self/cgroup")).splitlines():
            number, controllers, path = line.split(":", 2)
            kind = {"0": "cgroup2"}.get(number, "cgroup")
            if kind in mounts and controllers in ("", "name=systemd"):
                yield mounts[kind] / path.lstrip("/")

    def make(self):
        for folder in self.folders:
            folder.mkdir()

    def enter(self):
        """For the child, before it becomes the machine."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text("0", encoding="ascii")

    def remove(self):
        """Waits until no process of the machine is left."""
        wait_until(self._can_be_removed, "the end of the machine's processes")

    def _can_be_removed(self):
        try:
            for top in self.folders:
                for folder, _, _ in os.walk(top, topdown=False):
                    os.rmdir(folder)
        except OSError:
            return False
        return True


class Machine:
    """root: the root folder of the running machine, as a path of this one."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._child = self._leader = None
        self._cgroup = _Cgroup(f"spore-test-{os.getpid()}")
        self._log = self.folder / "console"

    @property
    def root(self):
        return pathlib.Path(f"/proc/{self._leader}/root")

    def __enter__(self):
        if is_sanitized():
            pytest.skip("SKIPPED: a sanitizer needs what the units forbid")
        if os.geteuid() != 0:
            pytest.skip("SKIPPED: only root may start a machine")
        demand("systemd-nspawn", "systemd-container")
        demand("systemd", "systemd")
        self._install()
        self._boot()
        return self

    def __exit__(self, *_):
        self._end()

    def _install(self):
        """Spore as it is installed, below /usr/local."""
        subprocess.run(
            ["cmake", "--install", pathlib.Path(spore_binary()).parent, "--prefix", "/usr/local"],
            env={**os.environ, "DESTDIR": str(self.folder)},
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=120,
        )
        for name, text in FILES.items():
            (self.folder / name).parent.mkdir()
            (self.folder / name).write_text(text, encoding="utf-8")

    def _options(self):
        """Where its files come from."""
        yield from ("--directory=/", "--volatile=yes")
        yield f"--bind-ro={self.folder}/usr/local:/usr/local"
        yield from (f"--bind-ro={self.folder}/{name}:/etc/systemd/{name}" for name in FILES)

    def _boot(self):
        options = ["--register=no", "--keep-unit", "--console=pipe", "--boot"]
        options += [f"--machine=spore-{os.getpid()}", *self._options()]
        try:
            self._cgroup.make()
        except OSError as why:
            pytest.skip(f"SKIPPED: no control group can be made here: {why}")
        with self._log.open("w") as log:
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", "systemd-nspawn", *options]
                + ["systemd.unit=spore-test.target"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=self._cgroup.enter,
            )
        try:
            wait_until(self._has_booted, "the machine", timeout=20, interval=0.05)
        except AssertionError:
            self._end()
            pytest.skip(f"SKIPPED: no machine can be started here: {_read(self._log)}")

    def _has_booted(self):
        if self._child.poll() is not None:
            raise AssertionError("the machine has ended")
        children = _read(pathlib.Path(f"/proc/{self._child.pid}/task/{self._child.pid}/children"))
        self._leader = int(children.split()[0]) if children.split() else None
        if not self._leader or not (self.root / "run/systemd/private").is_socket():
            return False
        return self.run("systemctl", "is-active", "spore-test.target").returncode == 0

    def _end(self):
        self._child.terminate()
        try:
            self._child.wait(seconds(10))
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._cgroup.remove()

    def run(self, *argv, timeout=30):
        """A finished command in the machine, as root; stdout has all of its output."""
        return subprocess.run(
            ["nsenter", "--target", str(self._leader), "--all", "--", *map(str, argv)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds(timeout),
            check=False,
        )

    def must(self, *argv, timeout=30):
        """The output of a command that succeeds."""
        done = self.run(*argv, timeout=timeout)
        assert done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}\n{self.journal()}"
        return done.stdout.strip()

    def network(self):
        """A context whose sockets, threads and processes are in the machine's network."""
        return network_of(self._leader)

    def write(self, path, text):
        file = self.root / str(path).lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def show(self, unit, name):
        return self.must("systemctl", "show", "--value", "--property", name, unit)

    def journal(self, *arguments):
        return self.run("journalctl", "--no-pager", "--quiet", *arguments).stdout
