/* events_http - posts events to a web service, some at a time, as JSON.
 *
 * take() waits a little for further events, which meanwhile collect in the host's queue, and posts
 * what it has. While the service fails, it tries again after growing pauses, with the same batch or
 * the next one. Then the host's queue fills, and the host drops and counts events. After
 * worker_drain() there is no pause any more, and each batch is tried once. */
#include <spore/events.h>
#include <stdlib.h>

#include "../common/event/event_json.h"
#include "../common/event/view.h"
#include "../common/remote/health.h"
#include "../common/remote/outage.h"
#include "../common/series.h"
#include "post.h"
#include "rest.h"

/* The first pause before another try; each one after it is twice as long, up to retry_pause. */
enum { FIRST_PAUSE_MS = 500 };

enum { ID_BYTES = 16 };

struct conf {
	const char *url, *cacertfile;
	spore_str token;
	spore_map headers; /* of spore_str */
	uint32_t insecure;
	int64_t batch, delay;
	int64_t connect_timeout, timeout;
	int64_t retry_for, retry_pause;
	int64_t breaker_failures, breaker_pause;
};

static const spore_option_item secret_item = { SPORE_OPT_SECRET, sizeof(spore_str), NULL, 0, 0 };

/* clang-format off */
static const spore_option options[] = {
	SPORE_STRING(struct conf, url, SPORE_OPTF_REQUIRED | SPORE_OPTF_NOT_EMPTY, NULL,
	             "the service: https://HOST/URI, http://unix:/PATH/OF/SOCKET:/URI, or http:// on "
	             "this machine"),
	SPORE_STRING(struct conf, cacertfile,
	             SPORE_OPTF_PATH | SPORE_OPTF_READ | SPORE_OPTF_NOT_EMPTY, NULL,
	             "authorities that may sign the service's certificate; default: those of the system"),
	SPORE_SECRET(struct conf, token, 0, "sent as Authorization: Bearer TOKEN"),
	SPORE_MAP(struct conf, headers, 0, &secret_item,
	          "further headers of each request: name to secret"),
	SPORE_BOOL(struct conf, insecure, 0, NULL,
	           "allow http:// to another machine, where everyone in between reads the events and "
	           "the token"),
	SPORE_INT(struct conf, batch, 0, "100", 1, 256, "most events of one request"),
	SPORE_DURATION(struct conf, delay, 0, "\"1s\"", 0, 60000,
	               "how long to wait for further events if there are fewer"),
	SPORE_DURATION(struct conf, connect_timeout, 0, "\"2s\"", 10, 60000,
	               "time to connect, with the look-up of the name and TLS"),
	SPORE_DURATION(struct conf, timeout, 0, "\"5s\"", 10, 60000, "time for a whole request"),
	SPORE_DURATION(struct conf, retry_for, 0, "\"5m\"", 0, 86400000,
	               "how long the same events are tried again; after that they are dropped"),
	SPORE_DURATION(struct conf, retry_pause, 0, "\"30s\"", 500, 3600000,
	               "longest pause between two tries; the first one is 0.5 s, the next twice as long"),
	HEALTH_OPTIONS(struct conf, "the service"),
};
/* clang-format on */

enum loss { LOSS_REJECTED, LOSS_GAVE_UP, LOSS_NO_MEMORY, LOSSES };

struct http {
	const spore_host *host;
	spore_ctx *ctx;
	const struct conf *conf;
	struct service service;
	struct poster poster;
	struct health health;
	struct rest rest; /* over: the instance ends */
	uint32_t results[POST_RESULTS], losses[LOSSES];
	uint64_t n_lost, logged_at; /* all losses, and how many of them were logged last */
	int64_t pause_ms, next_ms;  /* between two tries that fail, and when the next one may be */
	struct outage failing, rejecting;
	uint64_t lost_before; /* n_lost when the service began to fail or to reject */
};

/* ---- a request ---- */

