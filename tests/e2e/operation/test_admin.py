"""The admin socket and `spore ctl`: what an operator sees and does, and who is not an operator."""

import configparser
import contextlib
import json
import os
import random
import re
import signal
import socket
import stat
import threading
import time

import pytest

from harness import procfs
from harness.admin import Admin, read_all
from harness.loopback import BORE_CONTROL_PORT, port_is_free
from harness.peers import REPOSITORY, bore_client, spore_binary, spore_client, spore_server
from harness.process import run
from harness.scale import count, seconds
from harness.services import Echo
from harness.sockets import connect, how_it_ends, read_exactly
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel

COMMANDS = ["status", "tunnels", "relays", "loops", "plugins"]
KICKED = "closed by the operator"
NO_TARGET = "expected an id as shown by `spore ctl tunnels`, port=PORT or identity=NAME, found "


@pytest.fixture
def admin(tmp_path):
    return Admin(tmp_path / "admin.sock")


@pytest.fixture
def running(admin, address):
    """A server of two workers with an admin socket, and the Admin for it."""
    with spore_server(address, extra=[*admin.flags, "--workers", "2"]) as server:
        yield server


# ---- the socket


def test_the_socket_is_the_owners_alone_and_goes_with_him(admin, address):
    """The mode of the socket does not depend on the umask."""
    old = os.umask(0)
    try:
        with spore_server(address, extra=admin.flags) as server:
            mode = os.lstat(admin.path).st_mode
            assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
            assert os.listdir(os.path.dirname(admin.path)) == ["admin.sock"]
            assert server.stop() == 0
    finally:
        os.umask(old)
    assert not admin.is_there()


def test_no_socket_unless_asked_for(address):
    with spore_server(address) as server:
        assert not any("admin socket" in line for line in server.process.stderr)


def test_where_systemd_wants_it(tmp_path, address):
    """The systemd unit, the server and ctl use the same default path."""
    unit = configparser.RawConfigParser(strict=False, delimiters="=")
    unit.optionxform = str
    unit.read(REPOSITORY / "conf" / "systemd" / "spore-server.service")
    default = f"/run/{unit['Service']['RuntimeDirectory']}/admin.sock"
    assert default in "\n".join(run([spore_binary(), "ctl", "--help"]).stdout)
    assert unit["Service"]["ExecReload"].split()[1:] == ["ctl", "reload"]
    admin = Admin(tmp_path / "admin.sock")
    with spore_server(address, env={"RUNTIME_DIRECTORY": str(tmp_path)}):
        assert admin.ask("status")["state"] == "serving"
    with spore_server(
        address, env={"RUNTIME_DIRECTORY": str(tmp_path)}, extra=["--admin-socket", ""]
    ):
        assert not admin.is_there()


def test_by_variable_on_both_sides(admin, address):
    env = {"SPORE_ADMIN_SOCKET": admin.path}
    with spore_server(address, env=env):
        process = run([spore_binary(), "ctl", "status"], env=env)
        assert process.status == 0, process.log()


def test_two_servers_on_one_path(running, admin, address):
    """The second server reports the conflict and ends; the first one is not affected."""
    process = run(
        [
            spore_binary(),
            "server",
            "--bind-addr",
            address.host,
            "--control-port",
            str(address.free_port()),
            *admin.flags,
        ]
    )
    assert process.status == 1
    assert (
        f"--admin-socket: error: cannot create the admin socket {admin.path}: "
        "another server or client is listening on it; "
        "choose another path with --admin-socket, or let that one drain first"
    ) in process.stderr
    assert admin.ask("status")["pid"] == running.pid


