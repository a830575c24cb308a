"""Every header compiles alone.

usage: headers.py FOLDER --compiler COMMAND [--std STANDARD] [--include FOLDER;...]
                         [--define NAME;...] [--optional] [--flags FLAGS]

FOLDER      every .h file below it is compiled as the only include of a file
--include   folders for -I
--optional  skip if the compiler is not installed, but fail if CI=true
"""

import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

import source

WARNINGS = ["-Wall", "-Wextra", "-Werror"]


def check(folder, command):
    folder = pathlib.Path(folder).resolve()
    headers = source.files(folder, ".h")
    if not headers:
        return [f"{folder}: there is no header"]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [
            fault for fault in pool.map(lambda header: _compile(header, command), headers) if fault
        ]


def _compile(header, command):
    # C does not allow an empty file.
    text = f'#include "{header}"\ntypedef int not_empty;\n'
    done = subprocess.run(
        command,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return f"{header} does not compile alone:\n{done.stdout}" if done.returncode else None


def compile_command(compiler, standard, includes, defines=(), flags=()):
    language = "c++" if "++" in standard else "c"
    return [
        *compiler.split(), f"-std={standard}", *WARNINGS, *flags, "-fsyntax-only",
        *(f"-I{each}" for each in includes), *(f"-D{each}" for each in defines),
        "-x", language, "-",
    ]  # fmt: skip


def _list(text):
    return [each for each in text.split(";") if each]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--std", default="c11")
    parser.add_argument("--include", type=_list, default=[])
    parser.add_argument("--define", type=_list, default=[])
    parser.add_argument("--flags", type=_list, default=[])
    parser.add_argument("--optional", action="store_true")
    arguments = parser.parse_args()
    if arguments.optional and not shutil.which(arguments.compiler):
        sys.exit(source.skip(f"{arguments.compiler} is not installed", fatal_in_ci=True))
    command = compile_command(
        arguments.compiler, arguments.std, arguments.include, arguments.define, arguments.flags
    )
    print(" ".join(command))
    sys.exit(source.report(check(arguments.folder, command), f"headers of {arguments.folder}"))
