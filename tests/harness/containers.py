"""Containers of an OCI image, run by runc without a daemon. They share this machine's network."""

import json
import pathlib
import shutil
import subprocess

from .nspawn import demand
from .process import Process, run
from .waiting import wait_until


def demand_tools():
    """Skips the test without what runs containers; fails it if CI=true."""
    for program in ("umoci", "runc"):
        demand(program, program)


class Bundle:
    """What runc makes containers of: the image's files, and its configuration."""

    def __init__(self, image, folder):
        self.folder = folder / "bundle"
        layout = folder / "layout"
        layout.mkdir()
        shutil.unpack_archive(image, layout, "tar")
        index = json.loads((layout / "index.json").read_text())
        (manifest,) = index["manifests"]
        self.digest = manifest["digest"]
        self.tag = manifest["annotations"]["org.opencontainers.image.ref.name"]
        self.image = self._blob(layout, self._blob(layout, self.digest)["config"]["digest"])
        subprocess.run(
            ["umoci", "unpack", "--image", f"{layout}:{self.tag}", self.folder],
            check=True,
            capture_output=True,
        )
        self.root = self.folder / "rootfs"
        self._file = self.folder / "config.json"
        self._config = json.loads(self._file.read_text())
        namespaces = self._config["linux"]["namespaces"]
        self._config["linux"]["namespaces"] = [
            each for each in namespaces if each["type"] not in ("network", "cgroup")
        ]
        self._config["process"]["terminal"] = False
        # No group limits anything, and the file systems of groups differ from kernel to kernel.
        self._config["linux"].pop("resources", None)
        self._config["mounts"] = [
            each for each in self._config["mounts"] if each["type"] != "cgroup"
        ]
        self._command = list(self._config["process"]["args"])
        self._save()

    @staticmethod
    def _blob(layout, digest):
        return json.loads((layout / "blobs" / digest.replace(":", "/")).read_text())

    def _save(self):
        self._file.write_text(json.dumps(self._config))

    def mount(self, source, place):
        """Shows a file or folder of this machine in later containers."""
        options = ["rbind", "ro"]
        self._config["mounts"].append(
            {"destination": place, "type": "none", "source": str(source), "options": options}
        )
        self._save()

    def command(self, name, arguments):
        """What runs the image's program with these arguments, or with its own if there are none."""
        own = len(self.image["config"]["Entrypoint"])
        self._config["process"]["args"] = (
            self._command[:own] + list(arguments) if arguments else self._command
        )
        self._save()
        return ["runc", "run", "--bundle", str(self.folder), name]

    def run(self, name, *arguments):
        """Runs it to its end."""
        return run(self.command(name, arguments))


class Container:
    """A running container; a context manager. The program is process 1 in it."""

    def __init__(self, bundle, name, *arguments):
        self.name = name
        self.process = Process(bundle.command(name, arguments), name=name)

    def __enter__(self):
        wait_until(lambda: self.state().get("status") == "running", "the container")
        return self

    def __exit__(self, *_):
        subprocess.run(["runc", "delete", "--force", self.name], check=False, capture_output=True)
        self.process.close()

    def state(self):
        done = subprocess.run(
            ["runc", "state", self.name],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return json.loads(done.stdout) if done.returncode == 0 else {}

    @property
    def pid(self):
        """That of process 1, as this machine sees it."""
        return self.state()["pid"]

    def signal(self, name):
        subprocess.run(["runc", "kill", self.name, name], check=True, capture_output=True)

    def processes(self):
        """The other processes in it, also those that have ended and were not waited for."""
        inside = pathlib.Path(f"/proc/{self.pid}/ns/pid").readlink()
        found = []
        for each in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if (each / "ns/pid").readlink() == inside or self._is_child(each):
                    found.append((each / "stat").read_text())
            except OSError:
                continue
        return [stat for stat in found if int(stat.split()[0]) != self.pid]

    def _is_child(self, folder):
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == self.pid
