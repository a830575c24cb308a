"""Limits on use of an identity: bytes per second, per day and month, new visitors per second.

A rate is checked by what cannot happen: in some time no more bytes pass than the rate and a full
bucket allow. No test expects a speed.
"""

import contextlib
import datetime
import json
import os
import re
import signal
import time

import pytest

from harness.admin import Admin
from harness.bulk import Sending, receive_pattern
from harness.metrics import Exporter
from harness.peers import configured_server, spore_binary, spore_client
from harness.process import run
from harness.reloading import Reloading
from harness.scale import seconds
from harness.services import Echo, Inbox
from harness.sockets import connect, how_it_ends, read_exactly
from harness.visitors import one_exchange
from harness.waiting import wait_until

RATE = 1_000_000
BURST = RATE // 10
SECRETS = {"alice": "a-secret", "bob": "b-secret"}


INSECURE = ["--tls", "--insecure"]


def auth(**alice):
    return [{"use": "multi_secret", "secrets": SECRETS, "policy": {"alice": alice}}]


def client_of(server, service, secret="a-secret", **options):
    return spore_client(server.control, service.port, secret=secret, **options)


@contextlib.contextmanager
def visitors(server, client, service, number):
    """Pairs of (visitor, what the service has of it)."""
    with contextlib.ExitStack() as stack:
        pairs = []
        for _ in range(number):
            visitor = stack.enter_context(connect(server.public_host, client.port))
            visitor.settimeout(seconds(60))
            pairs.append((visitor, service.take()))
        yield pairs


def send_all(pairs, total, up=False):
    """Sends so many bytes on each pair and checks them; returns how long that took."""
    began = time.monotonic()
    sending = [Sending(visitor if up else served, total, end=True) for visitor, served in pairs]
    for (visitor, served), each in zip(pairs, sending):
        assert receive_pattern(served if up else visitor) == (total, each.result())
    return time.monotonic() - began


