"""Flags, help, variables, and exit statuses: 0 success, 1 an error, 2 a wrong command line."""

import pathlib
import re

import pytest

from harness import procfs, transcripts
from harness.loopback import Loopback
from harness.peers import spore_binary, spore_client, spore_server
from harness.process import Process, run
from harness.services import Echo
from harness.visitors import one_exchange
from harness.wire import Tunnel, Wire

TABLE = pathlib.Path(__file__).with_name("wrong_command_lines.txt")
SERVER_FLAGS = (
    "--min-port --max-port --bind-addr --bind-tunnels --control-port --secret --config --sndbuf "
    "--recbuf "
    "--workers --drain-timeout --allow --deny --help --version"
).split()
LOCAL_FLAGS = (
    "--local-port --local-host --to --port --secret --control-port --config --sndbuf --recbuf "
    "--workers --help"
).split()


def spore(*arguments, **options):
    return run([spore_binary(), *arguments], **options)


@pytest.mark.parametrize(
    "arguments", [["--version"], ["-V"], ["server", "--version"], ["local", "--version"]]
)
def test_version(arguments):
    process = spore(*arguments)
    assert process.status == 0
    assert len(process.stdout) == 1
    assert re.search(r"\bspore\b.*\d+\.\d+", process.stdout[0])


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(flag):
    process = spore(flag)
    assert process.status == 0
    text = "\n".join(process.stdout)
    assert "server" in text and "local" in text
    assert process.stderr == []


@pytest.mark.parametrize(
    "command", [[], ["server"], ["local"], ["ctl"], ["keygen"], ["plugin"], ["reference"]]
)
def test_help_fits_a_terminal(command):
    process = spore(*command, "--help")
    assert [line for line in process.stdout if len(line) > 80] == []


@pytest.mark.parametrize(
    "command, first", [("server", "--min-port PORT"), ("local", "-t, --to HOST")]
)
def test_common_flags_come_first(command, first):
    text = "\n".join(spore(command, "--help").stdout)
    titles = re.findall(r"^(\w.*):$", text, re.MULTILINE)
    assert titles[0] == "Common flags" and titles[-1] == "Other flags", titles
    assert first in text.split("Common flags:")[1].splitlines()[1]


@pytest.mark.parametrize("command, flags", [("server", SERVER_FLAGS), ("local", LOCAL_FLAGS)])
def test_help_of_a_command_names_every_flag(command, flags):
    process = spore(command, "--help")
    assert process.status == 0
    text = "\n".join(process.stdout)
    assert [flag for flag in flags if not re.search(re.escape(flag) + r"\b", text)] == []
    assert "_SECRET" in text, "the help names the variables too"


@pytest.mark.parametrize("case", transcripts.read(TABLE), ids=str)
def test_wrong_command_lines(tmp_path, case):
    """The exact output; status 2, or 1 if the mistake is not on the command line itself."""
    transcripts.check(case, tmp_path)


def test_short_forms_of_bore(secret_server, address):
    wanted = address.free_port()
    with Echo() as service:
        with spore_client(
            secret_server.control,
            service.port,
            local_host=None,
            extra=["-l", service.host, "-p", str(wanted), "-s", "s3cret"],
        ) as client:
            assert client.port == wanted
            assert one_exchange(secret_server.public_host, wanted) == b"ping"


def client_of(server, arguments, env=None):
    """Runs a spore client with only these arguments; returns what it announced."""
    with Process([spore_binary(), "local", *map(str, arguments)], env=env) as process:
        port = int(process.wait_for(r"^listening at \S+:(\d+)$", stream="stdout").group(1))
        answered = one_exchange(server.public_host, port)
        assert process.stop() == 0
    assert answered == b"ping"
    return port


def test_spellings_of_the_client(server, address):
    host, control = server.control
    with Echo() as service:
        near = ["--control-port", control, "--local-host", service.host]
        for arguments in (
            [service.port, "--to", host],
            [service.port, "-t", host],
            ["--local-port", service.port, "--to", host],
            [f"--local-port={service.port}", f"--to={host}"],
            ["--to", host, service.port],
        ):
            client_of(server, arguments + near)


def test_short_form_of_the_servers_secret(address):
    with spore_server(address, extra=["-s", "s3cret"]) as server:
        with Tunnel(server, secret="s3cret"):
            pass


def test_control_port_is_bores_by_default(address):
    with Process([spore_binary(), "server", "--bind-addr", address.host]) as process:
        process.wait_for("server listening", stream="stderr")
        with Wire.connect((address.host, 7835)) as wire:
            assert wire.hello() >= 1024
        with Echo() as service:
            with Process(
                [
                    spore_binary(),
                    "local",
                    str(service.port),
                    "--to",
                    address.host,
                    "--local-host",
                    service.host,
                ]
            ) as client:
                client.wait_for("^listening at", stream="stdout")
                assert client.stop() == 0
        assert process.stop() == 0


def test_server_says_once_that_it_listens(server):
    lines = [line for line in server.process.stderr if "server listening" in line]
    assert len(lines) == 1
    assert server.process.stdout == []


# Variables


@pytest.mark.parametrize("prefix", ["SPORE", "BORE"])
def test_variables_of_the_server(address, prefix):
    env = {
        f"{prefix}_SECRET": "s3cret",
        f"{prefix}_MIN_PORT": "23000",
        f"{prefix}_MAX_PORT": "23000",
    }
    with spore_server(address, env=env) as server, Tunnel(server, secret="s3cret") as tunnel:
        assert tunnel.port == 23000


