"""Counts the tests of JUnit files.

usage: tally.py FILE...

Prints "PASSED FAILED SKIPPED", and the reasons of CTest's skips on standard error. A libcheck
program is one test for CTest, but prints how many tests it ran; these figures are used. A missing
or broken file counts as a failure.
"""

import re
import sys
import xml.etree.ElementTree

# "97%: Checks: 36, Failures: 1, Errors: 0", once for each runner of the program.
_CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)\s*$", re.MULTILINE)


def of_case(case):
    """(passed, failed, skipped) of one <testcase>."""
    skipped = case.find("skipped")
    # CTest also writes "skipped" for a missing program. Only a program that says so was skipped.
    if case.get("status") == "notrun" and not skipped.get("message", "").startswith("SKIP_"):
        return 0, 1, 0
    if case.get("status") == "notrun":
        # pytest lists skips with their reasons, CTest does not.
        print(
            f"SKIPPED {case.get('name')}: {(case.findtext('system-out') or '').strip()}",
            file=sys.stderr,
        )
    if skipped is not None or case.get("status") == "disabled":
        return 0, 0, 1
    has_failed = case.find("failure") is not None or case.find("error") is not None
    output = case.findtext("system-out") or ""
    counts = [tuple(map(int, found)) for found in _CHECK.findall(output)]
    if not counts:
        return (0, 1, 0) if has_failed else (1, 0, 0)
    ran = sum(each[0] for each in counts)
    failed = sum(each[1] + each[2] for each in counts)
    if has_failed and not failed:  # it failed outside of its tests, for example at its end
        return ran, 1, 0
    return ran - failed, failed, 0


def of_file(path):
    try:
        cases = list(xml.etree.ElementTree.parse(path).iter("testcase"))
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 0, 1, 0
    return tuple(map(sum, zip((0, 0, 0), *map(of_case, cases))))


if __name__ == "__main__":
    print(*map(sum, zip((0, 0, 0), *map(of_file, sys.argv[1:]))))
