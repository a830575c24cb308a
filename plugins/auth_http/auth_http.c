/* auth_http - a web service decides who gets in, or tells the key of a client by its name. For
 * servers.
 *
 *   verify_mode ─┬─▶ asker ──▶ breaker, lookup, transfer ──▶ multi (libcurl)
 *   key_mode    ─┘
 *
 * Each worker has its own connections to the service, its own queue and, in the mode "key", its own
 * cache. All workers share the breaker and the keys of the tunnels. */
#include <spore/verifier.h>
#include <stdlib.h>

#include "../common/report.h"
#include "../common/series.h"
#include "key_mode.h"
#include "verify_mode.h"

struct conf {
	const char *url;
	int64_t mode;
	const char *cacertfile;
	spore_str token;
	spore_map headers; /* of spore_str */
	uint32_t insecure;
	int64_t binding;
	int64_t connect_timeout, timeout;
	int64_t max_requests, max_waiting, max_keys;
	int64_t breaker_failures, breaker_pause;
};

static const spore_option_item secret_item = { SPORE_OPT_SECRET, sizeof(spore_str), NULL, 0, 0 };

/* clang-format off */
static const spore_option options[] = {
	SPORE_STRING(struct conf, url, SPORE_OPTF_REQUIRED | SPORE_OPTF_NOT_EMPTY, NULL,
	             "the service: https://HOST/URI, http://unix:/PATH/OF/SOCKET:/URI, or http:// on "
	             "this machine; in the mode key with {name} in the URI"),
	SPORE_ENUM(struct conf, mode, 0, "\"verify\"", "verify|key",
	           "verify: the service judges each answer; key: it tells the key of a name"),
	SPORE_STRING(struct conf, cacertfile,
	             SPORE_OPTF_PATH | SPORE_OPTF_READ | SPORE_OPTF_NOT_EMPTY, NULL,
	             "authorities that may sign the service's certificate; default: those of the system"),
	SPORE_SECRET(struct conf, token, 0, "sent as Authorization: Bearer TOKEN"),
	SPORE_MAP(struct conf, headers, 0, &secret_item,
	          "further headers of each request: name to secret"),
	SPORE_BOOL(struct conf, insecure, 0, NULL,
	           "allow http:// to another machine, where everyone in between reads answers and "
	           "keys and can let anyone in"),
	SPORE_ENUM(struct conf, binding, 0, "\"off\"", BINDING_CHOICES,
	           "accept answers that are bound to the TLS session: \"prefer\" accepts other "
	           "answers, too, and \"require\" does not; without a key the service decides itself"),
	SPORE_DURATION(struct conf, connect_timeout, 0, "\"1s\"", 10, 60000,
	               "time to connect, with TLS"),
	SPORE_DURATION(struct conf, timeout, 0, "\"2s\"", 10, 60000,
	               "time for a whole request; keep it below server.auth_timeout"),
	SPORE_INT(struct conf, max_requests, 0, "32", 1, 10000,
	          "requests at a time, shared out evenly to the workers"),
	SPORE_INT(struct conf, max_waiting, 0, "2000", 0, 1000000,
	          "questions that wait on each worker for their turn; further ones fail"),
	SPORE_INT(struct conf, max_keys, 0, "10000", 1, 1000000,
	          "keys that each worker remembers in the mode key"),
	HEALTH_OPTIONS(struct conf, "the service"),
};
/* clang-format on */

/* ---- metrics ---- */

static void add_metrics(struct asker_shared *shared, const spore_create_args *args)
{
	static const char *const results[ASK_RESULTS] = {
		[ASK_REPLIED] = "replied",     [ASK_UNREACHABLE] = "unreachable",
		[ASK_TIMEOUT] = "timeout",     [ASK_UNTRUSTED] = "untrusted",
		[ASK_TOO_LONG] = "too_long",   [ASK_BROKEN] = "broken",
		[ASK_SUSPENDED] = "suspended", [ASK_BUSY] = "busy",
		[ASK_NO_MEMORY] = "no_memory", [ASK_BAD_STATUS] = "bad_status",
		[ASK_BAD_REPLY] = "bad_reply",
	};
	const struct series_label label = { "result", results, ASK_RESULTS };

	series_counters(args, "requests_total", "Questions to the web service, by how they ended.",
	                &label, shared->results);
	shared->seconds = series_seconds(args, "request_seconds",
	                                 "Seconds from a request to the web service until its end.",
	                                 0.001);
}

/* ---- create and destroy ---- */

static void destroy(void *instance)
{
	struct http *http = instance;

	held_free(http->held);
	health_fini(&http->shared.health);
	service_fini(&http->service);
	free(http);
	curl_global_cleanup();
}

static void warn_of_time(const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	int64_t most_ms = spore_auth_time(args);

	if (most_ms && conf->timeout >= most_ms)
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
		           "a request may take %lld ms (timeout), but after %lld ms "
		           "(server.auth_timeout) the client is refused: keep timeout below "
		           "server.auth_timeout",
		           (long long)conf->timeout, (long long)most_ms);
}