def test_what_a_killed_server_left_is_replaced(admin, address):
    with spore_server(address, extra=admin.flags) as server:
        server.process_was_ended = True
        server.process.signal(signal.SIGKILL)
        server.process.wait()
    assert admin.is_there()
    with spore_server(address, extra=admin.flags) as server:
        assert admin.ask("status")["pid"] == server.pid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_socket_that_was_deleted_comes_back_with_a_reload(admin, address):
    """Also with one that is refused, since an operator then wants to ask."""
    with spore_server(address, extra=admin.flags) as server:
        for times in 1, 2:
            os.unlink(admin.path)
            server.process.signal(signal.SIGHUP)
            server.process.wait_for("the admin socket was gone: it is there again", times=times)
            assert admin.ask("status")["pid"] == server.process.pid
        with admin.connect() as waiting:  # is served by the old socket's connection
            os.rename(admin.path, admin.path + ".moved")
            server.process.signal(signal.SIGHUP)
            server.process.wait_for("the admin socket was gone: it is there again", times=3)
            waiting.sendall(b"status\n")
            assert json.loads(read_all(waiting))["pid"] == server.process.pid
        assert admin.ask("status")["pid"] == server.process.pid
    assert not admin.is_there()


def test_a_foreign_user_is_refused(running, admin, tmp_path):
    """The mode of the socket refuses the user, and so does its user id if the mode is opened."""
    for folder in [tmp_path, *tmp_path.parents]:
        if (
            folder.stat().st_uid == os.geteuid()
            and folder != folder.parent
            and not folder.stat().st_mode & 0o001
        ):
            folder.chmod(folder.stat().st_mode | 0o011)
    as_somebody = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"]
    script = (
        "import socket, sys\n"
        "sock = socket.socket(socket.AF_UNIX)\n"
        "sock.connect(sys.argv[1])\n"
        "print(sock.recv(1000).decode())\n"
    )
    words = [*as_somebody, "/usr/bin/python3", "-c", script, admin.path]
    assert "PermissionError" in run(words).stderr[-1]
    os.chmod(admin.path, 0o666)
    process = run(words)
    assert json.loads("\n".join(process.stdout)) == {
        "error": "only root and the process's user may connect"
    }
    running.process.wait_for("admin connection refused uid=54321", stream="stderr")


# ---- what it shows


@contextlib.contextmanager
def carried(host, port, data=b"hello"):
    """A visitor of an echo service whose relay is running."""
    with connect(host, port) as visitor:
        visitor.sendall(data)
        assert read_exactly(visitor, len(data)) == data
        yield visitor


def test_tunnels_and_relays(admin, tmp_path, address):
    """Tunnels and relays of all workers, with their client or visitor, owner and byte counts."""
    secrets = [{"use": "multi_secret", "secrets": {"alice": "one", "bob": "two"}}]
    path = tmp_path / "server.json"
    path.write_text(json.dumps({"auth": secrets, "server": {"workers": 2}}))
    with spore_server(
        address, extra=[*admin.flags, "--config", str(path)]
    ) as server, Echo() as service:
        with spore_client(server.control, service.port, secret="one") as alice:
            with Tunnel(server, secret="two") as bob, carried(address.host, alice.port) as visitor:
                tunnels = wait_until(
                    lambda: of_bytes(admin.ask("tunnels"), "tunnels", 5), "bytes to be counted"
                )
                relays = admin.ask("relays")
                assert relays["all"] == 1 and tunnels["all"] == 2
                by_name = {each["identity"]: each for each in tunnels["tunnels"]}
                first, second = by_name["alice"], by_name["bob"]
                assert first["port"] == alice.port and second["port"] == bob.port
                assert (
                    first["client"].startswith("127.")
                    and first["heartbeats"]
                    and not second["heartbeats"]
                )
                assert first["visitors"] == first["visitors_all"] == 1 and first["waiting"] == 0
                assert first["bytes_up"] == first["bytes_down"] == 5
                assert 0 <= first["age_ms"] < seconds(60) * 1000
                (relay,) = relays["relays"]
                assert relay["tunnel"] == first["id"] != second["id"]
                assert relay["identity"] == "alice" and relay["port"] == alice.port
                assert relay["visitor"] == "{}:{}".format(*visitor.getsockname())
                assert relay["bytes_up"] == relay["bytes_down"] == 5
                assert len({relay["id"], first["id"], second["id"]}) == 3

                table = admin.ctl("tunnels").splitlines()
                assert table[0].split()[:4] == ["ID", "PORT", "IDENTITY", "CLIENT"]
                assert table[1].split()[:3] == [str(first["id"]), str(alice.port), "alice"]
                table = admin.ctl("relays").splitlines()
                assert table[1].split()[:4] == [
                    str(relay["id"]),
                    str(first["id"]),
                    str(alice.port),
                    "alice",
                ]
                with bob.visit():
                    bob.wire.connection()
                    assert [each["waiting"] for each in admin.ask("tunnels")["tunnels"]] == [0, 1]


