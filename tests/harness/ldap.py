"""The real slapd, with a directory of its own."""

import base64
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import urllib.parse

from . import tls
from .admin import Admin
from .metrics import Exporter
from .passwords import password_answer
from .peers import configured_server, installed_program
from .process import Process
from .scale import seconds
from .sockets import connect, read_exactly
from .waiting import wait_until

SUFFIX = "dc=example,dc=org"
PEOPLE = f"ou=people,{SUFFIX}"
GROUPS = f"ou=groups,{SUFFIX}"
# The account with which Spore searches, and the one with which a test changes entries.
SERVICE = f"cn=spore,{SUFFIX}"
ADMIN = f"cn=admin,{SUFFIX}"
SERVICE_PASSWORD, ADMIN_PASSWORD = "the service's", "the admin's"

_SCHEMAS = ("core", "cosine", "inetorgperson")
_CONFIG = """
{schemas}
pidfile {folder}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload retcode
moduleload ppolicy
threads 8
{tls}
database mdb
suffix {suffix}
directory {folder}/data
rootdn {admin}
rootpw "{admin_password}"
index objectClass,uid,member eq
dbnosync
maxsize 1073741824
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree={people} by dn.exact={service} read by self read by * none
access to * by dn.exact={service} read by users read by * none
"""


def _ldif_line(name, value):
    """One line, in base64 if the value has a byte that LDIF cannot carry as it is."""
    raw = value if isinstance(value, bytes) else str(value).encode()
    return f"{name}:: {base64.b64encode(raw).decode()}"


def entry(dn, **attributes):
    """An entry in LDIF; a list gives an attribute several values."""
    lines = [_ldif_line("dn", dn)]
    for name, values in attributes.items():
        for value in values if isinstance(values, list) else [values]:
            lines.append(_ldif_line(name, value))
    return "\n".join(lines) + "\n\n"


def escape_dn(value):
    """The value of an attribute in a DN; RFC 4514 allows to escape every byte."""
    return value if value.isalnum() else "".join(f"\\{byte:02X}" for byte in value.encode())


def dn_of(name):
    return f"uid={escape_dn(name)},{PEOPLE}"


def person(name, password="", **attributes):
    """An entry of a client; no password: nobody can bind as it."""
    more = {"userPassword": password} if password else {}
    own = {"objectClass": "inetOrgPerson", "uid": name, "cn": "x", "sn": "x"}
    return entry(dn_of(name), **own | more | attributes)


def group(name, *members):
    return entry(
        f"cn={name},{GROUPS}",
        objectClass="groupOfNames",
        cn=name,
        member=[dn_of(member) for member in members],
    )


def _frame():
    return "".join(
        [
            entry(SUFFIX, objectClass=["dcObject", "organization"], dc="example", o="x"),
            entry(PEOPLE, objectClass="organizationalUnit", ou="people"),
            entry(GROUPS, objectClass="organizationalUnit", ou="groups"),
            entry(
                SERVICE,
                objectClass=["organizationalRole", "simpleSecurityObject"],
                cn="spore",
                userPassword=SERVICE_PASSWORD,
            ),
        ]
    )


