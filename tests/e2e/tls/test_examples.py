"""The TLS examples in conf/, with the certificates that the commands of conf/tls.md make."""

import json
import re
import shutil
import signal
import subprocess

import pytest

from harness.peers import REPOSITORY, Client, Server, spore_binary
from harness.process import Process
from harness.services import Echo
from harness.visitors import one_exchange

EXAMPLES = REPOSITORY / "conf"
GUIDE = EXAMPLES / "tls.md"


@pytest.fixture
def folder(tmp_path):
    """A folder with the examples, the certificates, and the last output of the commands in
    "pin"."""
    text = GUIDE.read_text(encoding="utf-8")
    (commands,) = re.findall(r"^```sh\n(umask 077\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    made = subprocess.run(
        ["sh", "-ec", commands], cwd=tmp_path, stdout=subprocess.PIPE, timeout=60, check=True
    )
    (tmp_path / "pin").write_bytes(made.stdout.split()[0])
    for path in EXAMPLES.glob("*-tls.json"):
        shutil.copy(path, tmp_path)
    return tmp_path


@pytest.fixture
def server(folder, address):
    control = address.free_port()
    argv = [
        spore_binary(),
        "server",
        "--config",
        str(folder / "server-tls.json"),
        "--bind-addr",
        address.host,
        "--control-port",
        str(control),
    ]
    with Server(
        "spore", Process(argv, name="spore server"), (address.host, control), address.host, None
    ) as server:
        server.process.wait_for("server listening", stream="stderr")
        yield server


@pytest.fixture
def client(folder, server):
    """Runs the example client with the address of the test; keywords are options of its TLS."""

    def start(service, port=20080, **options):
        config = json.loads((folder / "client-tls.json").read_text())
        host, control = server.control
        config["transport"][0] |= {"server_name": config["client"]["to"], **options}
        config["client"] = {"to": host, "control_port": control}
        config["tunnels"][0] |= {"local": f"{service.host}:{service.port}", "port": port}
        path = folder / "client.json"
        path.write_text(json.dumps(config))
        return Client(
            "spore", Process([spore_binary(), "local", "--config", str(path)], name="spore local")
        )

    return start


def test_they_work_together_until_alice_is_taken_out(folder, server, client):
    pin = "sha256:" + (folder / "pin").read_text()
    with Echo() as service, client(service, pins=[pin]).process as process:
        alice = Client("spore", process).wait_listening()
        server.process.wait_for("new client .*identity=alice")
        assert one_exchange(alice.host, 20080) == b"ping"
        path = folder / "server-tls.json"
        config = json.loads(path.read_text())
        del config["auth"][0]["clients"]["alice"]
        path.write_text(json.dumps(config))
        server.process.signal(signal.SIGHUP)
        assert process.wait() == 3
        process.wait_for("access was revoked")


def test_alice_has_her_ports_and_no_others(server, client):
    with Echo() as service, client(service, port=20100).process as process:
        assert process.wait() == 4
        process.wait_for("client port number not in allowed range")
