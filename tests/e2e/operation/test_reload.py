"""HUP reloads the configuration of a running server, completely or not at all."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import time

import pytest

from harness import procfs
from harness.admin import Admin
from harness.flock import Flock
from harness.leases import leased
from harness.loopback import BORE_CONTROL_PORT
from harness.metrics import Exporter
from harness.peers import bore_client, is_timed, spore_binary, spore_client
from harness.process import Process
from harness.reloading import REFUSED, RELOADED, Reloading
from harness.scale import count
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.tls import s_client
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel


@pytest.fixture
def reloading(tmp_path, address):
    with contextlib.ExitStack() as stack:

        def start(**options):
            running = Reloading(tmp_path, address, **options)
            stack.enter_context(running.server)
            return running

        yield start


def hmac(secret):
    return [{"use": "hmac", "secret": secret}]


def names(**secrets):
    return [{"use": "multi_secret", "secrets": secrets}]


@contextlib.contextmanager
def visitor_of(host, port):
    """A visitor whose relay runs; at the end the relay must still run."""
    with connect(host, port) as visitor:
        visitor.sendall(b"before")
        assert read_exactly(visitor, 6) == b"before"
        yield
        visitor.sendall(b"after")
        assert read_exactly(visitor, 5) == b"after"


def test_visitors_of_a_client_whose_access_ends(reloading):
    """The client ends when they have finished."""
    running = reloading(auth=names(alice="one", bob="two"))
    with Echo() as service:
        with spore_client(running.server.control, service.port, secret="two") as bob:
            with visitor_of(running.host, bob.port):
                running.swap(auth=names(alice="one"))
                bob.process.wait_for('draining by="the end of the last tunnel"')
            assert bob.wait() == 3


def test_a_secret_that_is_removed(reloading):
    """Its client's tunnel ends with a clear error, its next attempt is refused, and no other is
    affected."""
    running = reloading(auth=names(alice="one", bob="two"))
    control = running.server.control
    with Echo() as service, spore_client(control, service.port, secret="one") as alice:
        with spore_client(control, service.port, secret="two") as bob:
            with visitor_of(running.host, alice.port):
                running.swap(auth=names(alice="one"))
                assert bob.wait() == 3
                assert one_exchange(running.host, alice.port) == b"ping"
            assert any("access was revoked" in line for line in bob.process.stderr)
        with spore_client(control, service.port, secret="two", listening=False) as again:
            assert again.wait() == 3
        assert "tunnel lost" not in "\n".join(alice.process.stderr)


def test_all_tunnels_of_its_name_and_no_others(reloading):
    """Other clients, one of them bore, are under load meanwhile and are not affected."""
    secrets = {"alice": "one", "bob": "two", "carol": "three"}
    running = reloading(auth=names(**secrets), control_port=BORE_CONTROL_PORT)
    control = running.server.control
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(Echo())
        bobs = [
            stack.enter_context(spore_client(control, service.port, secret="two")) for _ in range(5)
        ]
        others = [
            stack.enter_context(spore_client(control, service.port, secret="one")) for _ in range(2)
        ]
        others.append(stack.enter_context(bore_client(control, service.port, secret="three")))
        with Flock(
            running.host, [other.port for other in others], count(60, least=9), pause=0.05
        ) as flock:
            del secrets["bob"]
            running.swap(auth=names(**secrets))
            for bob in bobs:
                assert bob.wait() == 3
                assert any("access was revoked" in line for line in bob.process.stderr)
                with pytest.raises(ConnectionRefusedError):
                    connect(running.host, bob.port)
            with spore_client(control, service.port, secret="two", listening=False) as again:
                assert again.wait() == 3
                assert any("invalid secret" in line for line in again.process.stderr)
            with bore_client(control, service.port, secret="two", listening=False) as again:
                assert again.wait() == 1
            for other in others:
                assert one_exchange(running.host, other.port) == b"ping"
            flock.leave()
        assert not any("tunnel lost" in line for other in others for line in other.process.lines)


def test_another_plugin_for_the_same_secret(reloading):
    """The tunnel stays, with the new name and the new policy."""
    running = reloading(auth=hmac("one"))
    with Echo() as service, spore_client(
        running.server.control, service.port, secret="one"
    ) as client:
        with visitor_of(running.host, client.port):
            policy = {"alice": {"max_conns": 1}}
            running.swap(
                auth=[{"use": "multi_secret", "secrets": {"alice": "one"}, "policy": policy}]
            )
            running.server.process.wait_for("authenticated again .*allowed=1")
            with connect(running.host, client.port) as only:
                only.sendall(b"x")
                assert read_exactly(only, 1) == b"x"
                with connect(running.host, client.port) as other:
                    assert other.recv(1) == b"", "the policy of the new owner allows one visitor"
        assert "tunnel lost" not in "\n".join(client.process.stderr)


def test_no_authentication_any_more(reloading):
    """The tunnel and its visitors stay, but a client with a secret answers nobody who does not ask
    for it: it carries no new visitor and gets no new tunnel, until the server asks again."""
    running = reloading(auth=hmac("one"))
    control = running.server.control
    hurried = ["--retry", "--config", running.path.with_name("client.json")]
    hurried[-1].write_text('{"client": {"answer_timeout": "200ms"}}')
    with Echo() as service, spore_client(control, service.port, "127.0.0.1", "one") as client:
        with visitor_of(running.host, client.port):
            running.swap()
            with connect(running.host, client.port) as late:
                assert late.recv(1) == b""
            with spore_client(
                control, service.port, secret="one", extra=hurried, listening=False
            ) as other:
                other.process.wait_for("no tunnel yet, .*do both sides use a secret", times=2)
                running.swap(auth=hmac("one"))
                other.process.wait_for("listening at")
        assert one_exchange(running.host, client.port) == b"ping"
        assert "tunnel lost" not in "\n".join(client.process.stderr)


def test_kept_if_asked_to(reloading):
    running = reloading(auth=hmac("one"))
    with Echo() as service, spore_client(
        running.server.control, service.port, secret="one"
    ) as client:
        running.swap(auth=hmac("two"), server={"on_reload": "keep"})
        assert one_exchange(running.host, client.port) == b"ping"


def test_a_hangup_during_the_start(tmp_path, address):
    """The server reloads as soon as it runs, however early the signal came."""
    path = tmp_path / "server.json"
    path.write_text(
        json.dumps({"server": {"bind_addr": address.host, "control_port": address.free_port()}})
    )
    fifo = tmp_path / "secret"
    os.mkfifo(fifo)
    with Process(
        [spore_binary(), "server", "--config", path, "--secret-file", fifo], name="spore server"
    ) as process:
        # This returns when the server opens the other end during its start.
        with open(fifo, "w", encoding="utf-8") as secret:
            process.signal(signal.SIGHUP)
            secret.write("one")
        process.wait_for(r"server listening", stream="stderr")
        with open(fifo, "w", encoding="utf-8") as secret:  # the reload reads the pipe again
            secret.write("one")
        process.wait_for(RELOADED, stream="stderr")
        process.stop()


def test_a_secret_in_a_pipe_that_nobody_writes_to(tmp_path, reloading):
    """The reload is refused with the place of the option, and the next one works."""
    running = reloading(auth=hmac("one"))
    os.mkfifo(tmp_path / "key")
    config = json.dumps({"auth": [{"use": "hmac", "secret": {"file": "key"}}]})
    running.refuse(config)
    running.server.process.wait_for(
        r"server.json:1:\d+: error: /auth/0/secret/file: cannot read the secret file "
        f"{tmp_path}/key: it is a pipe, and nothing has been written to it within 5 s",
        stream="stderr",
    )
    running.swap(auth=hmac("two"))


def test_a_secret_that_blocks(tmp_path, reloading):
    """The reload is given up, and what holds it up is named."""
    running = reloading(auth=hmac("one"), plugins={"start_timeout": "500ms"})
    key = tmp_path / "key"
    with leased(key, "two"):
        running.refuse(json.dumps({"auth": [{"use": "hmac", "secret": {"file": "key"}}]}))
        process = running.server.process
        named = f"{key}, which /auth/0/secret/file names, has not been read for"
        process.wait_for(named, stream="stderr")
        process.wait_for(
            f"reading a file hangs path={key} option=/auth/0/secret/file", stream="stderr"
        )
    process.wait_for("reloads work again", stream="stderr")


@pytest.mark.parametrize(
    "config, what",
    [
        (
            '{ "server": { "max_port": "x" } }',
            r"server.json:1:27: error: /server/max_port: expected a port",
        ),
        ('{ "auth": [', r"server.json:1:\d+: error: "),
        ('{ "auth": [ { "use": "nothing" } ] }', r"unknown auth plugin"),
        (
            '{ "auth": [ { "use": "hmac", "secret": { "file": "absent" } } ] }',
            r"cannot open the secret file",
        ),
    ],
    ids=["option", "syntax", "plugin", "secret"],
)
def test_what_is_wrong_changes_nothing(reloading, config, what):
    running = reloading(auth=hmac("one"))
    with Echo() as service, spore_client(
        running.server.control, service.port, secret="one"
    ) as client:
        with visitor_of(running.host, client.port):
            line = running.refuse(config)
            assert wait_until(
                lambda: [each for each in running.server.process.stderr if REFUSED in each], line
            )
            running.server.process.wait_for(what, stream="stderr")
            assert one_exchange(running.host, client.port) == b"ping"
        with spore_client(running.server.control, service.port, secret="one") as another:
            assert one_exchange(running.host, another.port) == b"ping"


def test_a_refused_reload_is_seen(reloading, tmp_path, address):
    """In the metrics, and in the status, until a reload is good again."""
    admin = Admin(tmp_path / "admin.sock")
    exporter = Exporter(address.host, address.free_port())
    metrics = [{"use": "prometheus", "listen": f"{exporter.host}:{exporter.port}"}]
    running = reloading(extra=admin.flags, metrics=metrics)
    good, loaded = (
        "spore_config_last_reload_successful",
        "spore_config_last_reload_success_timestamp_seconds",
    )
    assert exporter.value(good) == 1
    assert abs(exporter.value(loaded) - time.time()) < 60
    assert admin.ask("status")["last_reload"] is None
    assert "last reload" not in admin.ctl("status")
    running.refuse('{ "server": { "max_port": "x" } }')
    wait_until(lambda: exporter.value(good) == 0, "the metric")
    assert "last reload" in admin.ctl("status")
    assert re.search(r"last reload +refused \d+s ago: .*/server/max_port", admin.ctl("status"))
    running.swap(metrics=metrics)
    wait_until(lambda: admin.ask("status")["last_reload"]["successful"], "the status")
    assert re.search(r"last reload +good, \d+s ago", admin.ctl("status"))
    wait_until(lambda: quiet(lambda: exporter.value(good)) == 1, "the metric")


def quiet(ask):
    """None while a reload replaces the exporter."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return ask()


