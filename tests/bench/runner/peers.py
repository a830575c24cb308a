"""The tunnels to compare, and where to find them.

A contender is one entry of PEERS. Its server and client are command lines, in which these are
replaced:

    $program   the executable that was found
    $public    the public port
    $service   the port that the tunnel forwards to
    $control   the port between the two halves: a free one, or the entry's own fixed `control`
    $link      the address of the half that listens there; all else is at 127.0.0.1
    $folder    the folder of the executable, for a peer with two programs
    $name      the server name that visitors with `wants_hello` ask for
    $config    a file made from the entry's `config` (or `client_config`), where $listen and
               $target stand for the two ends of that half (server: $public to $control; client:
               $control to $service), $at and $to for their addresses, $directory for a place for
               its files, $descriptors for how many a process may open, and $connections for how
               many connections these suffice
"""

import atexit
import fnmatch
import functools
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, Optional, Tuple

from .hello import NAME

SYSTEM_PLACES = ("/usr/local/sbin", "/usr/sbin", "/sbin")


# The scenarios in which the visitor speaks first with what the service understands.
ALL = ("bulk*", "ping*", "churn*", "memory", "leak")


class Unavailable(Exception):
    """A contender cannot take part; the text is the reason."""


@dataclass(frozen=True)
class Peer:
    name: str
    program: str = ""  # "": there is no tunnel
    variable: str = ""  # the environment variable that names the executable
    server: str = ""
    client: str = ""  # "": there is one half only
    places: Tuple[str, ...] = ()  # possible paths; $build and $cache are replaced
    in_path: bool = True
    config: str = ""
    client_config: str = ""  # the client's, if it differs
    control: int = 0
    version: str = "--version"
    probe: Optional[Callable[[str], Dict[str, str]]] = None  # further values
    group: str = "plain"  # contenders of one group are compared
    only: Tuple[str, ...] = ALL  # the scenarios in which it takes part
    wants_hello: bool = False  # a visitor begins with the first message of TLS

    def takes_part(self, scenario: str) -> bool:
        return any(fnmatch.fnmatchcase(scenario, pattern) for pattern in self.only)

    @property
    def has_control(self) -> bool:
        """Whether the server has a control port, on which it listens before the public port."""
        return self.control != 0 or "$control" in self.server + self.config


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
    """Values for nginx: the stream module may be built in or a file to load."""
    done = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=10)
    built = (done.stdout + done.stderr).split()
    if "--with-stream" in built:
        return {"modules": ""}
    places = [word.split("=", 1)[1] for word in built if word.startswith("--modules-path=")]
    # The root of an unpacked package is three levels up.
    places += [str(Path(program).parents[2]) + place for place in places]
    for place in places:
        module = Path(place) / "ngx_stream_module.so"
        if module.exists():
            return {"modules": f"load_module {module};"}
    raise Unavailable("this nginx has no stream module (Debian: libnginx-mod-stream)")


# The same for all peers with OpenSSL's defaults: TLS 1.3, and one ticket per handshake as in Spore.
OPENSSL = """\
openssl_conf = start
[start]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
MinProtocol = TLSv1.3
NumTickets = 1
"""


@functools.lru_cache(maxsize=None)
def make_certificate() -> Dict[str, str]:
    """$certificate, which is its own authority, $key, $both in one file; P-256, for 127.0.0.1."""
    if not shutil.which("openssl"):
        raise Unavailable("there is no openssl program to make a certificate with")
    folder = tempfile.mkdtemp(prefix="spore-bench-")
    atexit.register(shutil.rmtree, folder)
    names = {name: str(Path(folder, f"{name}.pem")) for name in ("certificate", "key", "both")}
    names["openssl"] = str(Path(folder, "openssl.cnf"))
    Path(names["openssl"]).write_text(OPENSSL)
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=bench",
            "-addext",
            "subjectAltName=IP:127.0.0.1,DNS:localhost",
            "-keyout",
            names["key"],
            "-out",
            names["certificate"],
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    Path(names["both"]).write_text(
        Path(names["certificate"]).read_text() + Path(names["key"]).read_text()
    )
    return names


def tls_values(_program: str) -> Dict[str, str]:
    return make_certificate()


def nginx_tls_values(program: str) -> Dict[str, str]:
    return {**nginx_values(program), **make_certificate()}