def test_the_public_entry_of_a_tunnel(admin, tmp_path, address):
    """By its name or place; a reload changes what new visitors pass."""
    ports = [address.free_port() for _ in range(3)]
    public = [
        {"ports": ports[0], "name": "web", "acl": []},
        {"ports": ports[1], "acl": []},
    ]
    path = tmp_path / "server.json"
    path.write_text(json.dumps({"public": public}))

    def entries():
        return {each["port"]: each["entry"] for each in admin.ask("tunnels")["tunnels"]}

    with spore_server(
        address, extra=[*admin.flags, "--config", str(path)]
    ) as server, Echo() as service, contextlib.ExitStack() as stack:
        for port in ports:
            stack.enter_context(spore_client(server.control, service.port, port=port))
        assert entries() == {ports[0]: "web", ports[1]: "/public/1", ports[2]: None}
        head, *rows = admin.ctl("tunnels").splitlines()
        assert head.split()[-3:] == ["ENTRY", "DENIED", "BY"]
        assert sorted(row.split()[-2] for row in rows) == ["-", "/public/1", "web"]
        path.write_text(json.dumps({"public": public[1:]}))
        admin.ctl("reload")
        assert entries() == {ports[0]: None, ports[1]: "/public/0", ports[2]: None}


def of_bytes(answer, key, number):
    return answer if any(each["bytes_up"] == number for each in answer[key]) else None


def test_names_are_shown_as_they_are(admin, tmp_path, address):
    """Characters of UTF-8 stay; control characters are escaped."""
    path = tmp_path / "server.json"
    auth = [{"use": "hmac", "secret": "one", "identity": "Jürgen Я"}]
    path.write_text(json.dumps({"auth": auth}))
    with spore_server(address, extra=[*admin.flags, "--config", str(path)]) as server:
        with Tunnel(server, secret="one"):
            assert admin.ask("tunnels")["tunnels"][0]["identity"] == "Jürgen Я"
            head, row = admin.ctl("tunnels").splitlines()
            assert row[head.index("IDENTITY") : head.index("CLIENT")] == "Jürgen Я  "


def test_a_relay_of_a_tunnel_that_has_ended_keeps_its_identity(admin, tmp_path, address):
    """A revocation ends the tunnel, with a line in the log, but no visitor; a kick does."""
    secrets = {"alice": "one", "bob": "two"}
    path = tmp_path / "server.json"

    def write():
        auth = [{"use": "multi_secret", "secrets": secrets}]
        path.write_text(json.dumps({"auth": auth, "server": {"workers": 2}}))

    write()
    with spore_server(
        address, extra=[*admin.flags, "--config", str(path)]
    ) as server, Echo() as service:
        with spore_client(server.control, service.port, secret="one") as alice:
            with carried(address.host, alice.port) as visitor:
                del secrets["alice"]
                write()
                admin.ctl("reload")
                server.process.wait_for(
                    f'tunnel ended peer=.* reason="access was revoked" port={alice.port} '
                    "identity=alice"
                )
                assert not [
                    line
                    for line in server.process.stderr
                    if "client refused" in line and "revoked" in line
                ]
                wait_until(lambda: not admin.ask("tunnels")["tunnels"], "the tunnel to end")
                (relay,) = admin.ask("relays")["relays"]
                assert relay["identity"] == "alice" and relay["port"] == alice.port
                assert admin.ctl("relays").splitlines()[1].split()[3] == "alice"
                admin.ctl("kick", "identity=alice")
                with pytest.raises(ConnectionError):
                    visitor.settimeout(seconds(10))
                    assert visitor.recv(1), "it ends with a reset"
            assert alice.wait() == 3


