#include "lookup.h"

#include <stdio.h>
#include <stdlib.h>

#include "reply.h"

/* A look-up under way. After it was withdrawn, nobody waits for it any more. */
struct fetch {
	struct command command;
	struct asker_shared *shared;
	struct store_lookup *lookup; /* NULL: withdrawn */
	char key[LOOKUP_PREFIX_MAX + 16 + SPORE_IDENTITY_MAX + 1];
};

static int32_t status_of(enum ask_result result)
{
	return result == ASK_BUSY        ? SPORE_EBUSY
	       : result == ASK_NO_MEMORY ? SPORE_ENOMEM
	       : result == ASK_TIMEOUT   ? SPORE_ETIMEOUT
	                                 : SPORE_EBACKEND;
}

static void tell_answer(struct fetch *fetch, const struct store_answer *answer)
{
	struct store_lookup *lookup = fetch->lookup;

	if (!lookup)
		return;
	lookup->sent = NULL;
	lookup->on_answer(lookup, answer);
}

static enum ask_result read_reply(struct fetch *fetch, const redisReply *reply)
{
	static const enum ask_result results[] = { [STORE_FOUND] = ASK_REPLIED,
		                                   [STORE_UNKNOWN] = ASK_REPLIED,
		                                   [STORE_WRONG] = ASK_BAD_RECORD,
		                                   [STORE_FAILED] = ASK_REFUSED };
	char wrong[REPLY_WRONG_MAX];
	struct record record;
	struct store_answer answer = { .record = &record,
		                       .wrong = wrong,
		                       .status = SPORE_EBACKEND };

	answer.reply = reply_read(reply, fetch->shared->host, &record, wrong);
	if (answer.reply == STORE_FAILED)
		health_complain(&fetch->shared->pipeline.health, wrong);
	tell_answer(fetch, &answer);
	record_fini(&record);
	return results[answer.reply];
}

static enum ask_result on_end(struct ask *ask, enum ask_result result, const void *reply)
{
	struct fetch *fetch = (struct fetch *)ask;

	if (result == ASK_REPLIED)
		result = read_reply(fetch, reply);
	else
		tell_answer(fetch, &(struct store_answer){ .reply = STORE_FAILED,
		                                           .status = status_of(result) });
	free(fetch);
	return result;
}

static spore_status look_up(void *backend, struct store_lookup *lookup)
{
	struct lookup_state *state = backend;
	struct fetch *fetch = calloc(1, sizeof *fetch);
	enum ask_result result;

	if (!fetch)
		return SPORE_ENOMEM;
	snprintf(fetch->key, sizeof fetch->key, "%s%s", state->prefix, lookup->name);
	fetch->shared = state->asker->shared;
	fetch->lookup = lookup;
	fetch->command = (struct command){
		.ask.on_end = on_end,
		.words = { spore_cstr("HGETALL"), spore_cstr(fetch->key) },
		.n_words = 2,
	};
	result = asker_send(state->asker, &fetch->command);
	lookup->sent = result == ASK_REPLIED ? fetch : NULL;
	if (result == ASK_REPLIED)
		return SPORE_OK;
	free(fetch);
	return status_of(result);
}

/* A look-up that was sent goes on, because its end still tells whether Redis works. */
static void withdraw(void *backend, struct store_lookup *lookup)
{
	struct lookup_state *state = backend;
	struct fetch *fetch = lookup->sent;

	if (!fetch)
		return;
	lookup->sent = NULL;
	fetch->lookup = NULL;
	if (asker_withdraw(state->asker, &fetch->command))
		free(fetch);
}

const struct store_ops lookup_ops = { look_up, withdraw };
