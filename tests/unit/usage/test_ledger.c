#include "usage/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "suite.h"

static char folder[] = "/tmp/ledgerXXXXXX", path[64], bad[64];

static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/use", folder);
	snprintf(bad, sizeof bad, "%s/use.bad", folder);
}

static void remove_folder(void)
{
	unlink(path);
	unlink(bad);
	ck_assert_int_eq(rmdir(folder), 0); /* nothing else is there */
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static struct ledger *open_ledger(struct usage_table *table)
{
	struct ledger *ledger;
	struct err err;

	usage_table_init(table, 1, clock_wall_ms());
	ledger = ledger_open(path, table, &err);
	ck_assert_ptr_nonnull(ledger);
	return ledger;
}

/* Counts so many bytes, and returns the count. */
static uint64_t carry(struct usage_table *table, uint64_t bytes)
{
	struct use_terms terms = { .bytes = { 5000, 5000 }, .visitors_per_second = -1 };
	struct usage *usage = usage_get(table, "alice");
	uint64_t used;

	ck_assert(usage_limit(usage, &terms));
	usage_carry(table, usage, bytes);
	used = usage->used[USE_MONTH];
	usage_put(table, usage);
	return used;
}

static void close_ledger(struct ledger *ledger, struct usage_table *table)
{
	ledger_close(ledger, table);
	usage_table_fini(table);
}

START_TEST(counts_outlive_the_table)
{
	struct usage_table table;
	struct ledger *ledger;
	struct stat stat_of;

	make_folder();
	ledger = open_ledger(&table);
	ck_assert_int_eq(stat(path, &stat_of), 0);
	ck_assert_int_eq(stat_of.st_mode & 0777, 0600);
	carry(&table, 70);
	ledger_tick(ledger, &table, 0);
	ledger_tick(ledger, &table, 1);
	close_ledger(ledger, &table);
	ledger = open_ledger(&table);
	ck_assert_uint_eq(carry(&table, 1), 71);
	close_ledger(ledger, &table);
	remove_folder();
}
END_TEST

START_TEST(a_wrong_file_is_put_aside)
{
	struct usage_table table;
	struct ledger *ledger;

	make_folder();
	write_file("spore use 1\nnonsense\n");
	ledger = open_ledger(&table);
	ck_assert_int_eq(access(bad, F_OK), 0);
	ck_assert_uint_eq(carry(&table, 1), 1);
	close_ledger(ledger, &table);
	remove_folder();
}
END_TEST

START_TEST(the_file_of_another_server_is_left_alone)
{
	struct usage_table tables[2];
	struct ledger *old, *new;

	make_folder();
	old = open_ledger(&tables[0]);
	carry(&tables[0], 70);
	new = open_ledger(&tables[1]);
	carry(&tables[1], 5);
	close_ledger(old, &tables[0]);
	close_ledger(new, &tables[1]);
	new = open_ledger(&tables[1]);
	ck_assert_uint_eq(carry(&tables[1], 0), 5);
	close_ledger(new, &tables[1]);
	remove_folder();
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_an_error)
{
	struct usage_table table;
	struct err err;

	usage_table_init(&table, 1, clock_wall_ms());
	ck_assert_ptr_null(ledger_open("/nowhere/use", &table, &err));
	ck_assert_ptr_nonnull(
		strstr(err.text, "/nowhere/use: cannot write the file: No such file"));
	usage_table_fini(&table);
}
END_TEST

SUITE("ledger", counts_outlive_the_table, a_wrong_file_is_put_aside,
      the_file_of_another_server_is_left_alone, a_file_that_cannot_be_written_is_an_error)