def test_idle_relays_show_for_how_long(running, admin):
    with Tunnel(running) as tunnel:
        visitor, far = tunnel.join()
        with visitor, far:
            wait_until(lambda: admin.ask("relays")["relays"], "the relay to begin")
            wait_until(lambda: admin.ask("relays")["relays"][0]["idle_ms"] > 1500, "it to be idle")
            visitor.sendall(b"x")
            assert read_exactly(far, 1) == b"x"
            wait_until(
                lambda: admin.ask("relays")["relays"][0]["idle_ms"] < 1500, "it to be active again"
            )


def test_status(running, admin):
    with Echo() as service, spore_client(running.control, service.port) as client:
        with carried(running.public_host, client.port):
            status = admin.ask("status")
            assert status["pid"] == running.pid and status["state"] == "serving"
            assert status["control_port"] == "{}:{}".format(*running.control)
            assert status["tunnels"] == status["relays"] == status["visitors_all"] == 1
            assert status["workers"] == 2 and status["silent_workers"] == []
            assert status["generation"] == status["generations_alive"] == 1
            assert 0 < status["descriptors"] <= status["max_descriptors"]
            assert status["memory"] > 0 and status["log_level"] == "info" and status["dates"] == []
            text = admin.ctl("status")
            assert f"serving at {status['control_port']}, up for " in text
            assert re.search(r"^visitors +1 relayed, 0 waiting, 1 in total", text, re.MULTILINE)


def test_dates(admin, address, certificate):
    """A metric of a plugin that is a point in time is shown as a date."""
    tls = ["--tls", "--certfile", certificate.path, "--keyfile", certificate.key]
    with spore_server(address, extra=[*admin.flags, *tls]):
        dates = wait_until(lambda: admin.ask("status")["dates"], "the certificate's end")
        assert all(each["metric"].endswith("_timestamp_seconds") for each in dates)
        assert dates[0]["days_left"] > 0 and re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", dates[0]["utc"]
        )
        assert f"{dates[0]['utc']}, {dates[0]['days_left']} days left: " in admin.ctl("status")


def test_loops_and_plugins(running, admin):
    loops = admin.ask("loops")
    assert [each["worker"] for each in loops["workers"]] == [0, 1]
    assert all(
        each["answers"] and each["turns"] > 0 and each["waited_us"] >= 0
        for each in loops["workers"]
    )
    assert loops["main"]["longest_us"] >= loops["main"]["recent_us"] > 0
    assert len(admin.ctl("loops").splitlines()) == 4
    plugins = admin.ask("plugins")
    (instance,) = plugins["instances"]
    assert (instance["kind"], instance["name"], instance["generation"]) == ("transport", "plain", 1)
    (file,) = plugins["files"]
    assert file["file"] == instance["file"] and re.fullmatch("sha256:[0-9a-f]{64}", file["digest"])
    assert file["digest"] in admin.ctl("plugins")


def test_instances_of_one_plugin(tmp_path, address):
    """The name and the place of each tell them apart, in the list and in the log."""
    admin = Admin(tmp_path / "admin.sock")
    config = tmp_path / "server.json"
    lists = [{"use": "cidr", "deny": [each]} for each in ("127.0.0.254/32", "127.0.0.0/8")]
    auth = [{"use": "hmac", "secret": each} for each in ("a-secret", "b-secret")]
    config.write_text(json.dumps({"auth": auth, "acl": {"control": lists}}), encoding="utf-8")
    with spore_server(address, extra=["--config", str(config), *admin.flags]) as server:
        named = {(each["option"], each["name"]) for each in admin.ask("plugins")["instances"]}
        assert named >= {
            ("/auth/0", "hmac"),
            ("/auth/1", "hmac#2"),
            ("/acl/control/0", "cidr"),
            ("/acl/control/1", "cidr#2"),
        }
        shown = admin.ctl("plugins")
        assert re.search(r" hmac#2 .* /auth/1$", shown, re.MULTILINE), shown
        with socket.create_connection(server.control):
            server.process.wait_for("client refused by access list .*plugin=cidr#2 ")


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_the_servers_answer(running, admin, command):
    answer, shown = admin.ask(command), json.loads(admin.ctl("--json", command))
    assert shown.keys() == answer.keys()


