"""Files that are mounted into a container."""

import os


class Mounted:
    """A folder laid out as Kubernetes mounts a ConfigMap: its files are links to ..data/FILE,
    and ..data is a link to a folder of one version, which is swapped by a rename."""

    def __init__(self, folder, **files):
        self.folder, self.versions = folder, 0
        folder.mkdir()
        self.publish(**files)
        for name in files:
            (folder / name).symlink_to(f"..data/{name}")

    def publish(self, **files):
        self.versions += 1
        version = self.folder / f"..version{self.versions}"
        version.mkdir()
        for name, text in files.items():
            (version / name).write_text(text)
        (self.folder / "..data_tmp").symlink_to(version.name)
        os.replace(self.folder / "..data_tmp", self.folder / "..data")
