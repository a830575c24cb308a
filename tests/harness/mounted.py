"""Files that are mounted into a container."""

import os


class Mounted:
    """A folder with the layout of a mounted ConfigMap of Kubernetes.

    Each file is a link to ..data/FILE. ..data is a link to the folder of one version; a rename
    replaces it.
    """

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