def test_reloads_change_no_life(reloading):
    """The life of a tunnel counts from its opening."""
    running = reloading(auth=[{**names(alice="one")[0], "policy": {"alice": {"life": "2s"}}}])
    with Tunnel(running.server, secret="one") as tunnel:
        begun = time.monotonic()
        for _ in range(3):
            time.sleep(0.5)
            running.reload()
        assert tunnel.wire.receive_but_heartbeats() == {"Error": "the tunnel's time is over"}
        lasted = time.monotonic() - begun
        assert lasted > 1.8
        assert lasted < 3.2 or not is_timed()


def test_flags_stay(reloading):
    """Flags still apply after a reload, although the secret was wiped from the command line."""
    running = reloading(extra=["--secret", "s3cret"], limits={"max_tunnels": 5})
    with Echo() as service, spore_client(
        running.server.control, service.port, secret="s3cret"
    ) as client:
        running.swap(limits={"max_tunnels": 1})
        assert one_exchange(running.host, client.port) == b"ping"
        with spore_client(
            running.server.control,
            service.port,
            secret="s3cret",
            extra=["--no-reconnect"],
            listening=False,
        ) as second:
            assert second.wait() == 1
            assert any("too many tunnels" in line for line in second.process.stderr)


def test_control_port_moves(tmp_path, address):
    """The new port opens before the old one closes; existing tunnels continue."""
    ports = [address.free_port(), address.free_port()]
    path = tmp_path / "server.json"

    def write(port):
        path.write_text(json.dumps({"server": {"bind_addr": address.host, "control_port": port}}))

    write(ports[0])
    with Echo() as service, Process(
        [spore_binary(), "server", "--config", path], name="spore server"
    ) as process:
        process.wait_for(r"server listening", stream="stderr")
        with spore_client((address.host, ports[0]), service.port) as client:
            with visitor_of(address.host, client.port):
                write(ports[1])
                process.signal(signal.SIGHUP)
                process.wait_for(RELOADED, stream="stderr")
                with spore_client((address.host, ports[1]), service.port) as another:
                    assert one_exchange(address.host, another.port) == b"ping"
                with pytest.raises(ConnectionRefusedError):
                    connect(address.host, ports[0])
        process.stop()


