"""A client that reaches its server through an HTTP or SOCKS 5 proxy."""

import contextlib
import pathlib
import selectors
import time

import pytest

from harness import peers
from harness.loopback import Loopback
from harness.peers import spore_binary
from harness.process import Process
from harness.proxies import FaultyProxy, http_proxy, socks_proxy
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.waiting import wait_until


@pytest.fixture
def place():
    """The address of the proxy."""
    with Loopback() as leased:
        yield leased


@contextlib.contextmanager
def client_of(server, service, *flags, env=None):
    to = server if isinstance(server, str) else ":".join(map(str, server.control))
    argv = [spore_binary(), "local", str(service.port), "--local-host", "127.0.0.1", "--to", to]
    with Process([*argv, *peers.client_flags, *flags], name="spore local", env=env) as process:
        yield process


def echo(server, process, times=3):
    """Opens the tunnel and sends visitors through it. Returns the line about the tunnel."""
    match = process.wait_for(r"connected to server .*remote_port=(\d+).*")
    for _ in range(times):
        with connect(server.public_host, int(match.group(1))) as visitor:
            visitor.sendall(b"hello")
            assert read_exactly(visitor, 5) == b"hello"
    return match.group(0)


def failure(process):
    """Waits for the client to end; returns its error."""
    assert process.wait(10) == 1, process.log()
    return process.wait_for(r"tunnel ended .*error=(.*)").group(1)


@pytest.mark.over_tls_too
@pytest.mark.parametrize("ahead", [0, 3])
def test_connect(over, start_server, address, place, tmp_path, ahead):
    """The control connection, data connections and those opened ahead all go through it."""
    proxy = http_proxy(place, tmp_path, "me", "secret")
    (tmp_path / "password").write_text("secret\n")
    with start_server() as server, proxy as proxy, Echo() as service:
        flags = [f"--proxy=http://me@{proxy.place}", f"--proxy-password-file={tmp_path}/password"]
        with client_of(server, service, *flags, f"--ahead={ahead}") as client:
            assert f"through={place.host}" in echo(server, client)
            request, least = f"CONNECT {address.host}:", 1 + max(1, ahead)
            wait_until(
                lambda: sum(request in line for line in proxy.lines) >= least, "the connections"
            )
            lines = [line for line in server.process.stderr if "new client" in line]
            assert len(lines) == 1


@pytest.mark.over_tls_too
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_socks(over, start_server, place, scheme):
    with start_server() as server, socks_proxy(place, "me", "secret") as proxy, Echo() as service:
        env = {"SPORE_PROXY_PASSWORD": "secret"}
        flag = f"--proxy={scheme}://me@{proxy.place}"
        with client_of(server, service, flag, env=env) as client:
            echo(server, client)
            port = server.control[1]
            assert sum(f":{port}" in line for line in proxy.lines) >= 2, proxy.log()


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_who_looks_the_name_up(start_server, place, scheme):
    """With the h it is the proxy."""
    with start_server() as server, Echo() as service:
        asked = []

        def refuse(sock):
            sock.sendall(b"\5\0")
            asked.append(sock.recv(4096))
            sock.sendall(b"\5\2\0\1\0\0\0\0\0\0")

        with FaultyProxy(place.host, refuse) as proxy:
            with client_of("localhost:7", service, f"--proxy={scheme}://{proxy.place}") as client:
                error = failure(client)
        assert f"proxy {proxy.place}: it cannot connect to " in error
        assert "not allowed by its rules" in error
        assert asked[0][:3] == b"\5\1\0"
        assert (b"localhost" in asked[0]) == (scheme == "socks5h")


def test_the_address_that_was_looked_up(place):
    """The proxy gets it as it is. "127.1" is a name of 127.0.0.1 for the resolver."""
    asked = []

    def refuse(sock):
        sock.sendall(b"\5\0")
        asked.append(sock.recv(4096))
        sock.sendall(b"\5\2\0\1\0\0\0\0\0\0")

    with FaultyProxy(place.host, refuse) as proxy, Echo() as service:
        with client_of("127.1:7", service, f"--proxy=socks5://{proxy.place}") as client:
            assert "it cannot connect to 127.0.0.1:7: " in failure(client)
    assert asked[0] == b"\5\1\0\1\x7f\0\0\1\0\7"


def test_variables(server, place, tmp_path):
    """ALL_PROXY may have a password, which is not shown. NO_PROXY and a flag override it."""
    with http_proxy(place, tmp_path, "me", "hunter2") as proxy, Echo() as service:
        env = {"ALL_PROXY": f"http://me:h%75nter2@{proxy.place}"}
        with client_of(server, service, env=env) as client:
            assert f"through={place.host}" in echo(server, client)
            assert not any("nter2" in line for line in client.lines)
        for env in (
            {**env, "NO_PROXY": f"example.com, {server.control[0]}/8"},
            {**env, "no_proxy": "*", "NO_PROXY": "example.com"},
            {**env, "all_proxy": ""},
        ):
            with client_of(server, service, env=env) as client:
                assert "through" not in echo(server, client)
                warned = any("since no_proxy is *" in line for line in client.lines)
                assert warned == (env.get("no_proxy") == "*")
        with client_of(server, service, "--proxy=", env={"ALL_PROXY": "http://x:1"}) as client:
            assert "through" not in echo(server, client)


def test_a_password_on_the_command_line_is_wiped(server, place):
    with socks_proxy(place, "me", "hunter2") as proxy, Echo() as service:
        flags = [f"--proxy=socks5h://me@{proxy.place}", "--proxy-password=hunter2"]
        with client_of(server, service, *flags) as client:
            echo(server, client)
            assert b"hunter2" not in pathlib.Path(f"/proc/{client.pid}/cmdline").read_bytes()


