"""acl_cidr: its verdicts compared with Python's ipaddress; options, mistakes, large lists."""

import ipaddress
import pathlib
import random
import re
import subprocess

import pytest

from harness.loopback import Loopback
from harness.peers import spore_binary
from harness.scale import count, seconds
from harness.services import Echo
from harness.sockets import connect
from harness.wire import Wire

IPV4 = 0xFFFF << 32  # the prefix of mapped IPv4 addresses
ALLOW, DENY, NEXT = "A", "D", "N"


class Asker:
    """Queries the access lists of a configuration without connections."""

    def __init__(self, host):
        self.host = host
        self.program = pathlib.Path(spore_binary()).parent / "acl-ask"

    def ask(self, questions, flags=(), **sections):
        """The verdicts on pairs (instance, address as 128 bits), and the measurements of the
        program."""
        config = self.host.write({"plugins": self.host.plugins(), **sections}, "ask.json")
        packed = b"".join(
            index.to_bytes(2, "little") + ip.to_bytes(16, "big") for index, ip in questions
        )
        done = subprocess.run(
            [str(self.program), "--config", config, *flags],
            input=packed,
            capture_output=True,
            timeout=seconds(60),
        )
        assert done.returncode == 0, done.stderr.decode()
        verdicts = done.stdout.decode()
        assert len(verdicts) == len(questions), done.stderr.decode()
        measured = dict(re.findall(r"(\w+)=(\S+)", done.stderr.decode()))
        return verdicts, measured

    def verdicts(self, addresses, **options):
        """The verdicts of one access list, a letter for each address."""
        return self.ask([(0, number_of(each)) for each in addresses], **options)[0]


def number_of(text):
    address = ipaddress.ip_address(text)
    return int(address) | (IPV4 if address.version == 4 else 0)


def public(**options):
    return {"public": [{"use": "cidr", **options}]}


@pytest.fixture
def asker(host):
    return Asker(host)


# ---- verdicts


def test_the_longest_prefix_decides(asker):
    lists = public(allow=["10.0.0.0/8", "10.1.2.0/24"], deny=["10.1.0.0/16", "10.1.2.3"])
    addresses = ["10.0.0.1", "10.1.0.1", "10.1.2.4", "10.1.2.3", "11.0.0.1", "::1"]
    assert asker.verdicts(addresses, acl=lists) == "ADADDD"


def test_equal_prefixes_deny(asker):
    assert (
        asker.verdicts(
            ["10.0.0.1", "::1"],
            acl=public(allow=["10.0.0.0/8", "::1"], deny=["10.0.0.0/8", "::1/128"]),
        )
        == "DD"
    )


def test_without_those_allowed_the_others_go_on(asker):
    assert asker.verdicts(["10.0.0.1", "11.0.0.1", "::1"], acl=public(deny=["10.0.0.0/8"])) == "DNN"


def test_an_empty_list_of_those_allowed_lets_nobody_in(asker):
    assert asker.verdicts(["10.0.0.1", "::1"], acl=public(allow=[])) == "DD"


def test_ipv6_says_nothing_of_ipv4(asker):
    """A mapped address counts as IPv4, in lists and as a peer."""
    assert (
        asker.verdicts(["10.0.0.1", "::ffff:10.0.0.1", "::1"], acl=public(allow=["::/0"])) == "DDA"
    )
    assert asker.verdicts(["10.0.0.1", "::1"], acl=public(allow=["0.0.0.0/0"])) == "AD"
    assert (
        asker.verdicts(["10.0.0.1", "10.1.0.1", "::1"], acl=public(allow=["::ffff:10.0.0.0/112"]))
        == "ADD"
    )
    assert (
        asker.verdicts(["10.0.0.1", "::1", "::2"], acl=public(deny=["::/80", "::/64", "::2"]))
        == "NDD"
    )


def test_the_flags_mean_the_control_port(asker):
    flags = ["--allow", "10.0.0.0/8,192.168.0.0/16", "--deny", "0.0.0.0/0"]
    inside = ["10.0.0.0", "10.255.255.255", "192.168.0.1", "192.168.255.255"]
    outside = [
        "9.255.255.255",
        "11.0.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "127.0.0.1",
        "::1",
        "fe80::1",
        "::",
    ]
    assert asker.verdicts(inside + outside, flags=flags) == "A" * len(inside) + "D" * len(outside)


# ---- against ipaddress