# A pipe serves one direction of a stream, so 64 are enough for the bulk scenarios. With so many
# connections haproxy's default would need more descriptors than allowed. Splicing is forced,
# because splice-auto only starts when haproxy finds a stream fast enough.
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
    bind $at:$listen
    server next $to:$target
"""

# TLS between the two halves: the server's half begins it and the client's half ends it, as in peers
# with built-in TLS. All check the certificate and may resume sessions, except the -full ones.
HAPROXY_TLS_SERVER = HAPROXY.replace("$target", "$target ssl verify required ca-file $certificate")
HAPROXY_FULL_SERVER = HAPROXY.replace(
    "$target", "$target ssl verify required ca-file $certificate no-ssl-reuse"
)
HAPROXY_TLS_CLIENT = HAPROXY.replace("bind $at:$listen", "bind $at:$listen ssl crt $both")

STUNNEL = """\
foreground = yes
pid =
output = /dev/stderr
debug = err
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[hop]
%s
accept = $at:$listen
connect = $to:$target
"""
STUNNEL_SERVER = (
    STUNNEL % "client = yes\nCAfile = $certificate\nverifyChain = yes\ncheckHost = localhost"
)
STUNNEL_FULL_SERVER = STUNNEL_SERVER.replace("verifyChain", "sessionResume = no\nverifyChain")
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
        listen $at:$listen backlog=4096;
        proxy_pass $to:$target;
        proxy_half_close on;
        proxy_timeout 1h;
    }
}
"""

NGINX_TLS_SERVER = NGINX.replace(
    "proxy_half_close on;",
    "proxy_half_close on; proxy_ssl on; proxy_ssl_verify on; proxy_ssl_name localhost; "
    "proxy_ssl_trusted_certificate $certificate; proxy_ssl_protocols TLSv1.3;",
)
NGINX_FULL_SERVER = NGINX_TLS_SERVER.replace(
    "proxy_ssl on;", "proxy_ssl on; proxy_ssl_session_reuse off;"
)
NGINX_TLS_CLIENT = NGINX.replace("backlog=4096;", "ssl backlog=4096;").replace(
    "proxy_half_close on;",
    "proxy_half_close on; ssl_certificate $certificate; ssl_certificate_key $key; "
    "ssl_protocols TLSv1.3; ssl_session_cache shared:it:1m;",
)

SPLICE = """\
option splice-request
    option splice-response"""

NGINX_PLACES = ("$cache/spore-peers/nginx/usr/sbin/nginx",)
BORE_PLACES = ("$cache/spore-peers/bore-0.6.0/bin/bore",)

SPORE_PLACES = ("$build/spore",)
RATHOLE_PLACES = ("$cache/spore-peers/rathole-0.5.0/bin/rathole",)
FRP_PLACES = ("$cache/spore-peers/frp-0.61.0/bin/frps",)

SPORE_SERVER = (
    "$program server --min-port $public --max-port $public --control-port $control --bind-addr "
    "$link --bind-tunnels 127.0.0.1"
)
SPORE_CLIENT = (
    "$program local $service --local-host 127.0.0.1 --to $link --control-port $control --port "
    "$public"
)
BORE_SERVER = (
    "$program server --min-port $public --max-port $public --bind-addr $link "
    "--bind-tunnels 127.0.0.1"
)
BORE_CLIENT = "$program local $service --local-host 127.0.0.1 --to $link --port $public"
HAPROXY_HOP = "$program -db -f $config"
NGINX_HOP = "$program -e stderr -p $directory -c $config"
STUNNEL_HOP = "$program $config"

SPORE_TLS_SERVER = """\
{ "server": { "bind_addr": "$link", "bind_tunnels": "127.0.0.1", "control_port": $control,
              "min_port": $public, "max_port": $public },
  "transport": [{ "use": "tls", "certfile": "$certificate", "keyfile": "$key",
                  "min_version": "1.3"%s }] }
"""
SPORE_TLS_CLIENT = """\
{ "client": { "to": "$link", "control_port": $control, "ahead": %d },
  "tunnels": [{ "local": "127.0.0.1:$service", "port": $public }],
  "transport": [{ "use": "tls", "cacertfile": "$certificate", "server_name": "localhost",
                  "min_version": "1.3"%s }] }
"""
NO_TICKETS = ', "tickets": false'
AHEAD = 64  # connections opened ahead: the number of simultaneous visitors

