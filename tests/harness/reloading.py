"""A server whose configuration's file is written anew, and read again on HUP."""

import json
import signal

from .peers import spore_server

RELOADED, REFUSED = r"configuration reloaded", r"reload refused, configuration unchanged"


class Reloading:
    """Starts at once; .server is the running server, a context manager like any other.

    write  False: the file is there
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
        """Sections, or a whole text."""
        self.path.write_text(config if isinstance(config, str) else json.dumps(config, indent=1))

    def swap(self, **config):
        """Returns when the server runs with these sections."""
        self.write(config)
        self.reload()

    def reload(self):
        """Reads again what is there."""
        self.server.process.signal(signal.SIGHUP)
        self.wait_swapped()

    def wait_swapped(self):
        self.swaps += 1
        self.server.process.wait_for(RELOADED, stream="stderr", times=self.swaps)

    def refuse(self, config):
        """Returns the first line in which the server said that it does not take this."""
        self.write(config)
        self.server.process.signal(signal.SIGHUP)
        return self.wait_refused()

    def wait_refused(self):
        self.refusals += 1
        return self.server.process.wait_for(REFUSED + r".*", stream="stderr", times=self.refusals)[
            0
        ]
