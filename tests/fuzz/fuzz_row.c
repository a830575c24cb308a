/* fuzz_row - the row of a client in PostgreSQL, which is the input: texts that end with NUL, a
 * column and its value in turn; a value that begins with 0xFF is SQL's NULL. The reader of rows
 * against what the documentation says of them. */
#include "fuzz.h"
#include "row.h"
#include "services/host.h"
#include "verdict.h"

enum { COLUMNS_MAX = 32 };

struct input {
	PGresAttDesc columns[COLUMNS_MAX];
	char *values[COLUMNS_MAX];
	int n;
};

/* The texts are pieces of `text`, which ends with NUL. */
static void split(struct input *input, char *text, size_t size)
{
	char *end = text + size;

	while (input->n < COLUMNS_MAX && text < end) {
		char *value = text + strlen(text) + 1;

		if (value > end)
			value = end;
		input->columns[input->n].name = text;
		input->values[input->n++] = value;
		text = value + strlen(value) + 1;
	}
}

static bool is_null(const char *value)
{
	return (unsigned char)*value == 0xFF;
}

static PGresult *make_result(struct input *input)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_SINGLE_TUPLE);

	FUZZ_CHECK(result && PQsetResultAttrs(result, input->n, input->columns));
	for (int i = 0; i < input->n; i++) {
		char *value = input->values[i];

		FUZZ_CHECK(PQsetvalue(result, 0, i, is_null(value) ? NULL : value,
		                      is_null(value) ? -1 : (int)strlen(value)));
	}
	return result;
}

/* A column that a record does not have is never left out, not even if it is NULL. */
static void check_record(const struct record *record, const struct input *input)
{
	const struct policy *policy = &record->terms.policy;

	FUZZ_CHECK(record->has && !record_fault(record));
	for (int i = 0; i < input->n; i++) {
		const char *name = input->columns[i].name;

		FUZZ_CHECK(strcmp(name, row_name) == 0 || record_knows(spore_cstr(name)));
	}
	FUZZ_CHECK(record->terms.n_ports <= TERMS_PORTS_MAX);
	FUZZ_CHECK(policy->max_tunnels >= 0 && policy->max_tunnels <= POLICY_MAX_COUNT);
	FUZZ_CHECK(policy->max_conns >= 0 && policy->max_conns <= POLICY_MAX_COUNT);
	FUZZ_CHECK(policy->life >= 0 && policy->life <= POLICY_MAX_LIFE_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1), wrong[ROW_WRONG_MAX], why[200];
	struct input input = { 0 };
	struct record record = { 0 };
	enum store_reply reply;
	PGresult *result;

	FUZZ_CHECK(text);
	if (size)
		memcpy(text, data, size);
	split(&input, text, size);
	if (input.n) {
		result = make_result(&input);
		reply = row_read(result, host_table(), "alice", &record, wrong);
		FUZZ_CHECK(strlen(wrong) < ROW_WRONG_MAX && !*wrong == (reply != STORE_WRONG));
		FUZZ_CHECK(reply != STORE_UNKNOWN || !record.has);
		if (reply == STORE_FOUND)
			check_record(&record, &input);
		FUZZ_CHECK(reply != STORE_FOUND || verdict_on_columns(result, why, sizeof why));
		PQclear(result);
	}
	record_fini(&record);
	free(text);
	return 0;
}
