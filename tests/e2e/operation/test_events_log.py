"""The log of events: what is in its lines, its file, and what fail2ban makes of it."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess

import pytest

from harness.admin import Admin
from harness.metrics import Exporter
from harness.peers import (
    REPOSITORY,
    configured_server,
    installed_program,
    spore_binary,
    spore_client,
)
from harness.process import run
from harness.services import Echo
from harness.sockets import connect, how_it_ends, read_exactly
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel, Wire

SECRETS = [{"use": "multi_secret", "secrets": {"alice": "s3cret", "bob": "other"}}]
VISITOR = "127.60.0.2"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "events.log"


def to_log(log, **options):
    return {"use": "log", "path": str(log), **options}


def lines(log):
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def events(log):
    return [json.loads(line) for line in lines(log)]


def wait_events(log, number):
    wait_until(lambda: len(lines(log)) >= number, f"{number} events")
    found = events(log)
    assert len(found) == number, found
    return found


def names(found):
    return [event["event"] for event in found]


def address_of(sock):
    host, port = sock.getsockname()[:2]
    return {"ip": host, "ip_port": port}


def wrong_secret(server, secret="wrong"):
    """Returns the address from which it was tried."""
    with Wire.connect(server.control) as wire:
        its = address_of(wire.sock)
        wire.authenticate(secret)
        wire.send({"Hello": 0})
        wire.expect_error("invalid secret")
        return its


def test_a_visitor_and_its_tunnel(address, tmp_path, log):
    with configured_server(
        address, tmp_path, auth=SECRETS, events=[to_log(log, lines="json")]
    ) as server, Echo() as service:
        with spore_client(
            server.control, service.port, secret="s3cret", extra=["--tunnel-name", "web"]
        ) as client:
            visitor = connect(server.public_host, client.port, source=VISITOR)
            visitor.sendall(b"ping")
            assert read_exactly(visitor, 4) == b"ping"
            its = address_of(visitor)
            visitor.close()
            wait_events(log, 4)
            port = client.port
            client.stop()
        allowed, opened, accepted, ended, closed = wait_events(log, 5)
    for event in (allowed, opened, accepted, ended, closed):
        assert re.fullmatch(TIME, event.pop("time"))
        assert event.pop("identity") == "alice"
    client_is = {key: allowed[key] for key in ("ip", "ip_port")}
    assert allowed == {"event": "client_allowed", "plugin": "multi_secret", **client_is}
    tunnel = {"port": port, "tunnel": opened["tunnel"]}
    # The name comes after Hello if the client talks to a server without About.
    assert opened.pop("name", "web") == "web"
    assert opened == {"event": "tunnel_opened", **client_is, **tunnel}
    visit = {**its, **tunnel, "visitor": accepted["visitor"]}
    assert accepted == {"event": "visitor_accepted", **visit}
    duration = ended.pop("duration_ms")
    assert 0 <= duration < 10000
    carried = {"bytes_up": 4, "bytes_down": 4}
    assert ended == {"event": "visitor_ended", "reason": "closed", **visit, **carried}
    assert closed.pop("duration_ms") >= duration
    assert closed == {
        "event": "tunnel_closed",
        "reason": "closed",
        "name": "web",
        "visitors": 1,
        **client_is,
        **tunnel,
        **carried,
    }


def test_a_tunnel_s_sums_outlive_a_reload(address, tmp_path, log):
    with configured_server(
        address, tmp_path, auth=SECRETS, events=[to_log(log, lines="json")]
    ) as server, Echo() as service:
        with spore_client(server.control, service.port, secret="s3cret") as client:
            assert one_exchange(client.host, client.port) == b"ping"
            wait_events(log, 4)
            server.process.signal(signal.SIGHUP)
            server.process.wait_for("configuration reloaded")
            assert one_exchange(client.host, client.port) == b"ping"
            wait_events(log, 7)
        closed = wait_events(log, 8)[-1]
    assert closed["event"] == "tunnel_closed"
    assert (closed["visitors"], closed["bytes_up"], closed["bytes_down"]) == (2, 8, 8)


def refuse_by_limit(server, client):
    with connect(server.public_host, client.port) as inside:
        inside.sendall(b"ping")
        assert read_exactly(inside, 4) == b"ping"
        with connect(server.public_host, client.port) as other:
            its = address_of(other)
            assert how_it_ends(other)[0] == b""
    return its


def test_visitors_that_are_not_let_in(address, tmp_path, log):
    denied = {"use": "cidr", "name": "gate", "deny": [f"{VISITOR}/32"]}
    with configured_server(
        address,
        tmp_path,
        auth=SECRETS,
        limits={"max_visitors_per_ip": 1},
        acl={"public": [denied]},
        events=[to_log(log, lines="json", events=["visitor_refused"])],
    ) as server, Echo() as service:
        with spore_client(server.control, service.port, secret="s3cret") as client:
            by_limit = refuse_by_limit(server, client)
            with connect(server.public_host, client.port, source=VISITOR) as visitor:
                by_list = address_of(visitor)
                assert how_it_ends(visitor)[0] == b""
            port = client.port
            first, second = wait_events(log, 2)
    for event in (first, second):
        assert event["port"] == port and event["identity"] == "alice"
        assert event["event"] == "visitor_refused" and "visitor" not in event
    assert first["reason"] == "source_full" and by_limit.items() <= first.items()
    assert second["reason"] == "access_list" and by_list.items() <= second.items()
    assert second["plugin"] == "gate" and second["detail"] == f"{VISITOR}/32"


def test_a_visitor_whose_client_has_no_service_ends(address, tmp_path, log):
    """Each visitor that was accepted ends once, here without a relay."""
    with configured_server(
        address, tmp_path, events=[to_log(log, lines="json")]
    ) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with spore_client(server.control, closed.getsockname()[1]) as client:
            with connect(server.public_host, client.port) as visitor:
                assert visitor.recv(1) == b""
            _, accepted, ended = wait_events(log, 3)
    assert names([accepted, ended]) == ["visitor_accepted", "visitor_ended"]
    assert accepted["visitor"] == ended["visitor"]
    # A client that has not heard yet that it may say so closes the data connection.
    assert ended["reason"] in ("no_service", "client_empty") and ended["bytes_up"] == 0


def test_a_visitor_that_waits_until_the_server_ends(address, tmp_path, log):
    """Its client never takes it."""
    with configured_server(
        address,
        tmp_path,
        server={"drain_timeout": "200ms"},
        events=[to_log(log, lines="json")],
    ) as server, Tunnel(server) as tunnel, tunnel.visit():
        wait_events(log, 2)
        assert server.stop() in (0, 1)
        found = [event for event in events(log) if event["event"] != "client_refused"]
    assert sorted(names(found)) == sorted(
        ["tunnel_opened", "visitor_accepted", "visitor_ended", "tunnel_closed"]
    )
    reasons = {event["event"]: event.get("reason") for event in found}
    assert reasons["visitor_ended"] == "shutdown" and reasons["tunnel_closed"] == "shutdown"


def test_a_visitor_that_no_client_takes(address, tmp_path, log):
    with configured_server(address, tmp_path, events=[to_log(log, lines="json")]) as server, Tunnel(
        server
    ) as tunnel, tunnel.visit():
        wait_until(lambda: len(lines(log)) == 3, "the expiry", timeout=30)
        ended = events(log)[2]
    assert (ended["event"], ended["reason"]) == ("visitor_ended", "not_taken")
    assert ended["duration_ms"] >= 10000


def test_an_operator_s_kick(address, tmp_path, log):
    admin = Admin(tmp_path / "admin.sock")
    with configured_server(
        address, tmp_path, admin={"socket": admin.path}, events=[to_log(log, lines="json")]
    ) as server, Tunnel(server) as tunnel:
        visitor, stream = tunnel.join()
        with visitor, stream:
            (its,) = wait_until(lambda: admin.ask("tunnels")["tunnels"], "the tunnel")
            admin.ask("kick", its["id"])
            found = wait_events(log, 4)
    assert {event["tunnel"] for event in found} == {its["id"]}
    ends = {event["event"]: event.get("reason") for event in found[2:]}
    assert ends == {"tunnel_closed": "kicked", "visitor_ended": "kicked"}


def test_clients_that_are_refused(address, tmp_path, log):
    with configured_server(
        address,
        tmp_path,
        auth=SECRETS,
        limits={"ban_after": 2, "ban_time": "60s", "ban_exempt": [], "secret_rate": 1000},
        server={"max_port": 30000},
        events=[to_log(log, lines="json", events=["client_refused"])],
    ) as server:
        with Wire.connect(server.control) as wire:
            wire.authenticate("s3cret")
            wire.send({"Hello": 40000})
            wire.expect_error("client port number not in allowed range")
        tried = [wrong_secret(server), wrong_secret(server)]
        with Wire.connect(server.control) as wire, contextlib.suppress(Exception):
            banned = address_of(wire.sock)
            wire.authenticate("s3cret")
            wire.send({"Hello": 0})
            wire.receive()
        found = wait_events(log, 4)
    port, *wrong, source = found
    assert port["reason"] == "port_not_allowed" and port["identity"] == "alice"
    assert port["port"] == 40000 and "plugin" not in port
    allowed = "the allowed ports are 1024-30000 (server.min_port, server.max_port)"
    assert port["detail"] == allowed
    for event, its in zip(wrong, tried):
        assert event["reason"] == "wrong_secret" and its.items() <= event.items()
    assert source["reason"] == "source" and banned.items() <= source.items()


def test_ports_that_an_identity_may_not_have(address, tmp_path, log):
    auth = [{**SECRETS[0], "name": "people", "policy": {"alice": {"ports": "20000-20010"}}}]
    events = [to_log(log, lines="json", events=["client_refused"])]
    with configured_server(address, tmp_path, auth=auth, events=events) as server:
        with Wire.connect(server.control) as wire:
            wire.authenticate("s3cret")
            wire.send({"Hello": 30000})
            wire.expect_error("client port number not in allowed range")
        (event,) = wait_events(log, 1)
    assert event["plugin"] == "people"
    assert event["detail"] == "the allowed ports are 20000-20010 (ports of the identity)"


def test_what_a_transport_refuses(address, tmp_path, log):
    with configured_server(
        address,
        tmp_path,
        transport=[{"use": "proxy", "trusted": ["127.0.0.0/8"]}],
        events=[to_log(log, lines="json", events=["client_refused"])],
    ) as server:
        with socket.create_connection(server.control, timeout=5) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            its = address_of(sock)
            (event,) = wait_events(log, 1)
    assert its.items() <= event.items() and event["reason"] == "handshake"
    assert event["detail"] == "expected a PROXY header, found: GET / HTTP/1.1"


def test_the_control_port_s_access_list(address, tmp_path, log):
    with configured_server(
        address,
        tmp_path,
        acl={"control": [{"use": "cidr", "deny": ["127.0.0.0/8"]}]},
        events=[to_log(log, lines="json")],
    ) as server:
        with connect(*server.control) as sock:
            its = address_of(sock)
            assert how_it_ends(sock)[0] == b""
        (event,) = [e for e in wait_events(log, len(lines(log)) or 1) if its.items() <= e.items()]
    assert event["event"] == "client_refused" and event["reason"] == "access_list"
    assert event["plugin"] == "cidr" and event["detail"] == "127.0.0.0/8"


def test_reloads(address, tmp_path, log):
    with configured_server(address, tmp_path, events=[to_log(log, lines="json")]) as server:
        server.process.signal(signal.SIGHUP)
        server.process.wait_for("configuration reloaded")
        (path,) = tmp_path.glob("server*.json")
        path.write_text("{", encoding="utf-8")
        server.process.signal(signal.SIGHUP)
        good, bad = wait_events(log, 2)
    assert (good["event"], good["reason"]) == ("reloaded", "done")
    assert "detail" not in good
    assert bad["reason"] == "refused" and str(path) in bad["detail"]


def test_lines_of_text(address, tmp_path, log):
    own = tmp_path / "own.log"
    with configured_server(
        address,
        tmp_path,
        auth=SECRETS,
        events=[
            to_log(log),
            to_log(own, name="own", format="{event};{ip};{reason};{name};{{{bytes_up}}}"),
        ],
    ) as server, Echo() as service:
        with spore_client(server.control, service.port, secret="s3cret") as client:
            with connect(server.public_host, client.port, source=VISITOR) as visitor:
                visitor.sendall(b"ping")
                assert read_exactly(visitor, 4) == b"ping"
                peer = "%s:%d" % visitor.getsockname()
            wait_until(lambda: len(lines(own)) == 4, "the visitor's end")
            port = client.port
        wait_until(lambda: len(lines(log)) == 5 == len(lines(own)), "all events")
    ended = lines(log)[3]
    assert re.fullmatch(
        rf"{TIME} visitor_ended peer={peer} reason=closed port={port} tunnel=\d+ "
        r"visitor=[0-9a-f-]{36} bytes_up=4 bytes_down=4 duration_ms=\d+ identity=alice",
        ended,
    )
    assert lines(own)[3] == f"visitor_ended;{VISITOR};closed;-;{{4}}"


def test_a_name_cannot_break_a_line(address, tmp_path, log):
    """The client may send any text without control characters."""
    evil = 'x" reason=wrong_secret peer=192.0.2.66:1 \\é'
    with configured_server(
        address, tmp_path, auth=SECRETS, events=[to_log(log)]
    ) as server, Echo() as service:
        with spore_client(
            server.control, service.port, secret="s3cret", extra=["--tunnel-name", evil]
        ) as client:
            client.stop()
        wait_until(lambda: len(lines(log)) == 3, "three events")
    quoted = r'name="x\" reason=wrong_secret peer=192.0.2.66:1 \\\xc3\xa9"'
    assert lines(log)[2].endswith(quoted)
    assert log.read_bytes().isascii()


# ---- the file ----


def test_after_logrotate_the_file_is_new(address, tmp_path, log):
    """With HUP and without."""
    with configured_server(address, tmp_path, auth=SECRETS, events=[to_log(log)]) as server:
        wrong_secret(server)
        wait_until(lambda: len(lines(log)) == 1, "the first line")
        log.rename(tmp_path / "events.log.1")
        wrong_secret(server)
        wait_until(lambda: len(lines(log)) == 1, "the second line")
        log.rename(tmp_path / "events.log.2")
        server.process.signal(signal.SIGHUP)
        server.process.wait_for("configuration reloaded")
        wrong_secret(server)
        wait_until(lambda: len(lines(log)) == 2, "the reload and the third line")
    assert [len(lines(tmp_path / f"events.log.{n}")) for n in (1, 2)] == [1, 1]
    assert log.stat().st_mode & 0o037 == 0


def test_a_full_disk_is_told_once_and_counted(address, tmp_path, log):
    exporter = Exporter(address.host, address.free_port())
    log.symlink_to("/dev/full")
    with configured_server(
        address,
        tmp_path,
        auth=SECRETS,
        limits={"secret_rate": 1000, "secret_burst": 1000},
        events=[to_log(log)],
        metrics=[{"use": "prometheus", "listen": f"{exporter.host}:{exporter.port}"}],
    ) as server:
        for _ in range(5):
            wrong_secret(server)
        lost = "spore_log_event_lines_lost_total"
        wait_until(
            lambda: exporter.value(lost, plugin="log", reason="no_space") == 5, "five lost lines"
        )
        told = f"events are not written to {log}: No space left on device"
        server.process.wait_for(re.escape(told))
        os.unlink(log)
        wrong_secret(server)
        wait_until(lambda: len(lines(log)) == 1, "a line")
        server.process.wait_for("written to .* again; 5 lines are lost")
        assert sum(told in line for line in server.process.stderr) == 1
        assert exporter.value(lost, plugin="log", reason="other") == 0


def test_a_check_makes_no_file(tmp_path, log):
    path = tmp_path / "server.json"
    path.write_text(json.dumps({"events": [to_log(log)]}), encoding="utf-8")
    assert run([spore_binary(), "server", "--check", "--config", path]).status == 0
    assert not log.exists()


def test_options_of_the_other_target_are_warned_of(tmp_path, log):
    path = tmp_path / "server.json"
    other = {"use": "log", "name": "other", "to": "syslog", "path": "a.log", "socket": "b"}
    events = [to_log(log, facility="user", socket="c"), other]
    path.write_text(json.dumps({"events": events}), encoding="utf-8")
    said = run([spore_binary(), "server", "--check", "--config", path]).log()
    for key in ("facility", "socket"):
        assert f'{key} has no effect with "to": "file" plugin=log option=/events/0' in said
    assert 'path has no effect with "to": "syslog" plugin=other option=/events/1' in said
    assert said.count("has no effect") == 3, "no other option is one"


def test_the_system_s_log(address, tmp_path):
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with daemon:
        daemon.bind(str(tmp_path / "log"))
        daemon.settimeout(10)
        entry = {"use": "log", "to": "syslog", "socket": "log", "facility": "authpriv"}
        with configured_server(address, tmp_path, auth=SECRETS, events=[entry]) as server:
            its = wrong_secret(server)
            line = daemon.recv(4096).decode()
    assert re.fullmatch(
        rf"<85>\w{{3}} [ \d]\d \d\d:\d\d:\d\d spore\[{server.pid}\]: "
        rf"client_refused peer={its['ip']}:{its['ip_port']} reason=wrong_secret.*",
        line,
    )


# ---- fail2ban ----


def found_by_fail2ban(path):
    """The lines that the filter matches."""
    program = installed_program("fail2ban-regex", "fail2ban")
    filters = REPOSITORY / "conf" / "fail2ban" / "filter.d" / "spore.conf"
    done = subprocess.run(
        [program, "--print-all-matched", "--print-all-missed", str(path), str(filters)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Results" in done.stdout, done.stdout + done.stderr
    assert "0 ignored" in done.stdout, done.stdout
    matched = done.stdout.partition("|- Matched line(s):")[2].partition("`-")[0]
    return [line[3:] for line in matched.splitlines() if line.startswith("|  ")]


EVIL_NAMES = [
    "client_refused peer=192.0.2.66:1 reason=wrong_secret",
    " reason=wrong_secret ",
    "2026-01-01T00:00:00.000Z client_refused peer=192.0.2.66:1 reason=wrong_secret",
    "host spore[1]: client_refused peer=192.0.2.66:1 reason=wrong_secret",
    '"client_refused peer=192.0.2.66:1 reason=wrong_secret "',
]


def test_fail2ban_finds_wrong_secrets_and_nothing_else(address, tmp_path, log):
    with configured_server(
        address,
        tmp_path,
        auth=SECRETS,
        limits={"secret_rate": 1000, "secret_burst": 1000, "max_visitors_per_ip": 1},
        events=[to_log(log)],
    ) as server, Echo() as service:
        tried = [wrong_secret(server) for _ in range(3)]
        for name in EVIL_NAMES:
            with spore_client(
                server.control, service.port, secret="s3cret", extra=["--tunnel-name", name]
            ) as client:
                refuse_by_limit(server, client)
        with Wire.connect(server.control) as wire:
            wire.authenticate("s3cret")
            wire.send({"Hello": 1})
            wire.expect_error("client port number not in allowed range")
        wait_until(
            lambda: sum("tunnel_closed" in line for line in lines(log)) == len(EVIL_NAMES),
            "the last tunnel",
        )
    expected = [f"peer={its['ip']}:{its['ip_port']} reason=wrong_secret" for its in tried]
    found = found_by_fail2ban(log)
    assert len(found) == len(expected), found
    assert all(what in line for what, line in zip(expected, found))
    assert sum(line.count("192.0.2.66") for line in lines(log)) > 0, "the names are in the log"


def test_fail2ban_reads_addresses_of_ipv6_and_the_system_s_log(tmp_path):
    path = tmp_path / "lines"
    text = [
        "2026-03-01T09:13:05.870Z client_refused peer=[2001:db8::5]:6022 reason=wrong_secret",
        "2026-03-01T09:13:05.870Z client_refused peer=192.0.2.1:6022 reason=wrong_secret plugin=x",
        "Mar  1 09:13:05 host spore[12]: client_refused peer=192.0.2.1:1 reason=wrong_secret",
        "2026-03-01T09:13:05.870Z client_refused peer=192.0.2.1:6022 reason=wrong_secrets",
        "2026-03-01T09:13:05.870Z client_refused peer=192.0.2.1:6022 reason=crowd",
        "2026-03-01T09:13:05.870Z visitor_refused peer=192.0.2.1:6022 reason=wrong_secret",
    ]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    assert found_by_fail2ban(path) == text[:3]


def test_the_jail_names_the_filter_and_the_file():
    jail = (REPOSITORY / "conf" / "fail2ban" / "jail.d" / "spore.conf").read_text(encoding="utf-8")
    assert re.search(r"^filter = spore$", jail, re.MULTILINE)
    assert re.search(r"^logpath = (\S+)$", jail, re.MULTILINE)[1] in jail.split("[spore]")[0]


@pytest.mark.parametrize("name", ["server.json", "secret.key", "link"])
def test_a_file_that_the_configuration_reads_gets_no_lines(tmp_path, name):
    """The next start would read them."""
    config, secret = tmp_path / "server.json", tmp_path / "secret.key"
    secret.write_text("correct horse battery staple\n")
    secret.chmod(0o600)
    (tmp_path / "link").symlink_to(config)
    auth = [{"use": "hmac", "secret": {"file": "secret.key"}}]
    config.write_text(json.dumps({"auth": auth, "events": [{"use": "log", "path": name}]}))
    process = run([spore_binary(), "server", "--check", "--config", str(config)])
    assert process.status == 1
    assert "/events/0/path: expected a file of its own to append to" in process.log()


def test_a_file_with_two_writers(tmp_path):
    """Two instances, and an instance and the server's own log."""
    config, log = tmp_path / "server.json", tmp_path / "server.log"
    (tmp_path / "link").symlink_to(log)
    events = [{"use": "log", "path": "server.log"}, {"use": "log", "path": "link"}]
    config.write_text(json.dumps({"events": events}))
    with open(log, "w", encoding="utf-8") as stderr:
        subprocess.run(
            [spore_binary(), "server", "--check", "--config", config], stderr=stderr, check=True
        )
    said = log.read_text()
    assert said.count("Spore's own log (standard error) goes to this file, too") == 2
    assert said.count("the same file as /events/0/path: the lines of both mix") == 1
