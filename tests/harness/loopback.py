"""A private loopback address for each test.

bore's client can only use control port 7835, so two tests that run bore cannot share an address.
All of 127.0.0.0/8 is local on Linux. A lease picks a random address there and listens on a port
next to bore's, so another lease of the same address fails. Nobody else uses the address, so all
its ports are free.
"""

import errno
import random
import socket

BORE_CONTROL_PORT = 7835
LEASE_PORT = 7834


class Loopback:
    """One leased address; `with Loopback() as address: address.host`."""

    def __init__(self):
        self.host = None
        self._lease = None
        self._given = set()

    def __enter__(self):
        chooser = random.SystemRandom()
        for _ in range(200):
            octets = chooser.randint(16, 250), chooser.randint(0, 255), chooser.randint(1, 254)
            host = "127.%d.%d.%d" % octets
            lease = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                lease.bind((host, LEASE_PORT))
                lease.listen(1)
            except OSError as error:
                lease.close()
                if error.errno == errno.EADDRINUSE:
                    continue
                raise
            self.host, self._lease = host, lease
            return self
        raise RuntimeError("no free loopback address")

    def __exit__(self, *_):
        self._lease.close()

    def free_port(self, low=20000, high=32000):
        """A free port of this address; never the same port twice.

        The default range is below the ephemeral ports.
        """
        for _ in range(500):
            port = random.randint(low, high)
            if port in self._given or port in (LEASE_PORT, BORE_CONTROL_PORT):
                continue
            if port_is_free(self.host, port):
                self._given.add(port)
                return port
        raise RuntimeError(f"no free port on {self.host} in {low}..{high}")


def port_is_free(host, port):
    """Whether a listener can be bound to the port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host):
    """A port of a shared address such as ::1. The kernel picks it; another process may take it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def has_ipv6():
    """Whether ::1 can be bound here."""
    try:
        free_port("::1")
    except OSError:
        return False
    return True
