"""Authorities and certificates, good and bad, made by the openssl program."""

import datetime
import itertools
import pathlib
import subprocess

# Long before and after any test.
PAST, FUTURE = "20200101000000Z", "20991231235959Z"

_CONFIG = """
[ca]
default_ca = here
[here]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
organizationName = optional
commonName = optional
[extensions]
{extensions}
"""


def asn1_date(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y%m%d%H%M%SZ")


def openssl(*arguments, stdin=None):
    """Runs openssl and returns its output."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"openssl {' '.join(map(str, arguments))}: {done.stderr}"
    return done.stdout


class Certificate:
    """Files in PEM form: .path holds the certificate and its chain, .key its key."""

    def __init__(self, path, key):
        self.path, self.key = str(path), str(key)

    def pin(self):
        """The value of this certificate in an option `pins`."""
        public = subprocess.run(
            ["openssl", "x509", "-in", self.path, "-noout", "-pubkey"],
            capture_output=True,
            check=True,
        ).stdout
        der = subprocess.run(
            ["openssl", "pkey", "-pubin", "-outform", "DER"],
            input=public,
            capture_output=True,
            check=True,
        ).stdout
        digest = subprocess.run(
            ["openssl", "sha256", "-r"], input=der, capture_output=True, check=True
        ).stdout
        return "sha256:" + digest.split()[0].decode()

    def fingerprint(self):
        """SHA-256 of the whole certificate, in lower-case hex."""
        said = openssl("x509", "-in", self.path, "-noout", "-fingerprint", "-sha256")
        return said.split("=")[1].strip().replace(":", "").lower()


def new_key(path, kind="ec"):
    if kind == "ec":
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    else:
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path)
    return path


class Authority:
    """Issues certificates into its folder; .path is its own certificate."""

    def __init__(self, folder, name="Test Authority", parent=None, **options):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "index.txt").write_text("")
        self._numbers = itertools.count()
        self.parent = parent
        self.key = new_key(self.folder / "authority.key")
        self.path = str(self.folder / "authority.pem")
        extensions = (
            "basicConstraints=critical,CA:true\nkeyUsage=keyCertSign,cRLSign\n"
            "subjectKeyIdentifier=hash"
        )
        issuer = parent or self
        issuer.sign(
            self.key, f"/CN={name}", extensions, self.path, selfsign=parent is None, **options
        )

    def sign(self, key, subject, extensions, path, start=PAST, end=FUTURE, selfsign=False):
        number = next(self._numbers)
        request = self.folder / f"{number}.csr"
        config = self.folder / f"{number}.cnf"
        config.write_text(_CONFIG.format(folder=self.folder, extensions=extensions))
        openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
        signer = (
            ["-selfsign", "-keyfile", key]
            if selfsign
            else ["-cert", self.path, "-keyfile", self.key]
        )
        openssl(
            "ca",
            "-batch",
            "-notext",
            "-config",
            config,
            "-extensions",
            "extensions",
            *signer,
            "-startdate",
            start,
            "-enddate",
            end,
            "-in",
            request,
            "-out",
            path,
        )

    def issue(
        self,
        *names,
        subject="/CN=test",
        key="ec",
        usage="serverAuth,clientAuth",
        chain=True,
        selfsign=False,
        **dates,
    ):
        """A certificate for hosts ("DNS:a.example"), addresses ("IP:127.0.0.1") or others
        ("email:a@b")."""
        number = next(self._numbers)
        key_path = new_key(self.folder / f"{number}.key", key)
        path = self.folder / f"{number}.pem"
        extensions = f"basicConstraints=CA:false\nextendedKeyUsage={usage}"
        if names:
            extensions += f"\nsubjectAltName={','.join(names)}"
        self.sign(key_path, subject, extensions, path, selfsign=selfsign, **dates)
        if self.parent and chain:
            path.write_text(path.read_text() + pathlib.Path(self.path).read_text())
        return Certificate(path, key_path)
