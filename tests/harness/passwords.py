"""Files of passwords, made by the real htpasswd and mkpasswd."""

import subprocess
import urllib.parse

from .peers import installed_program


def htpasswd(name, password, *flags):
    """A line that `htpasswd` makes; by default bcrypt at the lowest cost."""
    program = installed_program("htpasswd", "apache2-utils")
    command = [program, "-n", "-i", *(flags or ("-B", "-C", "4")), name]
    done = subprocess.run(command, input=password.encode(), capture_output=True, check=True)
    return done.stdout.decode().strip()


def mkpasswd(name, password, method, rounds):
    """A line with a hash that `mkpasswd` makes."""
    program = installed_program("mkpasswd", "whois")
    command = [program, "-s", "-m", method, "-R", str(rounds)]
    done = subprocess.run(command, input=password.encode(), capture_output=True, check=True)
    return f"{name}:{done.stdout.decode().strip()}"


def password_answer(name, password):
    """The value of Authenticate, as conf/protocol.md says."""

    def encode(text):
        return urllib.parse.quote(text, safe="-._~@+")

    return f"p1={encode(name)}:{encode(password)}"