@pytest.mark.parametrize("prefix", ["SPORE", "BORE"])
def test_variables_of_the_client(secret_server, prefix):
    host, control = secret_server.control
    with Echo() as service:
        env = {
            f"{prefix}_LOCAL_PORT": str(service.port),
            f"{prefix}_SERVER": host,
            f"{prefix}_SECRET": "s3cret",
        }
        client_of(secret_server, ["--control-port", control, "--local-host", service.host], env)


def test_our_variables_override_bores(address):
    env = {
        "SPORE_SECRET": "ours",
        "BORE_SECRET": "bores",
        "SPORE_MIN_PORT": "23000",
        "BORE_MIN_PORT": "24000",
        "SPORE_MAX_PORT": "23000",
        "BORE_MAX_PORT": "24000",
    }
    with spore_server(address, env=env) as server, Tunnel(server, secret="ours") as tunnel:
        assert tunnel.port == 23000


def test_flags_override_variables(address):
    env = {"SPORE_SECRET": "variable", "SPORE_MIN_PORT": "24000", "SPORE_MAX_PORT": "24000"}
    with spore_server(address, secret="flag", min_port=23000, max_port=23000, env=env) as server:
        with Tunnel(server) as tunnel:
            assert tunnel.port == 23000


def test_a_comma_in_bores_variable_is_part_of_the_secret(address):
    with spore_server(address, env={"BORE_SECRET": "a,b"}) as server, Tunnel(server, secret="a,b"):
        pass


def test_secrets_are_not_shown(address):
    """Neither the log nor the help, which lists the variables, shows a secret."""
    with spore_server(address, env={"SPORE_SECRET": "hunter2hunter2"}) as server:
        with Tunnel(server, secret="hunter2hunter2"):
            pass
    assert not any("hunter2" in line for line in server.process.lines)
    shown = spore("server", "--help", env={"SPORE_SECRET": "hunter2hunter2"})
    assert not any("hunter2" in line for line in shown.lines)


def test_workers(address):
    with Loopback() as other, spore_server(address, extra=["--workers", "1"]) as one:
        with spore_server(other, extra=["--workers", "4"]) as four:
            assert procfs.threads(four.pid) - procfs.threads(one.pid) == 3
            for server in (one, four):
                with Tunnel(server) as tunnel:
                    visitor, far = tunnel.join()
                    visitor.close()
                    far.close()


# Addresses that cannot be used


def test_address_in_use(server):
    host, control = server.control
    process = spore("server", "--bind-addr", host, "--control-port", str(control))
    assert process.status == 1
    said = "\n".join(process.stderr)
    assert str(control) in said and "--control-port" in said
    assert "server listening" not in said


def test_address_that_is_not_ours():
    process = spore("server", "--bind-addr", "192.0.2.1", "--control-port", "20000")
    assert process.status == 1
    assert any("192.0.2.1" in line for line in process.stderr)


def test_keygen():
    first, second = spore("keygen"), spore("keygen")
    assert first.status == second.status == 0
    assert re.fullmatch(r"[0-9a-f]{64}", first.stdout[0])
    assert first.stdout != second.stdout


def test_secret_file(tmp_path, address):
    path = tmp_path / "secret.key"
    path.write_text("s3cret\n")
    with spore_server(address, extra=["--secret-file", str(path)]) as server, Echo() as service:
        with spore_client(
            server.control, service.port, extra=["--secret-file", str(path)]
        ) as client:
            assert one_exchange(server.public_host, client.port) == b"ping"
        assert "s3cret" not in server.process.log()


def test_secret_flag_is_wiped(secret_server):
    with open(f"/proc/{secret_server.pid}/cmdline", "rb") as arguments:
        assert b"s3cret" not in arguments.read()
    secret_server.process.wait_for("better=", stream="stderr")


def test_unknown_variables_are_named(tmp_path):
    """A variable that nobody reads is a warning. Those of the configuration and of Kubernetes are
    none, nor are those of the other command, which are told; values are never shown."""
    path = tmp_path / "server.json"
    path.write_text('{"secret": {"env": "SPORE_KEY_OF_ALICE"}}', encoding="utf-8")
    process = spore(
        *["server", "--check", "--config", str(path)],
        env={
            "SPORE_SECRRET": "hunter1",
            "SPORE_NOBODY_KNOWS_THIS": "hunter2",
            "SPORE_KEY_OF_ALICE": "hunter3",
            "SPORE_RETRY": "yes",
            "SPORE_TUNNELS_SERVICE_HOST": "10.0.0.1",
            "SPORE_TUNNELS_PORT": "tcp://10.0.0.1:7835",
            "SPORE_TUNNELS_PORT_7835_TCP_PROTO": "tcp",
        },
    )
    assert process.status == 0
    assert "hunter" not in process.log()
    said = [line.split(" ", 1)[1] for line in process.stderr]
    assert sorted(said) == [
        "info  environment variable of the other command: it has no effect variable=SPORE_RETRY"
        ' command="spore local"',
        "warn  unknown environment variable: it has no effect variable=SPORE_NOBODY_KNOWS_THIS",
        "warn  unknown environment variable: it has no effect variable=SPORE_SECRRET"
        " did_you_mean=SPORE_SECRET",
    ]