def test_bind_addresses_widen_and_narrow(tmp_path, address):
    """The address changes but the port does not: the server itself holds the port."""
    control, metrics = address.free_port(), address.free_port()
    path = tmp_path / "server.json"

    def write(host):
        path.write_text(
            json.dumps(
                {
                    "server": {"bind_addr": host, "control_port": control},
                    "metrics": [{"use": "prometheus", "listen": f"{host}:{metrics}"}],
                }
            )
        )

    write(address.host)
    with Echo() as service, Process(
        [spore_binary(), "server", "--config", path], name="spore server"
    ) as process:
        process.wait_for(r"server listening", stream="stderr")
        for swaps, host in enumerate(["0.0.0.0", address.host], 1):
            write(host)
            process.signal(signal.SIGHUP)
            process.wait_for(RELOADED, stream="stderr", times=swaps)
            with spore_client((address.host, control), service.port) as client:
                assert one_exchange(address.host, client.port) == b"ping"
            connect(address.host, metrics).close()
        process.stop()


# ---- the log of a reload, and what each change affects


CHANGED = r"configuration changed key=(\S+) from=(.+) to=(.+) holds=(.+)"


def changes(running, **config):
    """{key: (from, to, holds)} of a swap, from the log."""
    before = len(running.server.process.stderr)
    running.swap(**config)
    found = [re.search(CHANGED, line) for line in running.server.process.stderr[before:]]
    found = {
        each[1]: tuple(text.strip('"') for text in each.groups()[1:]) for each in found if each
    }
    running.server.process.wait_for(rf"{RELOADED} changes={len(found)} files=\d+$", stream="stderr")
    return found


