"""Servers and clients with the plugins of tests/sdk/plugins and structured configurations."""

import json
import pathlib

import pytest

from harness.peers import Client, Server, spore_binary
from harness.process import Process, run
from harness.wire import Wire


def find_plugins(name="test-plugins"):
    """The folder of built plugins. Fails if there are none; never skips."""
    folder = pathlib.Path(spore_binary()).parent / name
    if not list(folder.glob("*.so")):
        pytest.fail(
            f"{folder} holds no plugins: configure with -DSPORE_TESTS=ON and build", pytrace=False
        )
    return str(folder)


class Answering(Wire):
    """A connection to the control port that answers the Challenge with a plain text."""

    @classmethod
    def to(cls, server):
        return cls.connect(server.control)

    def say(self, answer, *behind):
        """Reads the Challenge and answers it; the messages `behind` follow in the same segment."""
        message = self.receive()
        assert list(message) == ["Challenge"], message
        self.send({"Authenticate": answer}, *behind)
        return self

    def tunnel(self, answer, port=0):
        """Authenticates and opens a tunnel; sets .port to its public port."""
        self.say(answer, {"Hello": port})
        message = self.receive_but_heartbeats()
        assert list(message) == ["Hello"], message
        self.port = message["Hello"]
        return self


class Host:
    """Runs spore with plugins of the test's choice on the address of the test."""

    def __init__(self, folder, address):
        self.folder = folder
        self.address = address

    def write(self, config, name):
        path = self.folder / name
        path.write_text(
            config if isinstance(config, str) else json.dumps(config, indent=2), encoding="utf-8"
        )
        return str(path)

    def plugins(self, *folders):
        """The section with the plugin path: these folders, then the tests' plugins, then
        Spore's."""
        return {"path": [*map(str, folders), find_plugins(), find_plugins("plugins")]}

    def server_config(self, workers=2, folders=(), plugins=None, server=None, **sections):
        control = self.address.free_port()
        return {
            "server": {
                "bind_addr": self.address.host,
                "control_port": control,
                "workers": workers,
                **(server or {}),
            },
            "plugins": plugins or self.plugins(*folders),
            **sections,
        }

    def server(self, env=None, **options):
        """A running server. Keywords: the sections of its configuration, and those of
        server_config."""
        config = self.server_config(**options)
        path = self.write(config, f"server{config['server']['control_port']}.json")
        process = Process(
            [spore_binary(), "server", "--config", path], name="spore server", env=env
        )
        try:
            process.wait_for("server listening", stream="stderr")
        except BaseException:
            process.close()
            raise
        return Server(
            "spore",
            process,
            (self.address.host, config["server"]["control_port"]),
            self.address.host,
            None,
        )

    def refused(self, config=None, env=None, **options):
        """Runs a server that must refuse to start: status 1, no output, no listening socket."""
        config = config or self.server_config(**options)
        process = run(
            [spore_binary(), "server", "--config", self.write(config, "refused.json")], env=env
        )
        assert process.status == 1, process.log()
        assert process.stdout == [], process.log()
        assert not any("server listening" in line for line in process.stderr), process.log()
        return process

    def client_config(self, server, service, workers=1, port=0, **sections):
        host, control = server.control
        return {
            "client": {"to": host, "control_port": control, "workers": workers},
            "tunnels": [{"name": "test", "local": f"{service.host}:{service.port}", "port": port}],
            "plugins": self.plugins(),
            **sections,
        }

    def client(self, server, service, listening=True, **options):
        """A client with one tunnel from the server to the service."""
        path = self.write(self.client_config(server, service, **options), "client.json")
        client = Client(
            "spore", Process([spore_binary(), "local", "--config", path], name="spore local")
        )
        if listening:
            try:
                client.wait_listening()
            except BaseException:
                client.process.close()
                raise
        return client


@pytest.fixture
def host(tmp_path, address):
    return Host(tmp_path, address)


@pytest.fixture(scope="session")
def make_host():
    """A function that makes a Host, for fixtures that outlive a test."""
    return Host


@pytest.fixture(scope="session")
def plugin_folder():
    """A function from the name of a folder of plugins in the build to its path."""
    return find_plugins


@pytest.fixture
def answering():
    """The class of connections that answer a Challenge in plain text."""
    return Answering


@pytest.fixture
def error_line():
    """A function that returns the only error line of a refused server."""

    def find(process):
        found = [line for line in process.stderr if "error: " in line]
        assert len(found) == 1, process.log()
        return found[0]

    return find
