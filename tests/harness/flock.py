"""A flock of visitors that talk to an echo service and check every byte, in a separate process.

A separate process, so that their cost does not disturb the test. As a program, this file opens the
visitors and keeps a hash of what each has sent and received. At the first difference it ends and
prints the reason. On TERM it half-closes each visitor and waits for the end of its stream.
"""

import argparse
import hashlib
import heapq
import pathlib
import random
import resource
import select
import signal
import socket
import sys
import time

PIECE, LARGE_PIECE = 2048, 128 * 1024
LARGE_EVERY = 10
MOST_BLOCKED = 60


class Flock:
    """The process; a context manager. Entry waits for first exchanges; exit checks all."""

    def __init__(self, host, ports, number, pause=0.4):
        # Not at the top: as a program, this file is not part of a package.
        from .process import Process
        from .scale import SLOW

        argv = [
            sys.executable,
            "-B",
            pathlib.Path(__file__),
            host,
            ",".join(map(str, ports)),
            number,
            pause * SLOW,
        ]
        self.process = Process(argv, name="flock")
        self.total = None

    def __enter__(self):
        try:
            self.process.wait_for("all exchanged", stream="stdout", timeout=30)
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

    def check(self):
        """Fails if a visitor has failed so far. Leaving checks all of them to the last byte."""
        assert self.process.running, self.process.log()

    def leave(self):
        """Ends all visitors and sets `.total` to the number of their exchanges."""
        assert self.process.stop(60) == 0, self.process.log()
        self.total = int(
            self.process.wait_for(r"unharmed after (\d+) exchanges", stream="stdout").group(1)
        )


class _Visitor:
    """sending: the bytes still to write; awaited: the number of bytes still to read."""

    def __init__(self, index, host, port):
        self.name = f"visitor {index} of port {port}"
        self.random = random.Random(index)
        self.most = LARGE_PIECE if index % LARGE_EVERY == 0 else PIECE
        self.sent, self.read = hashlib.sha256(), hashlib.sha256()
        self.sending, self.awaited, self.exchanges = memoryview(b""), 0, 0
        self.sock = socket.create_connection((host, port))
        self.sock.setblocking(False)

    def begin(self):
        data = self.random.randbytes(self.random.randint(1, self.most))
        self.sent.update(data)
        self.sending, self.awaited = memoryview(data), len(data)

    def write(self):
        self.sending = self.sending[self.sock.send(self.sending) :]

    def take(self):
        """Reads; returns True at the end of an exchange."""
        data = self.sock.recv(65536)
        self.read.update(data)
        self.awaited -= len(data)
        if not data or self.awaited < 0:
            raise AssertionError("the stream ended" if not data else "more came back than was sent")
        if self.awaited == 0 and self.read.digest() != self.sent.digest():
            raise AssertionError("other bytes came back than were sent")
        self.exchanges += self.awaited == 0
        return self.awaited == 0

    def finish(self):
        self.sock.settimeout(MOST_BLOCKED)
        self.sock.shutdown(socket.SHUT_WR)
        if self.sock.recv(1) != b"":
            raise AssertionError("more came back than was sent")
        self.sock.close()


class _Visitors:
    def __init__(self, host, ports, number, pause):
        self.pause = pause
        self.told_to_end = False
        self.poll = select.epoll()
        self.all = [_Visitor(index, host, ports[index % len(ports)]) for index in range(number)]
        self.by_descriptor = {each.sock.fileno(): each for each in self.all}
        self.due = [(time.monotonic() + index * pause / number, index) for index in range(number)]
        self.index = {each: index for index, each in enumerate(self.all)}
        self.talking = 0

    def begin_due(self, now):
        while self.due and self.due[0][0] <= now:
            visitor = self.all[heapq.heappop(self.due)[1]]
            visitor.begin()
            self.talking += 1
            self.poll.register(visitor.sock, select.EPOLLIN | select.EPOLLOUT)

    def serve(self, visitor, events):
        if events & select.EPOLLOUT and visitor.sending:
            visitor.write()
            if not visitor.sending:
                self.poll.modify(visitor.sock, select.EPOLLIN)
        if events & ~select.EPOLLOUT and visitor.take():
            self.talking -= 1
            self.poll.unregister(visitor.sock)
            heapq.heappush(self.due, (time.monotonic() + self.pause, self.index[visitor]))

    def run(self):
        all_exchanged = False
        while self.talking or not self.told_to_end:
            if not self.told_to_end:
                self.begin_due(time.monotonic())
            wait = (
                max(0.001, self.due[0][0] - time.monotonic())
                if self.due and not self.told_to_end
                else 0.1
            )
            for descriptor, events in self.poll.poll(wait):
                visitor = self.by_descriptor[descriptor]
                guarded(visitor, self.serve, visitor, events)
            if not all_exchanged and all(each.exchanges for each in self.all):
                all_exchanged = True
                print("all exchanged", flush=True)
        for visitor in self.all:
            guarded(visitor, visitor.finish)
        print(f"unharmed after {sum(each.exchanges for each in self.all)} exchanges", flush=True)

    def end(self, *_):
        self.told_to_end = True


def guarded(visitor, call, *arguments):
    try:
        call(*arguments)
    except BlockingIOError:
        pass
    except (OSError, AssertionError) as failure:
        sys.exit(f"{visitor.name} was harmed after {visitor.exchanges} exchanges: {failure!r}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("ports", type=lambda text: [int(port) for port in text.split(",")])
    parser.add_argument("number", type=int)
    parser.add_argument("pause", type=float)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    visitors = _Visitors(options.host, options.ports, options.number, options.pause)
    signal.signal(signal.SIGTERM, visitors.end)
    visitors.run()


if __name__ == "__main__":
    main()
