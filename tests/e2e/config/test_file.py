"""The configuration file: structured form, flat keys, and errors with their place."""

import json
import pathlib
import socket

import pytest

from harness import transcripts
from harness.leases import leased
from harness.peers import Client, Server, spore_binary, spore_server
from harness.process import Process, run
from harness.services import Echo
from harness.visitors import one_exchange
from harness.wire import Tunnel

TABLE = pathlib.Path(__file__).with_name("wrong_configs.txt")


@pytest.fixture
def write(tmp_path):
    """Writes a configuration file from an object or a text."""

    def to_file(content, name="spore.json"):
        path = tmp_path / name
        path.write_text(
            content if isinstance(content, str) else json.dumps(content, indent=2), encoding="utf-8"
        )
        return str(path)

    return to_file


def server_with(config, host, control_port, secret=None, arguments=(), env=None):
    process = Process([spore_binary(), "server", "--config", config, *map(str, arguments)], env=env)
    try:
        process.wait_for("server listening", stream="stderr")
    except BaseException:
        process.close()
        raise
    return Server("spore", process, (host, control_port), host, secret)


def structured(address, control_port, **server):
    return {
        "server": {"bind_addr": address.host, "control_port": control_port, **server},
        "auth": [{"use": "hmac", "secret": "s3cret"}],
    }


def test_structured_form_of_the_server(write, address):
    control = address.free_port()
    config = write(structured(address, control, ports="23000-23001"))
    with server_with(config, address.host, control, "s3cret") as server:
        with Tunnel(server) as one, Tunnel(server) as two:
            assert {one.port, two.port} == {23000, 23001}


def test_flat_keys_of_the_server(write, address):
    """Includes "$schema", a key for editors that has no effect."""
    control = address.free_port()
    config = write(
        {
            "$schema": "none.json",
            "bind_addr": address.host,
            "control_port": control,
            "secret": "s3cret",
            "min_port": 23000,
            "max_port": 23000,
        }
    )
    with server_with(config, address.host, control, "s3cret") as server, Tunnel(server) as tunnel:
        assert tunnel.port == 23000


def test_structured_form_of_the_client(write, secret_server, address):
    wanted = address.free_port()
    host, control = secret_server.control
    with Echo() as service:
        config = write(
            {
                "client": {"to": host, "control_port": control},
                "tunnels": [
                    {"name": "echo", "local": f"{service.host}:{service.port}", "port": wanted}
                ],
                "auth": [{"use": "hmac", "secret": "s3cret"}],
            }
        )
        with Client("spore", Process([spore_binary(), "local", "--config", config])) as client:
            assert client.wait_listening().port == wanted
            assert one_exchange(secret_server.public_host, wanted) == b"ping"


def test_flat_keys_of_the_client(write, secret_server):
    host, control = secret_server.control
    config = write({"control_port": control, "secret": "s3cret"})
    with Echo() as service:
        process = Process(
            [
                spore_binary(),
                "local",
                str(service.port),
                "--local-host",
                service.host,
                "--to",
                host,
                "--config",
                config,
            ]
        )
        with Client("spore", process) as client:
            assert one_exchange(secret_server.public_host, client.wait_listening().port) == b"ping"


def test_precedence(write, address):
    """A flag overrides a variable, and a variable overrides the file."""
    control = address.free_port()
    config = write(
        {
            "bind_addr": address.host,
            "control_port": control,
            "secret": "file",
            "min_port": 23000,
            "max_port": 23000,
        }
    )
    for arguments, env, secret, port in (
        ([], {}, "file", 23000),
        (
            [],
            {"SPORE_SECRET": "variable", "SPORE_MAX_PORT": "24000", "SPORE_MIN_PORT": "24000"},
            "variable",
            24000,
        ),
        (
            ["--secret", "flag", "--min-port", 25000, "--max-port", 25000],
            {"SPORE_SECRET": "variable", "SPORE_MAX_PORT": "24000", "SPORE_MIN_PORT": "24000"},
            "flag",
            25000,
        ),
    ):
        with server_with(config, address.host, control, secret, arguments, env) as server, Tunnel(
            server
        ) as tunnel:
            assert tunnel.port == port


@pytest.mark.parametrize("case", transcripts.read(TABLE), ids=str)
def test_wrong_configs(tmp_path, case):
    """The exact output: all mistakes, in the order of the file."""
    transcripts.check(case, tmp_path)


def test_flags_alone_need_no_file(address):
    with spore_server(address) as server, Tunnel(server):
        pass


def test_an_address_that_cannot_be_bound_has_a_place(tmp_path, address):
    """As a mistake in the value: a busy port, and an address that this machine does not have."""
    path = tmp_path / "server.json"
    with socket.create_server((address.host, 0)) as other:
        port = other.getsockname()[1]
        path.write_text(f'{{"server": {{"bind_addr": "{address.host}", "control_port": {port}}}}}')
        for argv, env, place in [
            (["--config", path], {}, rf"{path}:1:\d+: error: /server/control_port: "),
            (
                ["--bind-addr", address.host],
                {"SPORE_CONTROL_PORT": str(port)},
                "SPORE_CONTROL_PORT: ",
            ),
        ]:
            process = run([spore_binary(), "server", *argv], env=env)
            assert process.status == 1
            process.wait_for(f"^{place}.*address in use", stream="stderr")
    path.write_text(f'{{"server": {{"bind_addr": "192.0.2.1", "control_port": {port}}}}}')
    process = run([spore_binary(), "server", "--config", path])
    assert process.status == 1
    process.wait_for(rf"^{path}:1:\d+: error: /server/bind_addr: cannot bind to", stream="stderr")


@pytest.mark.parametrize("role", ["server", "local"])
@pytest.mark.parametrize(
    "words, option",
    [
        (["--config", "PATH"], "--config"),
        (["--check", "--config", "PATH"], "--config"),
        ([], "SPORE_CONFIG"),
    ],
)
def test_a_file_that_does_not_answer_is_named(tmp_path, role, words, option):
    """As on a file system that hangs: at a start and with --check."""
    path = tmp_path / "spore.json"
    argv = [str(path) if word == "PATH" else word for word in words]
    env = {} if words else {"SPORE_CONFIG": str(path)}
    with leased(path, "{}"), Process([spore_binary(), role, *argv], env=env) as process:
        process.wait_for(
            f"reading a file hangs path={path} option={option} duration_ms=", stream="stderr"
        )
