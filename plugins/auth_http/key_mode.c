#include "key_mode.h"

#include <stdlib.h>

/* A client that waits for the key of its name. */
struct question {
	struct key_wait wait;
	struct http_worker *worker;
	spore_ticket ticket;
	struct claim claim;
	struct question *next, *previous;
};

/* A request for the key of a name. */
struct fetch {
	struct ask ask;
	struct http_worker *worker;
	char name[SPORE_IDENTITY_MAX + 1];
};

static void free_question(struct question *question)
{
	struct http_worker *worker = question->worker;

	if (question->previous)
		question->previous->next = question->next;
	else
		worker->questions = question->next;
	if (question->next)
		question->next->previous = question->previous;
	free(question);
}

/* Leaves the answer to the next instance, and tells the operator why. Anyone can cause this, so the
 * lines are limited. */
static int32_t pass_on(struct http *http, const struct claim *claim, const char *why)
{
	if (pace_allows_line(&http->refusals, http->host, http->log, SPORE_LOG_INFO,
	                     "refused answers"))
		health_say(&http->shared.health, SPORE_LOG_INFO, "the answer of %s is refused: %s",
		           claim->name, why);
	return SPORE_NEXT;
}

/* Verifies the answer, and completes the ticket or returns the verdict. is_new: the service has
 * just told the key. */
static int32_t decide(struct http *http, const struct claim *claim, spore_ticket ticket,
                      const struct known_key *known, bool is_new)
{
	spore_auth_result result;

	if (!claim_is_proved(claim, http->host, known->key))
		return pass_on(http, claim, "its secret is wrong");
	result = http_result(http, known);
	/* A data connection must belong to the owner of its tunnel. */
	if (claim->purpose == SPORE_AUTH_DATA && result.session != claim->session)
		return SPORE_DENY;
	if (is_new || claim->purpose != SPORE_AUTH_DATA)
		http_set_verifier(&result, claim, known->key);
	http->host->complete_verify(ticket, SPORE_ALLOW, &result);
	return SPORE_EPENDING;
}

/* ---- the reply ---- */

static void on_key(struct key_wait *wait, enum key_answer answer, const struct known_key *known)
{
	struct question *question = (struct question *)wait;
	struct http *http = question->worker->http;
	int32_t verdict = SPORE_EBACKEND;

	if (answer == KEY_UNKNOWN)
		verdict = pass_on(http, &question->claim, "the service does not know the name");
	else if (answer == KEY_FOUND)
		verdict = decide(http, &question->claim, question->ticket, known, true);
	if (verdict != SPORE_EPENDING)
		http->host->complete_verify(question->ticket, verdict, NULL);
	free_question(question);
}

/* Returns ASK_REPLIED if the reply has a key, or if there is none of this name. */
static enum ask_result read_reply(struct fetch *fetch, const struct ask_reply *reply,
                                  struct verdict *verdict)
{
	struct http *http = fetch->worker->http;
	char wrong[200], text[240];

	if (reply->status == 404)
		return ASK_REPLIED;
	if (reply->status != 200) {
		snprintf(text, sizeof text, "expected the status 200 or 404, found %ld",
		         reply->status);
		health_complain(&http->shared.health, text);
		return ASK_BAD_STATUS;
	}
	if (verdict_read_key(verdict, http->host, http->log, reply->body, fetch->name, wrong,
	                     sizeof wrong))
		return ASK_REPLIED;
	snprintf(text, sizeof text, "its reply is wrong: %s", wrong);
	health_complain(&http->shared.health, text);
	return ASK_BAD_REPLY;
}

static enum ask_result on_answer(struct ask *ask, enum ask_result result,
                                 const struct ask_reply *reply)
{
	struct fetch *fetch = (struct fetch *)ask;
	struct http_worker *worker = fetch->worker;
	struct verdict verdict = { 0 };
	enum key_answer answer = KEY_FAILED;

	if (result == ASK_REPLIED)
		result = read_reply(fetch, reply, &verdict);
	if (result == ASK_REPLIED)
		answer = reply->status == 200 ? KEY_FOUND : KEY_UNKNOWN;
	key_cache_answer(worker->keys, fetch->name, answer, &verdict.known, verdict.life_ms,
	                 worker->http->host->now_ms());
	verdict_fini(&verdict);
	free(fetch);
	return result;
}

/* ---- the question ---- */

/* Asks for the key of a name. */
static enum ask_result fetch_key(struct http_worker *worker, const char *name)
{
	struct fetch *fetch = calloc(1, sizeof *fetch);
	enum ask_result result;

	if (!fetch)
		return ASK_NO_MEMORY;
	fetch->worker = worker;
	snprintf(fetch->name, sizeof fetch->name, "%s", name);
	fetch->ask.on_answer = on_answer;
	service_url(&worker->http->service, name, fetch->ask.url);
	result = asker_send(&worker->asker, &fetch->ask);
	if (result != ASK_REPLIED)
		free(fetch);
	return result;
}

/* NULL: out of memory. */
static struct question *new_question(struct http_worker *worker, const struct claim *claim,
                                     spore_ticket ticket)
{
	struct question *question = calloc(1, sizeof *question);

	if (!question)
		return NULL;
	question->wait.on_answer = on_key;
	question->worker = worker;
	question->ticket = ticket;
	question->claim = *claim;
	question->next = worker->questions;
	if (question->next)
		question->next->previous = question;
	worker->questions = question;
	return question;
}

static void drop_question(struct question *question)
{
	key_cache_leave(&question->wait);
	free_question(question);
}

static int32_t wait_for_key(struct http_worker *worker, const struct claim *claim,
                            spore_ticket ticket)
{
	struct question *question = new_question(worker, claim, ticket);
	enum ask_result result = ASK_REPLIED;
	enum key_joined joined;

	if (!question)
		return SPORE_ENOMEM;
	joined = key_cache_join(worker->keys, claim->name, &question->wait);
	if (joined == KEY_NO_MEMORY) {
		drop_question(question);
		return SPORE_ENOMEM;
	}
	if (joined == KEY_ASK)
		result = fetch_key(worker, claim->name);
	if (result == ASK_REPLIED)
		return SPORE_EPENDING;
	drop_question(question);
	/* The cache must not wait for a request that was not sent. */
	key_cache_answer(worker->keys, claim->name, KEY_FAILED, NULL, 0, 0);
	return http_status(result);
}

int32_t key_mode_judge(struct http_worker *worker, const spore_auth_request *rq,
                       spore_ticket ticket)
{
	struct http *http = worker->http;
	const struct known_key *known;
	char url[SERVICE_URL_MAX];
	struct claim claim;

	claim_init(&claim, http->host, rq, http->binding);
	if (!*claim.name || !claim.has_tag)
		return SPORE_NEXT;
	if (!service_url(&http->service, claim.name, url)) /* the service cannot be asked for it */
		return SPORE_NEXT;
	known = key_cache_find(worker->keys, claim.name, http->host->now_ms());
	if (known)
		return decide(http, &claim, ticket, known, false);
	return wait_for_key(worker, &claim, ticket);
}

/* The request for the key goes on, since its end tells whether the service works. */
void key_mode_cancel(struct http_worker *worker, spore_ticket ticket)
{
	struct question *question = worker->questions;

	while (question && question->ticket != ticket)
		question = question->next;
	if (question)
		drop_question(question);
}
