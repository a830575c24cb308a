"""Key pairs and answers of auth_pubkey, made by ssh-keygen and openssl and not by Spore's code."""

import base64
import hashlib
import pathlib
import subprocess
import uuid

from .peers import installed_program

LABEL = b"spore pubkey 1\0"
CONTROL, DATA = b"C", b"D"


def ssh_keygen(path, kind="ed25519", comment="alice", passphrase="", form=None, cipher=None):
    """Makes PATH and PATH.pub with the real ssh-keygen; returns the public line."""
    program = installed_program("ssh-keygen", "openssh-client")
    command = [program, "-q", "-t", kind, "-N", passphrase, "-C", comment, "-f", str(path)]
    command += (["-m", form] if form else []) + (["-Z", cipher] if cipher else [])
    subprocess.run(command, check=True, timeout=60)
    return pathlib.Path(f"{path}.pub").read_text(encoding="utf-8").strip()


def _openssl(*words, data=None):
    command = [installed_program("openssl", "openssl"), *words]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=60).stdout


def _string(data):
    return len(data).to_bytes(4, "big") + data


def _url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """An Ed25519 key pair that answers challenges as conf/protocol.md says.

    path    the private key, PKCS#8 in PEM
    public  its line for authorized_keys, without a comment
    """

    def __init__(self, path):
        self.path = str(path)
        _openssl("genpkey", "-algorithm", "ed25519", "-out", self.path)
        half = _openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-32:]
        blob = _string(b"ssh-ed25519") + _string(half)
        self.public = f"ssh-ed25519 {base64.b64encode(blob).decode()}"
        self.fingerprint = hashlib.sha256(blob).digest()

    def answer(self, challenge, name, purpose=CONTROL, binding=b""):
        """The value of Authenticate."""
        name = name.encode()
        text = LABEL + purpose + uuid.UUID(challenge).bytes + self.fingerprint
        text += bytes([len(name)]) + name + bytes([len(binding)]) + binding
        told = pathlib.Path(self.path + ".text")
        told.write_bytes(text)
        signature = _openssl("pkeyutl", "-sign", "-inkey", self.path, "-rawin", "-in", str(told))
        parts = self.fingerprint, hashlib.sha256(name).digest()[:8], signature
        return "k1=" + ".".join(map(_url, parts))


def sign(wire, signer, name, purpose=CONTROL):
    """Answers the Challenge; returns it with the answer."""
    challenge = wire.receive()["Challenge"]
    answer = signer.answer(challenge, name, purpose)
    wire.send({"Authenticate": answer})
    return challenge, answer
