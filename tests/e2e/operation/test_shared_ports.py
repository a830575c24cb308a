"""Several clients of one identity share a public port."""

import contextlib
import json
import signal
import time

import pytest

from harness.admin import Admin
from harness.loopback import BORE_CONTROL_PORT, Loopback, port_is_free
from harness.peers import bore_client, configured_server
from harness.scale import seconds
from harness.shares import SECRET, Load, named_services, sharing_server, start, visit
from harness.sockets import connect, how_it_ends, read_exactly
from harness.waiting import wait_until


@pytest.fixture
def services(tmp_path):
    """Services by name: a, b, c and d."""
    with named_services(tmp_path, "abcd") as running:
        yield running


@pytest.fixture
def server(address, tmp_path):
    with sharing_server(address, tmp_path) as running:
        yield running


# ---- the members


def test_one_is_killed_one_is_drained_and_one_loses_its_service(server, services, tmp_path):
    """Under load. Only visitors in the hands of the client that is killed are lost."""
    names = "abcd"
    with contextlib.ExitStack() as stack:
        clients = {
            name: stack.enter_context(start(server, tmp_path, services[name], name))
            for name in names
        }
        with Load(server.public_host, server.port) as load:
            load.go_on()
            clients["b"].admin.ctl("drain")
            assert clients["b"].wait() == 0
            load.go_on()
            services["c"].stop()
            load.go_on()
            assert load.failures == []
            clients["a"].process_was_ended = True
            clients["a"].process.signal(signal.SIGKILL)
            load.go_on()
            load.stop()
        assert set(load.served) == set(names)
        assert not any("timed out" in failure for _, failure in load.failures)
        # At most what each of the threads had there.
        assert len(load.failures) <= 8, load.failures
        assert all(name in ("", "a") for name, _ in load.failures), load.failures


def test_visitors_go_to_the_client_with_the_fewest(server, services, tmp_path):
    with contextlib.ExitStack() as stack:
        for name in "abc":
            stack.enter_context(start(server, tmp_path, services[name], name))
        visitors = []
        for _ in range(9):
            visitor = stack.enter_context(connect(server.public_host, server.port))
            visitors.append((read_exactly(visitor, 1).decode(), visitor))
        assert sorted(name for name, _ in visitors) == list("aaabbbccc")
        for name, visitor in visitors:
            if name == "b":
                visitor.close()
        wait_until(lambda: services["b"].open == 0, "its visitors to leave")
        time.sleep(0.1)
        assert [
            read_exactly(stack.enter_context(connect(server.public_host, server.port)), 1)
            for _ in range(3)
        ] == [b"b"] * 3


def test_a_source_stays_with_its_client(server, services, tmp_path):
    """Only the sources of a client that leaves move, and they return with it."""
    sources = [f"127.77.{number}.1" for number in range(60)]

    def ask_all():
        found = {}
        for source in sources:
            with connect(server.public_host, server.port, source=source) as visitor:
                found[source] = read_exactly(visitor, 1).decode()
        return found

    with contextlib.ExitStack() as stack:
        clients = {}
        for name in "abc":
            by = "source" if name == "a" else "load"
            clients[name] = stack.enter_context(
                start(server, tmp_path, services[name], name, by=by)
            )
        first = ask_all()
        assert set(first.values()) == set("abc")
        assert ask_all() == first
        assert clients["b"].stop() == 0
        second = ask_all()
        assert all(second[each] == first[each] for each in sources if first[each] != "b")
        assert "b" not in second.values()
        stack.enter_context(start(server, tmp_path, services["b"], "b"))
        assert ask_all() == first


def test_the_port_ends_with_the_last_client(server, tmp_path):
    with start(server, tmp_path, "127.0.0.1:9", "a") as first:
        with start(server, tmp_path, "127.0.0.1:9", "b") as second:
            assert first.stop() == 0
            assert not port_is_free(server.public_host, server.port)
            assert second.stop() == 0
    wait_until(lambda: port_is_free(server.public_host, server.port), "the port to be free")


def test_a_client_that_returns_takes_its_place(server, services, tmp_path):
    """A rolling restart: a client is drained and started again, while another serves."""
    with contextlib.ExitStack() as stack:
        clients = {
            name: stack.enter_context(start(server, tmp_path, services[name], name))
            for name in "ab"
        }
        with Load(server.public_host, server.port, threads=4) as load:
            for _ in range(3):
                for name in "ab":
                    load.go_on(40)
                    assert clients[name].stop() == 0
                    clients[name] = stack.enter_context(
                        start(server, tmp_path, services[name], name)
                    )
            load.go_on(40)
            load.stop()
        assert load.failures == []