LIVE, NEW_ONLY, RESTART = "live", "new connections only", "needs a restart"


def test_changes_are_logged(reloading):
    """Defaults count as values, secrets are not shown, and unchanged keys are not logged."""
    running = reloading(auth=names(alice="hunter1", bob="hunter2"), limits={"max_tunnels": 5})
    assert (
        changes(
            running,
            limits={"max_tunnels": 5, "ban_after": 20},
            auth=names(bob="hunter2", alice="hunter1"),
        )
        == {}
    )
    assert changes(
        running, auth=names(alice="hunter1", bob="hunter3"), limits={"ban_after": 19}
    ) == {
        "/auth/0/secrets/bob": ("(secret)", "(secret)", LIVE),
        "/limits/max_tunnels": ("5", "0 (default)", NEW_ONLY),
        "/limits/ban_after": ("20", "19", LIVE),
    }
    acl = {"public": [{"use": "cidr", "deny": ["192.0.2.0/24"]}]}
    assert changes(running, auth=hmac("hunter1"), limits={"ban_after": 19}, acl=acl) == {
        "/auth/0": ("multi_secret", "hmac", LIVE),
        "/auth/0/secret": ("not set", "(secret)", LIVE),
        "/acl/public/0": ("not set", "cidr", NEW_ONLY),
        "/acl/public/0/deny": ("not set", '[\\"192.0.2.0/24\\"]', NEW_ONLY),
    }
    assert changes(running, auth=hmac("hunter1"), limits={"ban_after": 19}) == {
        "/acl/public/0": ("cidr", "not set", NEW_ONLY),
        "/acl/public/0/deny": ('[\\"192.0.2.0/24\\"]', "not set", NEW_ONLY),
    }
    running.swap(public=[{"ports": 8000}])
    assert changes(running, public=[{"ports": 8000, "acl": []}]) == {
        "/public/0/acl": ("not set", "[]", NEW_ONLY)
    }
    assert changes(running, public=[{"ports": 8000}]) == {
        "/public/0/acl": ("[]", "not set", NEW_ONLY)
    }
    policy = {"alice": {"max_tunnels": 5}}
    running.swap(auth=names(alice="hunter1"))
    assert changes(running, auth=[{**names(alice="hunter1")[0], "policy": policy}]) == {
        "/auth/0/policy/alice/max_tunnels": ("not set", "5", LIVE)
    }
    assert changes(running, auth=names(alice="hunter1")) == {
        "/auth/0/policy/alice/max_tunnels": ("5", "not set", LIVE)
    }
    assert "hunter" not in "\n".join(running.server.process.stderr)


