"""Real Redis servers and Sentinels, and a server of Spore that asks them."""

import contextlib
import signal
import socket
import ssl
import urllib.parse

from .admin import Admin
from .metrics import Exporter
from .peers import configured_server, installed_program
from .process import Process
from .scale import seconds
from .waiting import wait_until
from .wire import Wire, answer

NOTICES = ("--notify-keyspace-events", "Kghxe")


class RedisError(Exception):
    """Redis has replied with an error."""


class Connection:
    """Speaks Redis' protocol: `connection("HSET", key, field, value)` returns the reply."""

    def __init__(self, place, tls=None):
        if isinstance(place, str):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(seconds(5))
            self.sock.connect(place)
        else:
            self.sock = socket.create_connection(place, timeout=seconds(5))
        if tls:
            self.sock = tls.wrap_socket(self.sock)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def __call__(self, *words):
        data = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        parts = [b"*%d\r\n" % len(data)]
        parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in data]
        self.sock.sendall(b"".join(parts))
        return self._reply()

    def _reply(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("Redis has closed the connection")
        kind, rest = line[:1], line[1:].strip().decode()
        if kind == b"-":
            raise RedisError(rest)
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if int(rest) < 0:
            return None
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))]
        return self.file.read(int(rest) + 2)[:-2].decode()


class Redis:
    """A process that a test may stop; `redis("HSET", ...)` runs a command."""

    def __init__(self, folder, host, port, *more, login=(), tls=None, sentinel=False):
        self.place, self.login, self.tls = (host, port), login, tls
        self.folder = folder / f"redis{port}"
        self.folder.mkdir(exist_ok=True)
        options = ["--bind", host, "--dir", self.folder, "--save", "", "--appendonly", "no"]
        options += ["--port", "0", "--tls-port", port] if tls else ["--port", port]
        self.argv = [installed_program("redis-server", "redis-server")]
        if sentinel:
            config = self.folder / "sentinel.conf"
            ports = f"port 0\ntls-port {port}" if tls else f"port {port}"
            config.write_text(f"bind {host}\n{ports}\ndir {self.folder}\n" + "\n".join(more))
            self.argv += [config, "--sentinel"]
        else:
            self.argv += [*options, "--loglevel", "notice", *more]
        self.process = None
        self.start()

    def start(self):
        self.process = Process(self.argv, name="redis")
        try:
            wait_until(self._answers, "Redis to listen")
        except BaseException:
            self.process.close()
            raise

    def _answers(self):
        with contextlib.suppress(OSError, RedisError):
            return self("PING") == "PONG"
        return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.signal(signal.SIGCONT)
        self.process.close()

    def connect(self):
        connection = Connection(self.place, self.tls)
        if self.login:
            connection("AUTH", *self.login)
        return connection

    def __call__(self, *words):
        with self.connect() as connection:
            return connection(*words)

    def put(self, name, **fields):
        """Writes the record of a client, in place of another one."""
        words = [word for pair in fields.items() for word in pair]
        with self.connect() as connection:
            connection("MULTI")
            connection("DEL", f"spore:client:{name}")
            connection("HSET", f"spore:client:{name}", *words)
            connection("EXEC")

    def calls(self, command):
        """How often a command has been called."""
        for line in self("INFO", "commandstats").splitlines():
            name, _, rest = line.partition(":")
            if name == f"cmdstat_{command}":
                return int(rest.partition("calls=")[2].partition(",")[0])
        return 0


def client_context(authority, certificate):
    """TLS for a connection of the test itself."""
    context = ssl.create_default_context(cafile=authority.path)
    context.check_hostname = False
    context.load_cert_chain(certificate.path, certificate.key)
    return context


def redis_server(address, folder, options, workers=2, auth=(), server=None, **more):
    """A server of Spore with these options of auth_redis, with `.exporter` and `.admin`."""
    listening = (address.host, address.free_port())
    admin = Admin(folder / "admin.sock")
    started = configured_server(
        address,
        folder,
        server={"workers": workers, **(server or {})},
        auth=[{"use": "redis", **options}, *auth],
        metrics=[{"use": "prometheus", "listen": "{}:{}".format(*listening)}],
        admin={"socket": admin.path},
        **more,
    )
    started.exporter = Exporter(*listening)
    started.admin = admin
    return started


def place_of(redis):
    """The options that lead to this Redis."""
    return {"host": redis.place[0], "port": redis.place[1]}


def dial(server, secret, name="", *then):
    """A connection that has answered the Challenge, and sent these messages."""
    wire = Wire.connect(server.control)
    tag = answer(secret, wire.receive()["Challenge"])
    name = urllib.parse.quote(name, safe="-._~@+")
    wire.send({"Authenticate": f"{name}:{tag}" if name else tag}, *then)
    return wire