def test_the_port_may_be_at_several_addresses(address, services, tmp_path):
    with Loopback() as second:
        options = {"bind_tunnels": [address.host, second.host]}
        with sharing_server(address, tmp_path, options=options) as server:
            hosts = address.host, second.host
            with start(server, tmp_path, services["a"], "a") as first:
                with start(server, tmp_path, services["b"], "b"):
                    for host in hosts:
                        assert {visit(server, host) for _ in range(4)} == set("ab")
                    assert first.stop() == 0
                    assert [visit(server, host) for host in hosts] == ["b"] * 2
            wait_until(
                lambda: all(port_is_free(host, server.port) for host in hosts), "the port to close"
            )


# ---- their services


def is_refused(server):
    try:
        connect(server.public_host, server.port).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("when_down", ["close", "leave"])
def test_health_checks_choose_the_clients(address, services, tmp_path, when_down):
    """The port is closed only if the service of no client works, and one of them wants it so."""
    admin = Admin(tmp_path / "server.sock")

    def wait_told(name, state):
        def is_told():
            rows = {row["name"]: row["service"] for row in admin.ask("tunnels")["tunnels"]}
            return rows[name] == state

        wait_until(is_told, f"the server to know that the service of {name} is {state}")

    timeout = f"{seconds(1.5)}s"
    check = {"interval": "100ms", "timeout": timeout, "rise": 1, "fall": 1, "when_down": when_down}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            sharing_server(address, tmp_path, admin={"socket": str(admin.path)})
        )
        for name in "ab":
            stack.enter_context(
                start(server, tmp_path, services[name], name, tunnel={"check": check})
            )
        with Load(server.public_host, server.port, threads=4) as load:
            load.go_on(40)
            services["a"].stop()
            wait_told("a", "down")
            load.go_on(60)
            services["a"].start()
            wait_told("a", "up")
            before = load.served["a"]
            wait_until(lambda: load.served["a"] > before, "visitors of the first client")
            load.stop()
        assert load.failures == []
        for name in "ab":
            services[name].stop()
        if when_down == "close":
            wait_until(lambda: is_refused(server), "the port to close")
        else:
            for name in "ab":
                wait_told(name, "down")
            with connect(server.public_host, server.port) as visitor:
                assert how_it_ends(visitor)[0] == b""
        services["b"].start()
        wait_told("b", "up")
        wait_until(lambda: not is_refused(server), "the port to open")
        assert visit(server) == "b"


# ---- who may share


def refused(server, tmp_path, **options):
    """The log of a client that gets no tunnel."""
    options.setdefault("client", {})
    client_keys = {
        "to": server.control[0],
        "control_port": server.control[1],
        "reconnect": False,
        **options.pop("client"),
    }
    with start(
        server, tmp_path, "127.0.0.1:9", "other", listening=False, client=client_keys, **options
    ) as client:
        status = client.wait()
        return status, "\n".join(client.process.stderr)


def test_sharing_must_be_allowed(address, tmp_path):
    with sharing_server(address, tmp_path, share=False) as server:
        status, log = refused(server, tmp_path)
        assert "server error: this client may not share a port" in log
        assert status != 0
        server.process.wait_for('client refused .*reason="this client may not share a port: ')


def test_the_policy_of_an_identity_decides(address, services, tmp_path):
    auth = [
        {
            "use": "multi_secret",
            "secrets": {"alice": "a-secret", "bob": "b-secret"},
            "policy": {"alice": {"share": "yes"}, "bob": {"share": "no"}},
        }
    ]
    for share in (False, True):
        with sharing_server(address, tmp_path, share=share, auth=auth) as server:
            server.secret = "a-secret"
            with start(server, tmp_path, services["a"], "a"):
                with start(server, tmp_path, services["a"], "b"):
                    assert visit(server) == "a"
            server.secret = "b-secret"
            why = "this client may not share a port: the policy of bob forbids it"
            assert f"server error: {why}" in refused(server, tmp_path)[1]
            server.process.wait_for(
                rf'client refused .*reason="{why}" .*identity=bob .*'
                'from="share of the identity" plugin=multi_secret'
            )