def test_files_that_have_changed_are_named(reloading, tmp_path, authority, address):
    """Of every kind, also if the value that names them is the same: what was read again."""
    paths = [tmp_path / name for name in ("a.key", "all.json", "nets.txt", "cert.pem", "key.pem")]
    secret, secrets, networks, chain, key = paths

    def write(text):
        certificate = authority.issue(f"IP:{address.host}")
        secret.write_text(text)
        secrets.write_text(f"bob:{text}\n")
        networks.write_text(f"# {text}\n{address.host}/32\n")
        shutil.copy(certificate.path, chain)
        shutil.copy(certificate.key, key)

    write("one")
    running = reloading(
        auth=[
            {"use": "multi_secret", "secrets": {"alice": {"file": str(secret)}}},
            {"use": "multi_secret", "secrets_file": str(secrets)},
        ],
        acl={"control": [{"use": "cidr", "allow": {"file": str(networks)}}]},
        transport=[{"use": "tls", "certfile": str(chain), "keyfile": str(key)}],
    )
    running.reload()
    running.server.process.wait_for(f"{RELOADED} changes=0 files=0")
    write("another")
    running.reload()
    running.server.process.wait_for(rf"{RELOADED} changes=\d+ files=5")
    lines = running.server.process.stderr
    named = {line.split("path=")[1] for line in lines if "file read again" in line}
    assert named == set(map(str, paths))


def test_what_needs_a_restart(reloading):
    """It is logged at each reload until a restart; a change back is not a change."""
    running = reloading(server={"workers": 2})
    threads = procfs.threads(running.server.pid)
    asked = {
        "/server/workers": ("2", "3", RESTART),
        "/log/format": ("text (default)", "json", RESTART),
    }
    assert changes(running, server={"workers": 3}, log={"format": "json"}) == asked
    assert changes(running, server={"workers": 3}, log={"format": "json"}) == asked
    assert changes(running, server={"workers": 2}) == {}
    assert procfs.threads(running.server.pid) == threads


def test_the_logs_level(reloading):
    running = reloading(auth=hmac("one"))
    process = running.server.process
    assert changes(running, auth=hmac("one"), log={"level": "debug"}) == {
        "/log/level": ("info (default)", "debug", LIVE)
    }
    with Echo() as service, spore_client(running.server.control, service.port, secret="one"):
        assert wait_until(
            lambda: [line for line in process.stderr if " debug " in line], "a debug line"
        )
    running.swap(auth=hmac("two"), log={"level": "info"})
    seen = sum(" debug " in line for line in process.stderr)
    with Echo() as service, spore_client(running.server.control, service.port, secret="two"):
        pass
    process.wait_for(r"info +client left", stream="stderr", times=2)
    assert sum(" debug " in line for line in process.stderr) == seen


def test_a_tunnel_outside_the_new_range_stays(reloading, address):
    """The range applies to new tunnels. The old one keeps its port; a client that reconnects is
    refused."""
    old, new = address.free_port(), address.free_port()
    running = reloading(server={"ports": f"{old}"})
    with Echo() as service, spore_client(running.server.control, service.port, port=old) as client:
        with visitor_of(running.host, old):
            assert changes(running, server={"ports": f"{new}"}) == {
                "/server/ports": (str(old), str(new), NEW_ONLY)
            }
            assert one_exchange(running.host, old) == b"ping"
        with spore_client(running.server.control, service.port) as another:
            assert another.port == new
        with spore_client(
            running.server.control, service.port, port=old, listening=False
        ) as refused:
            assert refused.wait() == 4
        assert "tunnel lost" not in "\n".join(client.process.stderr)


def test_reserved_ports(reloading, address):
    port = address.free_port()
    running = reloading()
    assert changes(running, server={"reserved_ports": [port]}) == {
        "/server/reserved_ports": ("not set", f"[{port}]", NEW_ONLY)
    }
    with spore_client(
        running.server.control, 9, port=port, extra=["--no-reconnect"], listening=False
    ) as refused:
        assert refused.wait() == 4


def test_limits_of_what_runs(reloading):
    """A tunnel over a new limit stays; a relay that was idle longer than the new limit ends."""
    running = reloading()
    with Echo() as service, spore_client(running.server.control, service.port) as client:
        with spore_client(running.server.control, service.port) as second, connect(
            running.host, client.port
        ) as idle:
            idle.sendall(b"x")
            assert read_exactly(idle, 1) == b"x"
            running.swap(limits={"max_tunnels": 1, "relay_idle_timeout": "100ms"})
            assert one_exchange(running.host, second.port) == b"ping"
            with pytest.raises(ConnectionResetError):
                idle.recv(1)
            assert one_exchange(running.host, client.port) == b"ping"


