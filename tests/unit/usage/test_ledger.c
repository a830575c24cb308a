#include "usage/ledger.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "suite.h"

static char folder[] = "/tmp/ledgerXXXXXX", path[64], bad[64], lock_of[64];

static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/use", folder);
	snprintf(lock_of, sizeof lock_of, "%s/use.lock", folder);
	snprintf(bad, sizeof bad, "%s/use.bad", folder);
}

static void remove_folder(void)
{
	unlink(path);
	unlink(bad);
	unlink(lock_of);
	ck_assert_int_eq(rmdir(folder), 0); /* nothing else is there */
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static struct ledger *open_inheriting(struct usage_table *table, const char *inherited)
{
	struct ledger *ledger;
	struct err err;

	usage_table_init(table, 1, clock_wall_ms());
	ledger = ledger_open(path, inherited, table, &err);
	ck_assert_ptr_nonnull(ledger);
	return ledger;
}

static struct ledger *open_ledger(struct usage_table *table)
{
	return open_inheriting(table, NULL);
}

/* Counts so many bytes, and returns the count. */
static uint64_t carry(struct usage_table *table, uint64_t bytes)
{
	struct use_terms terms = { .bytes = { 5000, 5000 }, .visitors_per_second = -1 };
	struct usage *usage = usage_get(table, "alice");
	struct use_claim *claim = NULL;
	uint64_t used;

	ck_assert(usage_limit(table, usage, &claim, &terms));
	usage_carry(table, usage, bytes);
	used = usage->used[USE_MONTH];
	usage_drop(table, usage, &claim);
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

/* They are in the file at once. If there is a file already, they do not count. */
START_TEST(inherited_counts_are_those_of_a_missing_file)
{
	struct usage_table table, next;
	struct ledger *ledger, *next_ledger;
	char *inherited;

	make_folder();
	usage_table_init(&table, 1, clock_wall_ms());
	carry(&table, 70);
	inherited = usage_table_write(&table);
	usage_table_fini(&table);
	ck_assert_ptr_nonnull(inherited);
	ledger = open_inheriting(&table, inherited);
	ck_assert_uint_eq(carry(&table, 0), 70);
	next_ledger = open_inheriting(&next, inherited); /* as after a crash of the first one */
	ck_assert_uint_eq(carry(&next, 0), 70);
	close_ledger(ledger, &table);
	close_ledger(next_ledger, &next);
	write_file("spore use 1\nnonsense\n");
	ledger = open_inheriting(&table, inherited);
	ck_assert_uint_eq(carry(&table, 0), 0);
	close_ledger(ledger, &table);
	ck_assert_int_eq(unlink(path), 0);
	ledger = open_inheriting(&table, "nonsense");
	ck_assert_uint_eq(carry(&table, 0), 0);
	close_ledger(ledger, &table);
	free(inherited);
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

/* File systems give the number of a removed file to the next one. */
START_TEST(a_number_that_is_used_again_does_not_deceive)
{
	struct usage_table tables[2];
	struct ledger *old, *new;

	make_folder();
	for (int round = 1; round <= 4; round++) {
		old = open_ledger(&tables[0]);
		carry(&tables[0], 70);
		for (int i = 0; i < round; i++) {
			new = open_ledger(&tables[1]);
			carry(&tables[1], 5);
			close_ledger(new, &tables[1]);
		}
		close_ledger(old, &tables[0]);
	}
	new = open_ledger(&tables[1]);
	ck_assert_uint_eq(carry(&tables[1], 0), 50);
	close_ledger(new, &tables[1]);
	remove_folder();
}
END_TEST

static void *open_and_close(void *arg)
{
	struct usage_table *table = arg;

	for (int i = 0; i < 50; i++) {
		struct ledger *ledger = open_ledger(table);

		close_ledger(ledger, table);
	}
	return NULL;
}

/* Each server reads what the one before it has written. None sees a file that another one is about
 * to write. */
START_TEST(servers_replace_the_file_in_turn)
{
	struct usage_table tables[3];
	struct ledger *ledger;
	pthread_t threads[3];

	make_folder();
	ledger = open_ledger(&tables[0]);
	carry(&tables[0], 70);
	close_ledger(ledger, &tables[0]);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, open_and_close, &tables[i]), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_ne(access(bad, F_OK), 0);
	ledger = open_ledger(&tables[0]);
	ck_assert_uint_eq(carry(&tables[0], 0), 70);
	close_ledger(ledger, &tables[0]);
	remove_folder();
}
END_TEST

/* Ticks until the last attempt failed or was good; ms of the last attempts: now_ms. */
static void tick_until(struct ledger *ledger, struct usage_table *table, int64_t *now_ms,
                       bool fails)
{
	const char *why;

	for (int i = 0; i < 10000 && (ledger_fails(ledger, &why) > 0) != fails; i++) {
		*now_ms += 10000;
		ledger_tick(ledger, table, *now_ms);
		usleep(1000);
	}
	ck_assert_int_eq(ledger_fails(ledger, &why) > 0, fails);
	if (fails)
		ck_assert_str_eq(why, "No such file or directory");
}

START_TEST(a_failed_attempt_is_made_again)
{
	struct usage_table table;
	struct ledger *ledger;
	char away[80], text[64] = "";
	int64_t now_ms = 0;
	FILE *file;

	make_folder();
	snprintf(away, sizeof away, "%s.away", folder);
	ledger = open_ledger(&table);
	carry(&table, 70);
	ck_assert_int_eq(rename(folder, away), 0);
	tick_until(ledger, &table, &now_ms, true);
	ck_assert_int_eq(rename(away, folder), 0);
	/* Nobody uses anything meanwhile. */
	tick_until(ledger, &table, &now_ms, false);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_gt(fread(text, 1, sizeof text - 1, file), 0);
	ck_assert_ptr_nonnull(strstr(text, "\n70 70 alice\n"));
	fclose(file);
	close_ledger(ledger, &table);
	remove_folder();
}
END_TEST

/* Ticks for so long that a loss is told. Nobody uses anything meanwhile. */
static void let_time_pass(struct ledger *ledger, struct usage_table *table)
{
	for (int64_t now_ms = 0; now_ms < 3000000; now_ms += 10000) {
		ledger_tick(ledger, table, now_ms);
		usleep(1000);
	}
}

START_TEST(a_loss_is_told_unless_the_server_leaves)
{
	struct usage_table tables[2];
	struct ledger *old, *new;
	const char *why;

	make_folder();
	old = open_ledger(&tables[0]);
	new = open_ledger(&tables[1]);
	let_time_pass(old, &tables[0]);
	ck_assert_int_gt(ledger_fails(old, &why), 0);
	ck_assert_str_eq(why, "another server has taken the file");
	ck_assert_int_eq(ledger_fails(new, &why), 0);
	ledger_leave(old);
	ck_assert_int_eq(ledger_fails(old, &why), 0);
	close_ledger(old, &tables[0]);
	close_ledger(new, &tables[1]);
	remove_folder();
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_an_error)
{
	struct usage_table table;
	struct err err;

	usage_table_init(&table, 1, clock_wall_ms());
	ck_assert_ptr_null(ledger_open("/nowhere/use", NULL, &table, &err));
	ck_assert_ptr_nonnull(
		strstr(err.text, "/nowhere/use: cannot write the file: No such file"));
	usage_table_fini(&table);
}
END_TEST

START_TEST(what_hurries_is_written)
{
	struct usage_table table, next;
	struct ledger *ledger, *other;

	make_folder();
	ledger = open_ledger(&table);
	ledger_tick(ledger, &table, 100000);
	for (int i = 0; i < 1000 && !ledger_is_settled(ledger); i++)
		usleep(10000);
	carry(&table, 70);
	ledger_hurry(ledger);
	ck_assert(!ledger_is_settled(ledger));
	for (int i = 0; i < 1000 && !ledger_is_settled(ledger); i++) {
		ledger_tick(ledger, &table, 100001);
		usleep(10000);
	}
	other = open_ledger(&next);
	ck_assert_uint_eq(carry(&next, 0), 70);
	close_ledger(other, &next);
	close_ledger(ledger, &table);
	remove_folder();
}
END_TEST

/* Without the end of the other server's counts, this one would not write any more. */
START_TEST(a_server_that_had_the_file_in_vain)
{
	struct usage_table tables[2];
	struct ledger *old, *new;

	make_folder();
	old = open_ledger(&tables[0]);
	carry(&tables[0], 70);
	new = open_ledger(&tables[1]);
	close_ledger(new, &tables[1]);
	ledger_reclaim(old);
	carry(&tables[0], 5);
	close_ledger(old, &tables[0]);
	new = open_ledger(&tables[1]);
	ck_assert_uint_eq(carry(&tables[1], 0), 75);
	close_ledger(new, &tables[1]);
	remove_folder();
}
END_TEST

static void settle(struct ledger *ledger, struct usage_table *table)
{
	ledger_hurry(ledger);
	for (int i = 0; i < 1000 && !ledger_is_settled(ledger); i++) {
		ledger_tick(ledger, table, 100001);
		usleep(10000);
	}
}

/* The next server may take the file again, though nobody has used anything meanwhile. */
START_TEST(a_file_that_came_back_can_be_lost_again)
{
	struct usage_table tables[2];
	struct ledger *old, *new;

	make_folder();
	old = open_ledger(&tables[0]);
	carry(&tables[0], 70);
	settle(old, &tables[0]);
	new = open_ledger(&tables[1]);
	close_ledger(new, &tables[1]);
	ledger_reclaim(old);
	settle(old, &tables[0]);
	new = open_ledger(&tables[1]);
	carry(&tables[1], 7);
	close_ledger(new, &tables[1]);
	close_ledger(old, &tables[0]);
	new = open_ledger(&tables[1]);
	ck_assert_uint_eq(carry(&tables[1], 0), 77);
	close_ledger(new, &tables[1]);
	remove_folder();
}
END_TEST

SUITE("ledger", what_hurries_is_written, a_server_that_had_the_file_in_vain,
      a_file_that_came_back_can_be_lost_again, counts_outlive_the_table,
      inherited_counts_are_those_of_a_missing_file, a_wrong_file_is_put_aside,
      the_file_of_another_server_is_left_alone, a_number_that_is_used_again_does_not_deceive,
      servers_replace_the_file_in_turn, a_failed_attempt_is_made_again,
      a_loss_is_told_unless_the_server_leaves, a_file_that_cannot_be_written_is_an_error)