def test_a_server_that_does_not_allow_it(address, tmp_path):
    auth = [{"use": "multi_secret", "secrets": {"alice": "a-secret"}}]
    with sharing_server(address, tmp_path, share=False, auth=auth) as server:
        server.secret = "a-secret"
        why = "neither the policy of alice nor the key share of the server allows it"
        assert why in refused(server, tmp_path)[1]
        server.process.wait_for(rf'client refused .*{why}" .*identity=alice .*from=server.share')


def test_a_port_that_is_not_shared_stays_exclusive(server, tmp_path):
    with start(server, tmp_path, "127.0.0.1:9", "first", tunnel={"share": False}):
        _, log = refused(server, tmp_path)
        assert "port already in use: the client that has it does not share it" in log
        server.process.wait_for("port is not shared .*holder=.*first")


def test_a_client_that_does_not_share_gets_no_shared_port(server, tmp_path):
    with start(server, tmp_path, "127.0.0.1:9", "first"):
        _, log = refused(server, tmp_path, tunnel={"share": False})
        assert 'port already in use: clients with \\"share\\" have it together' in log


def test_another_identity_gets_no_shared_port(address, tmp_path):
    auth = [{"use": "multi_secret", "secrets": {"alice": "a-secret", "bob": "b-secret"}}]
    with sharing_server(address, tmp_path, auth=auth) as server:
        server.secret = "a-secret"
        with start(server, tmp_path, "127.0.0.1:9", "first"):
            server.secret = "b-secret"
            _, log = refused(server, tmp_path)
            assert "port already in use: another client has it" in log


def test_a_bore_client_gets_no_shared_port(address, tmp_path):
    with sharing_server(
        address, tmp_path, options={"control_port": BORE_CONTROL_PORT}
    ) as server, start(server, tmp_path, "127.0.0.1:9", "first"):
        with bore_client(
            server.control, 9, secret=SECRET, port=server.port, listening=False
        ) as client:
            client.process_was_ended = True
            client.process.wait_for("port already in use")
            client.process.wait()
        with bore_client(server.control, 9, secret=SECRET):
            pass


def test_a_client_is_told_if_its_server_cannot_share(address, tmp_path):
    """Without a Challenge the server does not know before Hello what the client asks for."""
    with configured_server(address, tmp_path, server={"share": True}) as server:
        server.secret, server.port = "unused", address.free_port()
        with start(server, tmp_path, "127.0.0.1:9", "a", auth=[]) as client:
            client.process.wait_for("the port is not shared with other clients .*does not read")


# ---- each client by itself


def test_an_operator_ends_one_of_them(address, services, tmp_path):
    admin = Admin(tmp_path / "server.sock")
    with sharing_server(address, tmp_path, admin={"socket": str(admin.path)}) as server:
        with contextlib.ExitStack() as stack:
            clients = {
                name: stack.enter_context(start(server, tmp_path, services[name], name))
                for name in "ab"
            }
            rows = admin.ask("tunnels")["tunnels"]
            assert [(row["port"], row["shared"]) for row in rows] == [(server.port, True)] * 2
            assert "SHARED" in admin.ctl("tunnels")
            gone = next(row for row in rows if row["name"] == "a")
            clients["a"].process_was_ended = True
            admin.ctl("kick", str(gone["id"]))
            clients["a"].process.wait_for("operator has ended the tunnel")
            assert [visit(server) for _ in range(4)] == ["b"] * 4


def test_a_reload_judges_each_of_them(address, services, tmp_path):
    auth = [{"use": "multi_secret", "secrets": {"alice": SECRET}}]
    with sharing_server(address, tmp_path, auth=auth) as server, contextlib.ExitStack() as stack:
        path = next(tmp_path.glob("server*.json"))
        config = json.loads(path.read_text())

        def reload():
            path.write_text(json.dumps(config))
            server.process.signal(signal.SIGHUP)

        for name in "ab":
            client = stack.enter_context(start(server, tmp_path, services[name], name))
            client.process_was_ended = True  # in the end it may not share any more
        with Load(server.public_host, server.port, threads=4) as load:
            load.go_on(50)
            config["auth"][0]["policy"] = {"alice": {"max_conns": 500}}
            reload()
            server.process.wait_for("configuration reloaded")
            load.go_on(100)
            load.stop()
        assert load.failures == []
        config["server"]["share"] = False
        config["auth"][0]["policy"] = {"alice": {"max_conns": 400}}
        reload()
        server.process.wait_for(
            'tunnel ended .*reason="this client may not share a port" .*from=server.share', times=2
        )
