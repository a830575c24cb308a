#include "verify_mode.h"

#include <stdlib.h>

#include "inquiry.h"

/* A client whose answer the service is asked about. */
struct question {
	struct ask ask;
	struct http_worker *worker;
	spore_ticket ticket;
	struct claim claim;
	struct json_writer body;
	struct question *next, *previous;
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
	json_writer_fini(&question->body);
	free(question);
}

/* ---- the reply ---- */

static void log_refusal(struct http *http, const struct verdict *verdict)
{
	const char *reason = *verdict->reason ? verdict->reason : "it gives no reason";

	if (!pace_allows_line(&http->refusals, http->host, http->log, SPORE_LOG_INFO,
	                      "refusals of the service"))
		return;
	if (*verdict->known.identity)
		health_say(&http->shared.health, SPORE_LOG_INFO, "the service refuses %s: %s",
		           verdict->known.identity, reason);
	else
		health_say(&http->shared.health, SPORE_LOG_INFO, "the service refuses a client: %s",
		           reason);
}

static void allow(struct question *question, const struct verdict *verdict)
{
	struct http *http = question->worker->http;
	spore_auth_result result = http_result(http, &verdict->known);

	/* A data connection must belong to the owner of its tunnel. */
	if (question->claim.purpose == SPORE_AUTH_DATA &&
	    result.session != question->claim.session) {
		http->host->complete_verify(question->ticket, SPORE_DENY, NULL);
		return;
	}
	result.reason = spore_cstr(verdict->reason);
	if (verdict->has_key)
		http_set_verifier(&result, &question->claim, verdict->known.key);
	if (http->host->complete_verify(question->ticket, SPORE_ALLOW, &result) == SPORE_OK &&
	    question->claim.purpose != SPORE_AUTH_DATA)
		held_begin(http->held, result.session,
		           verdict->has_key ? verdict->known.key : NULL);
}

static void pass_verdict(struct question *question, const struct verdict *verdict)
{
	struct http *http = question->worker->http;

	if (verdict->verdict == SPORE_ALLOW) {
		allow(question, verdict);
		return;
	}
	log_refusal(http, verdict);
	http->host->complete_verify(question->ticket, verdict->verdict, NULL);
}

/* Returns ASK_REPLIED if the reply is a verdict. */
static enum ask_result read_reply(struct question *question, const struct ask_reply *reply)
{
	struct http *http = question->worker->http;
	struct verdict verdict;
	char wrong[200], text[240];
	bool good;

	if (reply->status != 200) {
		snprintf(text, sizeof text, "expected the status 200, found %ld", reply->status);
		health_complain(&http->shared.health, text);
		return ASK_BAD_STATUS;
	}
	good = verdict_read(&verdict, http->host, http->log, reply->body, wrong, sizeof wrong);
	if (good) {
		pass_verdict(question, &verdict);
	} else {
		snprintf(text, sizeof text, "its reply is wrong: %s", wrong);
		health_complain(&http->shared.health, text);
	}
	verdict_fini(&verdict);
	return good ? ASK_REPLIED : ASK_BAD_REPLY;
}

static enum ask_result on_answer(struct ask *ask, enum ask_result result,
                                 const struct ask_reply *reply)
{
	struct question *question = (struct question *)ask;
	const spore_host *host = question->worker->http->host;

	if (result == ASK_REPLIED)
		result = read_reply(question, reply);
	if (result != ASK_REPLIED)
		host->complete_verify(question->ticket, http_status(result), NULL);
	free_question(question);
	return result;
}

/* ---- the question ---- */

/* NULL: out of memory. */
static struct question *new_question(struct http_worker *worker, const spore_auth_request *rq,
                                     const struct claim *claim, spore_ticket ticket)
{
	struct question *question = calloc(1, sizeof *question);
	const struct http *http = worker->http;

	if (!question)
		return NULL;
	question->worker = worker;
	question->ticket = ticket;
	question->claim = *claim;
	question->ask.on_answer = on_answer;
	snprintf(question->ask.url, sizeof question->ask.url, "%s", http->service.url);
	inquiry_write(&question->body, http->host, rq, claim);
	question->ask.body = (spore_str){ question->body.bytes, question->body.len };
	question->next = worker->questions;
	if (question->next)
		question->next->previous = question;
	worker->questions = question;
	if (json_writer_is_good(&question->body))
		return question;
	free_question(question);
	return NULL;
}

/* True: the tunnel's key proves the answer. Without it, or with another secret of the same
 * identity, the service decides. */
static bool is_proved_by_held_key(const struct http *http, const struct claim *claim)
{
	uint8_t key[CLAIM_KEY_SIZE];
	bool proved;

	if (claim->purpose != SPORE_AUTH_DATA || !held_find(http->held, claim->session, key))
		return false;
	proved = claim_is_proved(claim, http->host, key);
	explicit_bzero(key, sizeof key);
	return proved;
}

int32_t verify_mode_judge(struct http_worker *worker, const spore_auth_request *rq,
                          spore_ticket ticket)
{
	struct question *question;
	struct claim claim;
	enum ask_result result;

	claim_init(&claim, worker->http->host, rq, worker->http->binding);
	if (is_proved_by_held_key(worker->http, &claim))
		return SPORE_ALLOW;
	question = new_question(worker, rq, &claim, ticket);
	if (!question)
		return SPORE_ENOMEM;
	result = asker_send(&worker->asker, &question->ask);
	if (result == ASK_REPLIED)
		return SPORE_EPENDING;
	free_question(question);
	return http_status(result);
}

/* A question that was sent goes on, so that its end still tells whether the service works. */
void verify_mode_cancel(struct http_worker *worker, spore_ticket ticket)
{
	struct question *question = worker->questions;

	while (question && question->ticket != ticket)
		question = question->next;
	if (question && asker_withdraw(&worker->asker, &question->ask))
		free_question(question);
}
