"""Each lint fails on a made-up violation, and passes without it.

usage: selftest.py CLASS [-v]      with BUILD, CMAKE and COMPILER in the environment
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import cycles
import formatting
import headers
import hygiene
import installed
import links
import manual
import pages
import ranks
import shape
import source
import symbols
import width

COMPILER = os.environ.get("COMPILER", "cc")
CMAKE = os.environ.get("CMAKE", "cmake")
BUILD = os.environ.get("BUILD", str(source.REPOSITORY / "build"))


class InAFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="spore lint ")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, name, content):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def assert_one(self, violations, pattern):
        violations = list(violations)
        self.assertEqual(len(violations), 1, violations)
        self.assertRegex(violations[0], pattern)


class Ranks(InAFolder):
    def setUp(self):
        super().setUp()
        self.document(ranks.RANKS)
        for folder in ("base", "loop", "net", "wire", "config", "server", "client", "commands"):
            self.write(f"core/{folder}/{folder}.h", "")
        self.write("core/config/shorthands.c", 'const char *names = "hmac auth_hmac";\n')
        self.write("core/main.c", '#include "commands/commands.h"\n#include "version.h"\n')
        self.write("core/base/digest.c", '#include "base/base.h"\n\n#include <openssl/evp.h>\n')
        self.write(
            "core/net/net.c", '#include "net/net.h"\n\n#include <ev.h>\n#include <spore/base.h>\n'
        )
        self.write(
            "core/server/server.c",
            '#include "server/server.h"\n#include "net/net.h"\n#include "wire/wire.h"\n',
        )
        self.write("sdk/include/spore/base.h", "#include <stdint.h>\n")
        self.write("sdk/include/spore/auth.h", '#include "base.h"\n#include <spore/base.h>\n')
        self.write("plugins/auth_hmac/keys.h", "")
        self.write(
            "plugins/auth_hmac/auth_hmac.c",
            '#include <openssl/hmac.h>\n#include <spore/auth.h>\n#include "keys.h"\n',
        )

    def document(self, all_ranks):
        rows = [
            f"| {rank} | `{name}/` | what it is for |\n"
            for rank, names in reversed(list(enumerate(all_ranks, 1)))
            for name in sorted(names)
        ]
        table = "| rank | folder | purpose |\n|---|---|---|\n" + "".join(rows)
        self.write("core/README.md", f"# The core\n\n{table}\n| who |\n|---|\n| `base/` |\n")

    def assert_refused(self, name, text, pattern):
        self.write(name, text)
        self.assert_one(ranks.check(self.root), pattern)

    def test_a_document_with_other_ranks(self):
        lowest, *others = ranks.RANKS
        for documented in (others, [lowest | {"attic"}, *others], [*others, lowest]):
            self.document(documented)
            self.assert_one(ranks.check(self.root), "README.md: expected a table of folders")

    def test_a_good_tree(self):
        self.assertEqual(ranks.check(self.root), [])

    def test_an_empty_tree(self):
        shutil.rmtree(self.root / "core")
        self.assert_one(ranks.check(self.root), "no source")

    def test_a_higher_rank(self):
        self.assert_refused(
            "core/base/x.c", '#include "net/net.h"\n', r"base/x.c:1: .* net ranks above base"
        )

    def test_an_equal_rank(self):
        self.assert_refused(
            "core/net/x.h",
            '\n  #  include "wire/wire.h"\n',
            r"x.h:2: .* net and wire have the same rank",
        )

    def test_main_from_below(self):
        self.assert_refused(
            "core/commands/x.c", '#include "main.c"\n', "main.c ranks above commands"
        )

    def test_a_folder_without_a_rank(self):
        self.assert_refused("core/extra/x.c", "", "core/extra has no rank")

    def test_a_path_that_is_not_from_core(self):
        self.assert_refused("core/net/x.c", '#include "net.h"\n', "not a header of the core")

    def test_a_path_across_the_house(self):
        for path in ("../../sdk/include/spore/base.h", "net/../server/server.h"):
            self.assert_refused("core/net/x.c", f'#include "{path}"\n', "not a header of the core")

    def test_the_core_in_angle_brackets(self):
        self.assert_refused("core/base/x.c", "#include <net/net.h>\n", "with quotes")

    def test_openssl_outside_of_base(self):
        self.assert_refused("core/net/x.c", "#include <openssl/ssl.h>\n", "OpenSSL")

    def test_a_library_in_the_sdk(self):
        self.assert_refused(
            "sdk/include/spore/x.h", "#include <openssl/ssl.h>\n", "neither the SDK"
        )
        self.assert_refused("sdk/include/spore/x.h", "#include <ev.h>\n", "neither the SDK")
        self.assert_refused(
            "sdk/include/spore/x.h", "#include <cjson/cJSON.h>\n", "neither the SDK"
        )

    def test_the_core_in_the_sdk(self):
        self.assert_refused(
            "sdk/include/spore/x.h", '#include "../../../core/net/net.h"\n', "neither the SDK"
        )

    def test_the_core_in_a_plugin(self):
        self.assert_refused(
            "plugins/auth_hmac/x.c", '#include "../../core/net/net.h"\n', "own folder"
        )
        self.assert_refused("plugins/auth_hmac/x.c", "#include <net/net.h>\n", "nothing of Spore")

    def test_another_plugin_in_a_plugin(self):
        self.assert_refused("plugins/acl_x/x.c", '#include "../auth_hmac/keys.h"\n', "own folder")

    def test_what_plugins_share(self):
        self.write("plugins/common/tag.h", "#include <spore/base.h>\n")
        self.write("plugins/acl_x/x.c", '#include "../common/tag.h"\n')
        self.write("core/net/x.c", 'int common;\nconst char *a = "common";\n')
        self.assertEqual(list(ranks.check(self.root)), [])
        self.assert_refused("plugins/common/x.c", '#include "../auth_hmac/keys.h"\n', "own folder")

    def test_a_plugin_named_in_a_string(self):
        self.assert_refused(
            "core/net/x.c", 'const char *a = "use hmac.";\n', "names the plugin hmac"
        )
        self.assert_refused(
            "core/net/x.c",
            '\nconst char *a = "auth_hmac.so";\n',
            "x.c:2: names the plugin auth_hmac",
        )

    def test_a_plugin_named_in_code(self):
        self.assert_refused("core/net/x.c", "int auth_hmac;\n", "names the plugin auth_hmac")

    def test_a_word_that_is_no_name(self):
        self.write(
            "core/net/x.c",
            '/* as auth_hmac does */ int hmac; // "hmac"\nconst char *a = "hmac_key";\n',
        )
        self.assertEqual(ranks.check(self.root), [])

    def test_a_comment_is_no_include(self):
        self.write("core/base/x.c", '/*\n#include "net/net.h"\n*/\n')
        self.assertEqual(ranks.check(self.root), [])


class Cycles(InAFolder):
    def setUp(self):
        super().setUp()
        self.write("core/base/text.h", "")
        self.write("core/base/text.c", '#include "base/text.h"\n\n#include <string.h>\n')
        self.write("core/log/log.h", "")
        self.write("core/log/log.c", '#include "log/log.h"\n#include "base/text.h"\n')
        self.write("core/main.c", '#include "log/log.h"\n#include "version.h"\n')
        self.write("plugins/acl_x/a.h", "")
        self.write("plugins/acl_x/a.c", '#include "a.h"\n#include "../common/tag.h"\n')
        self.write("plugins/common/tag.h", "")

    def test_a_good_tree(self):
        self.assertEqual(list(cycles.check(self.root)), [])

    def test_an_empty_tree(self):
        shutil.rmtree(self.root / "core")
        shutil.rmtree(self.root / "plugins")
        self.assertEqual(list(cycles.check(self.root)), [])

    def test_two_modules_of_a_folder(self):
        self.write("core/log/line.h", '#include "log/log.h"\n')
        self.write("core/log/log.c", '#include "log/line.h"\n')
        self.assert_one(
            cycles.check(self.root), "core: include cycle: log/line -> log/log -> log/line$"
        )

    def test_across_folders(self):
        self.write("core/base/text.c", '#include "net/net.h"\n')
        self.write("core/net/net.h", '#include "log/log.h"\n')
        self.assert_one(
            cycles.check(self.root),
            "core: include cycle: base/text -> net/net -> log/log -> base/text$",
        )

    def test_two_cycles_and_what_only_leads_to_them(self):
        for a, b in (("a", "b"), ("b", "a"), ("c", "d"), ("d", "c"), ("e", "a")):
            self.write(f"core/x/{a}.h", f'#include "x/{b}.h"\n')
        self.assertEqual(
            list(cycles.check(self.root)),
            [
                "core: include cycle: x/a -> x/b -> x/a",
                "core: include cycle: x/c -> x/d -> x/c",
            ],
        )

    def test_a_plugin(self):
        self.write("plugins/acl_x/a.h", '#include "b.h"\n')
        self.write("plugins/acl_x/b.h", '#include "a.h"\n')
        self.assert_one(
            cycles.check(self.root), "plugins: include cycle: acl_x/a -> acl_x/b -> acl_x/a$"
        )

    def test_a_comment_is_no_include(self):
        self.write("core/base/text.c", '/*\n#include "log/log.h"\n*/\n')
        self.assertEqual(list(cycles.check(self.root)), [])


class Shape(InAFolder):
    def function(self, lines):
        return "int f(void)\n{\n" + "\treturn 0;\n" * lines + "}\n"

    def setUp(self):
        super().setUp()
        self.write("core/main.c", "")
        self.write("core/net/net.h", "static inline int g(void)\n{\n\treturn 0;\n}\n")
        self.write(
            "core/net/net.c", self.function(shape.MAX_LINES) + self.function(shape.MAX_LINES)
        )
        self.write("tests/unit/net/test_net.c", self.function(200))
        for number in range(shape.MAX_FILES):
            self.write(f"tests/e2e/net/{number}", "")
        self.write("tests/e2e/net/__pycache__/made", "")

    def test_a_good_tree(self):
        self.assertEqual(list(shape.check(self.root)), [])

    def test_a_full_folder(self):
        self.write("tests/e2e/net/more", "")
        self.assert_one(shape.check(self.root), "tests/e2e/net: 26 files; expected at most 25")

    def test_a_full_folder_in_a_folder(self):
        for number in range(shape.MAX_FILES + 1):
            self.write(f"plugins/acl_x/deep/{number}", "")
        self.assert_one(shape.check(self.root), "plugins/acl_x/deep: 26 files")

    def test_a_long_function(self):
        text = "int x;\n\n" + self.function(shape.MAX_LINES + 1)
        for name in ("core/net/net.h", "core/net/net.c", "plugins/acl_x/acl_x.c"):
            with self.subTest(name):
                path = self.write(name, text)
                self.assert_one(shape.check(self.root), f"{name}:4: a function of 51 lines")
                path.write_text("")

    def test_a_long_table_is_no_function(self):
        self.write("core/net/net.c", "int x[] = {\n" + "\t1,\n" * 100 + "};\n")
        self.assertEqual(list(shape.check(self.root)), [])

    def test_a_module_without_a_unit_test(self):
        self.write("core/net/dial.c", "")
        self.write("tests/unit/wire/test_dial.c", "")
        self.assert_one(
            shape.check(self.root), "core/net/dial.c: has no unit test tests/unit/net/test_dial.c"
        )


class Width(InAFolder):
    WIDE = "x" * 101

    def assert_wide(self, name, text, line):
        self.write(name, text)
        self.assert_one(width.check(self.root), f"{name}:{line}: 101 columns; expected at most 100")

    def test_a_good_tree(self):
        self.write("a.c", "\t" * 12 + "four\n")
        self.write("table.c", f"/* clang-format off */\n{self.WIDE}\n/* clang-format on */\n")
        self.write("a.py", f"x = {self.WIDE}  # fmt: skip\n# see https://{self.WIDE}\n")
        self.write("table.py", f"x = (\n    {self.WIDE},\n)  # fmt: skip\n\ny = 1\n")
        self.write("a.sh", f"# http://{self.WIDE}\n")
        self.write("a.md", self.WIDE)
        self.write("data", self.WIDE)
        self.write("build/a.c", self.WIDE)
        self.assertEqual(list(width.check(self.root)), [])

    def test_each_language(self):
        for name in ("a.c", "a.h", "a.cpp", "a.py", "a.sh"):
            with self.subTest(name):
                self.assert_wide(name, f"\n{self.WIDE}\n", 2)
                (self.root / name).unlink()

    def test_scripts_without_a_suffix(self):
        self.assert_wide("one", f"#!/usr/bin/env python3\n{self.WIDE}\n", 2)
        (self.root / "one").unlink()
        self.assert_wide("two", f"#!/bin/sh\n{self.WIDE}\n", 2)

    def test_a_tab_has_eight_columns(self):
        self.assert_wide("a.c", "\t" * 12 + "fives\n", 1)

    def test_a_line_after_a_table(self):
        table = "/* clang-format off */\nx\n/* clang-format on */\n"
        self.assert_wide("a.c", f"{table}\n{self.WIDE}\n", 5)

    def test_a_statement_after_a_skipped_one(self):
        self.assert_wide("a.py", f"x = 1  # fmt: skip\n{self.WIDE}\n", 2)

    def test_what_another_language_may(self):
        self.assert_wide("a.c", f"{'x' * 90}# fmt: skip\n", 1)


class Format(InAFolder):
    def setUp(self):
        super().setUp()
        shutil.copy(source.REPOSITORY / ".clang-format", self.root)

    def assert_checked(self, tool, good, name, bad, pattern):
        if formatting.unusable(tool) is not None:
            self.skipTest(f"{tool} cannot be used")
        self.write("build/not_a_source.c", "int  x ;")
        for path, text in good.items():
            self.write(path, text)
        self.assertEqual(formatting.check(tool, self.root), [])
        self.write(name, bad)
        self.assert_one(formatting.check(tool, self.root), pattern)

    def test_clang_format(self):
        good = {"a.c": "int x;\n", "a.cpp": "int y;\n", "a.py": "x  = 1\n"}
        self.assert_checked("clang-format", good, "b.h", "int  z;\n", r"b\.h:1:4: error")

    def test_black(self):
        good = {"a.py": "x = 1\n", "run": "#!/usr/bin/env python3\ny = 1\n", "a.c": "int  x;\n"}
        self.assert_checked("black", good, "tool", "#!/usr/bin/python3\nz=1\n", "reformat .*tool")

    def test_black_has_our_width(self):
        good = {"a.py": f'call("{"x" * 80}", "yyyyy")\n'}
        bad = f'call(\n    "{"x" * 80}", "yyyyy"\n)\n'
        self.assert_checked("black", good, "b.py", bad, "reformat .*b.py")

    def test_shellcheck(self):
        good = {"a.sh": "# shellcheck shell=sh\necho\n", "run": "#!/bin/sh\necho\n"}
        bad = "#!/bin/sh\ncd /tmp\n"
        self.assert_checked("shellcheck", good, "other", bad, "other:2:.*warning")

    def test_no_file(self):
        self.assert_one(formatting.check("black", self.root), "no file for black")

    def run_without_tools(self, ci):
        return subprocess.run(
            [sys.executable, formatting.__file__, "shellcheck", self.root],
            env={"PATH": "/nowhere", "CI": ci},
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        )

    def test_a_tool_that_is_not_installed(self):
        done = self.run_without_tools(ci="")
        self.assertEqual(done.returncode, source.SKIPPED)
        self.assertIn("SKIPPED: shellcheck is not installed", done.stdout)
        self.assertEqual(self.run_without_tools(ci="true").returncode, 1)

    def test_another_version(self):
        tool = self.write("bin/black", "#!/bin/sh\necho black, 99.1.0\n")
        tool.chmod(0o755)
        done = subprocess.run(
            [sys.executable, formatting.__file__, "black", self.root],
            env={"PATH": f"{tool.parent}:/usr/bin:/bin", "CI": "true"},
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, source.SKIPPED)
        self.assertIn("SKIPPED: expected black 23, found black, 99.1.0", done.stdout)


class Symbols(InAFolder):
    def link(self, name, text, *flags):
        text = self.write("text.c", text)
        (self.root / "plugins").mkdir(exist_ok=True)
        subprocess.run(
            [*COMPILER.split(), *flags, "-fPIC", text, "-o", self.root / name],
            check=True,
            timeout=120,
        )

    def good_build(self):
        self.link(
            "plugins/a.so", "static int x; int *spore_plugin_v1(void) { return &x; }", "-shared"
        )
        self.link(
            "spore", '#include <stdio.h>\nint ours; int main(void) { fputs("", stderr); return 0; }'
        )

    def test_a_good_build(self):
        self.good_build()
        self.assertEqual(list(symbols.check(self.root)), [])

    def test_a_build_without_anything(self):
        self.assertEqual(len(list(symbols.check(self.root))), 2)

    def test_a_plugin_with_a_second_symbol(self):
        self.good_build()
        self.link(
            "plugins/b.so", "int second; int spore_plugin_v1(void) { return second; }", "-shared"
        )
        self.assert_one(symbols.check(self.root), "b.so: exports second, spore_plugin_v1")

    def test_a_plugin_without_the_symbol(self):
        self.good_build()
        self.link(
            "plugins/b.so",
            "static int x; static int *f(void) { return &x; }",
            "-shared",
            "-Wno-unused-function",
        )
        self.assert_one(symbols.check(self.root), "b.so: exports nothing")

    def test_an_executable_with_a_symbol(self):
        self.good_build()
        self.link("spore", "int ours; int main(void) { return ours; }", "-rdynamic")
        found = list(symbols.check(self.root))
        self.assertEqual(len(found), 1)
        self.assertIn("ours", found[0])


class Headers(InAFolder):
    def check(self, standard):
        compiler = COMPILER if standard.startswith("c1") else "c++"
        return headers.check(
            self.root, headers.compile_command(compiler, standard, [], flags=["-Wpedantic"])
        )

    def test_a_good_header(self):
        self.write("a.h", "#include <stddef.h>\nsize_t a(void);\n")
        self.write("deeper/b.h", '#include "../a.h"\n')
        self.assertEqual(self.check("c11"), [])

    def test_no_header(self):
        self.assert_one(self.check("c11"), "no header")

    def test_a_header_that_needs_another(self):
        self.write("deeper/a.h", "size_t a(void);\n")
        self.assert_one(self.check("c11"), "a.h does not compile alone")

    def test_a_header_with_a_warning(self):
        self.write("a.h", "static inline int a(int unused) { return 0; }\n")
        self.assert_one(self.check("c11"), "unused")

    def test_a_header_that_is_not_cplusplus(self):
        if not shutil.which("c++"):
            self.skipTest("there is no C++ compiler")
        self.write("a.h", "struct a { int new; };\n")
        self.assertEqual(self.check("c11"), [])
        self.assert_one(self.check("c++17"), "a.h does not compile alone")


class Hygiene(InAFolder):
    def test_a_good_tree(self):
        self.write("a/b.c", "int x;\n\nint y;\n")
        self.write("empty", "")
        self.write("data", b"binary \0 \n\n ")
        self.write("build/out.txt", "made by the build ")
        self.write("tests/fuzz/corpus/frames/cut-off", "bytes ")
        self.assertEqual(list(hygiene.check(self.root)), [])

    def test_white_space_at_the_end_of_a_line(self):
        self.write("a", "fine\nnot fine \nfine\n")
        self.assert_one(hygiene.check(self.root), "a:2: white space")

    def test_another_line_end(self):
        self.write("a", "not fine\r\n")
        self.assert_one(hygiene.check(self.root), "a:1: white space")

    def test_no_newline_at_the_end(self):
        self.write("a", "fine\nnot fine")
        self.assert_one(hygiene.check(self.root), "a: no newline")

    def test_a_large_file(self):
        self.write("a", b"\0" * (hygiene.MAX_SIZE + 1))
        self.assert_one(hygiene.check(self.root), "a: 500001 bytes")

    def test_a_registry(self):
        for host in hygiene.REGISTRIES:
            with self.subTest(host):
                self.write("a", f"get it from https://mirror.{host}/list\n")
                self.assert_one(hygiene.check(self.root), re.escape(f"registry host mirror.{host}"))

    def test_two_headers_with_one_guard(self):
        for name in ("core/a/x.h", "core/b/x.h", "plugins/c/x.h"):
            self.write(name, "#ifndef X_H\n#define X_H\n#endif\n")
        self.write("core/b/y.h", "#ifndef Y_H\n#define Y_H\n#endif\n")
        self.assert_one(hygiene.check(self.root), "core/b/x.h: has the include guard of core/a/x.h")

    def test_what_only_resembles_a_registry(self):
        for host in hygiene.REGISTRIES:
            with self.subTest(host):
                self.write("a", f"x{host} and not-{host} and {host}n\n")
                self.assertEqual(list(hygiene.check(self.root)), [])


class Pages(InAFolder):
    def check(self, text):
        self.write("conf/page.md", text)
        return list(pages.check(CMAKE, BUILD, self.root))

    def part(self, *words):
        """A part of a page that is what the program prints."""
        spore = pathlib.Path(BUILD, "spore")
        printed = subprocess.run([spore, *words], stdout=subprocess.PIPE, text=True, check=True)
        return f"<!-- spore {' '.join(words)} -->\n\n{printed.stdout}<!-- end -->\n"

    def test_a_part_that_is_what_is_printed(self):
        self.assertEqual(self.check("# Page\n" + self.part("keygen", "--help") + "more\n"), [])

    def test_a_part_that_is_not_what_is_printed(self):
        fresh = self.part("keygen", "--help")
        found = self.check(fresh + "<!-- spore reference --help -->\n<!-- end -->\n")
        self.assertTrue(found and all("lacks: " in line for line in found), found)
        self.assertFalse(any("keygen" in line for line in found), "that part is fresh")
        stale = fresh.replace("\nUsage", "\nstale\nUsage")
        self.assertEqual(self.check(stale), ["conf/page.md: has: stale"])

    def test_no_part(self):
        self.assert_one(self.check("# Spore\n"), "no page has a generated part")

    def test_a_plugin_without_its_options(self):
        good = self.part("keygen", "--help")
        self.write("plugins/acl_x/acl_x.c", "")
        self.write("plugins/common/tag.c", "")
        self.assert_one(self.check(good), "plugins/acl_x: has no README.md")
        self.write("plugins/acl_x/README.md", "# acl_x\n")
        self.assert_one(self.check(good), "plugins/acl_x/README.md: lacks <!-- spore reference")


class Links(InAFolder):
    def assert_refused(self, text, pattern):
        self.write("page.md", text)
        self.assert_one(links.check(self.root), pattern)

    def test_a_good_tree(self):
        self.write("a.c", "int x;\n")
        self.write("b/c.md", "# A title: `x_y`, twice!\n\n## Same\n\n## Same\n")
        self.write(
            "page.md",
            "# Here\n[1](a.c) [2](b/c.md#a-title-x_y-twice) [3](b/c.md#same-1) [4](#here)\n"
            "[5](https://x.example/#y) `[6](none)`\n```\n[7](none)\n```\n![8](b)\n",
        )
        self.assertEqual(list(links.check(self.root)), [])

    def test_no_such_file(self):
        self.assert_refused("\n[x](none.md)\n", "page.md:2: none.md: no such file")

    def test_no_such_heading(self):
        self.write("b.md", "# B\n```\n# not a heading\n```\n")
        self.assert_refused("[x](b.md#not-a-heading)\n", "no such heading")
        self.assert_refused("[x](#y)\n", "no such heading")

    def test_out_of_the_tree(self):
        self.assert_refused("[x](../x)\n", "leads out of the tree")


@unittest.skipUnless(shutil.which("mandoc") or os.environ.get("CI") == "true", "there is no mandoc")
class Manual(InAFolder):
    def test_a_good_page(self):
        self.assertEqual(
            list(
                manual.check([self.write("a.1", '.TH "a" "1" "2020-01-01"\n.SH NAME\n.P\na - b\n')])
            ),
            [],
        )

    def test_a_macro_that_is_none(self):
        page = self.write("a.1", '.TH "a" "1" "2020-01-01"\n.SH NAME\na - b\n.XX\n')
        self.assert_one(manual.check([page]), r"a.1:4:.*unknown macro")

    def test_a_line_that_is_too_wide(self):
        text = f"{'x' * 100}\n{'x ' * 33}\n{'x ' * 40}\n"
        head = '.TH "a" "1" "2020-01-01"\n.SH NAME\n.P\na - b\n'
        page = self.write("a.1", f"{head}.P\n.nf\n{text}.fi\n")
        self.assert_one(manual.check([page]), r"a.1: expected at most 80 columns: x x")


class Installed(InAFolder):
    def setUp(self):
        super().setUp()
        self.tree = installed.install_elsewhere(CMAKE, BUILD, self.root)

    def assert_fails(self, pattern, function, *arguments):
        with self.assertRaisesRegex(installed.Failure, pattern):
            function(*arguments)

    def test_without_a_plugin(self):
        installed.only(self.tree, "auth_hmac.so").unlink()
        self.assert_fails("auth_hmac", installed.carry, self.tree)

    def test_a_plugin_in_no_package(self):
        installed.in_one_package(self.tree)
        hmac = installed.only(self.tree, "auth_hmac.so")
        (hmac.parent / "auth_new.so").touch()
        self.assert_fails("auth_new.so is in 0 of", installed.in_one_package, self.tree)

    def test_without_the_cmake_package(self):
        installed.only(self.tree, "SporeSdkConfig.cmake").unlink()
        self.assert_fails(
            "SporeSdk", installed.with_find_package, CMAKE, self.tree, COMPILER, self.root
        )

    def test_without_the_pkg_config_file(self):
        installed.only(self.tree, "spore-sdk.pc").unlink()
        self.assert_fails("spore-sdk.pc", installed.with_pkg_config, self.tree, COMPILER, self.root)

    def test_without_a_header(self):
        installed.only(self.tree, "acl.h").unlink()
        self.assert_fails("acl.h", installed.with_pkg_config, self.tree, COMPILER, self.root)

    def test_a_plugin_that_does_not_greet(self):
        other = self.root / "other" / "acl_greeter.so"
        other.parent.mkdir()
        plugin = installed.with_pkg_config(self.tree, COMPILER, self.root)
        other.write_bytes(
            plugin.read_bytes().replace(installed.GREETING.encode(), b"x" * len(installed.GREETING))
        )
        installed.carry(self.tree, plugin)
        self.assert_fails("was not loaded", installed.carry, self.tree, other)


if __name__ == "__main__":
    unittest.main(verbosity=2)
