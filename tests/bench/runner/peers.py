"""The tunnels to compare, and where to find them.

A contender is one entry of PEERS. Its server and client are command lines, in which these are
replaced:

    $program   the executable that was found
    $public    the port where visitors come in
    $service   the port that the tunnel forwards to
    $control   the port between the two halves: a free one, or the entry's own fixed `control`
    $config    a file made from the entry's `config` (or `client_config`), where $listen and $target stand for the two
               ends of that half (server: $public to $control; client: $control to $service) and
               $directory for a place for its files, $descriptors for how many a process may
               open, and $connections for how many connections these suffice
"""

import atexit
import functools
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, Optional, Tuple

SYSTEM_PLACES = ("/usr/local/sbin", "/usr/sbin", "/sbin")


class Unavailable(Exception):
    """A contender cannot take part; the text says why."""


@dataclass(frozen=True)
class Peer:
    name: str
    program: str = ""  # "" means that there is no tunnel at all
    variable: str = ""  # the environment variable that names the executable
    server: str = ""
    client: str = ""
    places: Tuple[str, ...] = ()  # where it may be; $build and $cache are replaced
    in_path: bool = True
    config: str = ""
    client_config: str = ""  # the client's, where it is another
    control: int = 0
    version: str = "--version"
    probe: Optional[Callable[[str], Dict[str, str]]] = None  # further values


@dataclass
class Contender:
    """A peer that was found on this machine."""

    peer: Peer
    program: str = ""
    version: str = ""
    values: Dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.peer.name


def nginx_values(program: str) -> Dict[str, str]:
    """Where nginx has its stream module: built in, or a file to load."""
    done = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=10)
    built = (done.stdout + done.stderr).split()
    if "--with-stream" in built:
        return {"modules": ""}
    places = [word.split("=", 1)[1] for word in built if word.startswith("--modules-path=")]
    for place in places:
        module = Path(place) / "ngx_stream_module.so"
        if module.exists():
            return {"modules": f"load_module {module};"}
    raise Unavailable("this nginx has no stream module (Debian: libnginx-mod-stream)")


@functools.lru_cache(maxsize=None)
def make_certificate() -> Dict[str, str]:
    """$certificate, which is its own authority, $key, and $both in one file; for 127.0.0.1 and this run."""
    if not shutil.which("openssl"):
        raise Unavailable("there is no openssl program to make a certificate with")
    folder = tempfile.mkdtemp(prefix="spore-bench-")
    atexit.register(shutil.rmtree, folder)
    names = {name: str(Path(folder, f"{name}.pem")) for name in ("certificate", "key", "both")}
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
         "-keyout", names["key"], "-out", names["certificate"]],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    Path(names["both"]).write_text(Path(names["certificate"]).read_text() + Path(names["key"]).read_text())
    return names


def tls_values(_program: str) -> Dict[str, str]:
    return make_certificate()


def nginx_tls_values(program: str) -> Dict[str, str]:
    return {**nginx_values(program), **make_certificate()}


# A pipe serves one direction of a stream, so 64 are enough for the bulk scenarios; haproxy's own
# choice would, with this many connections, ask for more descriptors than there are. Splicing is
# forced, because splice-auto only starts when haproxy finds a stream fast enough.
HAPROXY = """\
global
    nbthread 2
    maxconn $connections
    maxpipes 64
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    %s
listen hop
    bind 127.0.0.1:$listen
    server next 127.0.0.1:$target
"""

# TLS between the two halves: the server's begins it, the client's ends it, as their peers of one program
# each would; all check the certificate and may resume.
HAPROXY_TLS_SERVER = HAPROXY.replace("$target", "$target ssl verify required ca-file $certificate")
HAPROXY_TLS_CLIENT = HAPROXY.replace("bind 127.0.0.1:$listen", "bind 127.0.0.1:$listen ssl crt $both")

STUNNEL = """\
foreground = yes
pid =
output = /dev/stderr
debug = err
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[hop]
%s
accept = 127.0.0.1:$listen
connect = 127.0.0.1:$target
"""
STUNNEL_SERVER = STUNNEL % "client = yes\nCAfile = $certificate\nverifyChain = yes\ncheckIP = 127.0.0.1"
STUNNEL_CLIENT = STUNNEL % "cert = $both"

# Without proxy_half_close nginx ends both directions when the first one ends.
NGINX = """\
$modules
daemon off;
pid $directory/pid;
error_log stderr;
worker_processes 2;
worker_rlimit_nofile $descriptors;
events {
    worker_connections $descriptors;
}
stream {
    access_log off;
    server {
        listen 127.0.0.1:$listen backlog=4096;
        proxy_pass 127.0.0.1:$target;
        proxy_half_close on;
        proxy_timeout 1h;
    }
}
"""

