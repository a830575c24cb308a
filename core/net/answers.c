#include "net/answers.h"

#include <stdlib.h>
#include <string.h>

#include "net/addr.h"

/* answers->n: the name is not in the table. */
static size_t index_of(const struct answers *answers, const char *name)
{
	for (size_t i = 0; i < answers->n; i++) {
		if (answers->all[i].name && strcmp(answers->all[i].name, name) == 0)
			return i;
	}
	return answers->n;
}

/* NULL: the name is not in the table. */
static struct answer *find_answer(struct answers *answers, const char *name)
{
	size_t i = index_of(answers, name);

	return i < answers->n ? &answers->all[i] : NULL;
}

/* NULL: out of memory. */
static struct answer *add_answer(struct answers *answers, const char *name)
{
	struct answer *answer = &answers->all[answers->next];
	char *copy = strdup(name);

	if (!copy)
		return NULL;
	free(answer->name);
	*answer = (struct answer){ .name = copy };
	answers->next = (answers->next + 1) % ANSWERS_NAMES;
	if (answers->n < ANSWERS_NAMES)
		answers->n++;
	return answer;
}

/* Does nothing if the name does not have the address any more. */
static void put_preferred_first(const struct answer *answer, spore_addr *addrs, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (addr_equal(&addrs[i], &answer->preferred)) {
			memmove(addrs + 1, addrs, i * sizeof *addrs);
			addrs[0] = answer->preferred;
			break;
		}
	}
}

void answers_fini(struct answers *answers)
{
	for (size_t i = 0; i < answers->n; i++)
		free(answers->all[i].name);
}

void answers_keep(struct answers *answers, const char *name, spore_addr *addrs, size_t n,
                  int64_t now_ms)
{
	struct answer *answer = find_answer(answers, name);

	if (!answer)
		answer = add_answer(answers, name);
	if (!answer)
		return;
	put_preferred_first(answer, addrs, n);
	answer->given_ms = now_ms;
	answer->until_ms = now_ms + ANSWERS_AGE_MS;
	answer->n = n;
	memcpy(answer->addrs, addrs, n * sizeof *addrs);
}

void answers_extend(struct answers *answers, const char *name, int64_t now_ms)
{
	struct answer *answer = find_answer(answers, name);
	int64_t until_ms = now_ms + ANSWERS_AGE_MS;

	if (!answer)
		return;
	answer->until_ms = answer->given_ms + ANSWERS_MOST_MS;
	if (answer->until_ms > until_ms)
		answer->until_ms = until_ms;
}

void answers_forget(struct answers *answers, const char *name)
{
	struct answer *answer = find_answer(answers, name);

	if (answer)
		answer->n = 0;
}

void answers_doubt(struct answers *answers, const char *name, int64_t now_ms)
{
	struct answer *answer = find_answer(answers, name);

	if (answer && answer->until_ms > now_ms)
		answer->until_ms = now_ms;
}

void answers_prefer(struct answers *answers, const char *name, const spore_addr *addr)
{
	struct answer *answer = find_answer(answers, name);
	spore_addr bare = *addr;

	bare.port = 0;
	if (!answer || answer->n == 0 || addr_equal(&answer->addrs[0], &bare))
		return;
	answer->preferred = bare;
	put_preferred_first(answer, answer->addrs, answer->n);
}

static enum answer_state state_of(const struct answer *answer, int64_t now_ms)
{
	int64_t left_ms = answer->until_ms - now_ms;

	if (answer->n == 0 || now_ms >= answer->given_ms + ANSWERS_MOST_MS)
		return ANSWER_NONE;
	if (left_ms <= 0)
		return ANSWER_OLD;
	return left_ms <= ANSWERS_AGE_MS - ANSWERS_RENEW_MS ? ANSWER_DUE : ANSWER_FRESH;
}

enum answer_state answers_find(const struct answers *answers, const char *name, int64_t now_ms,
                               spore_addr addrs_out[ANSWERS_MAX], size_t *n_out)
{
	size_t i = index_of(answers, name);
	const struct answer *answer = i < answers->n ? &answers->all[i] : NULL;
	enum answer_state state = answer ? state_of(answer, now_ms) : ANSWER_NONE;

	*n_out = 0;
	if (state == ANSWER_NONE)
		return state;
	*n_out = answer->n;
	memcpy(addrs_out, answer->addrs, answer->n * sizeof *addrs_out);
	return state;
}
