"""Bytes as they are on the wire: packets of the loopback interface."""

import ctypes
import os
import socket
import struct
import threading

import pytest

ETH_P_ALL = 3
SO_ATTACH_FILTER = 26


def _packets_of(host):
    """A classic BPF program that keeps the IPv4 packets from or to this address."""
    (wanted,) = struct.unpack("!I", socket.inet_aton(host))
    load, jump, give = 0x20, 0x15, 0x06
    program = [
        (load, 0, 0, 26),  # the source, behind the header of Ethernet
        (jump, 2, 0, wanted),
        (load, 0, 0, 30),  # the destination
        (jump, 0, 1, wanted),
        (give, 0, 0, 0x40000),
        (give, 0, 0, 0),
    ]
    return len(program), b"".join(struct.pack("HBBI", *each) for each in program)


class Capture:
    """Records the packets from or to an IPv4 address; `bytes` holds them after the end."""

    def __init__(self, host):
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except PermissionError:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip("SKIPPED: only root may capture packets")
        n, code = _packets_of(host)
        kept = ctypes.create_string_buffer(code)
        program = struct.pack("HP", n, ctypes.addressof(kept))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind(("lo", ETH_P_ALL))
        self._socket.settimeout(0.2)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._record)
        self.bytes = bytearray()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        self._socket.close()

    def _record(self):
        """Ends once no packet comes any more."""
        while True:
            try:
                self.bytes += self._socket.recv(1 << 18)
            except TimeoutError:
                if self._done.is_set():
                    return
