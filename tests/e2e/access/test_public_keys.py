"""auth_pubkey: keys of ssh-keygen, files of keys, and what a signature is worth elsewhere."""

import datetime
import json
import re
import signal
import time

import pytest

from harness.peers import configured_server, installed_program, is_timed, spore_binary, spore_client
from harness.process import run
from harness.scale import seconds
from harness.services import Echo
from harness.signing import CONTROL, DATA, Signer, sign, ssh_keygen
from harness.sockets import connect, read_exactly
from harness.visitors import one_exchange
from harness.wire import Wire


@pytest.fixture
def serve(address, tmp_path):
    """Starts a server that knows these lines of authorized_keys, under the address of the test."""

    def start(*lines, more=(), names=None, **sections):
        (tmp_path / "team").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        instance = {
            "use": "pubkey",
            "authorized_keys": ["team"],
            "names": names or [address.host],
        }
        return configured_server(address, tmp_path, auth=[instance, *more], **sections)

    return start


@pytest.fixture
def client(tmp_path):
    """Starts a client of the server with this key file; `listening` is False if it is refused."""

    def start(server, keyfile, service=None, listening=True, flags=(), **options):
        auth = {"use": "pubkey", "keyfile": str(keyfile), "insecure": True, **options}
        path = tmp_path / "client.json"
        path.write_text(json.dumps({"auth": [auth]}), encoding="utf-8")
        return spore_client(
            server.control,
            service.port if service else 9,
            extra=["--config", str(path), "--no-reconnect", *flags],
            listening=listening,
        )

    return start


@pytest.fixture
def signer(tmp_path):
    return Signer(tmp_path / "signer.pem")


# Keys


def test_keys_of_ssh_keygen(serve, client, tmp_path):
    """Both types, plain and encrypted, in the form of OpenSSH and in PEM."""
    kinds = [
        (kind, passphrase, form)
        for kind in ("ed25519", "ecdsa")
        for passphrase in ("", "correct horse")
        for form in (None, "PKCS8", "PEM")
        if not (kind == "ed25519" and form)  # ssh-keygen writes these in its own form only
    ]
    paths = [tmp_path / f"key{i}" for i in range(len(kinds))]
    lines = [
        ssh_keygen(path, kind, f"client {path.name}", passphrase, form)
        for path, (kind, passphrase, form) in zip(paths, kinds)
    ]
    with Echo() as service, serve(*lines) as server:
        for path, (_, passphrase, _) in zip(paths, kinds):
            options = {"key_passphrase": passphrase} if passphrase else {}
            with client(server, path, service, **options) as running:
                server.process.wait_for(rf'new client .*identity="client {path.name}"')
                assert one_exchange(running.host, running.port) == b"ping"


CIPHERS = [f"aes{bits}-{mode}" for bits in (128, 192, 256) for mode in ("ctr", "cbc")]
AEADS = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"]


def check_key(tmp_path, name, passphrase):
    """What `spore local --check` says about a client with this key."""
    auth = {"use": "pubkey", "keyfile": name, "key_passphrase": passphrase, "insecure": True}
    client = {"client": {"to": "127.0.0.1"}, "tunnels": [{"local_port": 9}], "auth": [auth]}
    (tmp_path / "checked.json").write_text(json.dumps(client))
    return run([spore_binary(), "local", "--check", "--config", str(tmp_path / "checked.json")])


def test_ciphers_of_private_keys(tmp_path):
    """Each cipher of ssh-keygen is decrypted, or refused with the command that converts the key."""
    for cipher in [*CIPHERS, "3des-cbc"]:
        ssh_keygen(tmp_path / cipher, passphrase="correct horse", cipher=cipher)
        assert check_key(tmp_path, cipher, "correct horse").status == 0, cipher
    for cipher in AEADS:
        path = tmp_path / cipher
        ssh_keygen(path, passphrase="correct horse", cipher=cipher)
        for passphrase in ("correct horse", "wrong"):
            made = check_key(tmp_path, cipher, passphrase)
            assert made.status == 1, made.log()
            command = f"ssh-keygen -p -Z aes256-ctr -f {path}"
            assert f"{path} is encrypted by {cipher}, " in made.log()
            assert f"`{command}`" in made.log()
        words = [*command.split(), "-P", "correct horse", "-N", "correct horse"]
        assert run([installed_program(words[0], "openssh-client"), *words[1:]]).status == 0
        assert check_key(tmp_path, cipher, "correct horse").status == 0


