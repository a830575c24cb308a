"""Strangers: thousands of connections that never authenticate, made by a separate process.

A separate process, so that their cost does not disturb the test that measures. As a program, this
file opens the connections, prints once a second how many are open, and closes them on TERM.
"""

import argparse
import collections
import itertools
import pathlib
import resource
import select
import signal
import socket
import sys
import time

IP_BIND_ADDRESS_NO_PORT = 24
OPENED_AT_ONCE = 100
DRIPS_A_SECOND = 10


def sources(number):
    """Loopback addresses for strangers to connect from."""
    return [f"127.77.{index // 250}.{1 + index % 250}" for index in range(number)]


class Siege:
    """The process; a context manager. All strangers are connected on entry and closed on exit.

    idle, drip  number that send nothing, and number that send a byte a second
    come_from   source addresses, taken in turn
    say         bytes that each sends when it is connected
    stay        do not close a connection that the server has ended
    again       seconds after which a lost stranger reconnects; None: never
    """

    def __init__(
        self, address, idle=0, drip=0, come_from=("127.0.0.1",), say=b"", stay=False, again=None
    ):
        # Not at the top: as a program, this file is not part of a package.
        from .process import Process

        argv = [
            sys.executable,
            "-B",
            pathlib.Path(__file__),
            *address,
            "--idle",
            idle,
            "--drip",
            drip,
        ]
        argv += ["--from", ",".join(come_from), "--say", say.hex()] + (["--stay"] if stay else [])
        argv += [] if again is None else ["--again", again]
        self.process = Process(argv, name="siege")

    def __enter__(self):
        try:
            self.wait_standing()
        except BaseException:
            self.process.close()
            raise
        return self

    def __exit__(self, exception_type, *_):
        try:
            if exception_type is None:
                self.leave()
        finally:
            self.process.close()

    def wait_standing(self, timeout=60.0):
        """Waits until each stranger has been connected once, or refused."""
        self.process.wait_for("all came", stream="stdout", timeout=timeout)

    def leave(self):
        """Closes all connections."""
        if self.process.running:
            assert self.process.stop(30) == 0, self.process.log()

    def said(self):
        """The last report: how many were opened, cut and refused, and how many are open."""
        words = [line for line in self.process.stdout if line.startswith("opened")][-1].split()
        return {name: int(value) for name, value in zip(words[::2], words[1::2])}


class _Strangers:
    def __init__(self, options):
        self.options = options
        self.target = (options.host, options.port)
        self.come_from = itertools.cycle(options.come_from.split(","))
        self.poll = select.epoll()
        self.standing = {}  # by descriptor: (socket, whether it drips)
        self.connecting = {}
        self.ended = []
        self.number = options.idle + options.drip
        self.due = collections.deque((0.0, index < options.drip) for index in range(self.number))
        self.drips = [[] for _ in range(DRIPS_A_SECOND)]
        self.opened = self.cut = self.refused = 0
        self.told_to_end = False

    def open(self, drips):
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((next(self.come_from), 0))
        sock.connect_ex(self.target)
        self.connecting[sock.fileno()] = (sock, drips)
        self.poll.register(sock, select.EPOLLOUT)

    def open_due(self, now):
        for _ in range(OPENED_AT_ONCE):
            if not self.due or self.due[0][0] > now:
                return
            self.open(self.due.popleft()[1])

    def lose(self, sock, drips):
        self.poll.unregister(sock)
        if self.options.stay:
            self.ended.append(sock)
        else:
            sock.close()
        if self.options.again is not None:
            self.due.append((time.monotonic() + self.options.again, drips))

    def take_connected(self, descriptor):
        sock, drips = self.connecting.pop(descriptor)
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.refused += 1
            self.lose(sock, drips)
            return
        self.opened += 1
        self.standing[descriptor] = (sock, drips)
        self.poll.modify(descriptor, select.EPOLLIN)
        if drips:
            self.drips[self.opened % DRIPS_A_SECOND].append(sock)
        if self.options.say:
            send(sock, bytes.fromhex(self.options.say))

    def take_readable(self, descriptor):
        sock, drips = self.standing[descriptor]
        try:
            if sock.recv(65536):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        del self.standing[descriptor]
        self.cut += 1
        self.lose(sock, drips)

    def drip(self, share):
        share[:] = [sock for sock in share if sock.fileno() >= 0]
        for sock in share:
            send(sock, b"{")

    def report(self):
        print(
            (
                f"opened {self.opened} cut {self.cut} refused {self.refused} standing "
                f"{len(self.standing)}"
            ),
            flush=True,
        )

    def turn(self, wait):
        self.open_due(time.monotonic())
        hurry = self.due and self.due[0][0] <= time.monotonic()
        for descriptor, _ in self.poll.poll(0 if hurry else wait, 1000):
            if descriptor in self.connecting:
                self.take_connected(descriptor)
            else:
                self.take_readable(descriptor)

    def run(self):
        next_drip = next_report = time.monotonic()
        shares = itertools.cycle(self.drips)
        all_came = False
        while not self.told_to_end:
            if time.monotonic() >= next_drip:
                self.drip(next(shares))
                next_drip += 1 / DRIPS_A_SECOND
            if time.monotonic() >= next_report:
                self.report()
                next_report += 1
            if not all_came and self.opened + self.refused >= self.number:
                all_came = True
                self.report()
                print("all came", flush=True)
            self.turn(max(0.001, next_drip - time.monotonic()))
        for sock, _ in [*self.standing.values(), *self.connecting.values()]:
            sock.close()
        self.report()

    def end(self, *_):
        self.told_to_end = True


def send(sock, data):
    try:
        sock.send(data)
    except OSError:
        pass  # the end is found by reading


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--idle", type=int)
    parser.add_argument("--drip", type=int)
    parser.add_argument("--from", dest="come_from")
    parser.add_argument("--say")
    parser.add_argument("--stay", action="store_true")
    parser.add_argument("--again", type=float)
    strangers = _Strangers(parser.parse_args())
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGTERM, strangers.end)
    strangers.run()


if __name__ == "__main__":
    main()
