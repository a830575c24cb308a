"""The config file: structured form, flat keys, and errors that name their place."""

import json
import re

import pytest

from harness.peers import Client, Server, spore_binary, spore_server
from harness.process import Process, run
from harness.services import Echo
from harness.visitors import one_exchange
from harness.wire import Tunnel


@pytest.fixture
def write(tmp_path):
    """Writes a config file; takes an object or a text."""

    def to_file(content, name="spore.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2), encoding="utf-8")
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
    control = address.free_port()
    config = write(
        {"bind_addr": address.host, "control_port": control, "secret": "s3cret", "min_port": 23000, "max_port": 23000}
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
                "tunnels": [{"name": "echo", "local": f"{service.host}:{service.port}", "port": wanted}],
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
            [spore_binary(), "local", str(service.port), "--local-host", service.host, "--to", host, "--config", config]
        )
        with Client("spore", process) as client:
            assert one_exchange(secret_server.public_host, client.wait_listening().port) == b"ping"


def test_precedence(write, address):
    """Flag before variable before file."""
    control = address.free_port()
    config = write(
        {"bind_addr": address.host, "control_port": control, "secret": "file", "min_port": 23000, "max_port": 23000}
    )
    for arguments, env, secret, port in (
        ([], {}, "file", 23000),
        ([], {"SPORE_SECRET": "variable", "SPORE_MAX_PORT": "24000", "SPORE_MIN_PORT": "24000"}, "variable", 24000),
        (
            ["--secret", "flag", "--min-port", 25000, "--max-port", 25000],
            {"SPORE_SECRET": "variable", "SPORE_MAX_PORT": "24000", "SPORE_MIN_PORT": "24000"},
            "flag",
            25000,
        ),
    ):
        with server_with(config, address.host, control, secret, arguments, env) as server, Tunnel(server) as tunnel:
            assert tunnel.port == port


def refused(config, command="server"):
    """The error that the file leads to, as (line, column, text)."""
    process = run([spore_binary(), command, "--config", config])
    assert process.status == 1
    for line in process.stderr:
        found = re.search(re.escape(config) + r":(\d+):(\d+): error: (.*)", line)
        if found:
            return int(found.group(1)), int(found.group(2)), found.group(3)
    raise AssertionError(f"no error of the form FILE:LINE:COL: error: ...\n{process.log()}")


def test_unknown_key_of_the_structured_form(write):
    line, _, text = refused(write('{\n  "server": {\n    "control_prot": 7000\n  }\n}\n'))
    assert line == 3
    assert "control_prot" in text


def test_unknown_key_at_the_top(write):
    line, column, text = refused(write('{\n  "sekret": "x"\n}\n'))
    assert (line, column) == (2, 3)
    assert "sekret" in text


def test_unknown_option_of_a_plugin(write):
    line, _, text = refused(write('{\n "auth": [\n  {"use": "hmac", "secret": "x",\n   "secrte": "x"}\n ]\n}\n'))
    assert line == 4
    assert "secrte" in text


def test_unknown_plugin(write):
    line, _, text = refused(write('{\n "auth": [\n  {"use": "magic"}\n ]\n}\n'))
    assert line == 3
    assert "magic" in text


@pytest.mark.parametrize(
    "content, named",
    [
        ('{\n"control_port": 7000,\n"server": {"control_port": 7001}\n}\n', "control_port"),
        ('{\n"min_port": 20000,\n"server": {"ports": "20000-21000"}\n}\n', "port"),
        ('{\n"secret": "a",\n"auth": [{"use": "hmac", "secret": "b"}]\n}\n', "secret"),
    ],
    ids=["control_port", "ports", "secret"],
)
def test_flat_and_structured_form_of_one_thing(write, content, named):
    assert named in refused(write(content))[2]


@pytest.mark.parametrize(
    "content, line",
    [
        ("", 1),
        ("{", 1),
        ("[]", 1),
        ("null", 1),
        ('{"control_port": 7000', 1),
        ('{\n"control_port": 7000,}\n', 2),
        ('{\n"control_port": 07000\n}\n', 2),
        ('{\n"control_port": 7000.0.0\n}\n', 2),
        ('{\n"control_port": "7000"\n}\n', 2),
        ('{\n"control_port": 70000\n}\n', 2),
        ('{\n"control_port": -1\n}\n', 2),
        ('{\n"control_port": 7000.5\n}\n', 2),
        ('{\n"control_port": true\n}\n', 2),
        ('{\n"control_port": 7000,\n"control_port": 7000\n}\n', 3),
        ('{\n"secret": "a\nb"\n}\n', 2),
        ('{\n"secret": "\\ud83d"\n}\n', 2),
        ('{\n"secret": 5\n}\n', 2),
        ('{\n"control_port": 7000\n}\nx\n', 4),
        ("{\n// a remark\n}\n", 2),
        ("{\n'control_port': 7000\n}\n", 2),
        ('{\n"server": {"ports": "21000-20000"}\n}\n', 2),
        ('{\n"server": {"ports": "all"}\n}\n', 2),
        ('{\n"server": []\n}\n', 2),
        ('{\n"server": {"bind_addr": "nonsense"}\n}\n', 2),
    ],
)
def test_wrong_files(write, content, line):
    assert refused(write(content))[0] == line


def test_byte_order_mark(write):
    assert refused(write('\ufeff{"control_port": 7000}'))[0] == 1


def test_bytes_that_are_no_utf8(tmp_path):
    path = tmp_path / "spore.json"
    path.write_bytes(b'{\n"secret": "\xff"\n}\n')
    assert refused(str(path))[0] == 2


@pytest.mark.parametrize("name", ["absent.json", "."])
def test_file_that_cannot_be_read(tmp_path, name):
    path = str(tmp_path / name)
    process = run([spore_binary(), "server", "--config", path])
    assert process.status == 1
    assert any(path in line for line in process.stderr)


def test_an_error_in_the_clients_file(write):
    line, _, text = refused(write('{\n  "client": { "to": "x",\n    "too": "127.0.0.1"\n  },\n  "tunnels": [{"local_port": 1}]\n}\n'), command="local")
    assert line == 3
    assert "too" in text


@pytest.mark.parametrize("local", ["127.0.0.1", "127.0.0.1:0x50", "127.0.0.1:65536", ":::"])
def test_tunnels_that_lead_nowhere(write, local):
    content = '{\n"client": {"to": "127.0.0.1"},\n"tunnels": [{"local": %s}]\n}\n' % json.dumps(local)
    line, _, text = refused(write(content), command="local")
    assert line == 3


def test_secret_of_the_file_is_not_shown_in_errors(write):
    config = write('{\n"secret": "hunter2hunter2",\n"nonsense": 1\n}\n')
    process = run([spore_binary(), "server", "--config", config])
    assert process.status == 1
    assert not any("hunter2" in line for line in process.lines)


def test_flags_alone_need_no_file(address):
    with spore_server(address) as server, Tunnel(server):
        pass
