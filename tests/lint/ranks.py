"""Which file may include which, and which may name a plugin.

usage: ranks.py [ROOT]

- A file of core/ includes the SDK, system headers, headers of its own folder and of folders of a
  lower rank. Two folders of one rank do not include each other.
- The table of folders in core/README.md has a row for each folder, with its rank, the highest
  rank first. The lowest rank is 1.
- OpenSSL is in core/base alone.
- A header of the SDK includes only the SDK and the C library.
- A plugin includes <spore/...>, system and library headers, headers of its own folder, and headers
  of plugins/common, which is compiled into each plugin that uses it. common includes no other
  plugin.
- Only core/config/shorthands.c names a plugin of plugins/. No other code contains the whole name,
  as auth_hmac, and no other string the short one, as hmac. The short name may be a common word, so
  it counts in strings only, where it could name the plugin, and not at all if it is in WORDS.
"""

import pathlib
import re
import sys

import source

# Lowest first. main.c is the file, all others are folders of core/.
RANKS = [
    {"base"},
    {"json", "thread"},
    {"loop", "diag", "log"},
    {"metrics", "files", "secret", "lane", "expand", "uring"},
    {"net", "wire"},
    {"option", "link", "relay", "review"},
    {"plugin", "usage"},
    {"config", "host"},
    {"services"},
    {"chain", "quota"},
    {"verdict", "event", "way", "health", "keep", "doubts", "share", "route"},
    {"session", "carry"},
    {"choose"},
    {"server", "client", "inventory"},
    {"process", "reference"},
    {"reload"},
    {"upgrade"},
    {"admin", "arguments", "show"},
    {"screen"},
    {"commands"},
    {"rehearsal"},
    {"completion"},
    {"main.c"},
]
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}
GENERATED = {"version.h"}  # by the build, from core/version.h.in
NAMES_PLUGINS = "config/shorthands.c"
WORDS = {"log", "plain", "proxy", "via"}  # short names that the core uses in another meaning
SHARED = "common"  # in plugins/; no plugin itself

# What a header of the SDK may include: headers of every C library for Linux.
C_LIBRARY = re.compile(
    r"(assert|ctype|errno|inttypes|limits|std[a-z]+|string|time)\.h|(sys|netinet|arpa)/\w+\.h"
)


def check(root):
    root = pathlib.Path(root)
    if not source.files(root / "core", ".c", ".h"):
        return [f"{root}: there is no source in core/"]
    return [
        *_documented(root),
        *_core(root),
        *_sdk(root),
        *_plugins(root),
        *_plugin_names(root),
    ]


def _documented(root):
    """A row is "| 2 | `json/` | what it is for |"."""
    text = (root / "core" / "README.md").read_text(encoding="utf-8")
    table = text.partition("| rank | folder |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\d+) \| `([\w.]+)/?` \|", table, re.MULTILINE)
    documented = [(int(rank), name) for rank, name in rows]
    in_order = sorted(documented, key=lambda row: -row[0]) == documented
    if not in_order or sorted(documented) != sorted((RANK[name] + 1, name) for name in RANK):
        expected = "\n".join(
            f"{rank + 1}: {', '.join(sorted(names))}"
            for rank, names in reversed(list(enumerate(RANKS)))
        )
        yield f"core/README.md: expected a table of folders with these ranks:\n{expected}"


def _core(root):
    core = root / "core"
    for path in source.files(core, ".c", ".h"):
        own = path.relative_to(core).parts[0]
        name = path.relative_to(root)
        if own not in RANK:
            yield f"{name}: core/{own} has no rank; give it one in tests/lint/ranks.py"
            continue
        for line, included, quoted in source.includes(source.read_code(path)):
            fault = _fault_in_core(core, own, included, quoted)
            if fault:
                yield f"{name}:{line}: includes {included}: {fault}"


def _fault_in_core(core, own, included, quoted):
    first = included.split("/")[0]
    if not quoted:
        if first == "openssl" and own != "base":
            return "OpenSSL is used in core/base alone"
        if first in RANK and (core / included).is_file() or included in GENERATED:
            return "a header of the core is included with quotes"
        return None
    if included in GENERATED:
        return None
    if first not in RANK or ".." in included.split("/") or not (core / included).is_file():
        return "not a header of the core by its path from core/"
    if first != own and RANK[first] == RANK[own]:
        return f"{own} and {first} have the same rank"
    if RANK[first] > RANK[own]:
        return f"{first} ranks above {own}"
    return None


def _sdk(root):
    headers = root / "sdk" / "include" / "spore"
    for path in source.files(root / "sdk" / "include", ".h"):
        for line, included, quoted in source.includes(source.read_code(path)):
            ours = included if quoted else included.removeprefix("spore/")
            is_ours = (
                (quoted or included.startswith("spore/"))
                and "/" not in ours
                and (headers / ours).is_file()
            )
            if not is_ours and (quoted or not C_LIBRARY.fullmatch(included)):
                where = f"{path.relative_to(root)}:{line}"
                yield f"{where}: includes {included}: neither the SDK nor the C library"


def _plugins(root):
    plugins = (root / "plugins").resolve()
    for path in source.files(root / "plugins", ".c", ".h", ".cc", ".cpp", ".hpp"):
        own = plugins / path.relative_to(root / "plugins").parts[0]
        for line, included, quoted in source.includes(source.read_code(path)):
            where = f"{path.relative_to(root)}:{line}: includes {included}"
            target = (path.parent / included).resolve()
            if quoted and not (target.is_file() and {own, plugins / SHARED} & set(target.parents)):
                yield f"{where}: quotes are for the plugin's own folder and for plugins/{SHARED}"
            elif not quoted and not included.startswith("spore/") and _is_ours(root, included):
                yield f"{where}: a plugin sees nothing of Spore but <spore/...>"


def _is_ours(root, included):
    folders = (
        root,
        root / "core",
        root / "sdk",
        root / "plugins",
        root / "sdk" / "include" / "spore",
    )
    return any((folder / included).is_file() for folder in folders)


def _plugin_names(root):
    whole = sorted(
        path.name for path in (root / "plugins").iterdir() if path.is_dir() and path.name != SHARED
    )
    if not whole:
        return
    short = sorted({name.split("_", 1)[1] for name in whole if "_" in name} - WORDS)
    anywhere = re.compile(rf"\b({'|'.join(map(re.escape, whole))})\b")
    in_string = re.compile(rf"\b({'|'.join(map(re.escape, short))})\b(?!://)") if short else None
    for path in source.files(root / "core", ".c", ".h", ".in"):
        if path.relative_to(root / "core").as_posix() == NAMES_PLUGINS:
            continue
        text = source.read_code(path)
        found = {
            (source.line_of(text, match.start()), match.group())
            for match in anywhere.finditer(text)
        }
        for line, content in source.strings(text) if in_string else ():
            found.update((line, match) for match in in_string.findall(content))
        for line, name in sorted(found):
            where = f"{path.relative_to(root)}:{line}"
            yield f"{where}: names the plugin {name}; only core/{NAMES_PLUGINS} may"


if __name__ == "__main__":
    sys.exit(source.report(check(sys.argv[1] if len(sys.argv) > 1 else source.REPOSITORY), "ranks"))