def least_seconds(total, rate=RATE):
    return (total - rate // 10) / rate


@pytest.mark.parametrize("number", [1, 8])
@pytest.mark.parametrize("limit", ["rate_up", "rate_down"])
def test_visitors_share_a_rate(address, tmp_path, limit, number):
    """All workers together keep the rate. The other limit and other identities are free."""
    total = 1_600_000 // number
    server_of = {"workers": 4}
    with configured_server(
        address, tmp_path, server=server_of, auth=auth(**{limit: RATE})
    ) as server, Inbox() as service:
        with client_of(server, service) as alice, client_of(server, service, "b-secret") as bob:
            with visitors(server, alice, service, number) as pairs:
                took = send_all(pairs, total, up=limit == "rate_up")
            assert took >= least_seconds(total * number)
            with visitors(server, bob, service, 2) as pairs:
                send_all(pairs, 5_000_000, up=limit == "rate_up")
            with visitors(server, alice, service, 2) as pairs:
                send_all(pairs, 5_000_000, up=limit != "rate_up")


def test_tls_relays_keep_the_rate(address, tmp_path, certificate):
    total = 1_600_000
    transport = [{"use": "tls", "certfile": certificate.path, "keyfile": certificate.key}]
    with configured_server(
        address, tmp_path, auth=auth(rate_up=RATE, rate_down=RATE), transport=transport
    ) as server, Inbox() as service, client_of(server, service, extra=INSECURE) as client:
        for up in (True, False):
            with visitors(server, client, service, 2) as pairs:
                took = send_all(pairs, total // 2, up)
            assert took >= least_seconds(total)


def test_small_messages_count(address, tmp_path):
    """Also those that io_uring would carry."""
    rate, message, rounds = 20_000, b"m" * 1000, 60
    with configured_server(address, tmp_path, auth=auth(rate_up=rate)) as server, Echo() as service:
        with client_of(server, service) as client:
            with contextlib.ExitStack() as stack:
                socks = [
                    stack.enter_context(connect(server.public_host, client.port)) for _ in range(2)
                ]
                began = time.monotonic()
                for _ in range(rounds // 2):
                    for sock in socks:
                        sock.sendall(message)
                    for sock in socks:
                        sock.settimeout(seconds(30))
                        got = b""
                        while len(got) < len(message):
                            got += sock.recv(len(message))
                assert time.monotonic() - began >= least_seconds(rounds * len(message), rate)


def test_visitors_get_the_same(address, tmp_path):
    """On whatever workers they are. Each reads all the time."""
    number, most = 6, 400_000
    with configured_server(
        address, tmp_path, server={"workers": 3}, auth=auth(rate_down=RATE)
    ) as server, Inbox() as service, client_of(server, service) as client:
        with visitors(server, client, service, number) as pairs:
            sending = [Sending(served, 50_000_000) for _, served in pairs]
            got = [0] * number
            for visitor, _ in pairs:
                visitor.setblocking(False)

            def one_has_all():
                for i, (visitor, _) in enumerate(pairs):
                    with contextlib.suppress(BlockingIOError):
                        got[i] += len(visitor.recv(1 << 20))
                return max(got) >= most

            wait_until(one_has_all, "a visitor to get its bytes", timeout=60, interval=0.01)
            print(got)
            assert min(got) >= most // 2
            for visitor, served in pairs:
                visitor.close()
                served.close()
            for each in sending:
                each.join(seconds(30))


@pytest.mark.parametrize("key", ["rate_up", "rate_down"])
def test_a_client_limits_its_own_tunnel(address, tmp_path, key):
    total = 1_600_000
    with configured_server(address, tmp_path) as server, Inbox() as service:
        config = {"tunnels": [{"local": f"127.0.0.1:{service.port}", key: RATE}]}
        path = tmp_path / "client.json"
        path.write_text(json.dumps(config))
        with spore_client(server.control, None, extra=["--config", str(path)]) as client:
            with visitors(server, client, service, 2) as pairs:
                took = send_all(pairs, total // 2, up=key == "rate_up")
    assert took >= least_seconds(total)


def test_a_reload_changes_the_rate_of_live_visitors(address, tmp_path):
    total = 1_000_000
    base = {"server": {"workers": 2}}
    reloading = Reloading(tmp_path, address, auth=auth(), **base)
    with reloading.server as server, Inbox() as service, client_of(server, service) as client:
        with visitors(server, client, service, 2) as pairs:
            reloading.swap(auth=auth(rate_down=250_000), **base)
            time.sleep(seconds(3))  # a relay looks for new limits once a second
            took = send_all(pairs, total // 2)
        assert took >= least_seconds(total, 250_000)
        reloading.swap(auth=auth(), limits={"rate_down": 500_000}, **base)
        time.sleep(seconds(1))
        with visitors(server, client, service, 2) as pairs:
            took = send_all(pairs, total // 2)
        assert took >= least_seconds(total, 500_000)


# Allowances


def use_until_the_end(server, client, service, total=3_000_000):
    """One visitor downloads until the allowance is used up; returns how much it got."""
    with connect(server.public_host, client.port) as visitor, service.take() as served:
        visitor.settimeout(seconds(30))
        sending = Sending(served, 1 << 40)
        got = 0
        with contextlib.suppress(ConnectionResetError):
            while True:
                block = visitor.recv(1 << 16)
                if not block:
                    break
                got += len(block)
                if got > total:
                    time.sleep(0.01)  # leave the machine to others
        sending.join(seconds(30))
        assert not sending.is_alive()
    return got


def is_refused(server, client):
    with connect(server.public_host, client.port) as visitor:
        return how_it_ends(visitor)[0] == b""


def rows_of(admin):
    return admin.ask("tunnels")["tunnels"]


@contextlib.contextmanager
def limited(address, tmp_path, service, **policy):
    """A server, its client alice, and the admin sockets of both."""
    admins = Admin(tmp_path / "server.sock"), Admin(tmp_path / "client.sock")
    options = {"auth": auth(**policy), "admin": {"socket": admins[0].path}}
    with configured_server(address, tmp_path, **options) as server:
        with client_of(server, service, extra=admins[1].flags) as client:
            yield server, client, *admins


def test_a_client_learns_that_its_bytes_are_used_up(address, tmp_path):
    """At once and not with each visitor. Both sides show it."""
    why = "the client has used up its bytes of this day (UTC)"
    with Inbox() as service:
        with limited(address, tmp_path, service, bytes_per_day="1m") as sides:
            server, client, at_server, at_client = sides
            assert rows_of(at_server)[0]["refusing"] is rows_of(at_client)[0]["refused"] is None
            use_until_the_end(server, client, service)
            client.process.wait_for(rf'refuses visitors of this tunnel .*reason="{re.escape(why)}"')
            for _ in range(5):
                assert is_refused(server, client)
            assert rows_of(at_client)[0]["refused"]["error"] == why
            assert rows_of(at_server)[0]["refusing"] == "the client has used up its bytes"
            for side, header in ((at_server, "REFUSES"), (at_client, "VISITORS REFUSED")):
                said = side.ctl("tunnels")
                assert header in said and "used up its bytes" in said
            assert "at a limit" in at_server.ctl("status")
            assert why in at_client.ctl("status")
            time.sleep(0.2)
            assert client.process.log().count("refuses visitors of this tunnel") == 1
            with client_of(server, service) as other:  # learns it without a visitor
                other.process.wait_for("refuses visitors of this tunnel .*used up its bytes")


def test_a_client_learns_that_its_visitors_come_too_fast(address, tmp_path):
    """And that they are let in again."""
    with Echo() as service:
        with limited(address, tmp_path, service, visitors_per_second=1) as sides:
            server, client, at_server, at_client = sides
            for _ in range(5):
                connect(server.public_host, client.port).close()
            client.process.wait_for('refuses visitors of this tunnel .*come too fast"')
            assert "come too fast" in rows_of(at_server)[0]["refusing"]
            time.sleep(seconds(5.5))
            assert one_exchange(server.public_host, client.port) == b"ping"
            client.process.wait_for("the server lets visitors of this tunnel in again")
            assert rows_of(at_client)[0]["refused"] is None
            assert rows_of(at_server)[0]["refusing"] is None


@pytest.mark.parametrize("period", ["day", "month"])
def test_an_allowance_is_used_up(address, tmp_path, period):
    """Its visitors end, new ones are refused, and others go on. A restart changes nothing."""
    port = address.free_port()
    options = {
        "server": {"usage_file": "use"},
        "auth": auth(**{f"bytes_per_{period}": "1m"}),
        "metrics": [{"use": "prometheus", "listen": f"{address.host}:{port}"}],
        "log": {"level": "debug"},
    }
    exporter = Exporter(address.host, port)
    with configured_server(address, tmp_path, **options) as server, Inbox() as service:
        with client_of(server, service) as alice, client_of(server, service, "b-secret") as bob:
            assert use_until_the_end(server, alice, service) >= 1 << 19
            server.process.wait_for(f"used up its bytes.* identity=alice period={period} used=")
            assert is_refused(server, alice)
            server.process.wait_for(
                rf"reason=.the client has used up its bytes.* limit=1048576 "
                rf"from=.bytes_per_{period} of the identity"
            )
            with visitors(server, bob, service, 1) as pairs:
                send_all(pairs, 2_000_000)
            labels = {"identity": "alice", "period": period}
            assert exporter.value("spore_identity_allowed_bytes", **labels) == 1 << 20
            wait_until(
                lambda: exporter.value("spore_identity_used_bytes", **labels) >= 1 << 20,
                "the gauge, which is set twice a second",
            )
            refusals = {"at": "public", "reason": "used_up"}
            assert exporter.value("spore_refusals_total", **refusals) == 1
        log = server.process.log()
        assert len(re.findall("used up its bytes: ", log)) == 1
    with configured_server(address, tmp_path, **options) as server, Inbox() as service:
        with client_of(server, service) as alice:
            assert is_refused(server, alice)
            server.process.wait_for(f"used up its bytes.* identity=alice period={period} used=")


def test_no_client_lifts_the_limits_of_another_one(address, tmp_path):
    """Neither while both have tunnels, nor by coming and going."""
    chain = [
        {"use": "multi_secret", "name": "one", "secrets": {"alice": "a-secret"}},
        {"use": "multi_secret", "name": "two", "secrets": {"alice": "b-secret"}},
    ]
    chain[0]["policy"] = {"alice": {"bytes_per_day": "1m"}}
    write_use(tmp_path, 2_000_000)
    with configured_server(
        address, tmp_path, server={"usage_file": "use"}, auth=chain, log={"level": "debug"}
    ) as server, Echo() as service:
        with client_of(server, service) as limited:
            with client_of(server, service, "b-secret") as free:
                assert is_refused(server, free)
                server.process.wait_for("from=.bytes_per_day of another client of the identity")
            assert is_refused(server, limited)
        with client_of(server, service, "b-secret") as free:
            assert one_exchange(server.public_host, free.port) == b"ping"
        with client_of(server, service) as limited:
            assert is_refused(server, limited)


def write_use(folder, used, day=None):
    day = day or datetime.datetime.now(datetime.timezone.utc)
    path = folder / "use"
    path.write_text(f"spore use 1\n{day:%Y%m%d}\n{used} {used} alice\nend 1\n")
    return path


def test_the_log_warns_before_the_end(address, tmp_path):
    write_use(tmp_path, 700_000)
    options = {"server": {"usage_file": "use"}, "auth": auth(bytes_per_month=1_000_000)}
    with configured_server(address, tmp_path, **options) as server, Inbox() as service:
        with client_of(server, service) as alice:
            with visitors(server, alice, service, 1) as pairs:
                send_all(pairs, 150_000)
            server.process.wait_for(
                "has used most of its bytes identity=alice period=month used=850000 allowed=1000000"
            )
            assert "used up" not in server.process.log()


def test_another_month_begins_at_0(address, tmp_path):
    """Also after a restart. (Unit tests let time pass.)"""
    write_use(tmp_path, 5_000_000, datetime.date(2020, 2, 29))
    options = {"server": {"usage_file": "use"}, "auth": auth(bytes_per_month=1_000_000)}
    with configured_server(address, tmp_path, **options) as server, Inbox() as service:
        with client_of(server, service) as alice, visitors(server, alice, service, 1) as pairs:
            send_all(pairs, 100_000)


def test_a_reload_raises_an_allowance(address, tmp_path):
    write_use(tmp_path, 5_000_000)
    base = {"server": {"usage_file": "use"}}
    reloading = Reloading(tmp_path, address, auth=auth(), limits={"bytes_per_day": "1m"}, **base)
    with reloading.server as server, Echo() as service, client_of(server, service) as alice:
        assert is_refused(server, alice)
        reloading.swap(auth=auth(), limits={"bytes_per_day": "1g"}, **base)
        assert one_exchange(server.public_host, alice.port) == b"ping"
        reloading.swap(auth=auth(bytes_per_day="1m"), **base)
        wait_until(lambda: is_refused(server, alice), "the new policy")


def test_a_reload_that_uses_up_an_allowance_is_told(address, tmp_path):
    """Nothing is carried. `spore ctl tunnels` shows what was used."""
    write_use(tmp_path, 5_000_000)
    admin = Admin(tmp_path / "admin.sock")
    base = {"server": {"usage_file": "use"}, "admin": {"socket": admin.path}}
    reloading = Reloading(tmp_path, address, auth=auth(bytes_per_day="1g"), **base)
    with reloading.server as server, Echo() as service, client_of(server, service):
        (tunnel,) = admin.ask("tunnels")["tunnels"]
        assert tunnel["identity_day"] == {"used": 5_000_000, "allowed": 1 << 30}
        assert tunnel["identity_month"] is None
        assert " 4.8 MiB of 1.0 GiB " in admin.ctl("tunnels")
        assert "used up" not in server.process.log()
        reloading.swap(auth=auth(bytes_per_day="1m"), **base)
        server.process.wait_for(
            "an identity has used up its bytes.* identity=alice period=day used=5000000 "
        )
        assert admin.ask("tunnels")["tunnels"][0]["identity_day"]["allowed"] == 1 << 20


def test_a_wrong_file_is_put_aside(address, tmp_path):
    path = write_use(tmp_path, 5_000_000)
    path.write_text(path.read_text() + "more\n")
    options = {"server": {"usage_file": "use"}, "auth": auth(bytes_per_day="1m")}
    with configured_server(address, tmp_path, **options) as server, Echo() as service:
        server.process.wait_for(
            "error the file of what identities have used is not valid: it was renamed, and all "
            f"counts begin at 0 file={path} line=4 "
        )
        assert (tmp_path / "use.bad").read_text().endswith("more\n")
        with client_of(server, service) as alice:
            assert one_exchange(server.public_host, alice.port) == b"ping"


def test_a_failure_to_write_is_told_and_ends(address, tmp_path):
    """In the log, in the status and as a metric. No visitor comes meanwhile."""
    folder, away = tmp_path / "folder", tmp_path / "away"
    folder.mkdir()
    port = address.free_port()
    exporter = Exporter(address.host, port)
    admin = Admin(tmp_path / "admin.sock")
    options = {
        "server": {"usage_file": "folder/use"},
        "auth": auth(bytes_per_day="1m"),
        "metrics": [{"use": "prometheus", "listen": f"{address.host}:{port}"}],
        "admin": {"socket": str(admin.path)},
    }
    with configured_server(address, tmp_path, **options) as server, Echo() as service:
        with client_of(server, service) as alice:
            folder.rename(away)
            assert one_exchange(server.public_host, alice.port) == b"ping"
            server.process.wait_for("error cannot write what identities have used", timeout=30)
            wait_until(
                lambda: exporter.value("spore_usage_unwritten_seconds") > 0,
                "the gauge, which is set twice a second",
            )
            assert re.search("usage file +cannot be written for .*: No such", admin.ctl("status"))
            assert admin.ask("status")["usage_file_error"]["error"].startswith("No such file")
            away.rename(folder)
            server.process.wait_for("info  what identities have used is written again", timeout=30)
            assert admin.ask("status")["usage_file_error"] is None
    assert "\n8 8 alice\n" in (folder / "use").read_text()


def start_and_check(tmp_path, address, usage_file, **config):
    """What a start and a check report, which both fail at once."""
    path = tmp_path / "server.json"
    server = {"bind_addr": address.host, "control_port": address.free_port()}
    path.write_text(json.dumps({"server": {**server, "usage_file": usage_file}, **config}))
    for more in (["--check"], []):
        process = run([spore_binary(), "server", *more, "--config", path])
        assert process.status == 1
        yield process.log()


UNUSABLE = [
    ("nowhere/use", "nowhere/use: cannot write the file: No such file"),
    (".", "expected a regular file, found a folder"),
    ("fifo", "fifo: expected a regular file, found another kind of file"),
    ("/dev/zero", "/dev/zero: expected a regular file, found another kind of file"),
    ("other", 'other: expected no file yet, or one whose first line is "spore use 1"'),
    ("server.json", "found one that the configuration consists of or reads"),
    ("k.key", "found one that the configuration consists of or reads"),
    ("link", "found one that the configuration consists of or reads"),
    ("events.log", "a log or the admin socket: "),
    ("events", "a log or the admin socket: "),
    ("admin.sock", "a log or the admin socket: "),
    ("", 'expected a path, found ""'),
]


@pytest.mark.parametrize("name, fault", UNUSABLE)
def test_a_file_that_cannot_be_used_is_an_error(address, tmp_path, name, fault):
    """A check reports it, too, and nothing is changed."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "other").write_text("another file\n")
    (tmp_path / "k.key").write_text("correct horse battery staple\n")
    (tmp_path / "k.key").chmod(0o600)
    (tmp_path / "link").symlink_to("k.key")
    auth_of = [{"use": "hmac", "secret": {"file": "k.key"}}]
    log_of = [
        {"use": "log", "path": "events.log"},
        {"use": "log", "path": "events.new", "name": "more"},
    ]
    admin_of = {"socket": "admin.sock"}
    for log in start_and_check(
        tmp_path, address, name, auth=auth_of, events=log_of, admin=admin_of
    ):
        assert "/server/usage_file: " in log and fault in log
    assert (tmp_path / "other").read_text() == "another file\n"
    assert (tmp_path / "k.key").read_text() == "correct horse battery staple\n"
    assert {path.name for path in tmp_path.iterdir()} <= {
        *("fifo", "other", "k.key", "link", "server.json", "events.log", "events.new")
    }


def test_a_check_creates_nothing(address, tmp_path):
    path = tmp_path / "server.json"
    path.write_text(json.dumps({"server": {"usage_file": "use"}}))
    assert run([spore_binary(), "server", "--check", "--config", path]).status == 0
    assert not (tmp_path / "use").exists()


def test_a_second_start_leaves_the_file_alone(address, tmp_path):
    """It fails, since the control port is in use. The first server goes on counting."""
    path = write_use(tmp_path, 1_000)
    options = {"server": {"usage_file": "use"}, "auth": auth(bytes_per_day="1g")}
    with configured_server(address, tmp_path, **options) as server, Echo() as service:
        server.process.wait_for("server listening")
        before = path.stat().st_mtime_ns, path.read_text()
        config = tmp_path / f"server{server.control[1]}.json"
        second = run([spore_binary(), "server", "--config", config])
        assert second.status != 0
        assert "address in use" in second.log()
        assert (path.stat().st_mtime_ns, path.read_text()) == before
        with client_of(server, service) as alice:
            assert one_exchange(server.public_host, alice.port) == b"ping"
            wait_until(lambda: path.read_text() != before[1], "the next writing", timeout=30)
        assert "another server" not in server.process.log()


def test_two_servers_with_one_file(address, tmp_path):
    """The one that has lost it says so, in its log, in its status and as a metric."""
    port = address.free_port()
    exporter = Exporter(address.host, port)
    admin = Admin(tmp_path / "admin.sock")
    base = {"server": {"usage_file": "use"}, "auth": auth(bytes_per_day="1g")}
    more = {
        "metrics": [{"use": "prometheus", "listen": f"{address.host}:{port}"}],
        "admin": {"socket": str(admin.path)},
    }
    with configured_server(address, tmp_path, **base, **more) as first:
        with configured_server(address, tmp_path, **base) as second:
            second.process.wait_for(
                "warn  a running server has the file of what identities use: .* "
                rf"file={tmp_path}/use pid={first.process.pid} remedy="
            )
            first.process.wait_for(
                "warn  another server has taken the file of what identities use: .* "
                rf"file={tmp_path}/use remedy=",
                timeout=40,
            )
            told = admin.ask("status")["usage_file_error"]
            assert told["error"] == "another server has taken the file"
            assert "another server has taken the file" in admin.ctl("status")
            wait_until(lambda: exporter.value("spore_usage_unwritten_seconds") > 0, "the gauge")
            assert "another server" not in second.process.log()
        # One that was killed, or has ended, has no file.
        with configured_server(address, tmp_path, **base) as third:
            third.process.wait_for("server listening")
            assert "a running server" not in third.process.log()


def test_a_server_that_drains_lets_the_next_one_have_the_file(address, tmp_path):
    options = {"server": {"usage_file": "use"}, "auth": auth(bytes_per_day="1g")}
    with configured_server(address, tmp_path, **options) as first, Echo() as service:
        with client_of(first, service) as alice:
            with connect(first.public_host, alice.port) as visitor:
                visitor.sendall(b"ping")
                assert read_exactly(visitor, 4) == b"ping"
                first.process_was_ended = True
                first.process.signal(signal.SIGTERM)
                first.process.wait_for("draining|shutting down")
                with configured_server(address, tmp_path, **options) as second:
                    first.process.wait_for("info  another server counts", timeout=40)
                    assert "a running server" not in second.process.log()


def test_visitors_come_at_a_pace(address, tmp_path):
    pace = 5
    with configured_server(
        address, tmp_path, auth=auth(visitors_per_second=pace), log={"level": "debug"}
    ) as server, Echo() as service:
        with client_of(server, service) as alice, client_of(server, service, "b-secret") as bob:
            began = time.monotonic()
            with contextlib.ExitStack() as stack:
                socks = [
                    stack.enter_context(connect(server.public_host, alice.port))
                    for _ in range(10 * pace)
                ]
                for sock in socks:
                    with contextlib.suppress(ConnectionError):
                        sock.sendall(b"x")
                answers = []
                for sock in socks:
                    try:
                        answers.append(sock.recv(1))
                    except ConnectionError:
                        answers.append(b"")
            most = pace + pace * (time.monotonic() - began) + 1
            assert 1 <= answers.count(b"x") <= most
            if b"" in answers:
                server.process.wait_for(
                    f"reason=.the client's visitors come too fast.* limit={pace} "
                    "from=.visitors_per_second of the identity"
                )
            for _ in range(3 * pace):
                assert one_exchange(server.public_host, bob.port) == b"ping"
