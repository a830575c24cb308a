/* auth_postgres - knows its clients from PostgreSQL: one row for each, by a query of the operator.
 * For servers.
 *
 *   desk (plugins/common/store) ──▶ lookup ──▶ asker ──▶ link
 *   changes (plugins/common/store) ◀── watcher, listing ──▶ link
 *
 * Each worker has a connection and a queue of its own; worker 0 has another connection, to hear of
 * changes. All workers share the breaker, the sessions and, with "bore", all keys. */
#include <stdlib.h>

#include "../common/report.h"
#include "../common/store/desk.h"
#include "lookup.h"
#include "watcher.h"

struct conf {
	const char *conninfo;
	spore_str password;
	uint32_t insecure;
	const char *query;
	uint32_t prepare;
	const char *channel;
	int64_t binding;
	spore_list names; /* of const char * */
	uint32_t bore;
	const char *bore_query;
	int64_t max_keys;
	int64_t poll_interval, connect_timeout, timeout, max_waiting;
	int64_t breaker_failures, breaker_pause;
};

/* An instance. */
struct postgres {
	struct keeper keeper; /* the first, for desk_ops */
	struct asker_shared shared;
	struct changes_shared changes;
	struct watcher_options watching;
};

/* The state of a worker. */
struct postgres_worker {
	struct keeper_worker keeper; /* the first, for desk_ops */
	struct asker asker;
	struct watcher watcher; /* worker 0 only */
	bool watches;
};

static const spore_option_item text_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };

/* clang-format off */
static const spore_option options[] = {
	SPORE_STRING(struct conf, conninfo, 0, "\"\"",
	             "where PostgreSQL is, as libpq's connection strings say it, without a password"),
	SPORE_SECRET(struct conf, password, 0, "password of the user; default: that of the service or "
	             "the password file"),
	SPORE_BOOL(struct conf, insecure, 0, NULL,
	           "allow a PostgreSQL on another machine without sslmode=verify-full, where everyone "
	           "in between may read the secrets and let anyone in"),
	SPORE_STRING(struct conf, query, SPORE_OPTF_REQUIRED | SPORE_OPTF_NOT_EMPTY, NULL,
	             "a query that gives the row of the client with the name $1, or no row"),
	SPORE_BOOL(struct conf, prepare, 0, "true",
	           "prepare the query once for a connection; not with a pooler that cannot do it"),
	SPORE_STRING(struct conf, channel, 0, "\"spore\"",
	             "a channel for NOTIFY: the name of a client as payload says that this client has "
	             "changed, and no payload says that any client may have changed; empty: none"),
	SPORE_ENUM(struct conf, binding, 0, "\"off\"", BINDING_CHOICES,
	           "accept answers that are bound to the TLS session: \"prefer\" accepts other "
	           "answers, too, and \"require\" does not"),
	SPORE_LIST(struct conf, names, SPORE_OPTF_NOT_EMPTY, &text_item,
	           "the names and IP addresses under which clients dial this server, without port: "
	           "clients may sign with the private key of their pubkey then"),
	SPORE_BOOL(struct conf, bore, 0, NULL,
	           "also serve clients that send no name, such as bore's; the server then holds the "
	           "keys of all clients"),
	SPORE_STRING(struct conf, bore_query, SPORE_OPTF_NOT_EMPTY, NULL,
	             "with bore: a query that gives the names of all clients, in one column"),
	SPORE_INT(struct conf, max_keys, 0, "1000", 1, 10000,
	          "with bore: how many keys the server holds; it compares each answer without a name "
	          "with all of them"),
	SPORE_DURATION(struct conf, poll_interval, 0, "\"30s\"", 100, 86400000,
	               "how often clients with tunnels are looked up again, also if the server has "
	               "heard of no change"),
	SPORE_DURATION(struct conf, connect_timeout, 0, "\"1s\"", 10, 60000,
	               "time to connect and log in"),
	PIPELINE_OPTIONS(struct conf, "PostgreSQL"),
};
/* clang-format on */

/* ---- create and destroy ---- */

static void destroy(void *instance)
{
	struct postgres *postgres = instance;

	keeper_fini(&postgres->keeper);
	pipeline_fini(&postgres->shared.pipeline);
	target_fini(&postgres->shared.target);
	free(postgres);
}

static bool expect(const spore_create_args *args, bool good, const char *pointer, const char *text)
{
	if (!good)
		args->report(args, pointer, text);
	return good;
}

