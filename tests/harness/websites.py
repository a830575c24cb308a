"""Web sites of nginx: a page, a web socket, and what a service behind nginx answers."""

import urllib.parse

from .nginx import start_nginx

_CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
http {{
    log_format it '$host $server_protocol $status $request_uri $remote_addr $remote_port';
    access_log {folder}/access.log it;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type text/html;
    server {{
        listen {place} {options};
        {more}
        root {folder};
        location = / {{ try_files /page.html =500; }}
        location = /found {{ return 204; }}
        location = /socket {{
            proxy_pass http://{socket};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }}
        location / {{ proxy_pass http://{service}; }}
    }}
}}
"""

# The page asks for /found?..., so that the log of nginx has what the page has found out.
_PAGE = """<!doctype html>
<title>{title}</title>
<script>
function talk() {{
	return new Promise((resolve, reject) => {{
		const socket = new WebSocket("wss://" + location.host + "/socket");
		socket.onopen = () => socket.send("from " + location.hostname);
		socket.onclose = () => reject("the web socket was closed");
		socket.onmessage = (event) => {{
			resolve(event.data);
			socket.close();
		}};
	}});
}}
async function look() {{
	const page = performance.getEntriesByType("navigation")[0];
	return {{ title: document.title, protocol: page.nextHopProtocol, said: await talk() }};
}}
look().catch((error) => ({{ error }})).then(async (found) => {{
	await fetch("/found?" + new URLSearchParams(found));
	if ("{onward}")
		location = "{onward}";
}});
</script>
"""


_TOLD = "set_real_ip_from 127.0.0.0/8; real_ip_header proxy_protocol;"


class Website:
    """An nginx at `place`, HOST:PORT: over HTTP/1, or with a certificate over TLS and HTTP/2.

    /socket leads to the web socket server `socket`, all but the page to `service`; both are
    HOST:PORT. is_told: a PROXY header ahead of each visitor's bytes has the visitor's address."""

    NOBODY = "127.0.0.1:9"

    def __init__(
        self, folder, place, socket=NOBODY, service=NOBODY, certificate=None, is_told=False
    ):
        folder.mkdir()
        self.folder, self.place = folder, place
        options, more = [], []
        if certificate:
            options += ["ssl", "http2"]
            more += [f"ssl_certificate {certificate.path};"]
            more += [f"ssl_certificate_key {certificate.key};"]
        if is_told:
            options.append("proxy_protocol")
            more.append(_TOLD)
        text = _CONFIG.format(
            folder=folder,
            place=place,
            options=" ".join(options),
            more=" ".join(more),
            socket=socket,
            service=service,
        )
        self.process = start_nginx(folder, text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()

    def write_page(self, title, onward=""):
        """A page for a browser, which goes on to the page at `onward` afterwards."""
        (self.folder / "page.html").write_text(_PAGE.format(title=title, onward=onward))

    def _lines(self):
        return [line.split() for line in (self.folder / "access.log").read_text().splitlines()]

    @property
    def requests(self):
        """(host, protocol, status, target) of each request that has ended."""
        return [tuple(line[:4]) for line in self._lines()]

    @property
    def visitors(self):
        """(address, port) of the visitor of each of these requests."""
        return [(line[4], int(line[5])) for line in self._lines()]

    @property
    def found(self):
        """What the page has found out; None: nothing yet."""
        for _, _, _, target in self.requests:
            path, _, query = target.partition("?")
            if path == "/found":
                return dict(urllib.parse.parse_qsl(query))
        return None
