"""Who may connect to the control port: --allow and --deny, their variables and flat keys."""

import json
import pathlib
import shutil

import pytest

from harness.admin import Admin
from harness.loopback import Loopback, free_port, has_ipv6
from harness.peers import Server, spore_binary, spore_client, spore_server
from harness.process import Process, run
from harness.reloading import Reloading
from harness.sockets import connect
from harness.wire import Ended, Tunnel, Wire

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
HERE = "127.0.0.1"


@pytest.fixture
def stranger():
    """Another address of this machine, from which a client connects."""
    with Loopback() as leased:
        yield leased.host


def is_let_in(control, source=None):
    """Whether a client from that address gets a tunnel."""
    with Wire(connect(*control, source=source)) as wire:
        try:
            return wire.hello() > 0
        except (Ended, ConnectionResetError, BrokenPipeError):
            return False


def test_without_lists_everyone_may_come(server, stranger):
    assert is_let_in(server.control, stranger)


def test_those_allowed_and_no_one_else(address, stranger):
    with spore_server(
        address, extra=["--allow", f"{stranger},10.0.0.0/8", "--deny", "0.0.0.0/0"]
    ) as server:
        assert is_let_in(server.control, stranger)
        assert not is_let_in(server.control, HERE)
        server.process.wait_for(f"client refused by access list peer={HERE}")


def test_those_denied_and_no_one_else(address, stranger):
    with spore_server(address, extra=["--deny", f"10.0.0.0/8, {stranger}/32"]) as server:
        assert not is_let_in(server.control, stranger)
        assert is_let_in(server.control, HERE)


def test_the_longer_prefix_decides(address, stranger):
    with spore_server(address, extra=["--allow=127.0.0.0/8", f"--deny={stranger}"]) as server:
        assert not is_let_in(server.control, stranger)
        assert is_let_in(server.control, HERE)


@pytest.mark.parametrize(
    "trusted, allowed, warning",
    [
        (["10.0.0.0/8", "0.0.0.0/0"], None, "trusted covers every IPv4 address: whoever"),
        (["::/1", "8000::/1"], None, "trusted covers every IPv6 address: whoever"),
        (["128.0.0.0/1", "::/0", "0.0.0.0/1"], None, "trusted covers every address: whoever"),
        (["0.0.0.0/1", "128.0.0.0/2"], ["0.0.0.0/0"], None),
        (None, ["::/0", "0.0.0.0/0"], "this access list allows everybody"),
        (None, ["0.0.0.0/0"], None),
    ],
)
def test_prefixes_of_all_addresses(tmp_path, trusted, allowed, warning):
    config = tmp_path / "server.json"
    transports = [{"use": "proxy", "trusted": trusted}] if trusted else []
    lists = [{"use": "cidr", "allow": allowed}] if allowed else []
    config.write_text(json.dumps({"transport": transports, "acl": {"control": lists}}))
    process = run([spore_binary(), "server", "--check", "--config", str(config)])
    assert process.status == 0
    if warning:
        assert warning in process.log()
    else:
        assert "covers every" not in process.log() and "everybody" not in process.log()


def test_a_reload_that_denies_clients_that_are_connected(address, stranger, tmp_path):
    """Their tunnels stay, and the answer names the list and the rule."""
    admin = Admin(tmp_path / "admin.sock")
    reloading = Reloading(tmp_path, address, extra=admin.flags)
    with reloading.server, Wire(connect(*reloading.server.control, source=stranger)) as wire:
        port = wire.hello()
        said = "access lists deny clients that are connected"
        office = {"use": "cidr", "deny": ["10.0.0.0/8"], "name": "office"}
        reloading.write({"acl": {"control": [office]}})
        assert said not in admin.ctl("reload")
        rule = {"use": "cidr", "deny": [f"{stranger}/32"]}
        reloading.write({"acl": {"control": [office, rule]}})
        told = [line for line in admin.ctl("reload").splitlines() if said in line]
        assert len(told) == 1
        assert f"tunnels=1 first={stranger}:" in told[0]
        assert f"plugin=cidr option=/acl/control/1 detail={stranger}/32" in told[0]
        reloading.server.process.wait_for(said, stream="stderr")
        assert said not in admin.ctl("reload"), "they are denied already"
        assert str(port) in admin.ctl("tunnels")
        assert not is_let_in(reloading.server.control, stranger)
        reloading.server.process.wait_for(f"client refused by access list .*detail={stranger}/32")


