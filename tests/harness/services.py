"""Local services behind a tunnel, each on its own port."""

import collections
import http.server
import queue
import selectors
import socket
import threading

from .bulk import receive_pattern, send_pattern
from .scale import seconds
from .sockets import end_writing, listen


class Inbox:
    """Hands every accepted socket to the test, which acts as the service."""

    def __init__(self, host="127.0.0.1", port=0, receive_buffer=None):
        self.listener = listen(host, port)
        if receive_buffer:
            # Before accept, so that the connections inherit it.
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.host, self.port = self.listener.getsockname()[:2]
        self.taken = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for sock in self.taken:
            sock.close()

    def take(self, timeout=10.0):
        """The next connection."""
        self.listener.settimeout(seconds(timeout))
        sock, _ = self.listener.accept()
        sock.settimeout(seconds(10))
        self.taken.append(sock)
        return sock


class Echo:
    """Sends back what it reads; ends its side after the other side. One thread serves all."""

    LIMIT = 1024 * 1024

    def __init__(self, host="127.0.0.1", port=0):
        self.listener = listen(host, port, backlog=4096)
        self.listener.setblocking(False)
        self.host, self.port = self.listener.getsockname()[:2]
        self.accepted = 0
        self.open = 0
        self._selector = selectors.DefaultSelector()
        self._waker, self._wakee = socket.socketpair()
        self._selector.register(self.listener, selectors.EVENT_READ)
        self._selector.register(self._wakee, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._waker.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()
        self._waker.close()

    def _serve(self):
        while True:
            for key, events in self._selector.select():
                if key.fileobj is self._wakee:
                    return
                if key.fileobj is self.listener:
                    self._accept()
                else:
                    self._turn(key.fileobj, key.data, events)

    def _accept(self):
        for _ in range(256):
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            except OSError:
                return
            sock.setblocking(False)
            self.accepted += 1
            self.open += 1
            self._selector.register(sock, selectors.EVENT_READ, _Pending())

    def _turn(self, sock, pending, events):
        try:
            if events & selectors.EVENT_READ:
                data = sock.recv(65536)
                if data:
                    pending.add(data)
                else:
                    pending.ended = True
            pending.write_to(sock)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(sock)
            return
        if pending.ended and not pending.size:
            self._drop(sock)
            return
        wanted = 0
        if not pending.ended and pending.size < self.LIMIT:
            wanted |= selectors.EVENT_READ
        if pending.size:
            wanted |= selectors.EVENT_WRITE
        self._selector.modify(sock, wanted, pending)

    def _drop(self, sock):
        self._selector.unregister(sock)
        sock.close()
        self.open -= 1


class _Pending:
    """Bytes that one connection still has to send."""

    def __init__(self):
        self.pieces = collections.deque()
        self.size = 0
        self.ended = False

    def add(self, data):
        self.pieces.append(memoryview(data))
        self.size += len(data)

    def write_to(self, sock):
        while self.pieces:
            piece = self.pieces[0]
            sent = sock.send(piece)
            self.size -= sent
            if sent < len(piece):
                self.pieces[0] = piece[sent:]
                return
            self.pieces.popleft()


class _Threaded:
    """Runs serve() of a subclass on a thread for each connection."""

    def __init__(self, host="127.0.0.1", port=0):
        self.listener = listen(host, port)
        self.host, self.port = self.listener.getsockname()[:2]
        self.results = queue.Queue()
        self._sockets = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        # shutdown() wakes the thread that is inside accept(); close() alone would not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.listener.close()
        for sock in list(self._sockets):
            sock.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(seconds(60))
            self._sockets.add(sock)
            threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock):
        try:
            self.results.put(self.serve(sock))
        except OSError as error:
            self.results.put(error)
        finally:
            sock.close()
            self._sockets.discard(sock)

    def result(self, timeout=30.0):
        """The result of the next connection that finishes."""
        outcome = self.results.get(timeout=seconds(timeout))
        if isinstance(outcome, OSError):
            raise AssertionError(f"the local service's connection failed: {outcome!r}")
        return outcome

    def serve(self, sock):
        raise NotImplementedError


class Sink(_Threaded):
    """Reads to the end, answers "LENGTH SHA256\\n" and ends its side: it needs half-close."""

    def serve(self, sock):
        length, digest = receive_pattern(sock)
        sock.sendall(f"{length} {digest}\n".encode())
        end_writing(sock)
        return length, digest


class Source(_Threaded):
    """Sends `total` bytes of the pattern, ends its side, then reads to the end of the stream.

    The result is (digest of the bytes sent, (length, digest) of the bytes read).
    """

    def __init__(self, total, **where):
        super().__init__(**where)
        self.total = total

    def serve(self, sock):
        sent = send_pattern(sock, self.total)
        end_writing(sock)
        return sent, receive_pattern(sock)


class Greeter(_Threaded):
    """Sends its greeting and ends its side."""

    def __init__(self, greeting, host="127.0.0.1", port=0):
        super().__init__(host, port)
        self.greeting = greeting

    def serve(self, sock):
        sock.sendall(self.greeting)
        end_writing(sock)
        sock.recv(1)


class Http(http.server.ThreadingHTTPServer):
    """A small real HTTP/1.1 server: GET answers the path, POST the body."""

    daemon_threads = True

    def __init__(self, host="127.0.0.1", port=0):
        super().__init__((host, port), _HttpHandler)
        self.host, self.port = self.server_address[:2]
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self._thread.join()
        self.server_close()


class _HttpHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self._answer(b"you asked for " + self.path.encode())

    def do_POST(self):
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_):
        pass
