"""The TLS examples in conf/, with the certificates that the commands of conf/tls.md make."""

import json
import re
import shutil
import signal
import subprocess

import pytest

from harness.passwords import htpasswd
from harness.peers import REPOSITORY, Client, Server, spore_binary
from harness.process import Process
from harness.services import Echo
from harness.signing import ssh_keygen
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


def test_keys(folder, address):
    """Alice's key is made with ssh-keygen, and the client dials the server by another name."""
    (folder / "team.keys").write_text(ssh_keygen(folder / "alice_key"))
    config = json.loads((folder / "server-keys-tls.json").read_text())
    config["server"] |= {"bind_addr": address.host, "control_port": address.free_port()}
    config["auth"][0]["names"].append(address.host)
    path = folder / "server.json"
    path.write_text(json.dumps(config))
    control = (address.host, config["server"]["control_port"])
    server = Process([spore_binary(), "server", "--config", str(path)], name="spore server")
    with Echo() as service, Server("spore", server, control, address.host, None):
        server.wait_for("server listening", stream="stderr")
        config = json.loads((folder / "client-keys-tls.json").read_text())
        config["transport"][0]["server_name"] = config["client"]["to"]
        config["auth"][0]["keyfile"] = "alice_key"
        config["client"] = {"to": control[0], "control_port": control[1]}
        config["tunnels"][0] |= {"local": f"{service.host}:{service.port}"}
        path = folder / "client.json"
        path.write_text(json.dumps(config))
        process = Process([spore_binary(), "local", "--config", str(path)], name="spore local")
        with Client("spore", process) as client:
            client.wait_listening()
            server.wait_for("new client .*identity=alice ")
            assert one_exchange(client.host, 20080) == b"ping"


def test_passwords(folder, address):
    """Alice's line is made with htpasswd."""
    (folder / "users.htpasswd").write_text(htpasswd("alice", "correct horse"))
    (folder / "alice.password").write_text("correct horse\n")
    (folder / "alice.password").chmod(0o600)
    config = json.loads((folder / "server-passwords-tls.json").read_text())
    config["server"] |= {"bind_addr": address.host, "control_port": address.free_port()}
    path = folder / "server.json"
    path.write_text(json.dumps(config))
    control = (address.host, config["server"]["control_port"])
    server = Process([spore_binary(), "server", "--config", str(path)], name="spore server")
    with Echo() as service, Server("spore", server, control, address.host, None):
        server.wait_for("server listening", stream="stderr")
        config = json.loads((folder / "client-password-tls.json").read_text())
        config["transport"][0]["server_name"] = config["client"]["to"]
        config["client"] = {"to": control[0], "control_port": control[1]}
        config["tunnels"][0] |= {"local": f"{service.host}:{service.port}"}
        path = folder / "client.json"
        path.write_text(json.dumps(config))
        process = Process([spore_binary(), "local", "--config", str(path)], name="spore local")
        with Client("spore", process) as client:
            client.wait_listening()
            server.wait_for("new client .*identity=alice ")
            assert one_exchange(client.host, 20080) == b"ping"


def test_alice_has_her_ports_and_no_others(server, client):
    with Echo() as service, client(service, port=20100).process as process:
        assert process.wait() == 4
        process.wait_for("client port number not in allowed range")