/* The part of a limit that one worker has. */
static size_t share_of(int64_t limit, uint32_t n_workers)
{
	return ((size_t)limit + n_workers - 1) / n_workers;
}

static void set_up_asker(struct http *http, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	struct asker_shared *shared = &http->shared;
	const struct health_options health = {
		.store = "the service",
		.faults = "questions without a verdict",
		.url = http->service.shown,
		.help = "Whether the web service is asked: 0 yes, 1 one question as a trial, 2 no.",
		.max_failures = conf->breaker_failures,
		.pause_ms = conf->breaker_pause,
	};

	shared->host = args->host;
	shared->service = &http->service;
	shared->connect_ms = conf->connect_timeout;
	shared->total_ms = conf->timeout;
	shared->max_running = share_of(conf->max_requests, args->n_workers);
	shared->max_waiting = (size_t)conf->max_waiting;
	add_metrics(shared, args);
	health_init(&shared->health, args, &health);
}

static bool set_up(struct http *http, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	struct service_options service = {
		.url = conf->url,
		.cacertfile = conf->cacertfile,
		.token = conf->token,
		.headers = conf->headers,
		.takes_name = conf->mode == HTTP_KEY,
		.insecure = conf->insecure,
		.sends = "answers and keys",
	};

	http->host = args->host;
	http->log = args->ctx;
	http->mode = conf->mode;
	http->binding = conf->binding;
	http->max_keys = (size_t)conf->max_keys;
	http->held = held_new();
	if (!http->held || !service_has_openssl(args) ||
	    !service_init(&http->service, args, &service) ||
	    !binding_is_possible(args, conf->binding))
		return false;
	warn_of_time(args);
	set_up_asker(http, args);
	return true;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct http *http;

	if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
		return SPORE_ENOMEM;
	http = calloc(1, sizeof *http);
	if (http && set_up(http, args)) {
		*instance_out = http;
		return SPORE_OK;
	}
	if (http)
		destroy(http);
	else
		curl_global_cleanup();
	return SPORE_ECONFIG;
}

/* ---- workers ---- */

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct http *http = instance;
	struct http_worker *state = calloc(1, sizeof *state);

	(void)ticket;
	if (!state)
		return SPORE_ENOMEM;
	state->http = http;
	if (http->mode == HTTP_KEY)
		state->keys = key_cache_new(http->max_keys);
	if ((http->mode == HTTP_KEY && !state->keys) ||
	    !asker_start(&state->asker, &http->shared, worker)) {
		key_cache_free(state->keys);
		free(state);
		return SPORE_ENOMEM;
	}
	*state_out = state;
	return SPORE_OK;
}

static void worker_stop(void *arg)
{
	struct http_worker *state = arg;

	asker_stop(&state->asker);
	key_cache_free(state->keys);
	free(state);
}

/* ---- the kind's functions ---- */

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	struct http_worker *worker = state;

	if (worker->http->mode == HTTP_KEY)
		return key_mode_judge(worker, rq, ticket);
	return verify_mode_judge(worker, rq, ticket);
}

static void cancel(void *state, spore_ticket ticket)
{
	struct http_worker *worker = state;

	if (worker->http->mode == HTTP_KEY)
		key_mode_cancel(worker, ticket);
	else
		verify_mode_cancel(worker, ticket);
}

static void session_end(void *state, const spore_session_end *end)
{
	struct http_worker *worker = state;

	if (worker->http->mode == HTTP_VERIFY)
		held_end(worker->http->held, end->session);
}

/* Is called while the service fails. The data connections of a tunnel that is opened now are
 * verified as if the service had told the key. */
static int32_t recheck(void *state, const spore_auth_request *rq, spore_ticket ticket,
                       const spore_held *held)
{
	static const uint32_t forms[] = { [BINDING_OFF] = SPORE_HMAC_PLAIN,
		                          [BINDING_PREFER] = SPORE_HMAC_PLAIN | SPORE_HMAC_BOUND,
		                          [BINDING_REQUIRE] = SPORE_HMAC_BOUND };
	const struct http_worker *worker = state;
	struct http *http = worker->http;
	const spore_verifier *verifier = spore_hmac_find(http->host, rq, held,
	                                                 forms[http->binding]);

	if (!verifier)
		return SPORE_NEXT;
	if (ticket && rq->purpose == SPORE_AUTH_CONTROL && http->mode == HTTP_VERIFY)
		held_begin(http->held, verifier->session, (const uint8_t *)verifier->bytes.ptr);
	return SPORE_ALLOW;
}

static uint32_t needs_challenge(void *instance)
{
	const struct http *http = instance;

	return http->binding == BINDING_OFF ? SPORE_CHALLENGE_PLAIN : SPORE_CHALLENGE_BINDS;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.cancel = cancel,
	.session_end = session_end,
	.needs_challenge = needs_challenge,
	.recheck = recheck,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "http",
	.summary = "a web service decides, or tells the keys of clients",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("auth_http", "1.0.0", "The Spore authors", "MIT", "", &component);
