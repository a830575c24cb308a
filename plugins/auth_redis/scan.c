#include "scan.h"

#include <stdio.h>
#include <stdlib.h>

enum { CURSOR_SIZE = 24 };

struct scan {
	struct command command;
	struct scan_order order;
	bool is_stopped;
	char cursor[CURSOR_SIZE];
};

void scan_escape(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; *text && n + 3 < size; text++) {
		if (strchr("*?[]\\^-", *text))
			out[n++] = '\\';
		out[n++] = *text;
	}
	out[n] = '\0';
}

/* A reply to SCAN is the next cursor and a list of keys. */
static bool is_scan_reply(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
	       reply->element[0]->type == REDIS_REPLY_STRING &&
	       reply->element[0]->len < CURSOR_SIZE && reply->element[1]->type == REDIS_REPLY_ARRAY;
}

/* The name of the client whose key this is. NULL: it is another key, or the name is too long. */
static const char *name_of(const redisReply *key, const char *prefix)
{
	size_t len = strlen(prefix), name_len;

	if (key->type != REDIS_REPLY_STRING || (size_t)key->len != strlen(key->str) ||
	    strncmp(key->str, prefix, len) != 0)
		return NULL;
	name_len = (size_t)key->len - len;
	return name_len >= 1 && name_len <= SPORE_IDENTITY_MAX ? key->str + len : NULL;
}

static void list_names(struct scan *scan, const redisReply *keys)
{
	for (size_t i = 0; i < keys->elements; i++) {
		const char *name = name_of(keys->element[i], scan->order.prefix);

		if (name)
			changes_list(scan->order.changes, name);
	}
}

static void end(struct scan *scan, bool is_complete)
{
	struct scan_order order = scan->order;
	bool is_stopped = scan->is_stopped;

	free(scan);
	if (!is_stopped)
		order.on_end(order.arg, is_complete);
}

/* Lists the names of one reply, and asks for the next one until the cursor is 0 again. */
static enum ask_result on_end(struct ask *ask, enum ask_result result, const void *arg)
{
	const redisReply *reply = arg;
	struct scan *scan = (struct scan *)ask;

	if (result == ASK_REPLIED && reply->type == REDIS_REPLY_ERROR && !scan->is_stopped)
		health_complain(&scan->order.asker->shared->pipeline.health, reply->str);
	if (result == ASK_REPLIED && !is_scan_reply(reply))
		result = ASK_REFUSED;
	if (result != ASK_REPLIED || scan->is_stopped) {
		end(scan, false);
		return result;
	}
	list_names(scan, reply->element[1]);
	snprintf(scan->cursor, sizeof scan->cursor, "%s", reply->element[0]->str);
	scan->command.words[1] = spore_cstr(scan->cursor);
	if (strcmp(scan->cursor, "0") == 0 || scan->order.changes->is_overfull)
		end(scan, true);
	else if (asker_send(scan->order.asker, &scan->command) != ASK_REPLIED)
		end(scan, false);
	return result;
}

struct scan *scan_start(const struct scan_order *order)
{
	struct scan *scan = calloc(1, sizeof *scan);
	const char *words[COMMAND_WORDS_MAX] = { "SCAN",         "0",     "MATCH",
		                                 order->pattern, "COUNT", "500" };

	if (!scan)
		return NULL;
	scan->order = *order;
	scan->command.ask.on_end = on_end;
	scan->command.n_words = COMMAND_WORDS_MAX;
	for (int i = 0; i < COMMAND_WORDS_MAX; i++)
		scan->command.words[i] = spore_cstr(words[i]);
	if (asker_send(order->asker, &scan->command) == ASK_REPLIED)
		return scan;
	free(scan);
	return NULL;
}

void scan_stop(struct scan *scan)
{
	if (!scan)
		return;
	scan->is_stopped = true;
	if (asker_withdraw(scan->order.asker, &scan->command))
		free(scan);
}
