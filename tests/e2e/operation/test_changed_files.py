"""A server uses the new version of a file that a plugin instance reads, without a reload, and ends
the tunnels of clients that are gone. Everything else goes on."""

import contextlib
import json
import os
import pathlib
import signal
import time

import pytest

from harness.admin import Admin
from harness.flock import Flock
from harness.leases import leased
from harness.metrics import Exporter
from harness.mounted import Mounted
from harness.passwords import htpasswd
from harness.peers import spore_binary, spore_client
from harness.reloading import Reloading
from harness.services import Echo
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel, Wire

SOON = 2.0  # the server looks twice a second, and waits until a file is the same twice
IN_USE, REFUSED = "a changed file is in use ", "a changed file was refused, the old version "


def replace(path, text):
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


def write_over(path, text):
    path.write_text(text)


def by_the_side(path, text):
    """Away for a moment, and then another file."""
    path.unlink()
    time.sleep(0.1)
    path.write_text(text)


def names(file="team", name="multi_secret", **options):
    return {"use": "multi_secret", "name": name, "secrets_file": file, **options}


def may_enter(server, secret):
    with Wire.connect(server.control) as wire:
        wire.authenticate(secret)
        wire.send({"Hello": 0})
        return "Hello" in wire.receive_but_heartbeats()


def is_revoked(tunnel):
    return tunnel.wire.receive_but_heartbeats() == {"Error": "access was revoked"}


def lines_with(server, text):
    return [line for line in server.process.stderr if text in line]


@pytest.fixture
def team(tmp_path):
    path = tmp_path / "team"
    path.write_text("alice:one\nbob:two\n")
    return path


@pytest.fixture
def start(tmp_path, address):
    """Starts a server; keywords are sections."""
    return lambda **sections: Reloading(tmp_path, address, **sections).server


# What a change does


@pytest.mark.parametrize("change", [replace, write_over, by_the_side])
def test_a_removed_name_loses_its_tunnel(start, team, change):
    with start(auth=[names()]) as server:
        with Tunnel(server, secret="one") as stays, Tunnel(server, secret="two") as gone:
            visitor, far = stays.join()
            with visitor, far:
                change(team, "alice:one\ncarol:three\n")
                assert is_revoked(gone)
                visitor.sendall(b"still here")
                assert far.recv(64) == b"still here"
        assert may_enter(server, "three") and not may_enter(server, "two")
        server.process.wait_for(rf"{IN_USE}plugin=multi_secret file={team}$", stream="stderr")
        assert len(lines_with(server, IN_USE)) == 1
        assert not lines_with(server, "configuration reloaded")


def test_the_last_name_and_those_with_policies_of_their_own(start, team):
    """A line is all that must go. What it leaves behind is warned of."""
    policy = {"bob": {"max_tunnels": 5}, "*": {"max_conns": 50}}
    with start(auth=[names(policy=policy)]) as server:
        with Tunnel(server, secret="one") as last, Tunnel(server, secret="two") as first:
            team.write_text("alice:one\n")
            assert is_revoked(first)
            server.process.wait_for("/policy/bob applies to nobody: no secret has the name bob ")
            team.write_text("# nobody\n")
            assert is_revoked(last)
            server.process.wait_for(f"nobody can log in by this instance: {team} has no secrets")
        server.process.wait_for(IN_USE, stream="stderr", times=2)
        assert not may_enter(server, "one") and not may_enter(server, "two")
        assert not lines_with(server, REFUSED)


def test_a_faulty_line_of_an_access_list(start, team, tmp_path):
    listed = tmp_path / "deny.txt"
    listed.write_text("# nobody\n192.0.2.1\n")
    acl = {"public": [{"use": "cidr", "deny": {"file": str(listed)}}]}
    with start(auth=[names()], acl=acl) as server:
        listed.write_text("# nobody\n\n192.0.2.1/24\n")
        server.process.wait_for(rf"{REFUSED}.*no bits set.* place={listed}:3:1$", stream="stderr")