def test_a_wrong_password(server, place, tmp_path):
    with http_proxy(place, tmp_path, "me", "right") as proxy, Echo() as service:
        for flags in ([], ["--proxy-password=wrong"]):
            user = "me@" if flags else ""
            flag = f"--proxy=http://{user}{proxy.place}"
            with client_of(server, service, flag, *flags) as client:
                error = failure(client)
                assert f"proxy {proxy.place}: it has refused CONNECT " in error
                hint = "the user or the password is wrong" if flags else "it wants a user"
                assert hint in error, error
    with socks_proxy(place, "me", "right") as proxy, Echo() as service:
        flag = f"--proxy=socks5h://me@{proxy.place}"
        with client_of(server, service, flag, "--proxy-password=wrong") as client:
            assert "it has refused the user or the password" in failure(client)
        with client_of(server, service, f"--proxy=socks5h://{proxy.place}") as client:
            assert "it takes no client without a user" in failure(client)


def test_what_the_proxy_refuses(server, place, tmp_path):
    """Its own words are in the error."""
    with http_proxy(place, tmp_path, ports=[1]) as proxy, Echo() as service:
        with client_of(server, service, f"--proxy={proxy.place}") as client:
            assert '"403 ' in failure(client)
    with socks_proxy(place) as proxy, Echo() as service:
        closed = f"{place.host}:{place.free_port()}"
        with client_of(closed, service, f"--proxy=socks5h://{proxy.place}") as client:
            assert f"it cannot connect to {closed}: connection refused (reply 5)" in failure(client)


def test_no_proxy_there(server, place):
    closed = f"{place.host}:{place.free_port()}"
    name = ":".join(map(str, server.control))
    with Echo() as service, client_of(server, service, f"--proxy={closed}") as client:
        wanted = f"could not connect to {closed}, through which transport via reaches {name}: "
        assert wanted in failure(client)


FAULTS = {
    "another protocol": (b"220 smtp ready\x1b[2J\r\n", r"220 smtp ready\\x1b[2J"),
    "not a status": (b"HTTP/1.1 2x0 OK\r\n\r\n", r"HTTP/1.1 2x0 OK"),
    "control bytes": (b"HTTP/1.1 500 \x1b[31m\x07\r\n\r\n", r"500 \\x1b[31m\\x07"),
    "endless head": (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 3000, "is longer than 8192 bytes"),
    "endless line": (b"HTTP/1.1 200 " + b"x" * 9000, "is longer than 8192 bytes"),
    "redirection": (b"HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n", '"302 Found"'),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_reply(place, fault):
    """The error names the proxy and what it said, in one line and without control bytes."""
    reply, expected = FAULTS[fault]
    with FaultyProxy(place.host, reply) as proxy, Echo() as service:
        with client_of("h.example:7", service, f"--proxy={proxy.place}") as client:
            error = failure(client)
        assert f"proxy {proxy.place}: " in error
        assert expected.replace("\\\\", "\\") in error.replace("\\\\", "\\").replace('\\"', '"')
        assert "\x1b" not in error
        assert proxy.asked[0].startswith(b"CONNECT h.example:7 HTTP/1.1\r\nHost: h.example:7\r\n")


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_a_proxy_that_closes(place, scheme):
    def close(sock):
        sock.sendall(b"\5" if scheme == "socks5h" else b"HTTP")
        sock.close()

    with FaultyProxy(place.host, close) as proxy, Echo() as service:
        with client_of("h.example:7", service, f"--proxy={scheme}://{proxy.place}") as client:
            assert "it has ended the connection before the end of its reply" in failure(client)


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_a_slow_proxy(place, tmp_path, scheme):
    """One byte at a time does not extend the deadline."""

    def dribble(sock):
        reply = b"HTTP/1.1 200 " if scheme == "http" else b"\5"
        for byte in reply + b"x" * 1000:
            sock.sendall(bytes([byte]) if scheme == "http" else b"")
            time.sleep(0.1)

    path = tmp_path / "client.json"
    path.write_text('{"client": {"answer_timeout": "1s"}}')
    path.chmod(0o600)
    with FaultyProxy(place.host, dribble) as proxy, Echo() as service:
        began = time.monotonic()
        flags = [f"--proxy={scheme}://{proxy.place}", "--config", path]
        with client_of("h.example:7", service, *flags) as client:
            error = failure(client)
        assert f"handshake timed out (via, through {place.host}) after 1s" in error
        assert time.monotonic() - began < seconds(5)


def test_bytes_behind_the_reply(start_server, place):
    """What the server says first may come in one segment with the proxy's reply."""
    with start_server(secret="s") as server, Echo() as service:

        def forward(sock):
            upstream = connect(*server.control)
            challenge = upstream.recv(4096)
            sock.sendall(b"HTTP/1.0 200 OK\nContent-Length: 99\n\n" + challenge)
            pump(sock, upstream)

        with FaultyProxy(place.host, forward) as proxy:
            with client_of(server, service, f"--proxy={proxy.place}", "--secret=s") as client:
                echo(server, client)


def pump(one, other):
    """Copies both ways until one side ends."""
    with selectors.DefaultSelector() as selector, other:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                data = key.fileobj.recv(65536)
                if not data:
                    return
                key.data.sendall(data)


def test_several_servers_through_one_proxy(start_server, place, tmp_path):
    """The proxy is not the server: the next server of the list is tried through it."""
    with start_server() as server, http_proxy(place, tmp_path) as proxy, Echo() as service:
        closed = f"{place.host}:{place.free_port()}"
        to = f"{closed},{':'.join(map(str, server.control))}"
        with client_of(to, service, f"--proxy={proxy.place}") as client:
            echo(server, client)
            client.wait_for(rf"trying the next server .*proxy {proxy.place}: .*server={closed}")
