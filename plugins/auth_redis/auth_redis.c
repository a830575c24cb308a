/* auth_redis - knows its clients from Redis: one hash for each. For servers.
 *
 *   desk (plugins/common/store) ──▶ lookup ──▶ asker ──▶ primary ──▶ conn
 *   changes (plugins/common/store) ◀── watcher, scan ──▶ primary ──▶ conn
 *
 * Each worker has a connection and a queue of its own; worker 0 has another connection, to hear of
 * changes. All workers share the breaker, the sessions and, with "bore", all keys. */
#include <stdlib.h>

#include "../common/report.h"
#include "../common/store/desk.h"
#include "tls.h"
#include "watcher.h"

enum { REDIS_PORT = 6379, SENTINEL_PORT = 26379 };

struct conf {
	const char *host;
	int64_t port;
	const char *path;
	spore_list sentinels; /* of const char * */
	const char *master;
	spore_str user, password, sentinel_user, sentinel_password;
	int64_t database;
	uint32_t tls, insecure;
	const char *cacertfile, *certfile, *keyfile;
	const char *prefix;
	int64_t binding;
	spore_list names; /* of const char * */
	uint32_t bore;
	int64_t max_keys;
	const char *channel;
	int64_t poll_interval, connect_timeout, timeout, max_waiting;
	int64_t breaker_failures, breaker_pause;
};

/* An instance. */
struct redis {
	struct keeper keeper; /* the first, for desk_ops */
	struct asker_shared shared;
	struct changes_shared changes;
	struct watcher_options watching;
	struct place *sentinels; /* owned */
	SSL_CTX *tls;            /* owned */
	char prefix[LOOKUP_PREFIX_MAX + 16];
};

/* The state of a worker. */
struct redis_worker {
	struct keeper_worker keeper; /* the first, for desk_ops */
	struct asker asker;
	struct lookup_state lookup;
	struct watcher watcher; /* worker 0 only */
	bool watches;
};

static const spore_option_item text_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };

/* clang-format off */
static const spore_option options[] = {
	SPORE_STRING(struct conf, host, SPORE_OPTF_NOT_EMPTY, "\"127.0.0.1\"",
	             "name or IP address of Redis"),
	SPORE_PORT(struct conf, port, 0, "6379", 1, 65535, "port of Redis"),
	SPORE_STRING(struct conf, path, SPORE_OPTF_PATH | SPORE_OPTF_NOT_EMPTY, NULL,
	             "Unix socket of Redis, in place of host and port"),
	SPORE_LIST(struct conf, sentinels, SPORE_OPTF_NOT_EMPTY, &text_item,
	           "Sentinels, each HOST or HOST:PORT, which name the primary, in place of host and port"),
	SPORE_STRING(struct conf, master, SPORE_OPTF_NOT_EMPTY, NULL,
	             "name of the primary, as the Sentinels know it"),
	SPORE_SECRET(struct conf, user, SPORE_OPTF_NAME, "user of Redis (ACL); default: Redis' default user"),
	SPORE_SECRET(struct conf, password, 0, "password of this user"),
	SPORE_SECRET(struct conf, sentinel_user, SPORE_OPTF_NAME, "user of the Sentinels"),
	SPORE_SECRET(struct conf, sentinel_password, 0, "password of this user"),
	SPORE_INT(struct conf, database, 0, "0", 0, 1000000, "number of the database"),
	SPORE_BOOL(struct conf, tls, 0, NULL, "use TLS, also to the Sentinels"),
	SPORE_STRING(struct conf, cacertfile,
	             SPORE_OPTF_PATH | SPORE_OPTF_READ | SPORE_OPTF_NOT_EMPTY, NULL,
	             "authorities that may sign Redis' certificate, PEM; default: those of the system"),
	SPORE_STRING(struct conf, certfile,
	             SPORE_OPTF_PATH | SPORE_OPTF_READ | SPORE_OPTF_NOT_EMPTY, NULL,
	             "certificate of this server for Redis, with its chain, PEM"),
	SPORE_STRING(struct conf, keyfile,
	             SPORE_OPTF_PATH | SPORE_OPTF_READ | SPORE_OPTF_NOT_EMPTY, NULL,
	             "private key of this certificate, PEM"),
	SPORE_BOOL(struct conf, insecure, 0, NULL,
	           "allow a Redis on another machine without TLS, where everyone in between reads the "
	           "password and the keys and can let anyone in"),
	SPORE_STRING(struct conf, prefix, SPORE_OPTF_NOT_EMPTY, "\"spore\"",
	             "the key of a client is PREFIX:client:NAME"),
	SPORE_ENUM(struct conf, binding, 0, "\"off\"", BINDING_CHOICES,
	           "accept answers that are bound to the TLS session: \"prefer\" accepts other "
	           "answers, too, and \"require\" does not"),
	SPORE_LIST(struct conf, names, SPORE_OPTF_NOT_EMPTY, &text_item,
	           "the names and IP addresses under which clients dial this server, without port: "
	           "clients may sign with the private key of their pubkey then"),
	SPORE_BOOL(struct conf, bore, 0, NULL,
	           "also serve clients that send no name, such as bore's; the server then holds the "
	           "keys of all clients"),
	SPORE_INT(struct conf, max_keys, 0, "1000", 1, 10000,
	          "with bore: how many keys the server holds; it compares each answer without a name "
	          "with all of them"),
	SPORE_STRING(struct conf, channel, SPORE_OPTF_NOT_EMPTY, NULL,
	             "a channel for messages: the name of a client says that this client has changed, "
	             "and an empty message says that any client may have changed"),
	SPORE_DURATION(struct conf, poll_interval, 0, "\"30s\"", 100, 86400000,
	               "how often clients with tunnels are looked up again, also if the server has "
	               "heard of no change"),
	SPORE_DURATION(struct conf, connect_timeout, 0, "\"1s\"", 10, 60000,
	               "time to ask a Sentinel, and to connect and log in"),
	PIPELINE_OPTIONS(struct conf, "Redis"),
};
/* clang-format on */

