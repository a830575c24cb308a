"""A server whose configuration file a test rewrites and reloads with HUP."""

import json
import signal

from .peers import spore_server

RELOADED, REFUSED = r"configuration reloaded", r"reload refused, configuration unchanged"


class Reloading:
    """Starts a server; .server is the running server, a context manager.

    write  False if the file exists already
    """

    def __init__(self, folder, address, extra=(), write=True, control_port=None, **config):
        self.path = folder / "server.json"
        if write:
            self.write(config)
        self.server = spore_server(
            address, control_port=control_port, extra=["--config", str(self.path), *extra]
        )
        self.host = address.host
        self.swaps = self.refusals = 0

    @property
    def process(self):
        return self.server.process

    def write(self, config):
        """Writes the file; `config` is a dict of sections or the whole text."""
        self.path.write_text(config if isinstance(config, str) else json.dumps(config, indent=1))

    def swap(self, **config):
        """Reloads with these sections; returns when the server runs with them."""
        self.write(config)
        self.reload()

    def reload(self):
        """Reloads the file as it is."""
        self.server.process.signal(signal.SIGHUP)
        self.wait_swapped()

    def wait_swapped(self):
        self.swaps += 1
        self.server.process.wait_for(RELOADED, stream="stderr", times=self.swaps)

    def refuse(self, config):
        """Reloads a wrong configuration; returns the first line in which the server refuses it."""
        self.write(config)
        self.server.process.signal(signal.SIGHUP)
        return self.wait_refused()

    def wait_refused(self):
        self.refusals += 1
        return self.server.process.wait_for(REFUSED + r".*", stream="stderr", times=self.refusals)[
            0
        ]