def test_keys_of_spore_keygen(serve, client, tmp_path):
    words = ["keygen", "--type", "ed25519", "--out", str(tmp_path / "a"), "--comment", "alice"]
    made = run([spore_binary(), *words])
    assert made.status == 0, made.log()
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    public = (tmp_path / "a.pub").read_text()
    assert made.stdout == [public.strip()]
    with Echo() as service, serve(public) as server:
        with client(server, tmp_path / "a", service) as running:
            server.process.wait_for("new client .*identity=alice ")
            assert one_exchange(running.host, running.port) == b"ping"


# What the server refuses; the client learns nothing but "invalid secret"


@pytest.mark.parametrize(
    "line, names, why",
    [
        ("ssh-ed25519 {other} bob", None, "an unknown client .*no file of authorized_keys has"),
        ("{public} alice", ["tunnel.example"], r"alice .*: the client dialled a name that"),
        ('expiry-time="20200101" {public} alice', None, r"alice .*: the key has expired"),
    ],
)
def test_refused_keys(serve, client, tmp_path, line, names, why):
    public = " ".join(ssh_keygen(tmp_path / "mine").split()[:2])
    other = ssh_keygen(tmp_path / "other").split()[1]
    with serve(line.format(public=public, other=other), names=names) as server:
        with client(server, tmp_path / "mine", listening=False) as running:
            assert running.wait() == 3
            running.process.wait_for("invalid secret")
        server.process.wait_for(f"a signature of {why}")
        assert not any("authorized_keys" in line for line in running.process.stderr)


def attempt(server, text):
    """What the server says to this answer: None, or the text of the error."""
    with Wire.connect(server.control) as wire:
        challenge = wire.receive()["Challenge"]
        wire.send({"Authenticate": text(challenge)}, {"Hello": 0})
        return wire.receive_but_heartbeats().get("Error")


def test_a_signature_is_good_once_here_and_for_one_purpose(serve, signer, address, tmp_path):
    """The answer of the documented form is accepted, and no other."""
    stranger = Signer(tmp_path / "stranger.pem")
    name = address.host
    with serve(f"{signer.public} alice", names=[name, "Tunnel.Example."]) as server:

        def good(challenge):
            return signer.answer(challenge, name)

        def forged(challenge):
            mine, theirs = good(challenge), stranger.answer(challenge, name)
            return mine[: mine.rindex(".")] + theirs[theirs.rindex(".") :]

        assert attempt(server, good) is None
        assert attempt(server, lambda c: signer.answer(c, "tunnel.example")) is None
        seen = []
        assert attempt(server, lambda c: seen.append(good(c)) or seen[0]) is None
        wrong = {
            "replayed": lambda c: seen[0],
            "another purpose": lambda c: signer.answer(c, name, DATA),
            "another name": lambda c: signer.answer(c, "rogue.example"),
            "bound to a session": lambda c: signer.answer(c, name, CONTROL, b"session" * 4),
            "another's key": forged,
            "shorter": lambda c: good(c)[:-1],
            "longer": lambda c: good(c) + "A",
            "padded": lambda c: good(c) + "==",
            "upper case": lambda c: good(c).upper(),
            "empty": lambda c: "k1=",
            "another version": lambda c: good(c).replace("k1", "k2"),
        }
        for what, text in wrong.items():
            assert attempt(server, text) == "invalid secret", what
        server.process.wait_for("a signature of alice .*: it is wrong for this connection", times=4)


def test_a_flood_of_wrong_signatures_does_not_flood_the_log(serve, signer, address):
    with serve(f"{signer.public} alice", limits={"ban_after": 0, "secret_rate": 1000000}) as server:
        for _ in range(30):
            assert attempt(server, lambda c: signer.answer(c, address.host, DATA))
        said = [line for line in server.process.stderr if "a signature of alice" in line]
        assert 10 <= len(said) < 25


def test_a_data_connection_is_of_the_tunnels_key(serve, signer, address, tmp_path):
    thief = Signer(tmp_path / "thief.pem")
    with serve(f"{signer.public} alice", f"{thief.public} alice") as server:
        with Wire.connect(server.control) as alice:
            sign(alice, signer, address.host)
            port = alice.hello()
            with connect(server.public_host, port) as visitor:
                identity = alice.connection()
                with Wire.connect(server.control) as wire:
                    sign(wire, thief, address.host, DATA)
                    wire.send({"Accept": identity})
                    wire.expect_error("invalid secret")
                with Wire.connect(server.control) as wire:
                    sign(wire, signer, address.host, DATA)
                    wire.accept(identity, b"for alice")
                    assert read_exactly(visitor, 9) == b"for alice"


# Beside other instances