class Directory:
    """slapd with these entries, not yet started; a context manager that starts and ends it.

    plain, tls, unix are its URLs; a test may stop, pause and start it."""

    def __init__(self, address, folder, entries="", certificate=None):
        os.environ["PATH"] += os.pathsep + "/usr/sbin"
        self.host, self.folder = address.host, folder
        self.ports = address.free_port(), address.free_port()
        self.plain = f"ldap://{self.host}:{self.ports[0]}"
        self.tls = f"ldaps://{self.host}:{self.ports[1]}"
        self.unix = "ldapi://" + urllib.parse.quote(f"{folder}/ldapi", safe="")
        self.has_tls = certificate is not None
        self.process = None
        (folder / "data").mkdir(parents=True)
        # A copy: AppArmor may confine the program in its own place to the system's folders.
        self.program = folder / "slapd"
        shutil.copy(installed_program("slapd", "slapd"), self.program)
        self._configure(certificate)
        self._load(_frame() + entries)

    def _configure(self, certificate):
        tls = ""
        if certificate:
            tls = f"TLSCertificateFile {certificate.path}\nTLSCertificateKeyFile {certificate.key}"
        (self.folder / "slapd.conf").write_text(
            _CONFIG.format(
                schemas="\n".join(f"include /etc/ldap/schema/{name}.schema" for name in _SCHEMAS),
                folder=self.folder,
                tls=tls,
                suffix=SUFFIX,
                people=PEOPLE,
                service=SERVICE,
                admin=ADMIN,
                admin_password=ADMIN_PASSWORD,
            )
        )

    def _load(self, ldif):
        (self.folder / "entries.ldif").write_text(ldif)
        command = [self.program, "-T", "add", "-q", "-f", self.folder / "slapd.conf"]
        command += ["-l", self.folder / "entries.ldif"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr

    def start(self):
        urls = [self.plain, self.unix, *([self.tls] if self.has_tls else [])]
        argv = [self.program, "-d", "stats", "-h", " ".join(urls)]
        self.process = Process([*argv, "-f", self.folder / "slapd.conf"], name="slapd")
        wait_until(self._is_up, "slapd to listen")

    def _is_up(self):
        assert self.process.running, self.process.log()
        try:
            connect(self.host, self.ports[0]).close()
        except OSError:
            return False
        return True

    def stop(self):
        self.process.signal(signal.SIGCONT)
        self.process.stop()

    def kill(self):
        """Ends it although it is busy."""
        self.process.signal(signal.SIGKILL)
        self.process.wait()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.running:
            self.stop()

    def pause(self):
        self.process.signal(signal.SIGSTOP)
        state = pathlib.Path(f"/proc/{self.process.pid}/stat")
        wait_until(lambda: state.read_text().rpartition(") ")[2][0] == "T", "slapd to pause")

    def resume(self):
        self.process.signal(signal.SIGCONT)

    def delay(self, delay_s):
        """After the next start every answer about people takes so long."""
        path = self.folder / "slapd.conf"
        text = path.read_text().partition("overlay retcode")[0]
        if delay_s:
            text += f"overlay retcode\nretcode-parent ou=codes,{SUFFIX}\nretcode-sleep {delay_s}\n"
        path.write_text(text)

    def overlay(self, *lines):
        """After the next start the database has this overlay."""
        with (self.folder / "slapd.conf").open("a") as file:
            file.write("\n".join(["overlay " + lines[0], *lines[1:]]) + "\n")

    def fail_by_entries(self):
        """After the next start a search that finds an entry of FAULTY ends with its errCode, after
        its errSleepTime in seconds."""
        self.overlay("retcode", f"retcode-parent ou=codes,{SUFFIX}", "retcode-indir")

    def operations(self, kind, dn=None):
        """How many operations of a kind (BIND, SRCH, EXT) it has logged, of this DN or all."""
        end = " method=" if kind == "BIND" else ""
        named = re.escape(dn) + '"' + end if dn else ".*" + end
        wanted = re.compile(rf' op=\d+ {kind} (?:dn|base|oid)="{named}')
        return sum(bool(wanted.search(line)) for line in self.process.stderr)

    def connections(self):
        """How many connections to it there have been, without those of this harness."""
        accepted = sum(" ACCEPT from " in line for line in self.process.stderr)
        return accepted - 1

    def _tool(self, name, *arguments, ldif=""):
        command = [installed_program(name, "ldap-utils"), "-x", "-H", self.plain, "-D", ADMIN]
        done = subprocess.run(
            [*command, "-w", ADMIN_PASSWORD, *arguments],
            input=ldif,
            capture_output=True,
            text=True,
            timeout=seconds(20),
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def change(self, dn, **attributes):
        """Replaces attributes of an entry; a list gives an attribute several values."""
        lines = [_ldif_line("dn", dn), "changetype: modify"]
        for name, value in attributes.items():
            values = value if isinstance(value, list) else [value]
            lines += [f"replace: {name}", *(_ldif_line(name, each) for each in values), "-"]
        self._tool("ldapmodify", ldif="\n".join(lines) + "\n")

    def remove(self, dn):
        self._tool("ldapdelete", dn)


# An entry of these classes says with what an operation on it ends: see fail_by_entries().
FAULTY = ["inetOrgPerson", "errAuxObject"]
# What clients learn while the directory fails.
UNAVAILABLE = "authentication is not available"
SEARCH = {"search_base": PEOPLE, "user": SERVICE, "password": SERVICE_PASSWORD}
BIND = {"bind_dn": f"uid=%n,{PEOPLE}"}


@contextlib.contextmanager
def directory_server(address, folder, certificate, options, **sections):
    """A TLS server with an instance of auth_ldap, with `.exporter` and `.admin`."""
    listening = (address.host, address.free_port())
    admin = Admin(folder / "admin.sock")
    transport = {"use": "tls", "certfile": certificate.path, "keyfile": certificate.key}
    started = configured_server(
        address,
        folder,
        transport=[transport],
        auth=[{"use": "ldap", **options}, *sections.pop("auth", [])],
        metrics=[{"use": "prometheus", "listen": "{}:{}".format(*listening)}],
        admin={"socket": admin.path},
        **sections,
    )
    with started as server:
        server.exporter = Exporter(*listening)
        server.admin = admin
        yield server


def dial(server, authority, name, password):
    """A connection on which the client has answered."""
    wire = tls.dial(server, authority)
    wire.receive()
    wire.send({"Authenticate": password_answer(name, password)})
    return wire


def refusal(server, authority, name, password):
    """The error text of a refused client; None if it gets a tunnel, which ends at once."""
    with dial(server, authority, name, password) as wire:
        wire.send({"Hello": 0})
        return wire.receive_but_heartbeats(timeout=15).get("Error")


def carry(server, authority, wire, port, name, password):
    """Carries a visitor of a tunnel: the error text of its data connection, or None."""
    with connect(server.public_host, port) as visitor:
        number = wire.connection()
        with dial(server, authority, name, password) as data:
            data.send({"Accept": number})
            visitor.sendall(b"ping")
            if (head := read_exactly(data.stream(), 4)) != b"ping":
                data.buffer += head
                return data.receive_but_heartbeats()["Error"]
    return None


def results(server, name="requests_total"):
    """How many questions, or looks, have ended in which way."""
    samples = server.exporter.page().samples
    return {
        labels["result"]: value
        for each, labels, value in samples
        if each == f"spore_ldap_{name}" and value
    }
