"""An upgrade of a server whose ports several tunnels share: by host name, or by `share`."""

import contextlib
import json
import threading
import time

import pytest

from harness.peers import spore_binary, spore_client
from harness.scale import count, seconds
from harness.routed_port import POLICY, SECRETS, Teller, Visits, client_hello, request
from harness.shares import SECRET, Load, named_services, start
from harness.sockets import connect, how_it_ends, read_to_end
from harness.tls import client_context
from harness.upgrades import Upgrades, fake_program, other_build
from harness.waiting import wait_until

# The upgrade waits no longer for visitors, and a start may need a second.
HOLD = 2
HOSTS = {"x.alice.example": b"alice", "bob.example": b"bob"}


def entry_of(way, certificate):
    """The entry of "public" without its port, and what a visitor of a host sends first."""
    if way == "sni":
        return {"route": [{"use": "sni"}]}, {host: client_hello(host) for host in HOSTS}.get
    entry = {"route": [{"use": "http"}]}
    if way == "tls":
        tls = {"use": "tls", "certfile": str(certificate.path), "keyfile": str(certificate.key)}
        entry["transport"] = [tls]
    return entry, request


def wrap_of(way, authority, address):
    """What a visitor puts around its socket."""
    if way != "tls":
        return contextlib.nullcontext
    context = client_context(authority)
    return lambda sock: context.wrap_socket(sock, server_hostname=address.host)


@contextlib.contextmanager
def named_site(tmp_path, address, entry, **more):
    """A server with a port for alice and bob, and both clients. `server.port` is this port."""
    auth = [{"use": "multi_secret", "secrets": SECRETS, "policy": POLICY}]
    port = address.free_port()
    public = [{"name": "web", "listen_port": port, "route_timeout": "2s", **entry}]
    site = Upgrades(tmp_path, address, server={"workers": 2}, auth=auth, public=public, **more)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(site)
        server.port = port
        for host, name in HOSTS.items():
            service = stack.enter_context(Teller(name))
            config = {
                "auth": [{"use": "hmac", "secret": SECRETS[name.decode()]}],
                "tunnels": [{"local": f"{service.host}:{service.port}", "hosts": [host]}],
            }
            path = tmp_path / f"{name.decode()}.json"
            path.write_text(json.dumps(config), encoding="utf-8")
            stack.enter_context(spore_client(server.control, None, extra=["--config", path]))
        yield server


# ---- a port that several tunnels share by host name


@pytest.mark.timeout(180)
@pytest.mark.parametrize("way", ["http", "sni", "tls"])
def test_no_visitor_of_a_host_name_is_refused(tmp_path, address, authority, certificate, way):
    """Also on the way back, and after a program that fails when it is to serve."""
    entry, first = entry_of(way, certificate)
    wrap = wrap_of(way, authority, address)
    other = other_build(tmp_path)
    dies = fake_program(tmp_path, 'say(ready=True); hear("go"); time.sleep(0.2); sys.exit(1)')
    with named_site(tmp_path, address, entry) as server:
        with Visits(
            (server.public_host, server.port), HOSTS, first, wrap, every=1 / count(100, 20)
        ):
            time.sleep(0.5)
            for program in (other, spore_binary()):
                server.upgrade_in_vain(dies)
                time.sleep(0.3)
                server.upgrade(program)
                time.sleep(0.7)
        assert server.admin.ask("status")["pid"] == server.pid
    for pid in server.pids[:-1]:
        server.await_end(pid)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("way", ["http", "sni", "tls"])
def test_silent_visitors_move_to_the_new_process(tmp_path, address, authority, certificate, way):
    """They have not said which host they want, or half of it, so no process has read anything from
    them. They stay also when a program fails that has got them."""
    entry, first = entry_of(way, certificate)
    wrap = wrap_of(way, authority, address)
    dies = fake_program(tmp_path, 'say(ready=True); hear("go"); sys.exit(1)')
    host, name = "bob.example", b"bob"
    with named_site(tmp_path, address, {**entry, "route_timeout": "8s"}) as server:
        with contextlib.ExitStack() as stack:
            where = (server.public_host, server.port)
            silent = [stack.enter_context(connect(*where, timeout=30)) for _ in range(20)]
            n = 0 if way == "tls" else len(first(host)) // 2
            for visitor in silent[:10]:
                visitor.sendall(first(host)[:n])
            with Visits(where, HOSTS, first, wrap, every=1 / count(50, 20)):
                time.sleep(0.3)
                server.upgrade_in_vain(dies)
                begin = time.monotonic()
                server.upgrade()
                assert time.monotonic() - begin < seconds(HOLD)
                time.sleep(0.3)
            for i, sock in enumerate(silent):
                with wrap(sock) as visitor:
                    visitor.sendall(first(host)[n if i < 10 else 0 :])
                    assert read_to_end(visitor) == name + b" " + first(host)


