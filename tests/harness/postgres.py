"""A real PostgreSQL for the tests of one process, and a server of Spore that asks it."""

import contextlib
import glob
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from .admin import Admin
from .loopback import Loopback, port_is_free
from .metrics import Exporter
from .peers import REPOSITORY, configured_server, installed_program
from .process import Process
from .waiting import wait_until

# PostgreSQL refuses to run as root.
OTHER_USER = "nobody"
PASSWORD = "hunter1"
COLUMNS = "name, secret, key, pubkey, password_hash, ports, max_tunnels, max_conns, life"
QUERY = f"select {COLUMNS} from spore_view where name = $1"
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "log_statement": "all",
    "log_line_prefix": "",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "ssl": "on",
}
HBA = """local all postgres trust
local all spore trust
local replication postgres trust
host all spore 127.0.0.0/8 scram-sha-256
"""


def programs():
    """The folder of the newest PostgreSQL. If there is none, skips the test; fails if CI=true."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    if found:
        return pathlib.Path(found[-1]).parent
    message = "NO PostgreSQL: install the package postgresql, or let tests/run do it"
    if os.environ.get("CI") == "true":
        pytest.fail(message + " (CI=true: it must be there)", pytrace=False)
    return pytest.skip(message)


def documented_sql():
    """The table, the view and the triggers of the page."""
    page = (REPOSITORY / "plugins/auth_postgres/README.md").read_text(encoding="utf-8")
    return re.search(r"```sql\n(create role.*?)```", page, re.S)[1].replace("PASSWORD", PASSWORD)


def text_of(value):
    """A value in SQL."""
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"


class Postgres:
    """A server that tests may stop and start; `postgres("select 1")` runs SQL as its owner.

    With `source` it is a replica of that one."""

    def __init__(self, authority=None, source=None):
        self.programs = programs()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="spore-postgres-"))
        self.lease = Loopback().__enter__()
        self.host, self.port = self.lease.host, self.lease.free_port()
        self.as_other = []
        self.child = None
        if os.geteuid() == 0:
            shutil.chown(self.folder, OTHER_USER)
            self.as_other = ["setpriv", "--reuid", OTHER_USER, "--clear-groups", "--"]
        data = self.folder / "data"
        if source:
            place = ["-h", source.folder, "-p", source.port, "-U", "postgres"]
            self._run("pg_basebackup", *place, "-D", data, "-R", "-c", "fast", "-N")
            self.start()
            return
        self._run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
        certificate = authority.issue(f"IP:{self.host}", "DNS:localhost")
        for name, path in ("server.crt", certificate.path), ("server.key", certificate.key):
            self.give(data / name, pathlib.Path(path).read_text(encoding="utf-8"))
        self.give(data / "pg_hba.conf", HBA)
        self.start()
        self(documented_sql())

    def _run(self, program, *words):
        command = [*self.as_other, self.programs / program, *map(str, words)]
        subprocess.run(command, check=True, capture_output=True, timeout=120, cwd="/")

    def give(self, path, text):
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        if self.as_other:
            shutil.chown(path, OTHER_USER)

    def start(self):
        settings = {
            **SETTINGS,
            "listen_addresses": self.host,
            "port": self.port,
            "unix_socket_directories": self.folder,
        }
        command = [*self.as_other, "setpriv", "--pdeathsig", "KILL", "--"]
        command += [self.programs / "postgres", "-D", self.folder / "data"]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with open(self.folder / "log", "ab") as log:
            self.child = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        wait_until(self._answers, "PostgreSQL to listen", 60)

    def _answers(self):
        assert self.child.poll() is None, (self.folder / "log").read_text(encoding="utf-8")
        with contextlib.suppress(subprocess.CalledProcessError):
            return self("select 1") == "1"
        return False

    def stop(self):
        """At once, with all connections."""
        self.resume()
        self.child.send_signal(signal.SIGINT)
        self.child.wait(60)

    def _processes(self):
        found = [self.child.pid]
        for path in glob.glob("/proc/[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = pathlib.Path(path).read_text(encoding="utf-8").rpartition(")")[2].split()
                if int(fields[1]) == self.child.pid:
                    found.append(int(path.split("/")[2]))
        return found

    def hang(self):
        for pid in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def resume(self):
        for pid in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def reset(self):
        """As it was in the beginning, whatever the last test has done."""
        self.resume()
        if self.child.poll() is not None:
            self.start()
        self(
            "alter role spore reset all; alter role spore set default_transaction_read_only = on;"
            f"alter role spore login password '{PASSWORD}' connection limit 20;"
            "grant select on spore_view to spore; revoke update on spore_view from spore;"
            "truncate spore_clients"
        )

    def close(self):
        if self.child.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)
        self.lease.__exit__()

    def __call__(self, sql):
        command = [self.programs / "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", self.folder]
        command += ["-p", str(self.port), "-U", "postgres", "-d", "postgres", "-f", "-"]
        environment = {**os.environ, "PGCLIENTENCODING": "UTF8"}
        done = subprocess.run(
            command,
            input=sql.encode(),
            check=True,
            capture_output=True,
            env=environment,
            timeout=60,
        )
        return done.stdout.decode().strip()

    def put(self, name, **columns):
        """Writes the row of a client, in place of another one."""
        names = ", ".join(["name", *columns])
        values = ", ".join(text_of(value) for value in [name, *columns.values()])
        self(
            f"begin; delete from spore_clients where name = {text_of(name)};"
            f"insert into spore_clients ({names}) values ({values}); commit"
        )

    def remove(self, name):
        self(f"delete from spore_clients where name = {text_of(name)}")

    def calls(self):
        """How often the query for a client has been executed."""
        log = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
        return log.count("execute spore_client:")

    def conninfo(self, more="sslmode=disable"):
        return f"host={self.host} port={self.port} dbname=postgres user=spore {more}"


def pgbouncer_program():
    path = os.environ["PATH"] + os.pathsep + "/usr/sbin"
    return shutil.which("pgbouncer", path=path) or installed_program("pgbouncer", "pgbouncer")


def pgbouncer_version():
    """Such as (1, 18)."""
    command = [pgbouncer_program(), "--version"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return tuple(int(number) for number in re.search(r"(\d+)\.(\d+)", said).groups())


@contextlib.contextmanager
def pgbouncer(postgres, mode="transaction", connections=2):
    """A pgbouncer in front of it, with so many connections: the connection string for it."""
    place = (postgres.host, postgres.lease.free_port())
    postgres.give(postgres.folder / "userlist.txt", f'"spore" "{PASSWORD}"\n')
    prepares = "max_prepared_statements = 10" if pgbouncer_version() >= (1, 21) else ""
    postgres.give(
        postgres.folder / "pgbouncer.ini",
        f"""[databases]