def test_variables(address, stranger):
    lists = {"SPORE_ALLOW": f"{stranger},{HERE}", "SPORE_DENY": HERE}
    with spore_server(address, env=lists) as server:
        assert is_let_in(server.control, stranger)
        assert not is_let_in(server.control, HERE)


def test_a_flag_goes_before_its_variable(address, stranger):
    with spore_server(address, extra=["--allow", HERE], env={"SPORE_ALLOW": stranger}) as server:
        assert is_let_in(server.control, HERE)
        assert not is_let_in(server.control, stranger)


@pytest.mark.parametrize("as_list", [False, True], ids=["text", "list"])
def test_flat_keys(tmp_path, address, stranger, as_list):
    config = tmp_path / "spore.json"
    config.write_text(
        json.dumps(
            {"allow": ["127.0.0.0/8"] if as_list else "::1, 127.0.0.0/8", "deny": [stranger]}
        )
    )
    with spore_server(address, extra=["--config", str(config)]) as server:
        assert is_let_in(server.control, HERE)
        assert not is_let_in(server.control, stranger)


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback here")
def test_a_peer_of_an_ipv6_socket_may_be_ipv4():
    with spore_server(
        "::", control_port=free_port("::"), extra=["--allow", "127.0.0.0/8"]
    ) as server:
        assert is_let_in((HERE, server.control[1]))
        assert not is_let_in(("::1", server.control[1]))


@pytest.mark.parametrize(
    "flag, value, text",
    [
        (
            "--allow",
            "10.0.0.1/8",
            'expected "10.0.0.0/8" (no bits set after the prefix), found "10.0.0.1/8"',
        ),
        (
            "--deny",
            "::1,office",
            'expected an IP prefix such as "10.0.0.0/8" or "2001:db8::/32", found "office"',
        ),
        (
            "--deny",
            "::1,",
            'expected an IP prefix such as "10.0.0.0/8" or "2001:db8::/32", found ""',
        ),
    ],
)
def test_a_wrong_entry_stops_the_start(flag, value, text):
    process = run([spore_binary(), "server", flag, value])
    assert process.status in (1, 2)
    assert f"{flag}: error: {text}" in process.stderr


def test_a_wrong_entry_of_a_flat_key_has_line_and_column(tmp_path):
    config = tmp_path / "spore.json"
    config.write_text('{\n  "deny": "10.0.0.0/8, 10.1.1.1/16"\n}\n')
    process = run([spore_binary(), "server", "--config", str(config)])
    assert process.status == 1
    assert any(
        line.startswith(f"{config}:2:24: error: ") and '"10.1.0.0/16"' in line
        for line in process.stderr
    )


def test_the_example(tmp_path, address):
    path = shutil.copy(REPOSITORY / "conf" / "server-access.json", tmp_path)
    (tmp_path / "secret.key").write_text("s3cret\n")
    control = address.free_port()
    argv = [
        spore_binary(),
        "server",
        "--config",
        path,
        "--bind-addr",
        address.host,
        "--control-port",
        str(control),
    ]
    with Server(
        "spore", Process(argv, name="spore server"), (address.host, control), address.host, "s3cret"
    ) as server:
        server.process.wait_for("server listening", stream="stderr")
        with Tunnel(server) as tunnel:
            assert 20000 <= tunnel.port <= 21000


@pytest.mark.parametrize("flags", [[], ["--tls", "--insecure"]], ids=["plain", "tls"])
def test_a_denied_client_hears_of_the_possibility(address, flags):
    """The server closes its connection without a byte, so the client can only name the causes."""
    with spore_server(address, extra=["--deny", "127.0.0.0/8"]) as server:
        with spore_client(
            server.control, 9, listening=False, extra=["--no-reconnect", *flags]
        ) as client:
            assert client.wait(8) == 1
            client.process.wait_for(
                "does it let this address in .*access lists" if flags else "may have banned .*deny"
            )
