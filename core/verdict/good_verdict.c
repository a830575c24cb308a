#include "verdict/good_verdict.h"

#include "base/clock.h"
#include "chain/recheck.h"
#include "host/instance.h"
#include "host/last_good.h"
#include "host/ticket.h"
#include "log/log.h"
#include "log/status.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/stream.h"
#include "verdict/allowance.h"

/* There may be many data connections, so only some of their lines are logged. */
static void log_verdict(struct instance *instance, const struct auth_question *q,
                        const struct grant *grant, int32_t status, int64_t age_ms)
{
	char ip[ADDR_TEXT_SIZE], text[STATUS_TEXT_SIZE];
	const struct log_field plugin = log_str("plugin", instance->name);
	const struct log_field identity = log_str("identity", grant->identity);
	const struct log_field peer = log_str("peer",
	                                      addr_format(&stream_conn(q->stream)->peer, ip));
	const struct log_field why = log_str("status", status_text(status, text));
	const struct log_field age = log_int("age_ms", age_ms);
	unsigned withheld;

	if (q->purpose != SPORE_AUTH_DATA)
		log_warn("client let in by an earlier verdict: the auth plugin could not decide",
		         plugin, identity, peer, why, age);
	else if (pace_allows(&instance->rechecks, clock_ms(), &withheld))
		log_warn("data connection let in by an earlier verdict: the auth plugin could not "
		         "decide",
		         plugin, identity, peer, why, age, log_int("withheld", withheld));
}

/* A number for an ALLOW that has no ticket to complete. 0: out of memory. */
static spore_ticket take_number(struct loop *loop)
{
	spore_ticket ticket = ticket_open(loop, TICKET_VERIFY, NULL, NULL);

	ticket_close(ticket);
	return ticket;
}

/* True: the instance accepts the answer. *grant_out: what the client was granted; NULL: out of
 * memory. */
static bool ask(const struct auth_question *q, struct instance *instance, spore_ticket ticket,
                int32_t status, struct grant **grant_out)
{
	struct loop *loop = stream_loop(q->stream);
	struct auth_origin origin = auth_request_origin(q, instance);
	struct about_view view;
	spore_auth_request rq = auth_request_verify(q, &origin, stream_conn(q->stream), &view);
	struct recheck recheck = { instance, loop, &rq };
	int64_t age_ms;

	if (!recheck_allows(&recheck, ticket, grant_out, &age_ms))
		return false;
	if (*grant_out) {
		log_verdict(instance, q, *grant_out, status, age_ms);
		meter_last_good(&instance->meter, loop, q->purpose);
	}
	return true;
}

/* True: the instance accepts the answer, and the ALLOW is given. */
static bool allow_again(const struct auth_question *q, struct instance *instance, int32_t status,
                        struct allowance *allowance)
{
	struct grant *grant = NULL;

	if (!ask(q, instance, allowance->ticket, status, &grant))
		return false;
	/* Given even if memory for the grant is out, since the plugin then expects its end. */
	if (!allowance_give(allowance, grant, ticks_own()) || !grant)
		return false;
	return !allowance_is_old(allowance);
}

/* The allowance is made before the plugin is asked, so that an ALLOW has its end in any case. */
static bool find_for_control(const struct auth_question *q, struct instance *instance,
                             int32_t status, struct allowance **allowance_out)
{
	struct loop *loop = stream_loop(q->stream);
	spore_ticket ticket = take_number(loop);
	struct allowance *allowance = ticket ? allowance_new(instance, loop, ticket) : NULL;

	if (allowance && allow_again(q, instance, status, allowance)) {
		*allowance_out = allowance;
		return true;
	}
	allowance_end(allowance, SPORE_END_REFUSED, NULL);
	return false;
}

static bool find_for_data(const struct auth_question *q, struct instance *instance, int32_t status)
{
	spore_ticket ticket = take_number(stream_loop(q->stream));
	struct grant *grant = NULL;
	bool found = ticket && ask(q, instance, ticket, status, &grant) && grant;

	grant_free(grant);
	return found;
}

bool good_verdict_find(const struct auth_question *q, struct instance *instance, int32_t status,
                       struct allowance **allowance_out)
{
	if (!instance->last_good)
		return false;
	if (q->purpose == SPORE_AUTH_CONTROL)
		return find_for_control(q, instance, status, allowance_out);
	/* An open tunnel stays with its old instance if nobody can decide about it. */
	return q->purpose == SPORE_AUTH_DATA && find_for_data(q, instance, status);
}

void good_verdict_forget(const struct auth_question *q, struct instance *instance)
{
	struct auth_origin origin = auth_request_origin(q, instance);
	struct about_view view;
	spore_auth_request rq;

	if (!instance->last_good)
		return;
	rq = auth_request_verify(q, &origin, stream_conn(q->stream), &view);
	recheck_forget(&(struct recheck){ instance, stream_loop(q->stream), &rq });
}

void good_verdict_confirm(const struct auth_question *q, struct instance *instance,
                          struct grant *grant, const struct revision_stamp *asked)
{
	int64_t now_ms = clock_ms();
	struct good_entry *entry;

	if (!grant || !instance->last_good || grant->session != q->session)
		return;
	entry = last_good_put(instance->last_good, grant, asked, now_ms);
	/* Released at once, since only tunnels keep an entry good. */
	last_good_release(instance->last_good, entry, now_ms);
}
