"""nginx in front of a web service: TLS and HTTP/2."""

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


class Nginx:
    """A process that a test may stop; `requests` are (protocol, connection, status)."""

    def __init__(self, folder, host, port, certificate, upstream):
        os.environ["PATH"] += os.pathsep + "/usr/sbin"
        self.folder = folder
        config = folder / "nginx.conf"
        config.write_text(
            _CONFIG.format(
                folder=folder, host=host, port=port, certificate=certificate, upstream=upstream
            )
        )
        argv = [installed_program("nginx", "nginx-light"), "-p", folder, "-c", config]
        self.process = Process(argv, name="nginx")
        wait_until((folder / "nginx.pid").exists, "nginx to listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.signal(signal.SIGCONT)
        self.process.stop()

    @property
    def requests(self):
        return [line.split() for line in (self.folder / "access.log").read_text().splitlines()]
