#!/usr/bin/env python3
"""A web service for Spore's plugin auth_http, to start your own from: service.py HOST PORT CLIENTS

CLIENTS is a JSON file: {"alice": {"secret": "...", "policy": {"max_tunnels": 5}}, ...}
"""

import hashlib
import hmac
import http.server
import json
import os
import pathlib
import sys
import urllib.parse
import uuid


def known(client):
    key = hashlib.sha256(client["secret"].encode()).hexdigest()
    return {"key": key, "policy": client.get("policy", {})}


def proves(client, challenge, tag):
    key = bytes.fromhex(known(client)["key"])
    right = hmac.new(key, uuid.UUID(challenge).bytes, hashlib.sha256)
    return hmac.compare_digest(right.hexdigest().encode(), tag.lower().encode())


def verdict(asked):
    for name in [asked["name"]] if "name" in asked else list(CLIENTS):
        client = CLIENTS.get(name)
        if client and proves(client, asked["challenge"], asked["answer"].rpartition(":")[2]):
            return {"verdict": "allow", "identity": name, **known(client)}
    return {"verdict": "next", "reason": "no client has this secret"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open

    def do_POST(self):  # the mode "verify"
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.reply(200, verdict(asked))

    def do_GET(self):  # the mode "key"
        client = CLIENTS.get(urllib.parse.unquote(self.path.rpartition("/")[2]))
        self.reply(200, {**known(client), "life": 60}) if client else self.reply(404, {})

    def reply(self, status, value):
        given = self.headers.get("Authorization", "").encode()
        if TOKEN is not None and not hmac.compare_digest(given, f"Bearer {TOKEN}".encode()):
            status, value = 401, {}
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 {status} -\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)


TOKEN = os.environ.get("AUTH_TOKEN")  # if set, only a server with this token gets replies
CLIENTS = json.loads(pathlib.Path(sys.argv[3]).read_text(encoding="utf-8"))
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
