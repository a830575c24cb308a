"""Clients with certificates: the transport demands them, auth_mtls maps them to names."""

import json
import pathlib
import re
import shutil
import signal
import time

import pytest

from harness import peers, tls
from harness.loopback import Loopback
from harness.process import run
from harness.services import Echo
from harness.sockets import connect, how_it_ends, read_exactly
from harness.tls.certificates import Authority, asn1_date
from harness.visitors import one_exchange
from harness.wire import answer


@pytest.fixture
def mtls_server(tls_server, authority):
    """A TLS server that demands certificates of `authority`; `auth` is its chain."""

    def start(*auth, trusted=authority.path, limits=None, **options):
        config = {"auth": list(auth)} if auth else {}
        return tls_server(
            tls={"cacertfile": str(trusted)}, config={**config, "limits": limits or {}}, **options
        )

    return start


@pytest.fixture
def flags(authority):
    """A client's flags for this certificate; None for a client without one."""

    def of(certificate):
        own = ["--certfile", certificate.path, "--keyfile", certificate.key] if certificate else []
        return ["--tls", "--cacertfile", authority.path, "--no-reconnect", *own]

    return of


@pytest.fixture
def alice(authority):
    return authority.issue(
        "DNS:alice.example", "email:alice@acme.example", subject="/O=Acme/CN=alice"
    )


@pytest.fixture
def mallory(authority):
    return authority.issue("DNS:mallory.example", subject="/O=Acme/CN=mallory")


def fate(server, flags, **options):
    """Runs a client that gets no tunnel: (exit status, standard error)."""
    with peers.spore_client(server.control, 9, extra=flags, listening=False, **options) as client:
        status = client.wait()
    assert client.process.stdout == []
    return status, "\n".join(client.process.stderr)


# The transport


def test_a_certificate_of_the_authority_is_enough_without_auth(mtls_server, flags, alice):
    with mtls_server() as server, Echo() as service:
        with peers.spore_client(server.control, service.port, extra=flags(alice)) as client:
            assert one_exchange(server.public_host, client.port) == b"ping"


def test_no_certificate(mtls_server, flags):
    with mtls_server() as server:
        status, said = fate(server, flags(None))
        assert status == 1
        assert "the server demands a certificate: set certfile and keyfile" in said
        server.process.wait_for("the client sent no certificate, which cacertfile demands")


def test_bores_own_kind_of_client_has_none(mtls_server):
    with mtls_server() as server, connect(*server.control) as sock:
        sock.sendall(b'{"Hello":0}\0')
        assert how_it_ends(sock)[0] == b""


