"""nginx: in front of a web service, with TLS and HTTP/2, or as a service."""

import os
import signal

from .peers import installed_program
from .process import Process
from .waiting import wait_until

_CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
http {{
    log_format it '$server_protocol $connection $status';
    access_log {folder}/access.log it;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {host}:{port} ssl http2;
        ssl_certificate {certificate.path};
        ssl_certificate_key {certificate.key};
        location / {{ proxy_pass http://{upstream}; }}
    }}
}}
"""


_SITE = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {place};
        location / {{
            if (-e {folder}/broken) {{ return 500; }}
            return 200 "works from $remote_addr";
        }}
    }}
}}
"""


def start_nginx(folder, text):
    """The process, with this configuration, once it listens."""
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    config = folder / "nginx.conf"
    config.write_text(text)
    argv = [installed_program("nginx", "nginx-light"), "-p", folder, "-c", config]
    process = Process(argv, name="nginx")
    wait_until((folder / "nginx.pid").exists, "nginx to listen")
    return process


class Site:
    """A web site over HTTP at a place such as "127.0.0.1:8080" or "unix:/app.sock", which a test
    may kill, stop for a while, or make answer 500."""

    def __init__(self, folder, place):
        self.folder, self.place = folder, place
        self.process = None
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.close()

    def start(self):
        self.process = start_nginx(self.folder, _SITE.format(folder=self.folder, place=self.place))

    def kill(self):
        self.process.close()
        (self.folder / "nginx.pid").unlink(missing_ok=True)
        if self.place.startswith("unix:"):
            os.unlink(self.place[len("unix:") :])

    def hang(self):
        self.process.signal(signal.SIGSTOP)

    def wake(self):
        self.process.signal(signal.SIGCONT)

    def spoil(self):
        (self.folder / "broken").touch()

    def mend(self):
        (self.folder / "broken").unlink()


class Nginx:
    """A process that a test may stop; `requests` are (protocol, connection, status)."""

    def __init__(self, folder, host, port, certificate, upstream):
        self.folder = folder
        text = _CONFIG.format(
            folder=folder, host=host, port=port, certificate=certificate, upstream=upstream
        )
        self.process = start_nginx(folder, text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.signal(signal.SIGCONT)
        self.process.stop()

    @property
    def requests(self):
        return [line.split() for line in (self.folder / "access.log").read_text().splitlines()]