# Both with defaults and without TLS: rathole opens connections ahead, frp multiplexes all streams.
RATHOLE_SERVER = """\
[server]
bind_addr = "$link:$control"
default_token = "bench"
[server.services.bench]
bind_addr = "127.0.0.1:$public"
"""
RATHOLE_CLIENT = """\
[client]
remote_addr = "$link:$control"
default_token = "bench"
[client.services.bench]
local_addr = "127.0.0.1:$service"
"""
FRP_SERVER = """\
bindAddr = "$link"
proxyBindAddr = "127.0.0.1"
bindPort = $control
log.level = "error"
"""
FRP_CLIENT = """\
serverAddr = "$link"
serverPort = $control
log.level = "error"
transport.tls.enable = false
[[proxies]]
name = "bench"
type = "tcp"
localIP = "127.0.0.1"
localPort = $service
remotePort = $public
"""

# A port that several services share: the name in the visitor's first message of TLS says which one
# it wants. There is no TLS behind it. haproxy runs twice as above, or once without a second half.
SPORE_SNI_SERVER = """\
{ "server": { "bind_addr": "$link", "bind_tunnels": "127.0.0.1", "control_port": $control },
  "public": [{ "listen_port": $public, "route": [{ "use": "sni" }] }],
  "auth": [{ "use": "multi_secret", "secrets": { "bench": "bench-secret" },
             "policy": { "bench": { "hosts": ["$name"] } } }] }
"""
SPORE_SNI_CLIENT = """\
{ "client": { "to": "$link", "control_port": $control },
  "tunnels": [{ "local": "127.0.0.1:$service", "hosts": ["$name"] }],
  "auth": [{ "use": "hmac", "secret": "bench-secret" }] }
"""
HAPROXY_SNI = (
    (HAPROXY % "").partition("listen hop")[0]
    + """\
frontend hop
    bind $at:$listen
    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend named if { req.ssl_sni -i $name }
backend named
    server next $to:$target
"""
)

PLAIN_TLS = (
    "bulk*",
    "ping64",
    "ping256",
    "churn*",
    "memory",
    "leak",
)  # the scenarios of TLS contenders
FULL = ("churn*",)
SNI = ("sni*",)


def hop(name: str, program: str, command: str, config: str, **more) -> Peer:
    """A proxy that runs twice, one process behind the other."""
    return Peer(
        name,
        program,
        program.rstrip("4").upper(),
        server=command,
        client=command,
        config=config,
        **more,
    )


def tls(name: str, make, *arguments, only=PLAIN_TLS, probe=tls_values, **more) -> Peer:
    return make(name, *arguments, group="tls", only=only, probe=probe, **more)


def spore(name: str, tickets: str = "", ahead: int = 0, **more) -> Peer:
    return Peer(
        name,
        "spore",
        "SPORE",
        server="$program server --config $config",
        client="$program local --config $config",
        config=SPORE_TLS_SERVER % tickets,
        client_config=SPORE_TLS_CLIENT % (ahead, tickets),
        places=SPORE_PLACES,
        in_path=False,
        **more,
    )


def haproxy_tls(name: str, config: str, **more) -> Peer:
    return tls(
        name,
        hop,
        "haproxy",
        HAPROXY_HOP,
        config % "",
        client_config=HAPROXY_TLS_CLIENT % "",
        version="-v",
        **more,
    )


def nginx_tls(name: str, config: str, **more) -> Peer:
    return tls(
        name,
        hop,
        "nginx",
        NGINX_HOP,
        config,
        client_config=NGINX_TLS_CLIENT,
        version="-v",
        probe=nginx_tls_values,
        places=NGINX_PLACES,
        **more,
    )


def stunnel(name: str, config: str, **more) -> Peer:
    return tls(
        name,
        hop,
        "stunnel4",
        STUNNEL_HOP,
        config,
        client_config=STUNNEL_CLIENT,
        version="-version",
        **more,
    )


def sni_values(_program: str) -> Dict[str, str]:
    return {"name": NAME}


