"""A loopback address of one's own for each test.

bore's client knows one control port only, 7835, so two tests with a bore in them cannot share an
address. All of 127.0.0.0/8 is local on Linux: a lease picks a random address there and holds it by
listening on a port next to bore's, which any other lease on this machine would collide with.
On an address that nobody else uses every port is free, so ports need no luck either.
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
        """A port of this address that nothing listens on; never the same one twice.

        The default range is outside of the ephemeral ports.
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
    """Whether a listener could be bound there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host):
    """A free port of an address that is shared with others, such as ::1: a guess, made by the
    kernel."""
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