NGINX_TLS_SERVER = NGINX.replace(
    "proxy_half_close on;",
    "proxy_half_close on; proxy_ssl on; proxy_ssl_verify on; proxy_ssl_name localhost; "
    "proxy_ssl_trusted_certificate $certificate; proxy_ssl_protocols TLSv1.2 TLSv1.3;",
)
NGINX_TLS_CLIENT = NGINX.replace("backlog=4096;", "ssl backlog=4096;").replace(
    "proxy_half_close on;",
    "proxy_half_close on; ssl_certificate $certificate; ssl_certificate_key $key; "
    "ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:it:1m;",
)

SPLICE = """\
option splice-request
    option splice-response"""

BORE_PLACES = ("$cache/spore-peers/bore-0.6.0/bin/bore",)

SPORE_SERVER = "$program server --min-port $public --max-port $public --control-port $control --bind-addr 127.0.0.1"
SPORE_CLIENT = "$program local $service --local-host 127.0.0.1 --to 127.0.0.1 --control-port $control --port $public"
SPORE_TLS_SERVER = SPORE_SERVER + " --tls --certfile $certificate --keyfile $key"
SPORE_TLS_CLIENT = SPORE_CLIENT + " --tls --cacertfile $certificate"
BORE_SERVER = "$program server --min-port $public --max-port $public --bind-addr 127.0.0.1"
BORE_CLIENT = "$program local $service --local-host 127.0.0.1 --to 127.0.0.1 --port $public"
HAPROXY_HOP = "$program -db -f $config"
NGINX_HOP = "$program -e stderr -p $directory -c $config"
STUNNEL_HOP = "$program $config"

PEERS = (
    Peer("direct"),
    Peer("spore", "spore", "SPORE", server=SPORE_SERVER, client=SPORE_CLIENT, places=("$build/spore",), in_path=False),
    Peer("bore", "bore", "BORE", server=BORE_SERVER, client=BORE_CLIENT, places=BORE_PLACES, control=7835),
    Peer("haproxy", "haproxy", "HAPROXY", server=HAPROXY_HOP, client=HAPROXY_HOP, config=HAPROXY % SPLICE, version="-v"),
    Peer("haproxy-copy", "haproxy", "HAPROXY", server=HAPROXY_HOP, client=HAPROXY_HOP, config=HAPROXY % "", version="-v"),
    Peer("nginx", "nginx", "NGINX", server=NGINX_HOP, client=NGINX_HOP, config=NGINX, version="-v", probe=nginx_values),
    Peer("spore-tls", "spore", "SPORE", server=SPORE_TLS_SERVER, client=SPORE_TLS_CLIENT, places=("$build/spore",), in_path=False, probe=tls_values),
    Peer("haproxy-tls", "haproxy", "HAPROXY", server=HAPROXY_HOP, client=HAPROXY_HOP, config=HAPROXY_TLS_SERVER % "", client_config=HAPROXY_TLS_CLIENT % "", version="-v", probe=tls_values),
    Peer("nginx-tls", "nginx", "NGINX", server=NGINX_HOP, client=NGINX_HOP, config=NGINX_TLS_SERVER, client_config=NGINX_TLS_CLIENT, version="-v", probe=nginx_tls_values),
    Peer("stunnel", "stunnel4", "STUNNEL", server=STUNNEL_HOP, client=STUNNEL_HOP, config=STUNNEL_SERVER, client_config=STUNNEL_CLIENT, version="-version", probe=tls_values),
)

DEFAULT = ("direct", "spore", "bore", "haproxy", "nginx")


def find_program(peer: Peer, build: Path) -> str:
    named = os.environ.get(peer.variable) if peer.variable else None
    if named:
        found = shutil.which(named)
        if found:
            return os.path.abspath(found)
        raise Unavailable(f"{peer.variable} names {named}, which cannot be executed")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_PLACES])
    found = shutil.which(peer.program, path=path) if peer.in_path else None
    places = [place.replace("$build", str(build)).replace("$cache", cache) for place in peer.places]
    for place in [found, *places]:
        if place and os.access(place, os.X_OK):
            return os.path.abspath(place)
    looked = places + (["PATH"] if peer.in_path else [])
    raise Unavailable(f"no {peer.program} in {', '.join(looked)}; set {peer.variable} to it")


def ask_version(program: str, option: str) -> str:
    """The first line that it says, without addresses and blanks at the ends."""
    try:
        done = subprocess.run([program, option], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{program} {option}: {error}") from error
    lines = (done.stdout + done.stderr).strip().splitlines()
    if done.returncode != 0 or not lines:
        raise Unavailable(f"{program} {option} exits with {done.returncode}")
    return re.sub(r"\s*-?\s*https?://\S+", "", lines[0]).strip()


def find(name: str, build: Path) -> Contender:
    peer = next((peer for peer in PEERS if peer.name == name), None)
    if peer is None:
        known = ", ".join(peer.name for peer in PEERS)
        raise Unavailable(f"unknown contender; there are {known}")
    if not peer.program:
        return Contender(peer, version="no tunnel")
    program = find_program(peer, build)
    values = peer.probe(program) if peer.probe else {}
    return Contender(peer, program, ask_version(program, peer.version), values)
