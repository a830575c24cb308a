"""Secrets and lists as editors and other systems write them: what works, and what is warned of."""

import json
import re
import signal
import time

import pytest

from harness import procfs
from harness.passwords import htpasswd
from harness.peers import spore_binary
from harness.process import Process, run
from harness.reloading import Reloading
from harness.scale import seconds
from harness.waiting import wait_until
from harness.wire import Tunnel


@pytest.fixture
def check(tmp_path):
    """Checks a configuration beside files of these contents; returns the process."""

    def start(config, status=0, env=None, **files):
        for name, content in files.items():
            path = tmp_path / name.replace("_", ".")
            path.write_bytes(content)
            path.chmod(0o600)
        path = tmp_path / "server.json"
        path.write_text(json.dumps(config))
        path.chmod(0o600)
        process = run([spore_binary(), "server", "--check", "--config", path], env=env)
        assert process.status == status, process.log()
        assert "hunter" not in process.log(), "no line shows the secret"
        return process

    return start


PLACE = r" option=/\S* source=\S*server\.json line=\d+"


def warnings(process):
    """Without the place in the configuration, which each of them names."""
    lines = [line.split(" warn  ")[1] for line in process.stderr if " warn  " in line]
    return [re.sub(PLACE, "", line) for line in lines]


FLAWS = {
    "none": (b"hunter2\n", None),
    "CRLF": (b"hunter2\r\n", None),
    "byte order mark": (b"\xef\xbb\xbfhunter2\n", "a byte order mark at its start"),
    "second newline": (b"hunter2\n\n", "a newline at its end"),
    "blank in front": (b" hunter2", "white space at its start"),
    "blank at the end": (b"hunter2 \n", "white space at its end"),
    "control byte": (b"hunter\x002", "control bytes"),
    "UTF-16": ("hunter2".encode("utf-16"), "UTF-16, control bytes"),
}


@pytest.mark.parametrize("kind", FLAWS)
def test_a_secret_file(check, tmp_path, kind):
    content, flaw = FLAWS[kind]
    config = {"auth": [{"use": "hmac", "secret": {"file": "secret.key"}}]}
    said = warnings(check(config, secret_key=content))
    line = "a secret contains what is often there by mistake option=/auth/0/secret/file"
    found = f'"{flaw}"' if flaw else ""
    assert said == ([f"{line} path={tmp_path}/secret.key found={found}"] if flaw else [])


def test_what_revoked_names_leave_behind(check, tmp_path):
    """A secrets file without a secret, and a policy without a name, are warned of."""
    auth = {"use": "multi_secret", "secrets_file": "team.txt", "policy": {"bob": {"life": "1h"}}}
    said = warnings(check({"auth": [auth]}, team_txt=b"# nobody\n"))
    team = tmp_path / "team.txt"
    assert said == [
        f"nobody can log in by this instance: {team} has no secrets plugin=multi_secret",
        "/policy/bob applies to nobody: no secret has the name bob plugin=multi_secret",
    ]


WARNING = "the client is refused"


@pytest.mark.parametrize("limit", ["2s", "2001ms", None])
def test_a_web_service_that_may_take_longer_than_the_verdict(check, limit):
    """Its time-out is 2 s, and auth_timeout 3 s, if the configuration does not say otherwise."""
    server = {"auth_timeout": limit} if limit else {}
    auth = {"use": "http", "url": "http://127.0.0.1:1/"}
    said = [line for line in warnings(check({"server": server, "auth": [auth]})) if WARNING in line]
    expected = (
        "a request may take 2000 ms (timeout), but after 2000 ms (server.auth_timeout) the client "
        "is refused: keep timeout below server.auth_timeout"
    )
    assert said == ([f"{expected} plugin=http"] if limit == "2s" else [])