def test_a_config_map(tmp_path, address):
    """Only a link is swapped; no file is written."""
    mounted = Mounted(tmp_path / "mounted", team="alice:one\n")
    running = Reloading(tmp_path, address, auth=[names("mounted/team")])
    with running.server as server, Tunnel(server, secret="one") as gone:
        mounted.publish(team="bob:two\n")
        assert is_revoked(gone)
        assert may_enter(server, "two")


def test_a_faulty_version(start, team):
    """One error names file, line and what was expected. The old version stays, until a good one
    comes."""
    with start(auth=[names()]) as server, Tunnel(server, secret="one"):
        team.write_text("alice:one\nbob\n")
        line = server.process.wait_for(REFUSED + ".*", stream="stderr")[0]
        for part in ("plugin=multi_secret", f"file={team}", "team:2:", "expected"):
            assert part in line, line
        assert may_enter(server, "two")
        team.write_text("alice:one\ncarol:three\n")
        server.process.wait_for(IN_USE, stream="stderr")
        assert may_enter(server, "three") and not may_enter(server, "two")
        assert len(lines_with(server, REFUSED)) == 1
        assert not lines_with(server, "access was revoked")


def test_metrics_say_what_became_of_it(start, team, address):
    exporter = Exporter(address.host, address.free_port())
    metrics = [{"use": "prometheus", "listen": f"{exporter.host}:{exporter.port}"}]
    with start(auth=[names(name="staff")], metrics=metrics) as server:
        team.write_text("bob\n")
        server.process.wait_for(REFUSED, stream="stderr")
        team.write_text("alice:four\n")
        server.process.wait_for(IN_USE, stream="stderr")
        page = exporter.page()
        for outcome in ("refused", "renewed"):
            labels = {"plugin": "staff", "outcome": outcome}
            assert page.value("spore_plugin_renewals_total", **labels) == 1
        assert page.value("spore_plugin_generations") == 1


def test_it_can_be_turned_off(start, team):
    """Then the next reload reads the file."""
    with start(auth=[names()], server={"watch_files": False}) as server:
        team.write_text("alice:one\n")
        time.sleep(SOON)
        assert may_enter(server, "two") and not lines_with(server, IN_USE)
        server.process.signal(signal.SIGHUP)
        server.process.wait_for("configuration reloaded", stream="stderr")
        assert not may_enter(server, "two")


def test_only_what_can_be_concerned_is_judged_again(start, team, tmp_path):
    """The tunnel of an instance behind the renewed one is, and that of one in front of it is not. A
    tunnel that is judged again does not count twice."""
    (tmp_path / "front").write_text("dave:front\n")
    (tmp_path / "behind").write_text("erin:behind\n")
    behind = names("behind", "behind", policy={"erin": {"max_tunnels": 1}})
    with start(auth=[names("front", "front"), names(), behind]) as server:
        with Tunnel(server, secret="front"), Tunnel(server, secret="behind") as last:
            team.write_text("carol:three\n")
            found = server.process.wait_for(
                r"authenticated again tunnels=(\d+) allowed=(\d+)", stream="stderr"
            )
            assert found.groups() == ("1", "1")
            visitor, far = last.join()
            visitor.close(), far.close()


def test_a_certificate(tmp_path, address, authority):
    """New connections see the new certificate; open tunnels and visitors go on, and are not judged
    again."""

    def install(name):
        issued = authority.issue(f"IP:{address.host}", f"DNS:{name}")
        for source, target in ((issued.path, "cert.pem"), (issued.key, "key.pem")):
            with open(source, encoding="ascii") as file:
                replace(tmp_path / target, file.read())

    def client_of(server, service, name):
        tls = {"use": "tls", "cacertfile": authority.path, "server_name": name}
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"transport": [tls]}))
        return spore_client(server.control, service.port, extra=["--config", path])

    install("first.example")
    tls = {"use": "tls", "certfile": "cert.pem", "keyfile": "key.pem"}
    running = Reloading(tmp_path, address, transport=[tls])
    with running.server as server, Echo() as service, contextlib.ExitStack() as stack:
        old = stack.enter_context(client_of(server, service, "first.example"))
        flock = stack.enter_context(Flock(old.host, [old.port], 3, pause=0.1))
        install("second.example")
        both = f"{tmp_path}/cert.pem, {tmp_path}/key.pem"
        server.process.wait_for(f'{IN_USE}plugin=tls file="{both}"$', stream="stderr")
        new = stack.enter_context(client_of(server, service, "second.example"))
        assert one_exchange(new.host, new.port) == b"ping"
        flock.leave()
        assert not lines_with(server, "authenticated again")