class Prefixes:
    """A random list of nested and adjacent prefixes, with the verdicts of ipaddress."""

    def __init__(self, chooser, number):
        self.chooser = chooser
        self.rules = []
        for _ in range(number):
            version = chooser.choice((4, 6))
            bits = 32 if version == 4 else 128
            length = chooser.randint(0, bits)
            network = ipaddress.ip_network(
                (self.near(version) >> (bits - length) << (bits - length), length)
            )
            self.rules.append((network, chooser.choice((ALLOW, DENY))))

    def near(self, version):
        """A random address as a number: near the edge of a prefix, or anywhere."""
        bits = 32 if version == 4 else 128
        known = [network for network, _ in self.rules if network.version == version]
        if not known or self.chooser.random() < 0.1:
            return self.chooser.getrandbits(bits)
        network = self.chooser.choice(known)
        inside = int(network.network_address) | self.chooser.getrandbits(bits) >> network.prefixlen
        if self.chooser.random() < 0.6:
            return inside
        return inside ^ 1 << self.chooser.randint(0, bits - 1)

    def address(self):
        version = self.chooser.choice((4, 6))
        return (ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address)(
            self.near(version)
        )

    def verdict(self, address):
        covering = [
            (network.prefixlen, verdict == DENY)
            for network, verdict in self.rules
            if address in network
        ]
        if covering:
            return DENY if max(covering)[1] else ALLOW
        return DENY if any(verdict == ALLOW for _, verdict in self.rules) else NEXT

    def config(self):
        lists = {"allow": [], "deny": []}
        for network, verdict in self.rules:
            lists["allow" if verdict == ALLOW else "deny"].append(str(network))
        return {
            "use": "cidr",
            **{key: value for key, value in lists.items() if value or key == "deny"},
        }


@pytest.mark.timeout(120)
def test_it_says_what_ipaddress_says(asker):
    """A million pairs of a list and an address. A check neither allocates nor calls the system."""
    chooser = random.Random(20261122)
    lists = [Prefixes(chooser, chooser.randint(1, 8)) for _ in range(count(1000, 50))]
    questions, expected = [], []
    for index, each in enumerate(lists):
        for _ in range(1000):
            address = each.address()
            questions.append((index, int(address) | (IPV4 if address.version == 4 else 0)))
            expected.append(each.verdict(address))
    verdicts, measured = asker.ask(questions, acl={"public": [each.config() for each in lists]})
    wrong = [at for at in range(len(expected)) if verdicts[at] != expected[at]]
    assert not wrong, [
        (
            lists[questions[at][0]].config(),
            ipaddress.ip_address(questions[at][1]),
            verdicts[at],
            expected[at],
        )
        for at in wrong[:3]
    ]
    assert min(expected.count(letter) for letter in (ALLOW, DENY, NEXT)) > len(expected) // 50
    assert measured["allocations"] == "0"
    assert measured["system_calls"] in ("none", "unknown")


# ---- large lists


def many_prefixes(chooser, number):
    """Random prefixes, as {(bits, length)} in 128 bits and as text."""
    found = {}
    while len(found) < number:
        if chooser.random() < 0.5:
            length = chooser.randint(8, 32)
            bits = chooser.getrandbits(length)
            text = f"{ipaddress.IPv4Address(bits << (32 - length))}/{length}"
            found[(IPV4 >> 32) << length | bits, 96 + length] = text
        else:
            length = chooser.randint(19, 64)
            bits = chooser.getrandbits(length) & ~(7 << (length - 3)) | 1 << (length - 3)
            found[bits, length] = f"{ipaddress.IPv6Address(bits << (128 - length))}/{length}"
    return found


def look_up(found, denied, address):
    for length in range(128, -1, -1):
        key = (address >> (128 - length), length)
        if key in found and (length >= 96 or address >> 32 != IPV4 >> 32):
            return DENY if key in denied else ALLOW
    return DENY


def test_a_hundred_thousand_prefixes(asker):
    chooser = random.Random(7)
    found = many_prefixes(chooser, count(100_000))
    keys = list(found)
    denied = set(keys[::3])
    lists = public(
        allow=[text for key, text in found.items() if key not in denied],
        deny=[found[key] for key in denied],
    )
    addresses = []
    for bits, length in chooser.choices(keys, k=10_000):
        addresses.append(bits << (128 - length) | chooser.getrandbits(128) >> length)
        addresses.append(addresses[-1] ^ 1 << chooser.randint(0, 31))
    verdicts, measured = asker.ask([(0, each) for each in addresses], acl=lists)
    assert verdicts == "".join(look_up(found, denied, each) for each in addresses)
    assert measured["allocations"] == "0"