def test_a_hash_that_takes_longer_than_the_verdict(check, tmp_path, certificate):
    """Costs of bcrypt differ by a factor of 2; 17 takes many seconds, which --check does not."""
    cheap = htpasswd("alice", "hunter2", "-B", "-C", "4")
    dear = htpasswd("bob", "hunter2", "-B", "-C", "4").replace("$04$", "$17$")
    tls = {"use": "tls", "certfile": str(certificate.path), "keyfile": str(certificate.key)}
    config = {"transport": [tls], "auth": [{"use": "htpasswd", "file": "users.txt"}]}
    began = time.monotonic()
    said = warnings(check(config, users_txt=f"{cheap}\n{dear}\n".encode()))
    assert time.monotonic() - began < seconds(5)
    (line,) = [line for line in said if WARNING in line]
    assert re.search(
        rf"^{re.escape(str(tmp_path / 'users.txt'))}:2: the hash of the password of bob takes "
        r"about \d{4,} ms on this machine, but after 3000 ms \(server.auth_timeout\) the client is",
        line,
    ), line
    said = warnings(check(config, users_txt=f"{cheap}\n".encode()))
    assert not [line for line in said if WARNING in line]


def test_a_key_that_has_expired(check, tmp_path):
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ/0xXfSvX0mG4vQ8b0yq2d7Vw3uUq2qTQvKX8w9Yf0p"
    lines = f'expiry-time="20200101Z" {key} alice\n'
    auth = {"use": "pubkey", "authorized_keys": ["team.keys"], "names": ["a.example"]}
    said = warnings(check({"auth": [auth]}, team_keys=lines.encode()))
    assert [line for line in said if "expired" in line] == [
        f"{tmp_path}/team.keys:1: the key of alice has expired: its expiry-time is in the past "
        "plugin=pubkey"
    ]


def test_a_private_key_among_public_ones(check, tmp_path):
    """It is one error with its place, and no part of the key is shown."""
    process = run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"])
    assert process.status == 0, process.log()
    private = (tmp_path / "key").read_bytes()
    auth = {"use": "pubkey", "authorized_keys": ["team.keys"], "names": ["a.example"]}
    public = (tmp_path / "key.pub").read_bytes()
    process = check({"auth": [auth]}, status=1, team_keys=public + private)
    (line,) = [line for line in process.stderr if "error:" in line]
    assert "/auth/0/authorized_keys/0: " in line and "team.keys:2:1: expected public keys, " in line
    assert "found a private key" in line
    for part in private.decode().splitlines():
        assert part not in process.log(), "no line shows the key"


def test_a_variable(check):
    config = {"auth": [{"use": "hmac", "secret": {"env": "KEY"}}]}
    said = warnings(check(config, env={"KEY": "hunter2\n"}))
    assert said[0].endswith('variable=KEY found="a newline at its end"')


def test_a_program_that_knows_the_secret(configured_server, tmp_path):
    """It is asked at the start and at each reload. One that fails leaves the old secret in use."""
    program, key = tmp_path / "know", tmp_path / "key"
    program.write_text(f"#!/bin/sh\ncat {key} || echo 'no key' >&2; test -f {key}\n")
    program.chmod(0o700)
    key.write_text("one\n")
    auth = [{"use": "hmac", "secret": {"command": ["./know", "the secret"]}}]
    with configured_server(config={"auth": auth}) as server:
        with Tunnel(server, secret="one"):
            key.write_text("two\n")
            server.process.signal(signal.SIGHUP)
            server.process.wait_for("reloaded")
        with Tunnel(server, secret="two"):
            key.unlink()
            server.process.signal(signal.SIGHUP)
            server.process.wait_for("/auth/0/secret/command: expected a secret from the command ")
        with Tunnel(server, secret="two"):
            pass


def test_the_name_of_a_file_in_place_of_its_content(check):
    config = {"auth": [{"use": "hmac", "secret": "hunter.key"}]}
    assert warnings(check(config)) == []
    said = warnings(check(config, hunter_key=b"right\n"))
    assert len(said) == 1 and said[0].startswith(
        "a secret is the name of a file: the name counts, "
    )
    assert " option=/auth/0/secret source=" in said[0]


def multi_secret():
    return {"auth": [{"use": "multi_secret", "secrets_file": "team.secrets"}]}


def test_a_file_of_secrets_from_another_editor(configured_server, tmp_path):
    (tmp_path / "team.secrets").write_bytes(b"\xef\xbb\xbfalice:one\r\nbob:two\r\n")
    with configured_server(config=multi_secret()) as server:
        for secret in ("one", "two"):
            with Tunnel(server, secret=secret):
                pass