def test_visitors_who_are_silent_after_their_handshake(tmp_path, address, authority, certificate):
    """Their state cannot move. The upgrade does not wait for them for long, and they end in order,
    so that a browser connects again."""
    entry, first = entry_of("tls", certificate)
    wrap = wrap_of("tls", authority, address)
    with named_site(tmp_path, address, {**entry, "route_timeout": "30s"}) as server:
        where = (server.public_host, server.port)
        with connect(*where, timeout=30) as one, wrap(one) as silent:
            with connect(*where, timeout=30) as stalled:
                stalled.sendall(client_hello("bob.example")[:50])
                with Visits(where, HOSTS, first, wrap, every=1 / count(50, 20)):
                    time.sleep(0.3)
                    server.upgrade()
                    time.sleep(0.3)
                assert silent.recv(1) == b""
                assert how_it_ends(stalled, timeout=15) == (b"", "reset")


def test_a_host_that_nobody_has_is_refused_later(tmp_path, address):
    """Its client might yet come."""
    entry = {"route": [{"use": "http"}]}
    with named_site(tmp_path, address, entry) as server:
        server.upgrade()
        with connect(server.public_host, server.port, timeout=30) as visitor:
            visitor.sendall(request("nobody.example"))
            assert how_it_ends(visitor, timeout=15) == (b"", "reset")
        server.process.wait_for(r"visitor refused.*no tunnel has the host name")


def refuses(server, port):
    try:
        connect(server.public_host, port).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # it waited there when the port closed
    return False


def test_the_new_configuration_has_another_port(tmp_path, address):
    """The new process opens it, and the old one is closed when both are through with it."""
    with named_site(tmp_path, address, {"route": [{"use": "http"}]}) as server:
        old, new = server.port, address.free_port()
        config = json.loads(server.path.read_text())
        config["public"].append({**config["public"][0], "name": "more", "listen_port": new})
        server.path.write_text(json.dumps(config))
        server.upgrade()
        for port in (old, new):
            with connect(server.public_host, port, timeout=30) as visitor:
                visitor.sendall(request("bob.example"))
                assert read_to_end(visitor).startswith(b"bob ")
        del config["public"][0]
        server.path.write_text(json.dumps(config))
        server.upgrade()
        wait_until(lambda: refuses(server, old), "the old port to close", timeout=20)
        with connect(server.public_host, new, timeout=30) as visitor:
            visitor.sendall(request("bob.example"))
            assert read_to_end(visitor).startswith(b"bob ")


# ---- a port that several clients share


@pytest.mark.timeout(180)
@pytest.mark.parametrize("by", ["load", "source"])
def test_clients_that_share_a_port_keep_it(tmp_path, address, by):
    """Visitors without a pause: each is served, before and after, by all clients."""
    with contextlib.ExitStack() as stack:
        services = stack.enter_context(named_services(tmp_path, "abc"))
        server = stack.enter_context(
            Upgrades(
                tmp_path,
                address,
                server={"share": True, "workers": 3},
                auth=[{"use": "hmac", "secret": SECRET}],
            )
        )
        server.secret, server.port = SECRET, address.free_port()
        for name, service in services.items():
            stack.enter_context(start(server, tmp_path, service, name, by=by))
        dies = fake_program(tmp_path, 'say(ready=True); hear("go"); time.sleep(0.2); sys.exit(1)')
        with Load(server.public_host, server.port, threads=4) as load:
            load.go_on(count(60))
            for _ in range(2):
                server.upgrade_in_vain(dies)
                load.go_on(count(60))
                server.upgrade()
                wait_until(lambda: len(server.admin.ask("tunnels")["tunnels"]) == 3, "all clients")
                load.go_on(count(60))
            load.stop()
            assert load.failures == []
            if by == "load":
                assert set(load.served) == set(services)
    for pid in server.pids[:-1]:
        server.await_end(pid)


def test_one_client_that_shares_ends_meanwhile(tmp_path, address):
    """The others serve the port, and it closes with the last of them."""
    with contextlib.ExitStack() as stack:
        services = stack.enter_context(named_services(tmp_path, "ab"))
        server = stack.enter_context(
            Upgrades(
                tmp_path,
                address,
                server={"share": True, "workers": 2},
                auth=[{"use": "hmac", "secret": SECRET}],
            )
        )
        server.secret, server.port = SECRET, address.free_port()
        clients = [
            stack.enter_context(start(server, tmp_path, service, name))
            for name, service in services.items()
        ]
        server.upgrade()
        wait_until(lambda: len(server.admin.ask("tunnels")["tunnels"]) == 2, "both clients")
        with Load(server.public_host, server.port, threads=2) as load:
            assert clients[0].stop() == 0
            load.go_on(count(60))
            load.stop()
            assert load.failures == []
        assert clients[1].stop() == 0
        wait_until(lambda: refuses(server, server.port), "the port to close", timeout=20)
