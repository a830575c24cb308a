#include "keep/tickets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stderr_file.h"
#include "suite.h"

static const char text[] = "65d3cb66-5a1f-4b5c-9d4e-1c7f3a0e9a11";
static char folder[] = "/tmp/ticketsXXXXXX", path[64];

static struct uuid ticket_of(const char *from)
{
	struct uuid ticket;

	ck_assert(uuid_parse(from, strlen(from), &ticket));
	return ticket;
}

static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/tickets", folder);
	setenv("RUNTIME_DIRECTORY", folder, 1);
}

static void write_file(const char *lines)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(lines, file);
	fclose(file);
}

/* Is this one left to the next process? The file is gone afterwards. */
static bool is_left(const char *server, uint16_t port)
{
	struct tickets tickets = { 0 };
	struct uuid found, ticket = ticket_of(text);
	bool is_found;

	tickets_read(&tickets);
	ck_assert_int_ne(access(path, F_OK), 0);
	is_found = tickets_find(&tickets, server, port, &found);
	ck_assert(!is_found || uuid_equal(&found, &ticket));
	tickets_fini(&tickets);
	return is_found;
}

static void leave(const char *server, uint16_t port)
{
	struct tickets tickets = { 0 };
	struct uuid ticket = ticket_of(text);

	tickets_add(&tickets, &ticket, server, port);
	tickets_write(&tickets);
	tickets_fini(&tickets);
}

START_TEST(the_next_process_gets_them_once)
{
	struct stat st;

	make_folder();
	leave("[::1]:7835", 20000);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert(is_left("[::1]:7835", 20000));
	ck_assert(!is_left("[::1]:7835", 20000));
	leave("a:1", 20000);
	ck_assert(!is_left("a:1", 20001));
	leave("a:1", 20000);
	leave("b:1", 20000);
	ck_assert(!is_left("a:1", 20000));
	rmdir(folder);
}
END_TEST

START_TEST(a_file_that_others_may_change_is_not_read)
{
	char line[80];

	make_folder();
	snprintf(line, sizeof line, "%s 20000 a:1\n", text);
	write_file(line);
	ck_assert_int_eq(chmod(path, 0620), 0);
	ck_assert(!is_left("a:1", 20000));
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	leave("a:1", 20000); /* replaces it */
	ck_assert(is_left("a:1", 20000));
	rmdir(folder);
}
END_TEST

START_TEST(lines_that_are_none_are_left_out)
{
	static const char *const wrong[] = { "\n",         "x 1 a:1\n",  "%s\n",
		                             "%s 20000\n", "%s 0 a:1\n", "%s 65536 a:1\n" };
	char line[80];

	make_folder();
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct tickets tickets = { 0 };
		const char *rest = strncmp(wrong[i], "%s", 2) == 0 ? wrong[i] + 2 : wrong[i];

		snprintf(line, sizeof line, "%s%s", rest == wrong[i] ? "" : text, rest);
		write_file(line);
		tickets_read(&tickets);
		ck_assert_uint_eq(tickets.n, 0);
	}
	rmdir(folder);
}
END_TEST

START_TEST(without_a_folder_nothing_is_left)
{
	struct tickets tickets = { 0 };

	unsetenv("RUNTIME_DIRECTORY");
	stderr_file_begin();
	leave("a:1", 20000);
	tickets_read(&tickets);
	ck_assert_uint_eq(tickets.n, 0);
	ck_assert_uint_eq(stderr_file_lines(), 0);
	setenv("RUNTIME_DIRECTORY", "/nowhere", 1);
	leave("a:1", 20000);
	stderr_file_expect("the next process gets no tickets for the public ports "
	                   "file=/nowhere/tickets error=\"No such file or directory\"");
}
END_TEST

SUITE("tickets", the_next_process_gets_them_once, a_file_that_others_may_change_is_not_read,
      lines_that_are_none_are_left_out, without_a_folder_nothing_is_left)
