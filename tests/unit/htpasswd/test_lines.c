#include "lines.h"

#include <string.h>

#include "hashes.h"
#include "suite.h"

static struct lines lines;
static struct lines_entry entry;

static void expect_entry(unsigned line, const char *name, const char *hash)
{
	ck_assert_int_eq(lines_next(&lines, &entry), LINES_ENTRY);
	ck_assert_uint_eq(entry.line, line);
	ck_assert_uint_eq(entry.name.len, strlen(name));
	ck_assert_int_eq(memcmp(entry.name.ptr, name, entry.name.len), 0);
	ck_assert_uint_eq(entry.hash.len, strlen(hash));
	ck_assert_int_eq(memcmp(entry.hash.ptr, hash, entry.hash.len), 0);
}

static void expect_fault(unsigned line, unsigned column, const char *text)
{
	ck_assert_int_eq(lines_next(&lines, &entry), LINES_FAULT);
	ck_assert_uint_eq(entry.line, line);
	ck_assert_uint_eq(entry.column, column);
	ck_assert_ptr_nonnull(strstr(entry.fault, text));
}

static void expect_end(void)
{
	ck_assert_int_eq(lines_next(&lines, &entry), LINES_END);
	ck_assert_int_eq(lines_next(&lines, &entry), LINES_END);
}

static void read_text(const char *text)
{
	lines = lines_read(text, strlen(text));
}

START_TEST(names_and_hashes)
{
	read_text("\xEF\xBB\xBF# the team\n"
	          "alice:" HASHES_BCRYPT "\r\n"
	          "\n \t\n"
	          "bob at work:" HASHES_YESCRYPT ":19700:0:99999:7:::\n"
	          "  # another comment\n"
	          "\xC3\xA4:" HASHES_SHA512);
	expect_entry(2, "alice", HASHES_BCRYPT);
	expect_entry(5, "bob at work", HASHES_YESCRYPT);
	expect_entry(7, "\xC3\xA4", HASHES_SHA512);
	expect_end();
}
END_TEST

START_TEST(mistakes_have_their_places)
{
	read_text("alice\n"
	          ":" HASHES_BCRYPT "\n"
	          "carol:\n"
	          "dave:hunter2\n"
	          "a\x01:" HASHES_BCRYPT "\n"
	          "\xC3:" HASHES_BCRYPT "\n"
	          "frank:" HASHES_BCRYPT "\n");
	expect_fault(1, 6, "expected NAME:HASH, found no colon");
	expect_fault(2, 1, "expected a name of 1 to 255 bytes");
	expect_fault(3, 7, "expected a hash behind the colon, found none");
	expect_fault(4, 6, "expected a hash of bcrypt, yescrypt or SHA-512");
	expect_fault(5, 1, "expected a name of 1 to 255 bytes");
	expect_fault(6, 1, "expected a name of 1 to 255 bytes");
	expect_entry(7, "frank", HASHES_BCRYPT);
	expect_end();
	lines = lines_read("a:b\0c\n", 6);
	expect_fault(1, 4, "found a zero byte");
	expect_end();
}
END_TEST

START_TEST(locked_names)
{
	read_text("alice:!\n"
	          "bob:*\n"
	          "carol:!!:19700:0:99999:7:::\n"
	          "dave:!" HASHES_YESCRYPT "\n"
	          "erin:*LK*\n"
	          "frank::19700\n"
	          "grace:" HASHES_BCRYPT "\n");
	expect_entry(1, "alice", "!");
	ck_assert(entry.is_locked);
	expect_entry(2, "bob", "*");
	ck_assert(entry.is_locked);
	expect_entry(3, "carol", "!!");
	ck_assert(entry.is_locked);
	expect_entry(4, "dave", "!" HASHES_YESCRYPT);
	ck_assert(entry.is_locked);
	expect_entry(5, "erin", "*LK*");
	ck_assert(entry.is_locked);
	expect_fault(6, 7, "expected a hash behind the colon, found none");
	expect_entry(7, "grace", HASHES_BCRYPT);
	ck_assert(!entry.is_locked);
	expect_end();
}
END_TEST

START_TEST(nothing_in_it)
{
	lines = lines_read("", 0);
	expect_end();
	read_text("\n# x\n\r\n");
	expect_end();
}
END_TEST

SUITE("lines", names_and_hashes, mistakes_have_their_places, locked_names, nothing_in_it)
