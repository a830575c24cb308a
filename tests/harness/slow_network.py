"""A network namespace behind a link of this process, which delays packets and may drop them."""

import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time

from .network import FarNetwork, _ip, _not_permitted

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 1, 0x1000
_TCP, _SYN = 6, 2


class Packet:
    """An IPv4 packet of TCP: its ports, flags and the number of bytes that it carries."""

    def __init__(self, raw, outbound):
        self.raw, self.outbound = raw, outbound  # outbound: to the namespace
        header = (raw[0] & 15) * 4
        self.is_tcp = raw[0] >> 4 == 4 and raw[9] == _TCP
        self.source = self.target = self.size = self.flags = 0
        if self.is_tcp:
            self.source, self.target = struct.unpack_from("!HH", raw, header)
            self.flags = raw[header + 13]
            self.size = len(raw) - header - (raw[header + 12] >> 4) * 4

    @property
    def far_port(self):
        """The port in the namespace."""
        return self.target if self.outbound else self.source


class SlowNetwork(FarNetwork):
    """delay: seconds in each direction; loss: the part of the packets that is lost.

    far_ports: ports of the namespace from which connections were opened, oldest first.
    drops: a function of a Packet, or None; True drops it.
    """

    def __init__(self, delay=0.0, loss=0.0):
        super().__init__()
        self.delay, self.loss = delay, loss
        self.far_ports = []
        self.drops = None
        self._random = random.Random(18)
        self._devices = {}
        self._over, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self):
        super().__enter__()
        self._thread.start()
        return self

    def __exit__(self, *exception):
        os.write(self._wake, b"x")
        self._thread.join()
        super().__exit__(*exception)

    def _set_up(self):
        for name in (self._near, self._far):
            self._devices[name] = _open_tunnel(name)
        near, far = ["dev", self._near], ["dev", self._far]
        there = ["-n", self.name]
        self._do("netns", "add", self.name)
        self._do("link", "set", self._far, "netns", self.name)
        self._do("addr", "add", self.here, "peer", self.there, *near)
        self._do(*there, "addr", "add", self.there, "peer", self.here, *far)
        self._do("link", "set", self._near, "up")
        self._do(*there, "link", "set", self._far, "up")
        self._do(*there, "link", "set", "lo", "up")

    def _remove(self):
        for device in self._devices.values():
            os.close(device)
        self._devices = {}
        _ip("netns", "del", self.name)

    # The link

    def _carry(self):
        near, far = self._devices[self._near], self._devices[self._far]
        underway, number = [], 0  # (time of arrival, number, descriptor, bytes)
        while True:
            wait = max(0.0, underway[0][0] - time.monotonic()) if underway else None
            ready, _, _ = select.select([near, far, self._over], [], [], wait)
            if self._over in ready:
                return
            for device in ready:
                packet = Packet(os.read(device, 65536), outbound=device == near)
                if self._arrives(packet):
                    target = far if device == near else near
                    number += 1
                    arrival = time.monotonic() + self.delay
                    heapq.heappush(underway, (arrival, number, target, packet.raw))
            while underway and underway[0][0] <= time.monotonic():
                _, _, target, raw = heapq.heappop(underway)
                os.write(target, raw)

    def _arrives(self, packet):
        if not packet.outbound and packet.flags & _SYN and packet.source not in self.far_ports:
            self.far_ports.append(packet.source)
        if self.drops and packet.is_tcp and self.drops(packet):
            return False
        return self._random.random() >= self.loss

    def forget(self, ports):
        """As a NAT does: from now on no packet of these connections passes."""
        forgotten = set(ports)
        self.drops = lambda packet: packet.far_port in forgotten


def _open_tunnel(name):
    """The descriptor of a new TUN device."""
    try:
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(
            device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
        )
    except OSError as error:
        _not_permitted(f"a TUN device: {error}")
    return device