def test_a_certificate_that_has_expired(tmp_path, address, authority):
    """A changed file or a reload does not replace a valid one with it. The next valid
    one is used. After a restart there is no better one, so the server uses it and warns."""

    def install(name, **dates):
        issued = authority.issue(f"IP:{address.host}", f"DNS:{name}", **dates)
        for source, target in ((issued.path, "cert.pem"), (issued.key, "key.pem")):
            with open(source, encoding="ascii") as file:
                replace(tmp_path / target, file.read())

    said = (
        rf"{tmp_path}/cert.pem expired on 2024-01-31 12:00:00 UTC: the one in use, which is valid "
        r"until 20\d\d-.*, stays"
    )
    expired = {"end": "20240131120000Z"}
    install("first.example")
    tls = {"use": "tls", "certfile": "cert.pem", "keyfile": "key.pem"}
    running = Reloading(tmp_path, address, transport=[tls])
    with running.server as server:
        install("second.example", **expired)
        server.process.wait_for(f"{REFUSED}.* pointer=/transport/0/certfile .*{said}")
        server.process.signal(signal.SIGHUP)
        running.wait_refused()
        server.process.wait_for(rf"server.json.*/transport/0/certfile: the certificate in {said}")
        assert not lines_with(server, IN_USE)
        install("third.example")
        server.process.wait_for(f"{IN_USE}plugin=tls", stream="stderr")
    install("fourth.example", **expired)
    running = Reloading(tmp_path, address, transport=[tls], control_port=address.free_port())
    with running.server as server:
        server.process.wait_for("the certificate in .*/cert.pem expired on 2024-01-31")
        install("fifth.example", **expired)  # no worse than the one in use
        server.process.wait_for(f"{IN_USE}plugin=tls", stream="stderr")


def test_one_of_several_certificates_that_has_expired(tmp_path, address, authority):
    """The same about each of `certificates`. It may be in another place of the list meanwhile."""

    def install(stem, name, **dates):
        issued = authority.issue(f"DNS:{name}", **dates)
        for source, end in ((issued.path, "pem"), (issued.key, "key")):
            with open(source, encoding="ascii") as file:
                replace(tmp_path / f"{stem}.{end}", file.read())

    def pair(stem):
        return {"certfile": f"{stem}.pem", "keyfile": f"{stem}.key"}

    def tls(*stems):
        return [{"use": "tls", **pair("main"), "certificates": [pair(stem) for stem in stems]}]

    expired = {"end": "20240131120000Z"}
    install("main", "main.example")
    install("old", "old.example", **expired)
    install("one", "one.example")
    running = Reloading(tmp_path, address, transport=tls("old", "one"))
    with running.server as server:
        install("one", "late.example", **expired)
        said = (
            rf"{tmp_path}/one.pem expired on 2024-01-31 12:00:00 UTC: the one in use, which is "
            r"valid until 20\d\d-.*, stays"
        )
        place = "/transport/0/certificates"
        server.process.wait_for(f"{REFUSED}.* pointer={place}/1/certfile .*{said}")
        running.refuse({"transport": tls("one", "old")})
        server.process.wait_for(rf"server.json.*{place}/0/certfile: the certificate in {said}")
        install("one", "new.example")
        server.process.wait_for(
            rf"the certificate in {tmp_path}/one.pem has changed: valid until ", stream="stderr"
        )
        server.process.wait_for(
            rf"names that are new in the certificate in {tmp_path}/one.pem: new.example ",
            stream="stderr",
        )
        server.process.wait_for(
            rf"warn .*names that are gone from the certificate in {tmp_path}/one.pem: one.example ",
            stream="stderr",
        )
        running.swap(transport=tls("one", "old"))
        install("next", "next.example", **expired)
        running.refuse({"transport": tls("next", "old")})
        server.process.wait_for(rf"{place}/0/certfile: the certificate in {tmp_path}/next.pem exp")