def sni(name: str, program: str, **more) -> Peer:
    return Peer(
        name,
        program,
        program.upper(),
        group="sni",
        only=SNI,
        wants_hello=True,
        probe=sni_values,
        **more,
    )


PEERS = (
    Peer("direct"),
    Peer(
        "spore",
        "spore",
        "SPORE",
        server=SPORE_SERVER,
        client=SPORE_CLIENT,
        places=SPORE_PLACES,
        in_path=False,
    ),
    Peer(
        "spore-ahead",
        "spore",
        "SPORE",
        server=SPORE_SERVER,
        client=f"{SPORE_CLIENT} --ahead {AHEAD}",
        places=SPORE_PLACES,
        in_path=False,
        only=("churn*", "memory"),
    ),
    Peer(
        "bore",
        "bore",
        "BORE",
        server=BORE_SERVER,
        client=BORE_CLIENT,
        places=BORE_PLACES,
        control=7835,
    ),
    Peer(
        "rathole",
        "rathole",
        "RATHOLE",
        server="$program --server $config",
        client="$program --client $config",
        config=RATHOLE_SERVER,
        client_config=RATHOLE_CLIENT,
        places=RATHOLE_PLACES,
    ),
    Peer(
        "frp",
        "frps",
        "FRPS",
        server="$program -c $config",
        client="$folder/frpc -c $config",
        config=FRP_SERVER,
        client_config=FRP_CLIENT,
        places=FRP_PLACES,
    ),
    hop("haproxy", "haproxy", HAPROXY_HOP, HAPROXY % SPLICE, version="-v"),
    hop("haproxy-copy", "haproxy", HAPROXY_HOP, HAPROXY % "", version="-v"),
    hop("nginx", "nginx", NGINX_HOP, NGINX, version="-v", probe=nginx_values, places=NGINX_PLACES),
    tls("spore-tls", spore),
    tls("spore-tls-ahead", spore, "", AHEAD, only=("churn*", "memory")),
    haproxy_tls("haproxy-tls", HAPROXY_TLS_SERVER),
    nginx_tls("nginx-tls", NGINX_TLS_SERVER),
    stunnel("stunnel", STUNNEL_SERVER),
    tls("spore-tls-full", spore, NO_TICKETS, only=FULL),
    haproxy_tls("haproxy-tls-full", HAPROXY_FULL_SERVER, only=FULL),
    nginx_tls("nginx-tls-full", NGINX_FULL_SERVER, only=FULL),
    stunnel("stunnel-full", STUNNEL_FULL_SERVER, only=FULL),
    sni(
        "spore-sni",
        "spore",
        server="$program server --config $config",
        client="$program local --config $config",
        config=SPORE_SNI_SERVER,
        client_config=SPORE_SNI_CLIENT,
        places=SPORE_PLACES,
        in_path=False,
    ),
    sni(
        "haproxy-sni",
        "haproxy",
        server=HAPROXY_HOP,
        client=HAPROXY_HOP,
        config=HAPROXY_SNI,
        client_config=HAPROXY % "",
        version="-v",
    ),
    sni(
        "haproxy-sni-one",
        "haproxy",
        server=HAPROXY_HOP,
        config=HAPROXY_SNI.replace("$to:$target", "127.0.0.1:$service"),
        version="-v",
    ),
)

IF_NAMED = ("haproxy-copy", "haproxy-sni-one")
DEFAULT = tuple(peer.name for peer in PEERS if peer.name not in IF_NAMED)
# The baseline of each group.
BASELINES = {"plain": "bore", "tls": "nginx-tls", "sni": "haproxy-sni"}


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
    """The output line with the version, without addresses and surrounding blanks."""
    try:
        done = subprocess.run([program, option], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{program} {option}: {error}") from error
    lines = (done.stdout + done.stderr).strip().splitlines()
    if done.returncode != 0 or not lines:
        raise Unavailable(f"{program} {option} exits with {done.returncode}")
    named = rf"{os.path.basename(program).rstrip('4')}.*\d\.\d"
    patterns = (named, r"\d+\.\d+\.\d+", r"\d+\.\d+")
    telling = [
        line for pattern in patterns for line in lines if re.search(pattern, line, re.IGNORECASE)
    ]
    return re.sub(r"\s*-?\s*https?://\S+", "", (telling or lines)[0]).strip()


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
