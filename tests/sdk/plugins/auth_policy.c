/* auth_policy - allows clients whose answer is one of its names, and grants each name a policy.
 *
 * The answer is the name. The session is a hash of the name. It comes back with every data
 * connection, where it must match the name again. Ends and renewals come from a timer; accounts go
 * to a file. */
#include <fcntl.h>
#include <unistd.h>

#include "probe.h"

struct conf {
	spore_list names;
	spore_list ports;
	int64_t max_tunnels, max_conns, life;
	int64_t revoke_after, renew_after, renewed_conns;
	const char *accounts;
	const char *say;
};

static const spore_option_item name_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };

static const spore_option options[] = {
	SPORE_LIST(struct conf, names, 0, &name_item, "who is let in"),
	SPORE_PORTS(struct conf, ports, 0, NULL, "public ports they may claim"),
	SPORE_INT(struct conf, max_tunnels, 0, "-1", -1, 1000,
	          "tunnels of one name; -1: as many as you like"),
	SPORE_INT(struct conf, max_conns, 0, "-1", -1, 1000,
	          "visitors of one name; -1: as many as you like"),
	SPORE_DURATION(struct conf, life, 0, NULL, 0, 60000, "of a tunnel; 0: no end"),
	SPORE_DURATION(struct conf, revoke_after, 0, NULL, 0, 60000, "0: never"),
	SPORE_DURATION(struct conf, renew_after, 0, NULL, 0, 60000, "0: never"),
	SPORE_INT(struct conf, renewed_conns, 0, "0", 0, 1000, "max_conns after a renewal"),
	SPORE_STRING(struct conf, accounts, SPORE_OPTF_PATH, NULL,
	             "file that gets a line for each tunnel"),
	SPORE_STRING(struct conf, say, 0, NULL, "the client's name"),
};

struct instance {
	PROBE_FIELDS;
};

struct state {
	struct instance *instance;
	spore_worker *worker;
	struct change *first;
};

/* What a name's standing becomes later. */
struct change {
	struct change *next;
	struct state *state;
	spore_timer timer;
	int32_t verdict;
	const char *name;
};

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct state *state = malloc(sizeof *state);

	(void)ticket;
	if (!state)
		return SPORE_ENOMEM;
	*state = (struct state){ instance, worker, NULL };
	*state_out = state;
	return SPORE_OK;
}

static void worker_stop(void *arg)
{
	struct state *state = arg;

	while (state->first) {
		struct change *change = state->first;

		state->first = change->next;
		state->instance->host->timer_stop(change->timer);
		free(change);
	}
	free(state);
}

static void on_change(void *arg)
{
	struct change *change = arg;
	const struct instance *instance = change->state->instance;
	spore_auth_result result = {
		.struct_size = sizeof result,
		.fields = SPORE_AUTH_F_MAX_CONNS,
		.max_conns = (uint32_t)instance->conf->renewed_conns,
	};

	probe_log(instance->host, instance->ctx, "revalidated", "status",
	          instance->host->auth_revalidate(instance->ctx, spore_cstr(change->name),
	                                          change->verdict,
	                                          change->verdict == SPORE_ALLOW ? &result : NULL));
}

static void change_later(struct state *state, const char *name, int32_t verdict, int64_t after_ms)
{
	struct change *change = after_ms ? malloc(sizeof *change) : NULL;

	if (!change)
		return;
	*change = (struct change){ state->first, state, { 0 }, verdict, name };
	state->instance->host->timer_start(state->worker, after_ms, 0, on_change, change,
	                                   &change->timer);
	state->first = change;
}

static uint64_t hash(spore_str text)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < text.len; i++)
		h = (h ^ (uint8_t)text.ptr[i]) * 1099511628211u;
	return h;
}

/* The policy of the name. */
static spore_auth_result grant(const struct conf *conf, const char *name)
{
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(name),
		.reason = spore_cstr("it is on the list"),
		.session = hash(spore_cstr(name)),
		.ports = conf->ports.items,
		.n_ports = conf->ports.count,
		.max_tunnels = conf->max_tunnels >= 0 ? (uint32_t)conf->max_tunnels : 0,
		.max_conns = conf->max_conns >= 0 ? (uint32_t)conf->max_conns : 0,
		.life_ms = conf->life,
	};

	result.fields = (conf->ports.count ? SPORE_AUTH_F_PORTS : 0) |
	                (conf->max_tunnels >= 0 ? SPORE_AUTH_F_MAX_TUNNELS : 0) |
	                (conf->max_conns >= 0 ? SPORE_AUTH_F_MAX_CONNS : 0) |
	                (conf->life ? SPORE_AUTH_F_LIFE : 0);
	return result;
}

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	struct state *state = arg;
	const struct conf *conf = state->instance->conf;
	const char *const *names = conf->names.items;
	spore_auth_result result;
	size_t i = 0;

	while (i < conf->names.count && !probe_same(spore_cstr(names[i]), rq->answer))
		i++;
	if (i == conf->names.count)
		return SPORE_NEXT;
	result = grant(conf, names[i]);
	if (rq->purpose == SPORE_AUTH_DATA)
		return rq->session == result.session ? SPORE_ALLOW : SPORE_DENY;
	change_later(state, names[i], SPORE_DENY, conf->revoke_after);
	change_later(state, names[i], SPORE_ALLOW, conf->renew_after);
	state->instance->host->complete_verify(ticket, SPORE_ALLOW, &result);
	return SPORE_EPENDING;
}

static spore_status answer(void *arg, const spore_answer_request *rq, spore_ticket ticket)
{
	const struct state *state = arg;
	const struct conf *conf = state->instance->conf;

	(void)rq;
	if (!conf->say)
		return SPORE_EUNSUPPORTED;
	state->instance->host->complete_answer(ticket, SPORE_OK, spore_cstr(conf->say));
	return SPORE_EPENDING;
}

static void session_end(void *arg, const spore_session_end *end)
{
	const struct state *state = arg;
	const char *path = state->instance->conf->accounts;
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	int right = end->session == hash(end->identity);

	if (fd < 0)
		return;
	dprintf(fd, "%.*s port=%u session=%s up=%llu down=%llu conns=%llu life=%lld\n",
	        (int)end->identity.len, end->identity.ptr, end->port, right ? "right" : "wrong",
	        (unsigned long long)end->bytes_up, (unsigned long long)end->bytes_down,
	        (unsigned long long)end->conns, (long long)end->life_ms);
	close(fd);
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.answer = answer,
	.session_end = session_end,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "policy",
	.summary = "names, and what they may do",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = probe_create,
	.destroy = free,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("auth_policy", "1.0.0", "The Spore authors", "MIT", "", &component);