# Beside reloads


def test_a_refused_reload_does_not_hold_it_up(start, team):
    """The configuration is broken, and the file has changed."""
    with start(auth=[names()]) as server, Tunnel(server, secret="two") as gone:
        path = team.parent / "server.json"
        good = path.read_text()
        path.write_text('{ "auth": [')
        server.process.signal(signal.SIGHUP)
        server.process.wait_for("reload refused", stream="stderr")
        team.write_text("alice:one\n")
        assert is_revoked(gone)
        path.write_text(good)
        server.process.signal(signal.SIGHUP)
        server.process.wait_for("configuration reloaded", stream="stderr")
        team.write_text("bob:two\n")
        wait_until(lambda: may_enter(server, "two"), "the file of the instance that is new")


def test_a_file_becomes_a_pipe(start, team):
    """It is refused at once, and the old version stays in use."""
    with start(auth=[names()]) as server:
        team.unlink()
        os.mkfifo(team)
        line = server.process.wait_for(f"{REFUSED}.*", stream="stderr")[0]
        assert "it is not a regular file" in line
        assert may_enter(server, "two")
        team.unlink()
        team.write_text("alice:four\n")
        wait_until(lambda: may_enter(server, "four"), "the next version")


def test_a_file_that_blocks(start, team):
    """It is given up and named. Reloads are refused until it can be read."""
    with start(auth=[names()], plugins={"start_timeout": "500ms"}) as server:
        with leased(team, "alice:four\n"):
            line = server.process.wait_for("changed files was given up: .*", stream="stderr")[0]
            assert f"{team}, which /auth/0/secrets_file names, has not been read for" in line
            server.process.wait_for(
                f"reading a file hangs path={team} option=/auth/0/secrets_file", stream="stderr"
            )
            server.process.signal(signal.SIGHUP)
            server.process.wait_for("an earlier reload has not ended", stream="stderr")
            assert may_enter(server, "two")
        server.process.wait_for("reloads work again", stream="stderr")
        team.write_text("alice:five\n")
        wait_until(lambda: may_enter(server, "five"), "the next version")


def test_changes_under_load_beside_reloads(tmp_path, address):
    """Files change and reloads come while visitors talk through the tunnels of three instances. No
    byte is lost."""
    files = {each: tmp_path / each for each in ("users", "team")}
    lines = {"users": htpasswd("hal", "x") + "\n", "team": "alice:one\n"}
    for name, path in files.items():
        path.write_text(lines[name])
    auth = [{"use": "htpasswd", "file": "users"}, names(), {"use": "hmac", "secret": "plain"}]
    admin = Admin(tmp_path / "admin.sock")
    secure = {
        "plugins": {"path": [str(pathlib.Path(spore_binary()).parent / "test-plugins")]},
        "transport": [{"use": "trusted"}],  # htpasswd needs one
    }
    running = Reloading(tmp_path, address, auth=auth, extra=admin.flags, **secure)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running.server)
        service = stack.enter_context(Echo())
        clients = [
            stack.enter_context(spore_client(server.control, service.port, secret=secret))
            for secret in ("one", "plain", "plain")
        ]
        with Flock(clients[0].host, [each.port for each in clients], 60, pause=0.2) as flock:
            for done in range(2):
                for name, path in files.items():
                    replace(path, lines[name] + f"# version {done}\n")
                # Reloads come before and while the files are read.
                for _ in range(10):
                    server.process.signal(signal.SIGHUP)
                    time.sleep(0.08)
                admin.ctl("reload")  # the last one
                known = len(lines_with(server, IN_USE))
                for name, path in files.items():
                    replace(path, lines[name] + f"# another version {done}\n")
                server.process.wait_for(IN_USE, stream="stderr", times=known + 2)
                flock.check()
        for client in clients:
            assert one_exchange(client.host, client.port) == b"ping"
        assert not lines_with(server, "was revoked") and not lines_with(server, "refused")