def test_the_drains_time(reloading):
    running = reloading(server={"drain_timeout": "1m"})
    assert changes(running, server={"drain_timeout": "100ms"}) == {
        "/server/drain_timeout": ("1m", "100ms", LIVE)
    }
    with Echo() as service, spore_client(running.server.control, service.port) as client:
        with connect(running.host, client.port) as visitor:
            visitor.sendall(b"x")
            assert read_exactly(visitor, 1) == b"x"
            assert running.server.stop() == 0
            assert any(
                "drain deadline passed" in line and line.endswith(" visitors=1")
                for line in running.server.process.stderr
            )


def test_the_drains_time_is_that_of_its_signal(reloading):
    """A reload right after the signal does not change the time limit of the drain."""
    running = reloading(server={"drain_timeout": "1s"})
    with Echo() as service, spore_client(running.server.control, service.port) as client:
        with visitor_of(running.host, client.port):
            running.write({"server": {"drain_timeout": "30s"}})
            running.process.signal(signal.SIGHUP)
            running.process.signal(signal.SIGTERM)
            line = running.process.wait_for(
                r"draining signal=TERM timeout_ms=(\d+)", stream="stderr"
            )[0]
            lasts = int(re.search(r"timeout_ms=(\d+)", line)[1]) / 1000
            time.sleep(min(lasts - 0.5, 7))
            assert running.process.running
        assert running.server.stop() == 0


def tls(certificate, key):
    return [{"use": "tls", "certfile": str(certificate), "keyfile": str(key)}]


def test_certificates(reloading, authority, address, tmp_path):
    """Files under the same names are read again. A key that does not match changes nothing."""
    first, second = (
        authority.issue(f"IP:{address.host}", subject=f"/CN={name}") for name in ("first", "second")
    )
    path, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def put(certificate, its_key):
        for name, source in ((path, certificate), (key, its_key)):
            name.write_bytes(pathlib.Path(source).read_bytes())
            name.chmod(0o600)

    def served():
        return re.search(
            r"subject=CN ?= ?(\w+)", s_client(running.server, "-CAfile", authority.path)[1]
        )[1]

    put(first.path, first.key)
    running = reloading(transport=tls(path, key))
    with Echo() as service, spore_client(
        running.server.control, service.port, extra=["--tls", "--cacertfile", authority.path]
    ) as client:
        with visitor_of(running.host, client.port):
            put(second.path, first.key)
            running.refuse({"transport": tls(path, key)})
            running.server.process.wait_for(r"/transport/0/keyfile: ", stream="stderr")
            assert served() == "first"
            assert one_exchange(running.host, client.port) == b"ping"
            put(second.path, second.key)
            assert changes(running, transport=tls(path, key)) == {}
            assert served() == "second"
            assert one_exchange(running.host, client.port) == b"ping"
        assert "tunnel lost" not in "\n".join(client.process.stderr)


def test_over_and_over(reloading):
    """After each reload a new visitor uses the tunnel; no resource is leaked."""
    running = reloading(auth=hmac("one"), log={"level": "debug"})
    process = running.server.process
    with Echo() as service, spore_client(
        running.server.control, service.port, secret="one"
    ) as client:
        assert one_exchange(running.host, client.port) == b"ping"
        before = procfs.descriptors(process.pid)
        with visitor_of(running.host, client.port):
            for i in range(count(40, least=10)):
                if i % 5 == 4:
                    running.refuse('{ "auth": [ { "use": "hmac" } ] }')
                else:
                    running.swap(
                        auth=names(a="two", b="one") if i % 2 else hmac("one"),
                        log={"level": "debug"},
                    )
                assert one_exchange(running.host, client.port) == b"ping"
        assert "tunnel lost" not in "\n".join(client.process.stderr)
        wait_until(lambda: procfs.descriptors(process.pid) <= before + 2, "descriptors as before")
        # The first and the last instance are alive: the tunnel began with the first, and the
        # last one decides now.
        ended = sum(
            "plugin instance ended plugin=hmac" in line
            or "plugin instance ended plugin=multi_secret" in line
            for line in process.stderr
        )
        assert ended >= running.swaps - 2
