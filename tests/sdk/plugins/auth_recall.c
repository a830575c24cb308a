/* auth_recall - a back-end that can fail, and a recheck() for the time while it does.
 *
 * The answer is NAME=PROOF. The file "backend" says what the back-end does: allow (the default,
 * also without a file), deny, next, fail, or silent (no verdict). The verifier is the answer, the
 * hint a hash of its name, or 0 for answers without "=". Each recheck() and each end of an ALLOW
 * is logged. */
#include "probe.h"

struct conf {
	const char *backend;
	int64_t max_tunnels;
	int64_t verifier_life;
	uint32_t careless; /* accepts without a verifier */
};

static const spore_option options[] = {
	SPORE_STRING(struct conf, backend, SPORE_OPTF_PATH, NULL, "file with the back-end's mood"),
	SPORE_INT(struct conf, max_tunnels, 0, "0", 0, 1000, "of a client; 0: no limit"),
	SPORE_DURATION(struct conf, verifier_life, 0, NULL, 0, 60000, "0: as the host likes"),
	SPORE_BOOL(struct conf, careless, 0, NULL, "recheck() says ALLOW to everything"),
};

struct instance {
	PROBE_FIELDS;
};

static uint64_t hash(spore_str text)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < text.len; i++)
		h = (h ^ (uint8_t)text.ptr[i]) * 1099511628211u;
	return h;
}

static spore_str name_of(spore_str answer)
{
	const char *sign = answer.len ? memchr(answer.ptr, '=', answer.len) : NULL;

	return (spore_str){ answer.ptr, sign ? (size_t)(sign - answer.ptr) : answer.len };
}

static uint64_t hint_of(spore_str answer)
{
	spore_str name = name_of(answer);

	return name.len < answer.len ? hash(name) : 0;
}

static void read_mood(const struct instance *instance, char mood[16])
{
	FILE *file = instance->conf->backend ? fopen(instance->conf->backend, "r") : NULL;

	if (!file || fscanf(file, "%15s", mood) != 1)
		strcpy(mood, "allow");
	if (file)
		fclose(file);
}

static int32_t allow(const struct instance *instance, const spore_auth_request *rq,
                     spore_ticket ticket)
{
	const struct conf *conf = instance->conf;
	spore_auth_result result = {
		.struct_size = sizeof result,
		.fields = conf->max_tunnels ? SPORE_AUTH_F_MAX_TUNNELS : 0,
		.max_tunnels = (uint32_t)conf->max_tunnels,
		.identity = name_of(rq->answer),
		.session = hash(name_of(rq->answer)),
		.verifier = rq->answer,
		.verifier_hint = hint_of(rq->answer),
		.verifier_life_ms = conf->verifier_life,
	};

	if (rq->purpose == SPORE_AUTH_DATA && result.session != rq->session)
		return SPORE_DENY;
	instance->host->complete_verify(ticket, SPORE_ALLOW, &result);
	return SPORE_EPENDING;
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	static const struct {
		const char *mood;
		int32_t verdict;
	} moods[] = { { "deny", SPORE_DENY },
		      { "next", SPORE_NEXT },
		      { "fail", SPORE_EBACKEND },
		      { "silent", SPORE_EPENDING } };
	char mood[16];

	read_mood(state, mood);
	for (size_t i = 0; i < sizeof moods / sizeof *moods; i++) {
		if (strcmp(mood, moods[i].mood) == 0)
			return moods[i].verdict;
	}
	return allow(state, rq, ticket);
}

static int32_t recheck(void *state, const spore_auth_request *rq, spore_ticket ticket,
                       const spore_held *held)
{
	const struct instance *instance = state;
	uint64_t hint = hint_of(rq->answer);
	const spore_verifier *verifier;
	int32_t n = 0;

	if (instance->conf->careless)
		return SPORE_ALLOW;
	while ((verifier = held->next(held, hint)) != NULL) {
		n++;
		if (verifier->bytes.len == rq->answer.len &&
		    memcmp(verifier->bytes.ptr, rq->answer.ptr, rq->answer.len) == 0)
			break;
	}
	probe_log(instance->host, instance->ctx, ticket ? "rechecked" : "rechecked a denial",
	          "tried", n);
	return verifier ? SPORE_ALLOW : SPORE_NEXT;
}

static void session_end(void *state, const spore_session_end *end)
{
	const struct instance *instance = state;

	probe_log(instance->host, instance->ctx, "ended", "reason", (int32_t)end->reason);
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.session_end = session_end,
	.recheck = recheck,
};
static const spore_auth_ops blocking_ops = {
	.struct_size = sizeof blocking_ops,
	.flags = SPORE_AUTHF_BLOCKING,
	.verify = verify,
	.session_end = session_end,
	.recheck = recheck,
};

static const spore_component recall = {
	.struct_size = sizeof recall,
	.kind = SPORE_KIND_AUTH,
	.name = "recall",
	.summary = "a back-end that can fail",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = probe_create,
	.destroy = free,
};

static const spore_component recall_blocking = {
	.struct_size = sizeof recall_blocking,
	.kind = SPORE_KIND_AUTH,
	.name = "recall_blocking",
	.summary = "the same on a pool",
	.ops = &blocking_ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = probe_create,
	.destroy = free,
};

SPORE_PLUGIN("auth_recall", "1.0.0", "The Spore authors", "MIT", "", &recall, &recall_blocking);