BAD = {
    "expired": (
        {"end": "20240131120000Z"},
        "the client's certificate expired on 2024-01-31 12:00:00 UTC",
        "the server refused our certificate: expired",
    ),
    "for servers": (
        {"usage": "serverAuth"},
        "the client's certificate is rejected: ",
        "the server refused our certificate",
    ),
    "self-signed": (
        {"selfsign": True},
        "the client's certificate is self-signed and not trusted",
        "the server refused our certificate",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_certificates(mtls_server, flags, authority, kind):
    options, server_says, client_says = BAD[kind]
    with mtls_server() as server:
        status, said = fate(server, flags(authority.issue("DNS:x", **options)))
        assert status == 1 and client_says in said
        assert "before the server's Hello" not in said, "no hints if the cause is known"
        server.process.wait_for(server_says)


def test_a_trusted_client(mtls_server, flags, authority, alice, mallory):
    """A certificate in the server's cacertfile lets in itself, and no other of its authority."""
    with mtls_server(trusted=alice.path) as server, Echo() as service:
        with peers.spore_client(server.control, service.port, extra=flags(alice)) as client:
            assert one_exchange(server.public_host, client.port) == b"ping"
        status, _ = fate(server, flags(mallory))
        assert status == 1
        # A client that chooses by issuer, as in Go, must find that of its certificate.
        said = tls.s_client(server, "-CAfile", authority.path)[1]
        assert re.search(r"Acceptable client certificate CA names\nCN ?= ?Test Authority\n", said)


def test_another_authoritys_certificate(mtls_server, flags, tmp_path):
    stranger = Authority(tmp_path / "stranger", name="Stranger").issue("DNS:x")
    with mtls_server() as server:
        _, said = fate(server, flags(stranger))
        assert "the server refused our certificate: it does not trust the issuing authority" in said
        server.process.wait_for(
            "certificate is issued by an unknown authority, CN=Stranger: cacertfile does not"
        )


# The plugin


@pytest.mark.parametrize(
    "what",
    [
        {"subject": "CN=alice,O=Acme"},
        {"san": "Alice.example"},
        {"san": "alice@acme.example"},
        {"sha256": "{fingerprint}"},
        {"sha256": "{FINGERPRINT}"},
        {"sha256": "sha256:{fingerprint}"},
        {"subject": "CN=alice,O=Acme", "san": "alice.example", "sha256": "{fingerprint}"},
    ],
    ids=str,
)
def test_identities(mtls_server, flags, alice, mallory, what):
    plain = alice.fingerprint()
    colons = ":".join(plain[i : i + 2] for i in range(0, 64, 2)).upper()
    what = {key: value.format(fingerprint=plain, FINGERPRINT=colons) for key, value in what.items()}
    with mtls_server({"use": "mtls", "clients": {"Alice A.": what}}) as server, Echo() as service:
        with peers.spore_client(server.control, service.port, extra=flags(alice)) as client:
            server.process.wait_for('new client .*identity="Alice A."')
            assert one_exchange(server.public_host, client.port) == b"ping"
        status, said = fate(server, flags(mallory))
        assert status == 3 and "server error: the server does not know this client" in said
        server.process.wait_for("no client matches the certificate of CN=mallory,O=Acme")


def test_all_that_is_given_must_fit(mtls_server, flags, mallory):
    clients = {"a": {"subject": "CN=mallory,O=Acme", "san": "alice.example"}}
    with mtls_server({"use": "mtls", "clients": clients}) as server:
        assert fate(server, flags(mallory))[0] == 3


def test_anybody_with_a_certificate(mtls_server, flags, alice):
    with mtls_server({"use": "mtls", "any": True}) as server, Echo() as service:
        with peers.spore_client(server.control, service.port, extra=flags(alice)) as client:
            server.process.wait_for(
                'new client .*identity="CN=alice,O=Acme"|new client .*identity=CN=alice,O=Acme'
            )
            assert one_exchange(server.public_host, client.port) == b"ping"


def test_a_certificate_without_a_subject_goes_by_its_fingerprint(mtls_server, flags, authority):
    nameless = authority.issue("DNS:nameless.example", subject="/")
    with mtls_server({"use": "mtls", "any": True}) as server, Echo() as service:
        with peers.spore_client(server.control, service.port, extra=flags(nameless)) as client:
            server.process.wait_for(f"new client .*identity=sha256:{nameless.fingerprint()}")
            assert one_exchange(server.public_host, client.port) == b"ping"
    with mtls_server({"use": "mtls", "clients": {"a": {"san": "alice.example"}}}) as server:
        assert fate(server, flags(nameless))[0] == 3
        server.process.wait_for(
            rf"no client matches the certificate of sha256:.* \(sha256 {nameless.fingerprint()}\)"
        )


def test_no_challenge_is_sent(mtls_server, authority, alice):
    with mtls_server({"use": "mtls", "any": True}) as server, tls.dial(
        server, authority, alice
    ) as wire:
        assert wire.hello() > 0


def test_policy(mtls_server, flags, alice, address):
    client = {"san": "alice.example", "ports": "25000-25001", "max_tunnels": 1}
    with mtls_server({"use": "mtls", "clients": {"alice": client}}) as server:
        status, said = fate(server, flags(alice), port=25002)
        assert status == 4 and "client port number not in allowed range" in said
        with peers.spore_client(server.control, 9, port=25001, extra=flags(alice)):
            status, said = fate(server, flags(alice), port=25000)
            assert status != 0 and "server error: " in said


def test_life(mtls_server, flags, alice):
    with mtls_server(
        {"use": "mtls", "clients": {"alice": {"san": "alice.example", "life": "300ms"}}}
    ) as server:
        with peers.spore_client(server.control, 9, extra=flags(alice)) as client:
            assert client.wait() == 1
            client.process.wait_for("the tunnel's time is over")


@pytest.mark.parametrize(
    "auth",
    [
        {"use": "mtls", "any": True},
        {
            "use": "mtls",
            "clients": {"alice": {"san": "alice.example"}, "mallory": {"san": "mallory.example"}},
        },
    ],
    ids=["any", "clients"],
)
def test_anothers_visitors_are_out_of_reach(mtls_server, authority, alice, mallory, auth):
    with mtls_server(auth) as server, tls.dial(server, authority, alice) as control:
        with connect(server.public_host, control.hello()) as visitor:
            identity = control.connection()
            with tls.dial(server, authority, mallory) as thief:
                thief.send({"Accept": identity})
                thief.expect_error("the server does not know this client")
            with tls.dial(server, authority, alice) as owner:
                visitor.sendall(b"mine")
                owner.send({"Accept": identity})
                assert read_exactly(owner.sock, 4) == b"mine"


def test_in_a_chain_with_a_secret(mtls_server, authority, alice, mallory):
    """A client with a known certificate may send any answer; other clients need the secret."""
    chain = (
        {"use": "mtls", "clients": {"alice": {"san": "alice.example"}}},
        {"use": "hmac", "secret": "s3cret"},
    )
    with mtls_server(*chain) as server:
        for certificate, secret, good in (
            (alice, "wrong", True),
            (mallory, "s3cret", True),
            (mallory, "wrong", False),
        ):
            with tls.dial(server, authority, certificate) as wire:
                wire.send({"Authenticate": answer(secret, wire.receive()["Challenge"])})
                if good:
                    assert wire.hello() > 0
                else:
                    wire.send({"Hello": 0})
                    wire.expect_error("invalid secret")


def test_an_address_of_wrong_length_is_ignored(mtls_server, flags, authority, alice):
    odd = authority.issue("DER:30:03:87:01:7F", subject="/CN=odd")
    with mtls_server(
        {"use": "mtls", "clients": {"alice": {"san": "alice.example"}}}
    ) as server, Echo() as service:
        assert fate(server, flags(odd))[0] == 3
        with peers.spore_client(server.control, service.port, extra=flags(alice)):
            server.process.wait_for("new client .*identity=alice")


def test_many_clients_and_many_names(mtls_server, authority):
    names = [f"DNS:n{i}.example" for i in range(100)]
    clients = {f"c{i}": {"san": f"c{i}.example"} for i in range(2000)} | {
        "last": {"san": "n99.example"}
    }
    with mtls_server({"use": "mtls", "clients": clients}) as server:
        with tls.dial(server, authority, authority.issue(*names)) as wire:
            assert wire.hello() > 0
        server.process.wait_for("new client .*identity=last")


ALICE = {"use": "mtls", "clients": {"alice": {"san": "alice.example"}}}
BAN_AT_ONCE = {"ban_after": 1, "ban_exempt": []}


def test_a_client_without_a_certificate_is_no_wrong_secret(configured_server):
    """The transport may have certificates, but demands none. The operator is told once."""
    config = {
        "plugins": {"path": [str(pathlib.Path(peers.spore_binary()).parent / "test-plugins")]},
        "transport": [{"use": "doubted"}],
        "auth": [ALICE],
        "limits": BAN_AT_ONCE,
    }
    with configured_server(config=config) as server:
        for _ in range(3):
            status, said = fate(server, ["--retry"])
            assert status == 3 and "server error: the server does not know this client" in said
        server.process.wait_for("a client has no verified certificate")
    log = "\n".join(server.process.stderr)
    assert log.count("no verified certificate") == 1
    assert "banned" not in log and "invalid secret" not in log


def test_an_unknown_certificate_is_no_wrong_secret(mtls_server, flags, alice, mallory, tmp_path):
    """Nobody guesses certificates: its source is not banned, and it is counted by itself."""
    with mtls_server(ALICE, limits=BAN_AT_ONCE) as server, Echo() as service:
        for _ in range(3):
            assert fate(server, flags(mallory))[0] == 3
        with peers.spore_client(server.control, service.port, extra=flags(alice)) as client:
            assert one_exchange(server.public_host, client.port) == b"ping"
    assert "banned" not in "\n".join(server.process.stderr)


DEMANDS = "/auth/0: expected a transport that knows the clients' certificates, such as tls with"


@pytest.mark.parametrize("behind", [[], [{"use": "hmac", "secret": "s3cret"}]], ids=["alone", "+"])
def test_a_transport_that_demands_no_certificate(tmp_path, certificate, behind, address):
    """Refused by --check and by a start. The same without mtls is good."""
    tls_ = {"use": "tls", "certfile": certificate.path, "keyfile": certificate.key}
    path = tmp_path / "server.json"
    for auth, status in (([ALICE, *behind], 1), (behind, 0)):
        path.write_text(json.dumps({"transport": [tls_], "auth": auth}), encoding="utf-8")
        checked = run([peers.spore_binary(), "server", "--check", "--config", str(path)])
        assert checked.status == status
        assert (DEMANDS in "\n".join(checked.stderr)) == (status == 1)
    path.write_text(json.dumps({"transport": [tls_], "auth": [ALICE]}), encoding="utf-8")
    words = ["server", "--config", str(path), "--bind-addr", address.host]
    started = run([peers.spore_binary(), *words])
    assert started.status == 1 and DEMANDS in "\n".join(started.stderr)


def test_a_reload_without_the_authority_is_refused(mtls_server, flags, alice, tmp_path):
    path = tmp_path / "server.json"
    with mtls_server(ALICE) as server, Echo() as service:
        with peers.spore_client(server.control, service.port, extra=flags(alice)) as client:
            config = json.loads(path.read_text(encoding="utf-8"))
            del config["transport"][0]["cacertfile"]
            path.write_text(json.dumps(config), encoding="utf-8")
            server.process.signal(signal.SIGHUP)
            server.process.wait_for(DEMANDS)
            assert one_exchange(server.public_host, client.port) == b"ping"


def test_a_data_connection_that_is_refused_is_told(
    mtls_server, flags, authority, alice, mallory, tmp_path
):
    """The tunnel is open, but the certificate is no longer accepted. The client says so, and its
    visitor ends at once."""
    trusted = tmp_path / "clients.pem"
    shutil.copy(authority.path, trusted)
    with mtls_server(trusted=trusted) as server, Echo() as service:
        with peers.spore_client(server.control, service.port, extra=flags(alice)) as client:
            assert one_exchange(server.public_host, client.port) == b"ping"
            shutil.copy(Authority(tmp_path / "others", name="Others").path, trusted)
            server.process.signal(signal.SIGHUP)
            server.process.wait_for("configuration reloaded")
            with connect(server.public_host, client.port) as visitor:
                assert how_it_ends(visitor)[0] == b""
            client.process.wait_for(
                'warn  connection failed tunnel=.* error="the server refused our certificate: '
                'it does not trust the issuing authority"'
            )


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, '/auth/0: expected clients, or "any": true'),
        ({"clients": {"a": {}}}, "/auth/0/clients/a: expected subject, san or sha256"),
        ({"clients": {"a": {"sha256": "12"}}}, "/auth/0/clients/a/sha256: expected 64 hex digits"),
        ({"clients": {"a": {"sna": "x"}}}, 'unknown key "sna": did you mean "san"?'),
        (
            {"clients": {"a": {"subject": "CN = alice"}}},
            '/auth/0/clients/a/subject: expected the subject as "CN=alice,O=Acme"',
        ),
        (
            {"clients": {"a": {"subject": "CN=alice, O=Acme"}}},
            "/auth/0/clients/a/subject: expected the subject as",
        ),
        (
            {"clients": {"a": {"subject": "/O=Acme/CN=alice"}}},
            "/auth/0/clients/a/subject: expected the subject as",
        ),
        (
            {"clients": {"a": {"subject": "alice"}}},
            "/auth/0/clients/a/subject: expected the subject as",
        ),
        (
            {"clients": {"a": {"san": "DNS:alice"}}},
            "/auth/0/clients/a/san: expected a name as in the certificate",
        ),
        (
            {"clients": {"a": {"san": ""}}},
            "/auth/0/clients/a/san: expected a name as in the certificate",
        ),
    ],
)
def test_mistakes(tmp_path, options, expected):
    path = tmp_path / "server.json"
    path.write_text(json.dumps({"auth": [{"use": "mtls", **options}]}), encoding="utf-8")
    with Loopback() as address:
        process = run(
            [peers.spore_binary(), "server", "--config", str(path), "--bind-addr", address.host]
        )
    assert process.status == 1
    assert expected in "\n".join(process.stderr)


