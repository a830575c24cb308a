"""The line for each visitor in the logs of both sides (log.visitors)."""

import json
import pathlib
import socket

import pytest

from harness.admin import Admin
from harness.peers import spore_client, spore_server
from harness.services import Echo, Inbox
from harness.sockets import connect, end_writing, how_it_ends, read_exactly, read_to_end, reset
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel

SERVER = {"visitor", "port", "tunnel", "identity", "bytes_up", "bytes_down"}
CLIENT = {"visitor", "tunnel", "bytes_up", "bytes_down"}
BOTH = {"duration_ms", "reason", "id"}
VISITOR = "127.60.0.1"


def lines(process, event="visitor ended"):
    found = [json.loads(line) for line in process.stderr if line.startswith("{")]
    return [line for line in found if line["event"] == event]


def line_of(process, number=0, at_least=False):
    wait_until(lambda: len(lines(process)) > number, "the visitor's line")
    assert at_least or len(lines(process)) == number + 1, "one line for each visitor"
    line = lines(process)[number]
    assert line["level"] == "info"
    return line


@pytest.fixture
def names(tmp_path):
    """A configuration in which the client has an identity."""
    path = tmp_path / "names.json"
    path.write_text(json.dumps({"auth": [{"use": "multi_secret", "secrets": {"alice": "s3cret"}}]}))
    return ["--config", str(path), "--log-format", "json", "--log-visitors"]


@pytest.fixture
def admin(tmp_path):
    return Admin(tmp_path / "admin.sock")


CLIENT_FLAGS = ["--log-format", "json", "--log-visitors", "--tunnel-name", "web"]


def test_the_lines_of_connections_say_as_much(address, names):
    """Without the option: those of connections that have ended, or are broken."""
    level = ["--log-format", "json", "--log-level", "debug"]
    with spore_server(address, extra=[*names[:2], *level]) as server, Echo() as service:
        with spore_client(
            server.control, service.port, secret="s3cret", extra=[*level, "--tunnel-name", "web"]
        ) as client:
            assert one_exchange(server.public_host, client.port) == b"ping"
            for process, fields in ((server.process, SERVER), (client.process, CLIENT)):
                wait_until(lambda: lines(process, "connection ended"), "the line")
                line = lines(process, "connection ended")[0]
                assert fields | BOTH <= line.keys()
                assert line["bytes_up"] == 4 and line["reason"] == "closed"
            assert line["tunnel"] == "web"
            assert not lines(client.process)


def test_both_sides_log_each_visitor(address, names, admin):
    with spore_server(address, extra=[*names, *admin.flags]) as server, Echo() as service:
        with spore_client(
            server.control, service.port, secret="s3cret", extra=CLIENT_FLAGS
        ) as client:
            # The server knows that the client wants addresses.
            wait_until(lambda: admin.ask("tunnels")["tunnels"][0]["heartbeats"], "Extend")
            for number, (end, reason, its_reason) in enumerate(
                [
                    (socket.socket.close, "closed", "closed"),
                    (reset, "broken by the visitor", "broken by the server or the visitor"),
                ]
            ):
                visitor = connect(server.public_host, client.port, source=VISITOR)
                visitor.sendall(b"ping")
                assert read_exactly(visitor, 4) == b"ping"
                own = "%s:%d" % visitor.getsockname()
                end(visitor)
                theirs, ours = line_of(server.process, number), line_of(client.process, number)
                assert SERVER | BOTH <= theirs.keys() and CLIENT | BOTH <= ours.keys()
                assert theirs["visitor"] == ours["visitor"] == own
                assert theirs["id"] == ours["id"]
                assert (theirs["bytes_up"], theirs["bytes_down"]) == (4, 4)
                assert (ours["bytes_up"], ours["bytes_down"]) == (4, 4)
                assert theirs["identity"] == "alice" and theirs["port"] == client.port
                assert ours["tunnel"] == "web"
                assert (theirs["reason"], ours["reason"]) == (reason, its_reason)
                assert 0 <= theirs["duration_ms"] < 5000 and 0 <= ours["duration_ms"] < 5000