/* The id is the same for each try, so that the service can recognise a repetition. */
static void write_body(const struct http *http, struct json_writer *json,
                       const spore_event *const *events, size_t n, uint64_t dropped)
{
	uint8_t id[ID_BYTES] = { 0 };

	http->host->random(id, sizeof id);
	json_writer_open(json, '{');
	json_writer_key(json, "version");
	json_writer_number(json, 1);
	json_writer_key(json, "id");
	json_writer_hex(json, (spore_str){ (const char *)id, sizeof id });
	json_writer_key(json, "dropped");
	json_writer_number(json, (int64_t)dropped);
	json_writer_key(json, "events");
	json_writer_open(json, '[');
	for (size_t i = 0; i < n; i++) {
		if (event_type_name(events[i]->type))
			event_json_write(json, events[i]);
	}
	json_writer_close(json, ']');
	json_writer_close(json, '}');
}

/* The first of them says how many events were lost since. */
static void tell_end(struct http *http, struct outage *outage, const char *what)
{
	int64_t lasted_ms;

	if (!outage_end(outage, http->host->now_ms(), &lasted_ms))
		return;
	health_say(&http->health, SPORE_LOG_INFO, "%s for %lld s; %llu events were lost meanwhile",
	           what, (long long)(lasted_ms / 1000),
	           (unsigned long long)(http->n_lost - http->lost_before));
}

static void tell_fault(struct http *http, struct outage *outage, int32_t level, const char *what,
                       const char *why)
{
	if (!http->failing.lasts && !http->rejecting.lasts)
		http->lost_before = http->n_lost;
	if (outage_note(outage, http->host->now_ms()))
		health_log_now(&http->health, level, what, why);
}

static void tell_result(struct http *http, enum post_result result, const char *why)
{
	if (!post_may_repeat(result))
		tell_end(http, &http->failing, "the service for events works again: it failed");
	if (result == POST_TAKEN)
		tell_end(http, &http->rejecting,
		         "the service takes events again: it rejected them");
	else if (result == POST_REJECTED)
		tell_fault(http, &http->rejecting, SPORE_LOG_ERROR, "the service rejects events",
		           why);
	else
		tell_fault(http, &http->failing, SPORE_LOG_WARN, "events were not posted", why);
}

/* After a failure, the next try has to wait, whichever events it posts. */
static void plan_next(struct http *http, bool has_failed)
{
	if (!has_failed) {
		http->pause_ms = 0;
		return;
	}
	http->pause_ms = http->pause_ms ? 2 * http->pause_ms : FIRST_PAUSE_MS;
	if (http->pause_ms > http->conf->retry_pause)
		http->pause_ms = http->conf->retry_pause;
	http->next_ms = http->host->now_ms() + http->pause_ms;
}

/* Posts the body once, if the breaker lets it. */
static enum post_result try_once(struct http *http, spore_str body)
{
	enum breaker_pass pass = health_enter(&http->health);
	enum post_result result = POST_UNREACHABLE;
	const char *why;

	if (pass != BREAKER_REFUSED) {
		result = post_send(&http->poster, body, &why);
		health_settle(&http->health, pass,
		              post_may_repeat(result) ? BREAKER_FAILS : BREAKER_WORKS);
		http->host->metric_add(NULL, http->results[result], 1);
		tell_result(http, result, why);
	}
	plan_next(http, post_may_repeat(result));
	return result;
}

/* Waits until the next try may be. False: the instance ends. */
static bool await_try(struct http *http)
{
	int64_t left_ms = http->pause_ms ? http->next_ms - http->host->now_ms() : 0;

	return left_ms <= 0 || rest_wait(&http->rest, left_ms);
}

/* Tries until the body is taken or rejected, the time is over, or the instance ends. */
static enum post_result post_body(struct http *http, spore_str body)
{
	enum post_result result;
	int64_t until_ms;

	await_try(http);
	until_ms = http->host->now_ms() + http->conf->retry_for;
	do {
		result = try_once(http, body);
	} while (post_may_repeat(result) && http->next_ms <= until_ms && await_try(http));
	return result;
}

/* Logs the first loss, and after that whenever as many events again are lost. */
static void note_lost(struct http *http, uint64_t n)
{
	http->n_lost += n;
	if (n == 0 || http->n_lost < 2 * http->logged_at)
		return;
	http->logged_at = http->n_lost;
	health_say(&http->health, SPORE_LOG_WARN, "events are lost: %llu so far",
	           (unsigned long long)http->n_lost);
}

static void count_loss(struct http *http, enum loss loss, size_t n)
{
	http->host->metric_add(NULL, http->losses[loss], (double)n);
	note_lost(http, n);
}