# ---- what it does


def id_of(admin, port, what="tunnels"):
    return next(each["id"] for each in admin.ask(what)[what] if each["port"] == port)


def test_kick_a_tunnel(running, admin):
    """The client is told the reason and ends, the visitors end too, other tunnels are not
    affected."""
    with Echo() as service, spore_client(running.control, service.port) as kept:
        with spore_client(running.control, service.port) as gone:
            with carried(running.public_host, gone.port) as visitor, carried(
                running.public_host, kept.port
            ) as other:
                assert (
                    admin.ctl("kick", str(id_of(admin, gone.port)))
                    == "ended tunnels: 1, visitors: 1"
                )
                assert how_it_ends(visitor)[0] == b""
                assert gone.wait() == 1
                assert any(
                    "the server's operator has ended the tunnel" in line
                    for line in gone.process.stderr
                )
                assert port_is_free(running.public_host, gone.port)
                other.sendall(b"still")
                assert read_exactly(other, 5) == b"still"
        assert one_exchange(running.public_host, kept.port) == b"ping"


def test_kick_by_port(running, admin):
    """The log names the port and the identity of what has ended."""
    with Tunnel(running) as kept, Tunnel(running) as gone:
        visitor, far = gone.join()
        with visitor, far:
            assert admin.ctl("kick", f"port={gone.port}") == "ended tunnels: 1, visitors: 1"
            gone.wire.expect_error(KICKED)
            assert how_it_ends(visitor)[0] == b""
        running.process.wait_for(
            f"ended by the operator port={gone.port} tunnels=1 visitors=1", stream="stderr"
        )
        assert [each["port"] for each in admin.ask("tunnels")["tunnels"]] == [kept.port]
        said = admin.ctl("kick", f"port={gone.port}", status=1)
        assert f"no tunnel or visitor has port={gone.port}" in said


def test_kick_by_identity(admin, tmp_path, address):
    """All tunnels of the identity end, and no other one."""
    path = tmp_path / "server.json"
    secrets = {name: name for name in ("alice", "carol")}
    path.write_text(json.dumps({"auth": [{"use": "multi_secret", "secrets": secrets}]}))
    with spore_server(address, extra=[*admin.flags, "--config", str(path)]) as server, Tunnel(
        server, secret="alice"
    ) as one, Tunnel(server, secret="alice") as two, Tunnel(server, secret="carol") as kept:
        assert admin.ctl("kick", "identity=alice") == "ended tunnels: 2, visitors: 0"
        one.wire.expect_error(KICKED)
        two.wire.expect_error(KICKED)
        server.process.wait_for(
            r"ended by the operator identity=alice tunnels=2 visitors=0", stream="stderr"
        )
        assert [each["port"] for each in admin.ask("tunnels")["tunnels"]] == [kept.port]
        admin.ctl("kick", str(id_of(admin, kept.port)))
        server.process.wait_for(
            rf"ended by the operator id=\d+ port={kept.port} identity=carol tunnels=1",
            stream="stderr",
        )


def test_kick_by_a_wrong_identity(admin, tmp_path, address):
    """The nearest one that has a tunnel is named. The longest that a client may have is known."""
    path = tmp_path / "server.json"
    secrets = {name: name for name in ("alice", "bob")}
    path.write_text(json.dumps({"auth": [{"use": "multi_secret", "secrets": secrets}]}))
    with spore_server(address, extra=[*admin.flags, "--config", str(path)]) as server:
        with Tunnel(server, secret="alice"):
            said = admin.ctl("kick", "identity=alcie", status=1)
            assert "has identity=alcie: did you mean identity=alice?" in said
            assert admin.ctl("kick", "identity=bobb", status=1).endswith("has identity=bobb")
        longest = "identity=" + 255 * "x"
        assert f"no tunnel or visitor has {longest}" in admin.ctl("kick", longest, status=1)
        for wrong in (longest + "x", "identity=", "identity=a\nb"):
            said = admin.ctl("kick", wrong, status=2)
            assert "expected identity= and a name of 1 to 255 bytes in one line" in said