def test_flaws_in_a_file_of_secrets(check, tmp_path):
    said = warnings(check(multi_secret(), team_secrets=b"alice: hunter2\nbob:hunter3\n"))
    assert said == [
        f"{tmp_path}/team.secrets:1: the secret of alice has blanks at its start, which count as a "
        "part of it plugin=multi_secret"
    ]
    said = warnings(check(multi_secret(), team_secrets=b"alice:hunt\nbob:hunter3\n"))
    assert said == [
        f"{tmp_path}/team.secrets:1: the secret of alice is so short that it can be guessed "
        "plugin=multi_secret"
    ]


def test_a_secret_that_two_instances_have(check, tmp_path, address):
    """It is warned of by --check, at the start, and by a reload."""
    one, other = {"use": "hmac", "secret": "hunter2"}, {"use": "hmac", "secret": "hunter3"}
    twin = {**one, "name": "second"}
    doubt = r'doubtful configuration warning="the same secret as /auth/0/secret: .*/auth/1/secret'
    assert re.search(doubt, check({"auth": [one, twin]}).log())
    assert "doubtful" not in check({"auth": [one, other]}).log()
    running = Reloading(tmp_path, address, auth=[one, twin])
    with running.server as server:
        server.process.wait_for(doubt, times=1)
        running.swap(auth=[other, {**other, "name": "second"}])
        server.process.wait_for(doubt, times=2)


def test_what_is_refused_by_name(check):
    utf_16 = "alice:hunter2\r\n".encode("utf-16")
    log = check(multi_secret(), status=1, team_secrets=utf_16).log()
    assert "/auth/0/secrets_file: expected text in UTF-8, found UTF-16 in " in log
    config = {"acl": {"control": [{"use": "cidr", "deny": {"file": "deny.txt"}}]}}
    log = check(config, status=1, deny_txt="10.0.0.0/8\r\n".encode("utf-16")).log()
    assert "deny.txt:1:1: error: expected text in UTF-8, found UTF-16: `iconv " in log


def test_lists_from_another_editor(check):
    config = {"acl": {"control": [{"use": "cidr", "deny": {"file": "deny.txt"}}]}}
    check(config, deny_txt=b"\xef\xbb\xbf10.0.0.0/8\r\n\xe2\x80\x8b\r\n", status=1)
    check(config, deny_txt=b"\xef\xbb\xbf10.0.0.0/8\r\n192.0.2.0/24\r\n")


@pytest.mark.parametrize(
    "lists, words",
    [
        ({"allow": {"file": "list.txt"}}, "the list allow is empty: it denies everybody"),
        ({"allow": [], "deny": ["10.0.0.0/8"]}, "the list allow is empty: it denies everybody"),
        ({"deny": {"file": "list.txt"}}, "the list deny is empty: it denies nobody"),
        ({"deny": [], "allow": ["10.0.0.0/8"]}, None),
    ],
)
def test_empty_access_lists_are_told(check, lists, words):
    config = {"auth": [{"use": "hmac", "secret": "hunter2"}]}
    config["acl"] = {"public": [{"use": "cidr", **lists}]}
    process = check(config, list_txt=b"# nobody yet\n")
    assert warnings(process) == ([f"{words} plugin=cidr"] if words else [])
    assert not words or " plugin=cidr option=/acl/public/0 source=" in process.log()


def test_an_interrupted_start_names_the_program(tmp_path):
    path = tmp_path / "server.json"
    path.write_text(json.dumps({"auth": [{"use": "hmac", "secret": {"command": ["./vault"]}}]}))
    vault = tmp_path / "vault"
    vault.write_text("#!/bin/sh\nsleep 60 &\necho $! >child\ntouch asked\nwait\n")
    vault.chmod(0o700)
    with Process([spore_binary(), "server", "--config", path], cwd=tmp_path) as process:
        wait_until((tmp_path / "asked").exists, "the program to run")
        process.terminate()
        process.wait()
        assert (
            f"interrupted by a signal: the program {vault}, which is asked for a secret, has not "
            "ended" in process.log()
        )
    child = int((tmp_path / "child").read_text())
    wait_until(lambda: not procfs.runs(child), "what the program started to end")