def test_beside_other_forms(serve, client, tmp_path):
    """Each instance leaves the answers of other forms to the next one."""
    public = ssh_keygen(tmp_path / "mine")
    more = [{"use": "multi_secret", "secrets": {"bob": "b-secret"}}]
    with Echo() as service, serve(public, more=more) as server:
        with client(server, tmp_path / "mine", service):
            server.process.wait_for("new client .*identity=alice ")
        with spore_client(server.control, service.port, secret="b-secret"):
            server.process.wait_for("new client .*identity=bob ")
        with spore_client(server.control, 9, secret="wrong", listening=False) as wrong:
            assert wrong.wait() == 3
        assert not any("a signature" in line for line in server.process.stderr)


@pytest.mark.parametrize(
    "auth, options, why",
    [
        ("hmac", {}, "no answer given: the server does not accept signatures"),
        ("pubkey", {"insecure": False}, "error: /auth/0: expected a secure transport"),
    ],
)
def test_no_answer_is_given(serve, client, address, tmp_path, auth, options, why):
    public = ssh_keygen(tmp_path / "mine")
    hmac = [{"use": "hmac", "secret": "s"}]
    with serve(public) if auth == "pubkey" else configured_server(
        address, tmp_path, auth=hmac
    ) as server:
        with client(server, tmp_path / "mine", listening=False, **options) as running:
            assert running.wait() == 1
            running.process.wait_for(why)


# Limits of a key


def test_limits_of_a_key(serve, signer, address):
    port = address.free_port()
    with serve(
        f'ports="{port}",max-tunnels=1,life="700ms",identity="alice at work" {signer.public} home'
    ) as server:
        with Wire.connect(server.control) as wire:
            sign(wire, signer, address.host)
            assert wire.hello() == port
            server.process.wait_for('new client .*identity="alice at work"')
            assert attempt(server, lambda c: signer.answer(c, address.host)) == "too many tunnels"
            wire.expect_error("the tunnel's time is over")


def test_an_expired_key_ends_its_tunnels(serve, signer, address):
    """A time without Z is local; the tests run in any time zone."""
    soon = datetime.datetime.now() + datetime.timedelta(seconds=seconds(2.5))
    with serve(f'expiry-time="{soon:%Y%m%d%H%M%S}" {signer.public} alice') as server:
        with Wire.connect(server.control) as wire:
            sign(wire, signer, address.host)
            wire.hello()
            wire.expect_error("the tunnel's time is over")
        assert attempt(server, lambda c: signer.answer(c, address.host)) == "invalid secret"


def test_a_reload_moves_no_expiry_time(serve, signer, address):
    """It comes when most of the time has passed: what is left must not count from the opening."""
    soon = datetime.datetime.now() + datetime.timedelta(seconds=seconds(3))
    soon = soon.replace(microsecond=0)
    line = f'expiry-time="{soon:%Y%m%d%H%M%S}" {signer.public} alice'
    with serve(line) as server, Wire.connect(server.control) as wire:
        sign(wire, signer, address.host)
        wire.hello()
        time.sleep((soon - datetime.datetime.now()).total_seconds() * 0.6)
        server.process.signal(signal.SIGHUP)
        server.process.wait_for("authenticated again .*allowed=1 ")
        wire.expect_error("the tunnel's time is over")
        early = (soon - datetime.datetime.now()).total_seconds()
        assert early < 0.1 and (early > -1 or not is_timed())


def test_a_reload_ends_the_tunnels_of_keys_that_are_gone(serve, client, tmp_path):
    lines = [ssh_keygen(tmp_path / name, comment=name) for name in ("alice", "bob")]
    with Echo() as service, serve(*lines) as server:
        with client(server, tmp_path / "alice", service) as stays:
            with client(server, tmp_path / "bob", service, listening=True) as gone:
                (tmp_path / "team").write_text(lines[0])
                server.process.signal(signal.SIGHUP)
                assert gone.wait() != 0
                gone.process.wait_for("access was revoked")
            assert one_exchange(stays.host, stays.port) == b"ping"
            assert not any(re.search("tunnel lost", line) for line in stays.process.stderr)


def test_the_last_key(serve, signer, address, tmp_path):
    """Its tunnel ends as that of any other."""
    with serve(f"{signer.public} alice") as server, Wire.connect(server.control) as wire:
        sign(wire, signer, address.host)
        wire.hello()
        (tmp_path / "team").write_text("# nobody\n")
        wire.expect_error("access was revoked")
        server.process.wait_for(f"nobody can log in by this instance: {tmp_path}/team has no keys")
        server.process.wait_for("a changed file is in use", stream="stderr")
        assert attempt(server, lambda c: signer.answer(c, address.host)) == "invalid secret"