def test_a_service_that_resets(address, names):
    """The client passes the reset on. It makes no difference that the visitor was handed over, nor
    that the service has sent nothing."""
    with spore_server(address, extra=names) as server, Inbox() as service:
        with spore_client(
            server.control, service.port, secret="s3cret", extra=CLIENT_FLAGS
        ) as client:
            for number, answers in enumerate([True, False, False, True]):
                with connect(server.public_host, client.port) as visitor:
                    visitor.sendall(b"ping")
                    near = service.take()
                    assert read_exactly(near, 4) == b"ping"
                    if answers:
                        near.sendall(b"pong")
                        assert read_exactly(visitor, 4) == b"pong"
                    reset(near)
                    assert how_it_ends(visitor) == (b"", "reset")
                    use_in_order(server, client, service)
                theirs = line_of(server.process, 2 * number, at_least=True)
                ours = line_of(client.process, 2 * number, at_least=True)
                assert theirs["reason"] == "broken by the service or the client"
                assert ours["reason"] == "broken by the service"


def use_in_order(server, client, service):
    """The connection of this visitor has the next one, too."""
    with connect(server.public_host, client.port) as visitor, service.take() as near:
        near.sendall(b"pong")
        assert read_exactly(visitor, 4) == b"pong"
        end_writing(visitor)
        assert read_to_end(near) == b""
        near.close()
        assert read_to_end(visitor) == b""


def test_visitors_who_were_never_served_have_a_line_too(address, names):
    with spore_server(address, extra=names) as server:
        with spore_client(server.control, 1, secret="s3cret", extra=CLIENT_FLAGS) as client:
            with connect(server.public_host, client.port) as visitor:
                assert visitor.recv(1) == b""
            assert line_of(client.process)["reason"] == "no connection to the service"
            line = line_of(server.process)
            assert line["bytes_down"] == 0
            assert line["reason"] == "the client does not reach its service"
            assert lines(server.process, "visitor refused") == []


def test_a_visitor_who_is_gone_when_the_client_comes(address, names):
    """The server closes the client's data connection. It is not out of reach."""
    with spore_server(address, extra=names) as server, Echo() as service:
        with spore_client(
            server.control, service.port, secret="s3cret", extra=CLIENT_FLAGS
        ) as client:
            reset(connect(server.public_host, client.port))
            assert line_of(server.process)["reason"] == "broken by the visitor"
            assert line_of(client.process)["reason"] in (
                "closed by the server",
                "broken by the server or the visitor",
            )


def test_visitors_who_are_not_let_in_have_a_line_of_their_own(address, names):
    config = json.loads(pathlib.Path(names[1]).read_text())
    config["limits"] = {"max_visitors_per_ip": 1}
    pathlib.Path(names[1]).write_text(json.dumps(config))
    with spore_server(address, extra=names) as server, Echo() as service:
        with spore_client(server.control, service.port, secret="s3cret") as client:
            with connect(server.public_host, client.port) as visitor:
                visitor.sendall(b"ping")
                assert read_exactly(visitor, 4) == b"ping"
                others = []
                for _ in range(20):
                    with connect(server.public_host, client.port) as other:
                        others.append("%s:%d" % other.getsockname())
                        assert how_it_ends(other)[0] == b""
                wait_until(lambda: len(lines(server.process, "visitor refused")) == 20, "20 lines")
                refused = lines(server.process, "visitor refused")
                assert [line["peer"] for line in refused] == others
                assert {line["identity"] for line in refused} == {"alice"}
            line_of(server.process)


def test_a_client_that_says_nothing_of_its_service(address):
    """bore's clients close the data connection. The line says what the server has seen."""
    extra = ["--log-format", "json", "--log-visitors"]
    with spore_server(address, extra=extra) as server, Tunnel(server) as tunnel:
        visitor, stream = tunnel.join()
        with visitor:
            stream.close()
            assert visitor.recv(1) == b""
        assert line_of(server.process)["reason"] == "closed by the client before it sent anything"


def test_a_kick_is_a_reason(address, admin):
    extra = [*admin.flags, "--log-format", "json", "--log-visitors"]
    with spore_server(address, extra=extra) as server, Tunnel(server) as tunnel:
        visitor, stream = tunnel.join()
        with visitor, stream:
            (relay,) = wait_until(lambda: admin.ask("relays")["relays"], "the relay")
            admin.ask("kick", relay["id"])
            line = line_of(server.process)
            assert line["reason"] == "ended by the operator"
            assert line["identity"] == "" and line["tunnel"] == relay["tunnel"]


def test_without_the_option_there_is_none(address):
    extra = ["--log-format", "json"]
    with spore_server(address, extra=extra) as server, Echo() as service:
        with spore_client(server.control, service.port, extra=extra) as client:
            assert one_exchange(server.public_host, client.port) == b"ping"
            client.stop()
            assert lines(client.process) == []
        assert server.stop() == 0
        assert lines(server.process) == []