static void post_events(struct http *http, const spore_event *const *events, size_t n,
                        uint64_t dropped)
{
	struct json_writer json = { 0 };
	enum post_result result;

	write_body(http, &json, events, n, dropped);
	if (!json_writer_is_good(&json)) {
		count_loss(http, LOSS_NO_MEMORY, n);
	} else {
		result = post_body(http, (spore_str){ json.bytes, json.len });
		if (result != POST_TAKEN)
			count_loss(http, result == POST_REJECTED ? LOSS_REJECTED : LOSS_GAVE_UP, n);
	}
	json_writer_fini(&json);
}

static void take(void *instance, const spore_event_batch *batch)
{
	struct http *http = instance;
	size_t most = (size_t)http->conf->batch;
	uint64_t dropped = batch->dropped;

	note_lost(http, dropped); /* the queue was full */
	if (batch->n < most)
		rest_wait(&http->rest, http->conf->delay);
	for (size_t i = 0; i < batch->n; i += most) {
		size_t left = batch->n - i;

		post_events(http, batch->events + i, left < most ? left : most, dropped);
		dropped = 0;
	}
}

static void worker_drain(void *instance)
{
	struct http *http = instance;

	rest_end(&http->rest);
}

/* ---- life ---- */

static void add_metrics(struct http *http, const spore_create_args *args)
{
	static const char *const results[POST_RESULTS] = {
		[POST_TAKEN] = "taken",           [POST_REJECTED] = "rejected",
		[POST_BAD_STATUS] = "bad_status", [POST_UNREACHABLE] = "unreachable",
		[POST_TIMEOUT] = "timeout",       [POST_UNTRUSTED] = "untrusted",
		[POST_BROKEN] = "broken",
	};
	static const char *const losses[LOSSES] = { "rejected", "gave_up", "no_memory" };
	const struct series_label result = { "result", results, POST_RESULTS };
	const struct series_label reason = { "reason", losses, LOSSES };

	series_counters(args, "event_posts_total", "Requests with events, by how they ended.",
	                &result, http->results);
	series_counters(args, "events_lost_total",
	                "Events that the web service did not get after they had left the queue.",
	                &reason, http->losses);
}

/* False: a mistake was reported, or memory is out. Then the caller calls destroy(), which accepts a
 * part of an instance. */
static bool set_up(struct http *http, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	const struct service_options service = {
		.url = conf->url,
		.cacertfile = conf->cacertfile,
		.token = conf->token,
		.headers = conf->headers,
		.insecure = conf->insecure,
		.sends = "the events",
	};
	struct health_options health = {
		.store = "the service for events",
		.faults = "failed requests",
		.metric = "events_breaker_state",
		.help = "Whether the web service gets events: 0 yes, 1 a trial, 2 no.",
		.max_failures = conf->breaker_failures,
		.pause_ms = conf->breaker_pause,
		.caller_logs_recovery = true,
	};

	if (!service_has_openssl(args) || !service_init(&http->service, args, &service) ||
	    !poster_init(&http->poster, &http->service, conf->connect_timeout, conf->timeout))
		return false;
	health.url = http->service.shown;
	add_metrics(http, args);
	health_init(&http->health, args, &health);
	return true;
}

static void destroy(void *instance)
{
	struct http *http = instance;

	poster_fini(&http->poster);
	outage_fini(&http->failing);
	outage_fini(&http->rejecting);
	health_fini(&http->health);
	service_fini(&http->service);
	rest_fini(&http->rest);
	free(http);
	curl_global_cleanup();
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct http *http;

	if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
		return SPORE_ENOMEM;
	http = calloc(1, sizeof *http);
	if (!http) {
		curl_global_cleanup();
		return SPORE_ENOMEM;
	}
	http->host = args->host;
	http->ctx = args->ctx;
	http->conf = args->conf;
	rest_init(&http->rest);
	outage_init(&http->failing, 1);
	outage_init(&http->rejecting, 1);
	if (set_up(http, args)) {
		*instance_out = http;
		return SPORE_OK;
	}
	destroy(http);
	return SPORE_ECONFIG;
}

static const spore_events_ops ops = { .struct_size = sizeof ops, .take = take };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_EVENTS,
	.name = "http",
	.summary = "Posts events to a web service",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
	.worker_drain = worker_drain,
};

SPORE_PLUGIN("events_http", "1.0.0", "The Spore authors", "MIT", "", &component);