def test_kick_says_why_on_the_wire(running, admin):
    with Tunnel(running) as tunnel:
        admin.ctl("kick", str(id_of(admin, tunnel.port)))
        tunnel.wire.expect_error(KICKED)


def test_kick_a_client_of_bore(admin, address):
    """bore's client ends too."""
    with spore_server(
        address, control_port=BORE_CONTROL_PORT, extra=admin.flags
    ) as server, Echo() as service:
        with bore_client(server.control, service.port) as client:
            admin.ctl("kick", str(id_of(admin, client.port)))
            client.wait()


def test_kick_a_visitor(running, admin):
    with Echo() as service, spore_client(running.control, service.port) as client:
        with carried(running.public_host, client.port) as one:
            first = admin.ask("relays")["relays"][0]["id"]
            with carried(running.public_host, client.port) as other:
                assert admin.ctl("kick", str(first)) == "ended tunnels: 0, visitors: 1"
                assert how_it_ends(one)[0] == b""
                other.sendall(b"still")
                assert read_exactly(other, 5) == b"still"
        assert "no tunnel or visitor has the id" in admin.ctl("kick", str(first), status=1)


def test_log_level(running, admin):
    assert admin.ctl("log-level", "debug") == "log level: debug, was info"
    with Tunnel(running) as tunnel:
        visitor, far = tunnel.join()
        visitor.close()
        far.close()
        running.process.wait_for("debug connection ended", stream="stderr")
    assert admin.ask("status")["log_level"] == "debug"
    assert "expected trace, debug, info, warn or error, found loud" in admin.ctl(
        "log-level", "loud", status=1
    )
    assert admin.ask("status")["log_level"] == "debug"


def test_reload_and_generations(admin, tmp_path, address):
    """A valid configuration, a wrong one, and old instances that live as long as a tunnel needs
    them."""
    path = tmp_path / "server.json"

    def write(secret):
        auth = [{"use": "hmac", "secret": secret}]
        path.write_text(json.dumps({"auth": auth, "server": {"on_reload": "keep"}}))

    write("the first")
    with spore_server(address, extra=[*admin.flags, "--config", str(path)]) as server:
        with Tunnel(server, secret="the first"):
            write("the second")
            first, *table = admin.ctl("reload").splitlines()
            assert first == "reloaded: generation 2, 1 change"
            assert table[0].split() == ["KEY", "FROM", "TO", "HOLDS"] and table[1].startswith(
                "/auth/0/secret "
            )
            assert "the second" not in table[1]
            status = admin.ask("status")
            assert (status["generation"], status["generations_alive"]) == (2, 2)
            assert {each["generation"] for each in admin.ask("plugins")["instances"]} == {1, 2}
            path.write_text('{\n\t"server": { "max_prot": 5 }\n}')
            said = admin.ctl("reload", status=1)
            assert "error: reload refused, configuration unchanged" in said
            assert (
                f'{path}:2:14: error: /server/max_prot: unknown key "max_prot": did you '
                f'mean "max_port"?'
            ) in said
            assert "^" in said, "the place of the mistake"
            assert admin.ask("status")["generation"] == 2
        wait_until(lambda: admin.ask("status")["generations_alive"] == 1, "the old instance to end")
        assert {each["generation"] for each in admin.ask("plugins")["instances"]} == {2}


def test_drain(running, admin):
    """Like TERM: no new work, relays may end, then status 0. Meanwhile the socket still answers."""
    with Tunnel(running) as tunnel:
        visitor, far = tunnel.join()
        with visitor, far:
            running.process_was_ended = True
            assert admin.ctl("drain") == "draining, for at most 10 s"
            running.process.wait_for("draining by=operator", stream="stderr")
            wait_until(
                lambda: port_is_free(running.public_host, tunnel.port), "the public port to close"
            )
            assert admin.ctl("drain") == "already draining"
            assert admin.ask("status")["state"] == "draining"
            assert "the server is shutting down" in admin.ctl("reload", status=1)
            running.process.signal(signal.SIGHUP)
            running.process.wait_for('reload refused.*error="the server is shutting down"', times=2)
            running.process.terminate()
            running.process.wait_for("draining already by=operator signal=TERM")
            visitor.sendall(b"x")
            assert read_exactly(far, 1) == b"x"
        assert running.process.wait() == 0
        assert not admin.is_there()


