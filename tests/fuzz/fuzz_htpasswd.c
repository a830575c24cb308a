/* fuzz_htpasswd - a file of names and hashes, which is the input: the reader of its lines, and the
 * plugin auth_htpasswd from the file to its names, against what the documentation says of both. The
 * input is also read as an answer with a name and a password. */
#include <spore/auth.h>
#include <spore/plugin.h>

#include "../common/client/identity.h"
#include "../common/password/hash.h"
#include "../common/password_answer.h"
#include "lines.h"
#include "memory_file.h"
#include "roster.h"
#include "services/host.h"

static struct memory_file file;

/* ---- the reader ---- */

/* What the reader said of all lines. */
struct outcome {
	unsigned n_entries, n_locked, n_faults;
	bool repeats; /* a name comes twice */
};

/* The start of a line of the text; the first is 1. */
static const char *find_line(const char *text, const char *end, unsigned line)
{
	if (end - text >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		text += 3;
	while (--line > 0) {
		text = memchr(text, '\n', (size_t)(end - text));
		FUZZ_CHECK(text);
		text++;
	}
	return text;
}

static void check_fault(const char *start, const char *end, const struct lines_entry *entry)
{
	const char *newline = memchr(start, '\n', (size_t)(end - start));
	size_t len = (size_t)((newline ? newline : end) - start);

	FUZZ_CHECK(entry->column >= 1 && entry->column <= len + 1);
	FUZZ_CHECK(strncmp(entry->fault, "expected ", 9) == 0);
}

static void check_entry(const char *start, const struct lines_entry *entry)
{
	FUZZ_CHECK(entry->name.ptr == start && start[entry->name.len] == ':');
	FUZZ_CHECK(entry->hash.ptr == start + entry->name.len + 1);
	FUZZ_CHECK(identity_is_good(entry->name));
	FUZZ_CHECK(!memchr(entry->name.ptr, ':', entry->name.len));
	FUZZ_CHECK(entry->hash.len > 0 && strchr("!*$", entry->hash.ptr[0]));
	FUZZ_CHECK(entry->is_locked == (entry->hash.ptr[0] != '$'));
	if (entry->is_locked)
		return;
	FUZZ_CHECK(entry->hash.len >= 40 && entry->hash.len <= HASH_MAX);
	FUZZ_CHECK(!hash_fault(entry->hash));
}

static bool is_known(const spore_str *known, unsigned n, spore_str name)
{
	for (unsigned i = 0; i < n; i++) {
		if (known[i].len == name.len && memcmp(known[i].ptr, name.ptr, name.len) == 0)
			return true;
	}
	return false;
}

static struct outcome check_reader(const char *text, size_t size)
{
	struct lines lines = lines_read(text, size);
	spore_str *known = calloc(size + 1, sizeof *known);
	struct outcome outcome = { 0 };
	struct lines_entry entry;
	enum lines_step step;
	unsigned last = 0;

	FUZZ_CHECK(known);
	while ((step = lines_next(&lines, &entry)) != LINES_END) {
		const char *start = find_line(text, text + size, entry.line);

		FUZZ_CHECK(entry.line > last);
		last = entry.line;
		if (step == LINES_FAULT) {
			check_fault(start, text + size, &entry);
			outcome.n_faults++;
			continue;
		}
		check_entry(start, &entry);
		outcome.n_locked += entry.is_locked;
		outcome.repeats |= is_known(known, outcome.n_entries, entry.name);
		known[outcome.n_entries++] = entry.name;
	}
	FUZZ_CHECK(lines_next(&lines, &entry) == LINES_END);
	free(known);
	return outcome;
}

/* ---- the plugin ---- */

static unsigned n_reports;

static void on_report(const spore_create_args *args, const char *pointer, const char *text)
{
	(void)args;
	FUZZ_CHECK(strcmp(pointer, "/file") == 0);
	FUZZ_CHECK(strstr(text, "expected "));
	n_reports++;
}

static void check_roster(const struct outcome *outcome)
{
	struct conf conf = { .file = file.path };
	spore_create_args args = {
		.struct_size = sizeof args, .host = host_table(), .conf = &conf, .report = on_report
	};
	struct roster roster;
	bool good;

	n_reports = 0;
	good = roster_read(&roster, &args, NULL);
	FUZZ_CHECK(good == (n_reports == 0));
	FUZZ_CHECK(good == (outcome->n_faults == 0 && !outcome->repeats));
	FUZZ_CHECK(!good || roster.n == outcome->n_entries);
	FUZZ_CHECK(!good || roster.n_hashed == outcome->n_entries - outcome->n_locked);
	FUZZ_CHECK(!good ||
	           !roster_stand_in(&roster, args.host, "nobody") == (roster.n_hashed == 0));
	for (size_t i = 0; good && i < roster.n; i++)
		FUZZ_CHECK(roster_find(&roster, roster.members[i].name) == &roster.members[i] &&
		           roster.members[i].session != 0);
	roster_fini(&roster);
}

/* ---- an answer ---- */

/* An answer has one name, one password, and no other spelling. */
static void check_answer(const char *text, size_t size)
{
	struct password_answer answer;
	char again[SPORE_AUTH_ANSWER_MAX];
	size_t len;

	if (!password_answer_parse((spore_str){ text, size }, &answer))
		return;
	len = password_answer_write(spore_cstr(answer.name), spore_cstr(answer.password), again);
	FUZZ_CHECK(len == size && memcmp(again, text, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_exact(data, size);
	struct outcome outcome = check_reader(text, size);

	check_answer(text, size);
	memory_file_fill(&file, data, size);
	check_roster(&outcome);
	free(text);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	file = memory_file_new();
	return 0;
}