static bool check_queries(const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	bool good = expect(args, strlen(conf->channel) <= WATCHER_CHANNEL_MAX, "/channel",
	                   "expected a name of at most 63 bytes");

	good = expect(args, !conf->bore || conf->bore_query, "/bore",
	              "expected bore_query, too, which gives the names of all clients") &&
	       good;
	return expect(args, conf->bore || !conf->bore_query, "/bore_query",
	              "expected this option with \"bore\": true only") &&
	       good;
}

static bool set_target(struct postgres *postgres, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	struct target_options target = { conf->conninfo, conf->password, conf->insecure };

	return target_init(&postgres->shared.target, args, &target);
}

static void set_up_asker(struct postgres *postgres, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	struct asker_shared *shared = &postgres->shared;
	const struct pipeline_options pipeline = {
		.health = {
			.store = "PostgreSQL",
			.faults = "failures of PostgreSQL",
			.help = "Whether PostgreSQL is asked: 0 yes, 1 one question as a trial, "
			        "2 no.",
			.hearing = HEARING_NOTHING,
			.max_failures = conf->breaker_failures,
			.pause_ms = conf->breaker_pause,
		},
		.requests = "Queries to PostgreSQL, by how they ended.",
		.seconds = "Seconds from a query to PostgreSQL until its end.",
		.timeout_ms = conf->timeout,
		.max_waiting = conf->max_waiting,
	};

	shared->host = args->host;
	shared->connect_ms = conf->connect_timeout;
	shared->query = conf->query;
	shared->prepares = conf->prepare;
	postgres->watching = (struct watcher_options){ conf->channel, conf->bore_query,
		                                       conf->poll_interval };
	pipeline_init(&shared->pipeline, args, &pipeline);
}

static bool set_up(struct postgres *postgres, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	struct postgres *previous = (struct postgres *)args->previous;
	struct keeper_options keeper = {
		.binding = conf->binding,
		.names = conf->names,
		.bore = conf->bore,
		.max_keys = (size_t)conf->max_keys,
		.previous = previous ? &previous->keeper : NULL,
	};
	bool good = keeper_init(&postgres->keeper, args, &keeper);

	good = check_queries(args) && good;
	good = set_target(postgres, args) && good;
	if (!good)
		return false;
	set_up_asker(postgres, args);
	changes_init(&postgres->changes, args, "PostgreSQL");
	return true;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct postgres *postgres = calloc(1, sizeof *postgres);

	if (!postgres)
		return SPORE_ENOMEM;
	if (!set_up(postgres, args)) {
		destroy(postgres);
		return SPORE_ECONFIG;
	}
	*instance_out = postgres;
	return SPORE_OK;
}

/* ---- workers ---- */

static void on_lost(void *arg)
{
	struct postgres_worker *state = arg;

	if (state->watches)
		watcher_doubt(&state->watcher);
}

static bool start_watching(struct postgres_worker *state, struct postgres *postgres)
{
	state->watcher = (struct watcher){
		.asker = &state->asker,
		.options = &postgres->watching,
		.changes = { .keeper = &state->keeper, .shared = &postgres->changes },
	};
	state->watches = watcher_start(&state->watcher);
	return state->watches;
}

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct postgres *postgres = instance;
	struct postgres_worker *state = calloc(1, sizeof *state);

	(void)ticket;
	if (!state)
		return SPORE_ENOMEM;
	state->keeper = (struct keeper_worker){
		.keeper = &postgres->keeper,
		.worker = worker,
		.ops = &lookup_ops,
		.backend = &state->asker,
	};
	if (!asker_start(&state->asker, &postgres->shared, worker)) {
		free(state);
		return SPORE_ENOMEM;
	}
	if (postgres->keeper.host->worker_index(worker) == 0 && !start_watching(state, postgres)) {
		asker_stop(&state->asker);
		free(state);
		return SPORE_ENOMEM;
	}
	state->asker.on_lost = on_lost;
	state->asker.arg = state;
	*state_out = state;
	return SPORE_OK;
}

static void worker_stop(void *arg)
{
	struct postgres_worker *state = arg;

	if (state->watches)
		watcher_stop(&state->watcher);
	asker_stop(&state->asker);
	free(state);
}

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "postgres",
	.summary = "clients that PostgreSQL knows",
	.ops = &desk_ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("auth_postgres", "1.0.0", "The Spore authors", "MIT", "", &component);