def test_it_has_no_clients_side(tmp_path):
    path = tmp_path / "client.json"
    path.write_text(json.dumps({"auth": [{"use": "mtls", "any": True}]}), encoding="utf-8")
    process = run([peers.spore_binary(), "local", "9", "--to", "127.0.0.1", "--config", str(path)])
    assert process.status == 1
    assert "plugin mtls has no client side" in "\n".join(process.stderr)


@pytest.mark.parametrize("auth", [[], [{"use": "mtls", "any": True}]], ids=["open", "mtls"])
def test_a_reload_ends_the_tunnel_of_an_expired_certificate(mtls_server, flags, authority, auth):
    """Nothing else has changed. The tunnel of the other client stays."""
    end = int(time.time()) + 4
    brief, lasting = authority.issue(end=asn1_date(end)), authority.issue()
    with mtls_server(*auth) as server, Echo() as service:
        with peers.spore_client(
            server.control, service.port, extra=flags(lasting)
        ) as other, peers.spore_client(server.control, service.port, extra=flags(brief)) as client:
            server.process.signal(signal.SIGHUP)
            server.process.wait_for("configuration reloaded")
            assert one_exchange(server.public_host, client.port) == b"ping"
            time.sleep(max(0, end + 1 - time.time()))
            server.process.signal(signal.SIGHUP)
            assert client.wait() != 0
            assert "access was revoked" in client.process.log()
            server.process.wait_for('reason="access was revoked" .*expiry that its transport')
            assert one_exchange(server.public_host, other.port) == b"ping"