postgres = host={postgres.host} port={postgres.port}
[pgbouncer]
listen_addr = {place[0]}
listen_port = {place[1]}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {postgres.folder}/userlist.txt
pool_mode = {mode}
default_pool_size = {connections}
{prepares}
""",
    )
    command = [*postgres.as_other, pgbouncer_program(), postgres.folder / "pgbouncer.ini"]
    with Process(command, name="pgbouncer", cwd="/"):
        wait_until(lambda: not port_is_free(*place), "pgbouncer to listen")
        yield "host={} port={} dbname=postgres user=spore sslmode=disable".format(*place)


def without_none(options):
    return {name: value for name, value in options.items() if value is not None}


def postgres_server(
    postgres, address, folder, workers=2, auth=(), server=None, sections=None, **options
):
    """A server of Spore with these options of auth_postgres, with `.exporter` and `.admin`.

    An option that is None is left out. `sections` are others of the configuration."""
    listening = (address.host, address.free_port())
    admin = Admin(folder / "admin.sock")
    given = {"conninfo": postgres.conninfo(), "password": PASSWORD, "query": QUERY, **options}
    started = configured_server(
        address,
        folder,
        server={"workers": workers, **(server or {})},
        auth=[{"use": "postgres", **without_none(given)}, *auth],
        metrics=[{"use": "prometheus", "listen": "{}:{}".format(*listening)}],
        admin={"socket": admin.path},
        **(sections or {}),
    )
    started.exporter = Exporter(*listening)
    started.admin = admin
    return started
