"""A second network namespace behind a pair of interfaces; a test can cut the connection.

Or it stands behind a router with NAT that forgets idle connections."""

import contextlib
import ctypes
import os
import subprocess
import threading

import pytest

from .peers import installed_program
from .scale import seconds
from .sockets import connect

CLONE_NEWNET = 0x40000000


def _ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


def _not_permitted(why):
    """Skips the test: a container may forbid namespaces even to root."""
    pytest.skip(f"SKIPPED: no network namespace may be made here: {why}")


class FarNetwork:
    """here, there: our address and that of the namespace; `within`: prefix of commands there.

    elsewhere: the address that the namespace has after `lose_address` and `get_another_address`."""

    def __init__(self):
        number = os.getpid() % 16384
        self.name = f"spore-{os.getpid()}"
        self._near, self._far = f"sn{number}", f"sf{number}"
        # 198.18.0.0/15 is set aside for measuring networks (RFC 2544); a /30 for each process.
        base = number * 4
        self.here = f"198.18.{base >> 8}.{(base & 255) + 1}"
        self.there = f"198.18.{base >> 8}.{(base & 255) + 2}"
        self.elsewhere = f"198.19.{base >> 8}.{(base & 255) + 2}"
        self.within = ["ip", "netns", "exec", self.name]

    def __enter__(self):
        if os.geteuid() != 0:
            _not_permitted("only root may")
        installed_program("ip", "iproute2")
        try:
            self._set_up()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_):
        self._remove()

    def _do(self, *arguments):
        done = _ip(*arguments)
        if done.returncode != 0:
            _not_permitted(f"ip {' '.join(arguments)}: {done.stderr.strip()}")

    def _join(self, near, far, name, here, there):
        """Two interfaces, ours and one in the namespace `name`, with these addresses."""
        self._do("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        self._do("addr", "add", f"{here}/30", "dev", near)
        self._do("-n", name, "addr", "add", f"{there}/30", "dev", far)
        self._do("link", "set", near, "up")
        self._do("-n", name, "link", "set", far, "up")
        self._do("-n", name, "link", "set", "lo", "up")

    def _set_up(self):
        self._do("netns", "add", self.name)
        self._join(self._near, self._far, self.name, self.here, self.there)

    def _remove(self):
        _ip("link", "del", self._near)
        _ip("netns", "del", self.name)

    def cut(self):
        """From now on no packet passes, and neither end is notified."""
        done = _ip("-n", self.name, "link", "set", self._far, "down")
        assert done.returncode == 0, done.stderr

    def lose_address(self):
        """The namespace has no address any more, and so no way out."""
        self._must("-n", self.name, "addr", "del", f"{self.there}/30", "dev", self._far)

    def get_address_again(self):
        """The one that it had before."""
        self._must("-n", self.name, "addr", "add", f"{self.there}/30", "dev", self._far)

    def get_another_address(self):
        """The namespace has the address `elsewhere`."""
        self._must("route", "add", f"{self.elsewhere}/32", "dev", self._near)
        self._must("-n", self.name, "addr", "add", f"{self.elsewhere}/32", "dev", self._far)
        self._must("-n", self.name, "route", "add", f"{self.here}/32", "dev", self._far)

    def stir(self, times):
        """Adds and removes a route of the namespace that leads nowhere, so often."""
        lines = "route add 203.0.113.7/32 dev lo\nroute del 203.0.113.7/32 dev lo\n" * times
        done = subprocess.run(
            ["ip", "-n", self.name, "-batch", "-"], input=lines, text=True, check=False
        )
        assert done.returncode == 0

    def _must(self, *arguments):
        done = _ip(*arguments)
        assert done.returncode == 0, done.stderr

    def set(self, name, value):
        """Sets a sysctl of the namespace."""
        _set_within(self.name, name, value)

    def make(self, kind):
        """Calls `kind`, whose sockets belong to the namespace."""
        return _within(self.name, kind)

    def connect(self, host, port):
        """A socket of the namespace, connected."""
        return _within(self.name, lambda: connect(host, port))


def _set_within(namespace, name, value):
    command = ["ip", "netns", "exec", namespace, "tee", f"/proc/sys/{name.replace('.', '/')}"]
    done = subprocess.run(command, input=str(value), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        _not_permitted(f"{name}: {done.stderr.strip()}")


def _enter(path):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, "rb") as file:
        assert libc.setns(file.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


@contextlib.contextmanager
def network_of(pid):
    """Sockets, threads and processes that this thread makes are in the network of the process."""
    with open("/proc/thread-self/ns/net", "rb") as own:
        _enter(f"/proc/{pid}/ns/net")
        try:
            yield
        finally:
            _enter(f"/proc/self/fd/{own.fileno()}")


def _within(namespace, make):
    """Calls `make` in a thread that has entered the namespace. A socket stays in it."""
    made = []

    def run():
        _enter(f"/run/netns/{namespace}")
        made.append(make())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(seconds(20))
    assert made, "the thread in the other namespace has failed"
    return made[0]


RULES = """
table ip spore {
    chain translate {
        type nat hook postrouting priority 100
        oifname "OUT" masquerade
    }
    chain pass {
        type filter hook forward priority 0
        ct state invalid drop
    }
    chain take {
        type filter hook input priority 0; policy drop
    }
}
"""


class NatNetwork(FarNetwork):
    """The namespace is behind a router with NAT, in a namespace of its own.

    The router forgets a connection that has been idle for `memory` seconds. It drops later packets
    without an answer. there: the router's address, from which connections of the namespace come.
    """

    def __init__(self, memory):
        super().__init__()
        self._memory = memory
        self._router = f"{self.name}-nat"
        self._inside, self._outside = "inside", "outside"

    def _set_up(self):
        nft = installed_program("nft", "nftables")
        self._do("netns", "add", self._router)
        self._do("netns", "add", self.name)
        self._join(self._near, self._outside, self._router, self.here, self.there)
        self._do(
            *["-n", self._router, "link", "add", self._inside, "type", "veth"],
            *["peer", "name", self._far, "netns", self.name],
        )
        self._do("-n", self._router, "addr", "add", "192.168.8.1/24", "dev", self._inside)
        self._do("-n", self.name, "addr", "add", "192.168.8.2/24", "dev", self._far)
        self._do("-n", self._router, "link", "set", self._inside, "up")
        self._do("-n", self.name, "link", "set", self._far, "up")
        self._do("-n", self.name, "link", "set", "lo", "up")
        self._do("-n", self.name, "route", "add", "default", "via", "192.168.8.1")
        loaded = subprocess.run(
            ["ip", "netns", "exec", self._router, nft, "-f", "-"],
            input=RULES.replace("OUT", self._outside),
            capture_output=True,
            text=True,
            check=False,
        )
        if loaded.returncode != 0:
            _not_permitted(f"nft: {loaded.stderr.strip()}")
        _set_within(self._router, "net.ipv4.ip_forward", 1)
        timeout = "net.netfilter.nf_conntrack_tcp_timeout_established"
        _set_within(self._router, timeout, self._memory)
        # It does not adopt a connection whose beginning it has not seen.
        _set_within(self._router, "net.netfilter.nf_conntrack_tcp_loose", 0)

    def _remove(self):
        super()._remove()
        _ip("netns", "del", self._router)