/* ---- create and destroy ---- */

static void destroy(void *instance)
{
	struct redis *redis = instance;

	keeper_fini(&redis->keeper);
	pipeline_fini(&redis->shared.pipeline);
	pthread_mutex_destroy(&redis->shared.lock);
	SSL_CTX_free(redis->tls);
	free(redis->sentinels);
	free(redis);
}

static bool expect(const spore_create_args *args, bool good, const char *pointer, const char *text)
{
	if (!good)
		args->report(args, pointer, text);
	return good;
}

/* Without TLS, passwords and keys must not leave this machine. */
static bool check_place(const spore_create_args *args, const struct place *place,
                        const char *pointer)
{
	const struct conf *conf = args->conf;

	return expect(args, conf->tls || conf->insecure || place_is_local(place), pointer,
	              "expected \"tls\": true, since passwords and keys would be readable on the "
	              "way to another machine; \"insecure\": true allows it");
}

static bool set_sentinels(struct redis *redis, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	const char *const *texts = conf->sentinels.items;
	bool good = expect(args, conf->master != NULL, "",
	                   "expected master, the name of the primary, with sentinels");

	redis->sentinels = calloc(conf->sentinels.count, sizeof *redis->sentinels);
	if (!redis->sentinels)
		return false;
	for (size_t i = 0; i < conf->sentinels.count; i++) {
		struct place *place = &redis->sentinels[i];
		char pointer[32];

		snprintf(pointer, sizeof pointer, "/sentinels/%zu", i);
		if (place_parse(place, texts[i], SENTINEL_PORT))
			good = check_place(args, place, pointer) && good;
		else
			good = expect(args, false, pointer,
			              "expected HOST, HOST:PORT or [ADDRESS]:PORT");
		place->tls = redis->tls;
	}
	redis->shared.primary.sentinels = redis->sentinels;
	redis->shared.primary.n_sentinels = conf->sentinels.count;
	redis->shared.primary.master = conf->master;
	return good;
}

static bool set_socket(struct redis *redis, const spore_create_args *args)
{
	const struct conf *conf = args->conf;

	redis->shared.primary.place.path = conf->path;
	return expect(args, strlen(conf->path) <= PLACE_PATH_MAX, "/path",
	              "expected a path of at most 107 bytes") &&
	       expect(args, !conf->tls, "/tls", "expected no TLS on a Unix socket");
}

static bool set_host(struct redis *redis, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	struct place *place = &redis->shared.primary.place;
	bool is_host = place_parse(place, conf->host, REDIS_PORT) && !strchr(conf->host, '[');

	place->port = (uint16_t)conf->port;
	place->tls = redis->tls;
	return expect(args, is_host, "/host", "expected a host name or an IP address") &&
	       check_place(args, place, "/host");
}

static bool set_place(struct redis *redis, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	bool good;

	if (conf->path && conf->sentinels.count)
		return expect(args, false, "/path", "expected path or sentinels, found both");
	if (conf->sentinels.count)
		return set_sentinels(redis, args);
	good = expect(args, !conf->master, "/master", "expected this option with sentinels only");
	return (conf->path ? set_socket(redis, args) : set_host(redis, args)) && good;
}

static bool set_tls(struct redis *redis, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	struct tls_options tls = { conf->cacertfile, conf->certfile, conf->keyfile };
	bool has_file = conf->cacertfile || conf->certfile || conf->keyfile;
	bool good = expect(args, conf->tls || !has_file, "/tls",
	                   "expected true, since a file of a certificate or key is given");

	if (good && conf->tls)
		redis->tls = tls_new(args, &tls);
	redis->shared.primary.tls = redis->tls;
	return good && (!conf->tls || redis->tls);
}

