#include "lookup.h"

#include <stdio.h>
#include <stdlib.h>

#include "asker.h"
#include "row.h"

/* A look-up under way. After it was withdrawn, nobody waits for it any more. */
struct fetch {
	struct query query;
	struct asker_shared *shared;
	struct store_lookup *lookup; /* NULL: withdrawn */
	/* What the row says, if there was one. */
	enum store_reply reply;
	struct record record;
	char wrong[ROW_WRONG_MAX];
	char name[SPORE_IDENTITY_MAX + 1];
};

static int32_t status_of(enum ask_result result)
{
	return result == ASK_BUSY        ? SPORE_EBUSY
	       : result == ASK_NO_MEMORY ? SPORE_ENOMEM
	       : result == ASK_TIMEOUT   ? SPORE_ETIMEOUT
	                                 : SPORE_EBACKEND;
}

static void on_row(struct query *query, const PGresult *row, size_t number)
{
	struct fetch *fetch = (struct fetch *)query;

	if (number == 0) {
		fetch->reply = row_read(row, fetch->shared->host, fetch->name, &fetch->record,
		                        fetch->wrong);
		return;
	}
	fetch->reply = STORE_WRONG;
	snprintf(fetch->wrong, sizeof fetch->wrong, "expected one row, found several");
}

/* Anyone can cause this, so these lines have a limit of their own. */
static void log_other_name(const struct fetch *fetch)
{
	const struct health *health = &fetch->shared->pipeline.health;

	if (pace_allows_line(&fetch->shared->other_names, health->host, health->log, SPORE_LOG_WARN,
	                     "rows of other names"))
		spore_logf(health->host, health->log, SPORE_LOG_WARN,
		           "the query gives the row of another client for %s, so this client is "
		           "unknown: its column name has another text",
		           fetch->name);
}

static struct store_answer answer_of(struct fetch *fetch, enum ask_result result)
{
	struct store_answer answer = { .reply = STORE_FAILED,
		                       .record = &fetch->record,
		                       .wrong = fetch->wrong,
		                       .status = status_of(result) };

	if (result == ASK_BAD_RECORD) {
		answer.reply = STORE_WRONG;
		answer.wrong = "PostgreSQL refuses its name or its values";
	} else if (result == ASK_REPLIED && fetch->query.n_rows == 0) {
		answer.reply = STORE_UNKNOWN;
	} else if (result == ASK_REPLIED) {
		answer.reply = fetch->reply;
	}
	return answer;
}

static enum ask_result on_end(struct ask *ask, enum ask_result result, const void *reply)
{
	struct fetch *fetch = (struct fetch *)ask;
	struct store_lookup *lookup = fetch->lookup;
	struct store_answer answer = answer_of(fetch, result);

	(void)reply;
	if (answer.reply == STORE_UNKNOWN && fetch->query.n_rows)
		log_other_name(fetch);
	if (lookup) {
		lookup->sent = NULL;
		lookup->on_answer(lookup, &answer);
	}
	record_fini(&fetch->record);
	free(fetch);
	return answer.reply == STORE_WRONG ? ASK_BAD_RECORD : result;
}

static spore_status look_up(void *backend, struct store_lookup *lookup)
{
	struct asker *asker = backend;
	struct fetch *fetch = calloc(1, sizeof *fetch);
	enum ask_result result;

	if (!fetch)
		return SPORE_ENOMEM;
	memcpy(fetch->name, lookup->name, sizeof fetch->name);
	fetch->shared = asker->shared;
	fetch->lookup = lookup;
	fetch->query.name = fetch->name;
	fetch->query.on_row = on_row;
	fetch->query.ask.on_end = on_end;
	result = asker_send(asker, &fetch->query);
	lookup->sent = result == ASK_REPLIED ? fetch : NULL;
	if (result == ASK_REPLIED)
		return SPORE_OK;
	free(fetch);
	return status_of(result);
}

/* A look-up that was sent goes on, because its end still tells whether PostgreSQL works. */
static void withdraw(void *backend, struct store_lookup *lookup)
{
	struct asker *asker = backend;
	struct fetch *fetch = lookup->sent;

	if (!fetch)
		return;
	lookup->sent = NULL;
	fetch->lookup = NULL;
	if (asker_withdraw(asker, &fetch->query)) {
		record_fini(&fetch->record);
		free(fetch);
	}
}

const struct store_ops lookup_ops = { look_up, withdraw };