def test_a_server_starts_with_a_hundred_thousand_prefixes_of_a_file(host, tmp_path):
    texts = many_prefixes(random.Random(8), count(100_000)).values()
    (tmp_path / "list.txt").write_text("# made up\n" + "\n".join(texts) + "\n127.0.0.1 # here\n")
    lists = {"control": [{"use": "cidr", "allow": {"file": "list.txt"}}]}
    with host.server(acl=lists) as server, Wire.connect(server.control) as wire:
        assert wire.hello() > 0


# ---- mistakes


@pytest.mark.parametrize(
    "options, place, text",
    [
        (
            {"allow": ["10.0.0.1/8"]},
            "/allow/0",
            'expected "10.0.0.0/8" (no bits set after the prefix), found "10.0.0.1/8"',
        ),
        (
            {"deny": ["::1", "2001:db8::1/32"]},
            "/deny/1",
            'expected "2001:db8::/32" (no bits set after',
        ),
        ({"deny": ["10.0.0.0/33"]}, "/deny/0", 'expected an IP prefix such as "10.0.0.0/8"'),
        ({"deny": [10]}, "/deny/0", 'expected an IP prefix such as "10.0.0.0/8"'),
        ({"deny": "10.0.0.0/8"}, "/deny", 'expected an array, found "10.0.0.0/8"'),
        ({"deny": {"file": "none.txt"}}, "/deny/file", "cannot read the list "),
        ({}, "", 'expected "allow" or "deny", found neither'),
        ({"identity": ["alice"]}, "", 'expected "allow" or "deny", found neither'),
        ({"deny": [], "identity": []}, "/identity", "expected at least one element, found none"),
        ({"allow": [], "identity": "alice"}, "/identity", 'expected an array, found "alice"'),
    ],
)
def test_a_mistake_stops_the_start_and_names_its_place(host, error_line, options, place, text):
    line = error_line(host.refused(acl=public(**options)))
    assert re.search(
        rf"refused\.json:\d+:\d+: error: /acl/public/0{place}: {re.escape(text)}", line
    ), line


def test_an_identity_makes_no_sense_at_the_control_port(host, error_line):
    lists = {"control": [{"use": "cidr", "deny": ["::1"], "identity": ["alice"]}]}
    assert "/acl/control/0/identity: expected only in lists of public ports" in error_line(
        host.refused(acl=lists)
    )


def test_a_mistake_in_a_file_names_its_line(host, error_line, tmp_path):
    (tmp_path / "list.txt").write_text("10.0.0.0/8\n\n  10.0.0.256 # no such address\n")
    line = error_line(host.refused(acl=public(deny={"file": "list.txt"})))
    assert line.startswith(
        f"{tmp_path}/list.txt:3:3: error: /acl/public/0/deny/1: expected an IP prefix"
    ), line


# ---- public ports


@pytest.fixture
def stranger():
    """Another address of this machine, from which a visitor connects."""
    with Loopback() as leased:
        yield leased.host


def is_served(client, source):
    """Whether a visitor from that address reaches the echo service."""
    with connect(client.host, client.port, source=source) as visitor:
        try:
            visitor.sendall(b"ping")
            return visitor.recv(4) != b""
        except (BrokenPipeError, ConnectionResetError):
            return False


def test_visitors_of_all_tunnels(host, stranger):
    with Echo() as service, host.server(acl=public(deny=[stranger])) as server:
        with host.client(server, service) as client:
            assert not is_served(client, stranger)
            assert is_served(client, "127.0.0.1")
            server.process.wait_for(f"visitor refused .*peer={stranger}.*access list")


def test_visitors_of_a_named_identity(host, stranger):
    """Her tunnel admits one address, other tunnels all but one; the next instance decides the
    rest."""
    lists = {
        "public": [
            {"use": "cidr", "name": "hers", "identity": ["carol", "alice"], "allow": [stranger]},
            {"use": "cidr", "name": "all", "deny": [stranger]},
        ]
    }
    auth = [{"use": "policy", "names": ["alice", "bob"]}]
    with Echo() as service, host.server(acl=lists, auth=auth) as server:
        with host.client(server, service, auth=[{"use": "policy", "say": "alice"}]) as hers:
            with host.client(server, service, auth=[{"use": "policy", "say": "bob"}]) as his:
                assert [is_served(hers, source) for source in (stranger, "127.0.0.1")] == [
                    True,
                    False,
                ]
                assert [is_served(his, source) for source in (stranger, "127.0.0.1")] == [
                    False,
                    True,
                ]


def test_a_client_without_an_identity_matches_no_name(host, stranger):
    lists = public(identity=["alice"], deny=["0.0.0.0/0"])
    with Echo() as service, host.server(acl=lists) as server, host.client(
        server, service
    ) as client:
        assert is_served(client, stranger)