static bool set_login(struct redis *redis, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	struct primary_conf *primary = &redis->shared.primary;

	primary->user = conf->user;
	primary->password = conf->password;
	primary->sentinel_user = conf->sentinel_user;
	primary->sentinel_password = conf->sentinel_password;
	return expect(args, !conf->user.ptr || conf->password.ptr, "/user",
	              "expected password, too") &&
	       expect(args, !conf->sentinel_user.ptr || conf->sentinel_password.ptr,
	              "/sentinel_user", "expected sentinel_password, too");
}

static bool set_prefix(struct redis *redis, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	bool good = strlen(conf->prefix) <= LOOKUP_PREFIX_MAX;

	for (const char *at = conf->prefix; *at; at++)
		good = good && (unsigned char)*at > ' ' && *at != '\x7F';
	snprintf(redis->prefix, sizeof redis->prefix, "%s:client:", good ? conf->prefix : "");
	redis->watching = (struct watcher_options){ redis->prefix, conf->channel,
		                                    conf->poll_interval };
	return expect(args, good, "/prefix",
	              "expected at most 100 bytes without blanks and control characters");
}

static void set_up_asker(struct redis *redis, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	struct asker_shared *shared = &redis->shared;
	const struct pipeline_options pipeline = {
		.health = {
			.store = "Redis",
			.faults = "failures of Redis",
			.help = "Whether Redis is asked: 0 yes, 1 one question as a trial, 2 no.",
			.hearing = HEARING_NOTHING,
			.max_failures = conf->breaker_failures,
			.pause_ms = conf->breaker_pause,
		},
		.requests = "Commands for Redis, by how they ended.",
		.seconds = "Seconds from a command for Redis until its end.",
		.timeout_ms = conf->timeout,
		.max_waiting = conf->max_waiting,
	};

	shared->host = shared->primary.host = args->host;
	shared->primary.database = conf->database;
	shared->primary.connect_ms = conf->connect_timeout;
	shared->primary.insecure = conf->insecure;
	pipeline_init(&shared->pipeline, args, &pipeline);
}

static bool set_up(struct redis *redis, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	struct redis *previous = (struct redis *)args->previous;
	struct keeper_options keeper = {
		.binding = conf->binding,
		.names = conf->names,
		.bore = conf->bore,
		.max_keys = (size_t)conf->max_keys,
		.previous = previous ? &previous->keeper : NULL,
	};
	bool good = keeper_init(&redis->keeper, args, &keeper);

	good = set_tls(redis, args) && good;
	good = set_place(redis, args) && good;
	good = set_login(redis, args) && good;
	good = set_prefix(redis, args) && good;
	if (!good)
		return false;
	set_up_asker(redis, args);
	changes_init(&redis->changes, args, "Redis");
	return true;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct redis *redis = calloc(1, sizeof *redis);

	if (!redis)
		return SPORE_ENOMEM;
	pthread_mutex_init(&redis->shared.lock, NULL);
	if (!set_up(redis, args)) {
		destroy(redis);
		return SPORE_ECONFIG;
	}
	*instance_out = redis;
	return SPORE_OK;
}

/* ---- workers ---- */

static void on_lost(void *arg)
{
	struct redis_worker *state = arg;

	if (state->watches)
		watcher_doubt(&state->watcher);
}

static bool start_watching(struct redis_worker *state, struct redis *redis)
{
	state->watcher = (struct watcher){
		.asker = &state->asker,
		.options = &redis->watching,
		.changes = { .keeper = &state->keeper, .shared = &redis->changes },
	};
	state->watches = watcher_start(&state->watcher);
	return state->watches;
}

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct redis *redis = instance;
	struct redis_worker *state = calloc(1, sizeof *state);

	(void)ticket;
	if (!state)
		return SPORE_ENOMEM;
	state->lookup = (struct lookup_state){ &state->asker, redis->prefix };
	state->keeper = (struct keeper_worker){
		.keeper = &redis->keeper,
		.worker = worker,
		.ops = &lookup_ops,
		.backend = &state->lookup,
	};
	if (!asker_start(&state->asker, &redis->shared, worker)) {
		free(state);
		return SPORE_ENOMEM;
	}
	if (redis->keeper.host->worker_index(worker) == 0 && !start_watching(state, redis)) {
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
	struct redis_worker *state = arg;

	if (state->watches)
		watcher_stop(&state->watcher);
	asker_stop(&state->asker);
	free(state);
}

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "redis",
	.summary = "clients that Redis knows",
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

SPORE_PLUGIN("auth_redis", "1.0.0", "The Spore authors", "MIT", "", &component);