def test_several_ask_for_a_drain_at_once(running, admin):
    """The first request begins the drain. Further requests do not end the relays as a second signal
    would."""
    with Tunnel(running) as tunnel:
        visitor, far = tunnel.join()
        with visitor, far, contextlib.ExitStack() as stack:
            running.process_was_ended = True
            askers = [stack.enter_context(admin.connect()) for _ in range(8)]
            for asker in askers:
                asker.sendall(b"drain\n")
            answers = [json.loads(read_all(asker)) for asker in askers]
            assert sorted(answer["was_draining"] for answer in answers) == [False] + 7 * [True]
            visitor.sendall(b"x")
            assert read_exactly(far, 1) == b"x"
        assert running.process.wait() == 0
        assert not any("second signal" in line for line in running.process.stderr)


# ---- wrong requests


@pytest.mark.parametrize(
    "line, error",
    [
        (b"\n", 'unknown command ""'),
        (b"nonsense\n", "unknown command nonsense"),
        (b"STATUS\n", "unknown command STATUS"),
        (b"\x1b[2J\xff\xfe\n", "unknown command \x1b[2J\xff\xfe"),
        (b"status\0tunnels\n", None),
        (b"kick\n", "missing argument: TARGET"),
        (b"kick 1 2\n", "unexpected argument 2"),
        (b"status now\n", "unexpected argument now"),
        (b"kick -1\n", NO_TARGET + "-1"),
        (b"kick 0\n", NO_TARGET + "0"),
        (b"kick port=http\n", NO_TARGET + "port=http"),
        (
            b"kick 99999999999999999999999\n",
            NO_TARGET + "99999999999999999999999",
        ),
        (b"kick 9223372036854775807\n", "no tunnel or visitor has the id 9223372036854775807"),
        (b"x" * 5000, "unknown command " + "x" * 639),
        (b'{"command": "status"}\n', 'unknown command {"command":'),
    ],
)
def test_garbage(running, admin, line, error):
    answer = json.loads(admin.say(line))
    assert answer.get("error") == error


def test_much_garbage(running, admin):
    """The answer to any bytes is JSON, and the server continues to serve."""
    dice = random.Random(37)
    words = [
        b"status",
        b"kick",
        b"tunnels",
        b"log-level",
        b"relays",
        b"loops",
        b" ",
        b"\t",
        b"\r",
        b"\0",
        b"7",
    ]
    for _ in range(count(300, least=50)):
        line = b"".join(
            dice.choice(words) if dice.random() < 0.6 else dice.randbytes(dice.randrange(1, 40))
            for _ in range(dice.randrange(1, 8))
        )
        if b"drain" not in line:
            json.loads(admin.say(line.replace(b"\n", b"") + b"\n"))
    assert admin.ask("status")["state"] == "serving"
    with Tunnel(running):
        pass


def test_clients_that_close_early(running, admin):
    """Clients that close after half a line, without a line, or before they read the answer."""
    before = admin.ask("status")["descriptors"]
    for line in [b"", b"stat", b"status\n", b"relays\n"]:
        for _ in range(count(20, least=5)):
            with admin.connect() as sock:
                sock.sendall(line)
    with admin.connect() as sock:
        sock.sendall(b"status")
        sock.shutdown(socket.SHUT_WR)
        assert json.loads(read_all(sock))["state"] == "serving"
    wait_until(
        lambda: admin.ask("status")["descriptors"] <= before, "their descriptors to be closed"
    )


def test_a_hundred_at_once(running, admin):
    """All are answered in the end."""
    socks = [admin.connect() for _ in range(100)]
    for sock in socks:
        sock.sendall(b"status\n")
    for sock in socks:
        with sock:
            assert json.loads(read_all(sock))["state"] == "serving"


