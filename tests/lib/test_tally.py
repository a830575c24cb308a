"""The counts of tests/run are correct: no failure counts as a pass."""

import pathlib
import tempfile
import unittest

import tally


class Tally(unittest.TestCase):
    def assert_counts(self, cases, expected):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "junit.xml")
            path.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
            self.assertEqual(tally.of_file(path), expected)

    def test_no_test(self):
        self.assert_counts("", (0, 0, 0))

    def test_one_of_each(self):
        self.assert_counts(
            (
                "<testcase/><testcase><failure/></testcase><testcase><error/></testcase>"
                "<testcase><skipped/></testcase>"
            ),
            (1, 2, 1),
        )

    def test_what_ctest_writes(self):
        self.assert_counts(
            '<testcase status="run"/><testcase status="fail"><failure message=""/></testcase>'
            '<testcase status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>',
            (1, 1, 1),
        )

    def test_an_executable_that_was_not_built(self):
        self.assert_counts(
            (
                '<testcase status="notrun"><skipped message="Unable to find executable: '
                'x"/></testcase>'
            ),
            (0, 1, 0),
        )

    def test_programs_of_check(self):
        good = "100%: Checks: 10, Failures: 0, Errors: 0\n"
        self.assert_counts(f"<testcase><system-out>{good}</system-out></testcase>", (10, 0, 0))
        self.assert_counts(
            f"<testcase><system-out>{good}{good}</system-out></testcase>", (20, 0, 0)
        )
        bad = "Running suite(s): a\n70%: Checks: 10, Failures: 2, Errors: 1\na.c:1:F: no\n"
        self.assert_counts(
            f"<testcase><failure/><system-out>{bad}</system-out></testcase>", (7, 3, 0)
        )

    def test_a_program_that_fails_after_its_tests(self):
        good = "100%: Checks: 10, Failures: 0, Errors: 0\n"
        self.assert_counts(
            f"<testcase><failure/><system-out>{good}</system-out></testcase>", (10, 1, 0)
        )

    def test_no_file(self):
        self.assertEqual(tally.of_file("/nonexistent/junit.xml"), (0, 1, 0))

    def test_half_a_file(self):
        with tempfile.NamedTemporaryFile("w") as half:
            half.write("<testsuite><testcase/>")
            half.flush()
            self.assertEqual(tally.of_file(half.name), (0, 1, 0))


if __name__ == "__main__":
    unittest.main(verbosity=2)
