"""Web services that are asked about clients: one that answers, and one that behaves badly."""

import hashlib
import contextlib
import http.server
import json
import socket
import socketserver
import ssl
import threading
import time

import jsonschema

from .admin import Admin
from .metrics import Exporter
from .peers import REPOSITORY, configured_server
from .sockets import listen
from .wire import Wire, answer


PLUGIN = REPOSITORY / "plugins" / "auth_http"
# What clients learn while the service fails.
UNAVAILABLE = "authentication is not available"
SECRETS = {"alice": "a-secret", "bob": "b-secret"}


def check(schema, value):
    text = (PLUGIN / "schemas" / f"{schema}.schema.json").read_text(encoding="utf-8")
    jsonschema.Draft202012Validator(json.loads(text)).validate(value)
    return value


def judge(**more):
    """A service that knows SECRETS: the function for a WebService in the mode "verify"."""

    def reply(path, asked):
        check("verify-request", asked)
        names = [asked["name"]] if "name" in asked else list(SECRETS)
        for name in names:
            right = answer(SECRETS.get(name, ""), asked["challenge"])
            if name in SECRETS and asked["answer"].rpartition(":")[2] == right:
                value = {"verdict": "allow", "identity": name, **more}
                return 200, check("verify-reply", value)
        return 200, check("verify-reply", {"verdict": "deny", "reason": "nobody I know"})

    return reply


def asking_server(address, folder, url, workers=2, auth=(), server=None, limits=None, **options):
    """A server that asks the service at this URL, with `.exporter` and `.admin`; `server` and
    `limits` are more keys of these sections."""
    listening = (address.host, address.free_port())
    admin = Admin(folder / "admin.sock")
    started = configured_server(
        address,
        folder,
        server={"workers": workers, **(server or {})},
        limits=limits or {},
        auth=[{"use": "http", "url": url, **options}, *auth],
        metrics=[{"use": "prometheus", "listen": "{}:{}".format(*listening)}],
        admin={"socket": admin.path},
    )
    started.exporter = Exporter(*listening)
    started.admin = admin
    return started


def refusal(server, secret, name=""):
    """The error text of a refused client."""
    with Wire.connect(server.control) as wire:
        tag = answer(secret, wire.receive()["Challenge"])
        wire.send({"Authenticate": f"{name}:{tag}" if name else tag}, {"Hello": 0})
        return wire.receive_but_heartbeats().get("Error")


def results(server):
    """How many questions have ended in which way."""
    name = "spore_http_requests_total"
    samples = server.exporter.page().samples
    return {labels["result"]: value for each, labels, value in samples if each == name and value}


def key_of(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "server"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.owner.serve(self, None)

    def do_POST(self):
        self.server.owner.serve(self, self.rfile.read(int(self.headers["Content-Length"])))


class _Tcp(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def get_request(self):
        self.owner.connections += 1
        return super().get_request()


class _Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self):
        self.owner.connections += 1
        return super().get_request()[0], ("unix", 0)


class WebService:
    """Gives each request to `reply(path, body)`, which returns (status, JSON value), and keeps it.

    `place` is (host, port) or the path of a socket; `certificate` makes it speak TLS. Connections
    are kept open unless `keep` is false."""

    def __init__(self, place, reply, certificate=None, keep=True):
        self.keep = keep
        self.reply = reply
        self.requests = []  # (path, headers, decoded body)
        self.connections = 0
        self._server = (_Unix if isinstance(place, str) else _Tcp)(place, _Handler)
        self._server.owner = self
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.path, certificate.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self):
        return self._server.server_address[1]

    def serve(self, handler, body):
        asked = json.loads(body) if body else None
        self.requests.append((handler.path, dict(handler.headers), asked))
        status, value = self.reply(handler.path, asked)
        text = json.dumps(value).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(text)))
        if not self.keep:
            handler.send_header("Connection", "close")
        # The server closes a connection whose answer comes too late.
        with contextlib.suppress(ConnectionError):
            handler.end_headers()
            handler.wfile.write(text)


def _reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def _endless(sock):
    sock.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        sock.sendall(b"X-Endless: " + b"x" * 1000 + b"\r\n")


def _large(sock):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
    for _ in range(1000):
        sock.sendall(b" " * 10000)


# The connection ends after the reply. Without this, the next request could be sent on it before.
ENDS = b"Connection: close\r\n"

# What a service does with a connection after the request has arrived.
FAULTS = {
    "reset": _reset,
    "end": lambda sock: None,
    "500": lambda sock: sock.sendall(b"HTTP/1.1 500 No\r\n" + ENDS + b"Content-Length: 0\r\n\r\n"),
    "garbage": lambda sock: sock.sendall(b"\0\1\2 this is no HTTP\r\n\r\n"),
    "no JSON": lambda sock: sock.sendall(
        b"HTTP/1.1 200 OK\r\n" + ENDS + b"Content-Length: 4\r\n\r\n<hi>"
    ),
    "10 MB": _large,
    "endless headers": _endless,
    "silent": lambda sock: time.sleep(5),
}


class FaultyService:
    """A service that reads a request and then does what FAULTS says."""

    def __init__(self, host, port, fault):
        self.fault = FAULTS[fault]
        self.listener = listen(host, port)
        self.requests = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with sock:
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(65536)
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            body = head.partition(b"\r\n\r\n")[2]
            while len(body) < length:
                body += sock.recv(65536)
            self.requests += 1
            try:
                self.fault(sock)
            except OSError:
                pass