def test_a_hundred_who_say_nothing(running, admin):
    """They are closed after a while, and neither operators nor visitors are affected."""
    with contextlib.ExitStack() as stack, Echo() as service:
        client = stack.enter_context(spore_client(running.control, service.port))
        silent = [stack.enter_context(admin.connect()) for _ in range(40)]
        assert one_exchange(running.public_host, client.port) == b"ping"
        started = time.monotonic()
        assert admin.ask("status")["state"] == "serving"
        assert time.monotonic() - started < seconds(12)
        assert read_all(silent[0]) == b""
        running.process.wait_for(
            'admin connection dropped reason="no command received"', stream="stderr"
        )


def test_a_slow_reader_is_dropped(running, admin):
    """A client that does not read its answer is closed, and does not delay others."""
    with contextlib.ExitStack() as stack:
        tunnel = stack.enter_context(Tunnel(running))
        for _ in range(1200):
            visitor, far = tunnel.join()
            stack.enter_context(visitor)
            stack.enter_context(far)
        assert len(admin.say(b"relays\n")) > 220000, "more than the kernel buffers"
        slow = stack.enter_context(socket.socket(socket.AF_UNIX))
        slow.connect(admin.path)
        slow.sendall(b"relays\n")
        assert admin.ask("status")["relays"] == 1200
        running.process.wait_for(
            'admin connection dropped reason="the peer reads too slowly"',
            stream="stderr",
            timeout=15,
        )
        slow.settimeout(seconds(5))
        with pytest.raises(json.JSONDecodeError):
            json.loads(read_all(slow))


# ---- ctl itself


@pytest.mark.parametrize(
    "words, said",
    [
        (
            [],
            (
                "expected a command: status, tunnels, relays, loops, plugins, kick, bans, unban, "
                "log-level, reload, upgrade or drain"
            ),
        ),
        (["nonsense"], 'unknown command "nonsense"'),
        (["statsu"], 'unknown command "statsu": did you mean "status"?'),
        (["kick"], "expected TARGET after kick, found the end of the command line"),
        (["kick", "1", "2"], 'expected one TARGET, found "2" too'),
        (["kick", "1\nstatus"], 'expected a word of 1 to 63 characters, found "1\\x0astatus"'),
        (["status", "--loud"], "unknown flag --loud"),
        (["status", "now"], 'expected a flag, found "now"'),
        (
            ["status", "--socket"],
            "expected a value after --socket, found the end of the command line",
        ),
    ],
)
def test_wrong_command_lines(words, said):
    process = run([spore_binary(), "ctl", *words])
    assert process.status == 2 and process.stdout == []
    assert process.stderr == [f"error: {said}", "try: spore ctl --help"]


def test_no_server(admin, tmp_path):
    said = admin.ctl("status", status=1)
    assert said == (
        f"error: cannot reach a server or client at {admin.path}: No such file or directory: "
        "is one running with --admin-socket? Give its path with --socket"
    )
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(admin.path)
    assert "Connection refused" in admin.ctl("status", status=1)
    assert "File name too long" in Admin("x" * 200).ctl("status", status=1)


@pytest.mark.parametrize(
    "answer, said",
    [
        (b"", "no answer at"),
        (b"[]", "not a JSON object"),
        (b'{"error"', "not a JSON object"),
        (b'{ "error": 5 }', "error: "),
        (b'{ "error": "\\u001b[2J" }', "error: \\x1b[2J"),
    ],
)
def test_a_server_that_answers_nonsense(admin, answer, said):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(admin.path)
        listening.listen()

        def serve():
            sock, _ = listening.accept()
            with sock:
                sock.recv(1000)
                sock.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert said in admin.ctl("status", status=1)
        thread.join()


def test_nothing_of_it_over_tcp(running, admin):
    """The control port understands no admin request, and the server has no other TCP port."""
    with connect(*running.control) as sock:
        sock.sendall(b"status\n\0")
        assert b"version" not in how_it_ends(sock)[0]
    assert set(procfs.listening_ports(running.pid)) == {running.control[1]}
