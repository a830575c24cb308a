#include "host/host.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "host/instance.h"
#include "host/lend.h"
#include "host/readiness.h"
#include "host/ticket.h"
#include "log/log.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "version.h"
#include "json/json.h"

static struct {
	struct host_services services;
} the_host;

/* ---- log, time, randomness, workers ---- */

static uint32_t host_log_enabled(const spore_ctx *ctx, int32_t level)
{
	(void)ctx;
	return level >= LOG_TRACE &&
	       log_is_enabled((enum log_level)(level > LOG_ERROR ? LOG_ERROR : level));
}

enum { KEY_SIZE = 32 };

/* Replaces all but letters and digits by '_'. */
static const char *clean_key(spore_str key, char out[KEY_SIZE])
{
	size_t len = key.len < KEY_SIZE ? key.len : KEY_SIZE - 1;

	for (size_t i = 0; i < len; i++) {
		char c = key.ptr[i];
		bool plain = ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9');

		out[i] = (char)(plain ? c : '_');
	}
	out[len] = '\0';
	return out;
}

static void host_log(const spore_ctx *ctx, int32_t level, spore_str text, const spore_kv *fields,
                     size_t n)
{
	enum { MOST = 16 };
	struct log_field all[MOST + 1];
	char event[512], keys[MOST][KEY_SIZE];

	if (!host_log_enabled(ctx, level))
		return;
	snprintf(event, sizeof event, "%.*s",
	         (int)(text.len < sizeof event ? text.len : sizeof event - 1),
	         text.ptr ? text.ptr : "");
	all[0] = log_str("plugin", instance_of(ctx)->name);
	if (n > MOST)
		n = MOST;
	for (size_t i = 0; i < n; i++)
		all[i + 1] = log_text(clean_key(fields[i].key, keys[i]), fields[i].value.ptr,
		                      fields[i].value.len);
	log_event((enum log_level)(level > LOG_ERROR ? LOG_ERROR : level), event, all, n + 1);
}

static int64_t host_now_ms(void)
{
	struct loop *loop = loop_current();
	bool on_worker = loop && loop_index(loop) < the_host.services.n_workers;

	return on_worker ? loop_now_ms(loop) : clock_ms();
}

static spore_status host_random(void *buf, size_t len)
{
	return crypto_random(buf, len) ? SPORE_OK : SPORE_ESYS;
}

static uint32_t host_worker_index(const spore_worker *worker)
{
	return instance_worker_index(worker);
}

/* ---- completions ---- */

static bool is_verdict(int32_t verdict)
{
	return verdict == SPORE_ALLOW || verdict == SPORE_DENY || verdict == SPORE_NEXT ||
	       (verdict < 0 && verdict != SPORE_EAGAIN && verdict != SPORE_EPENDING);
}

static spore_status host_complete_verify(spore_ticket ticket, int32_t verdict,
                                         const spore_auth_result *result)
{
	struct ticket_result r = { .status = verdict };

	if (!is_verdict(verdict))
		return SPORE_EINVAL;
	if (verdict == SPORE_ALLOW && !(r.grant = grant_new(result)))
		return SPORE_ENOMEM;
	return ticket_complete(ticket, TICKET_VERIFY, &r);
}

static spore_status host_complete_answer(spore_ticket ticket, spore_status status, spore_str answer)
{
	struct ticket_result r = { .status = status };

	if (status == SPORE_OK) {
		if (answer.len > SPORE_AUTH_ANSWER_MAX || !answer.ptr ||
		    memchr(answer.ptr, 0, answer.len))
			return SPORE_EINVAL;
		memcpy(r.answer, answer.ptr, answer.len);
		r.answer_len = answer.len;
	} else if (status > 0 || status == SPORE_EAGAIN || status == SPORE_EPENDING) {
		return SPORE_EINVAL;
	}
	return ticket_complete(ticket, TICKET_ANSWER, &r);
}

static spore_status host_complete_handshake(spore_ticket ticket, spore_status status)
{
	return ticket_complete(ticket, TICKET_HANDSHAKE,
	                       &(struct ticket_result){ .status = status });
}

static spore_status host_complete_start(spore_ticket ticket, spore_status status)
{
	if (status > 0 || status == SPORE_EAGAIN || status == SPORE_EPENDING)
		return SPORE_EINVAL;
	return ticket_complete(ticket, TICKET_START, &(struct ticket_result){ .status = status });
}

static spore_status host_auth_revalidate(spore_ctx *ctx, spore_str identity, int32_t verdict,
                                         const spore_auth_result *result)
{
	struct grant *grant = NULL;

	if (verdict != SPORE_DENY && verdict != SPORE_ALLOW)
		return SPORE_EINVAL;
	if (!the_host.services.revalidate)
		return SPORE_EUNSUPPORTED;
	if (verdict == SPORE_ALLOW && !(grant = grant_new(result)))
		return SPORE_ENOMEM;
	the_host.services.revalidate(the_host.services.revalidate_arg, instance_of(ctx), identity,
	                             verdict, grant);
	return SPORE_OK;
}

/* ---- connections and listeners ---- */

static void host_conn_set_peer(spore_conn *conn, const spore_addr *peer)
{
	if (!conn->peer_is_final)
		conn->peer = *peer;
}

static void host_conn_wake(spore_conn *conn)
{
	if (conn->wake)
		conn->wake(conn);
}

static spore_status host_listener_get(spore_ctx *ctx, const spore_addr *address, int *fd_out)
{
	return listeners_get(address, !the_host.services.binds_nothing,
	                     &instance_of(ctx)->listeners, fd_out);
}

/* ---- the configuration as a tree ---- */

static const struct json *node_of(const spore_cfg *cfg)
{
	return (const struct json *)(const void *)cfg;
}

static const spore_cfg *cfg_of(const struct json *node)
{
	return (const spore_cfg *)(const void *)node;
}

static uint32_t host_cfg_type(const spore_cfg *cfg)
{
	static const uint32_t types[] = {
		[JSON_NULL] = SPORE_CFG_NULL,     [JSON_BOOL] = SPORE_CFG_BOOL,
		[JSON_NUMBER] = SPORE_CFG_NUMBER, [JSON_STRING] = SPORE_CFG_STRING,
		[JSON_ARRAY] = SPORE_CFG_ARRAY,   [JSON_OBJECT] = SPORE_CFG_OBJECT,
	};

	return cfg ? types[node_of(cfg)->type] : SPORE_CFG_NULL;
}

static const spore_cfg *host_cfg_get(const spore_cfg *object, const char *key)
{
	return cfg_of(json_get(node_of(object), key));
}

static const spore_cfg *host_cfg_at(const spore_cfg *container, size_t index, const char **key_out)
{
	const struct json *node = container ? node_of(container)->first : NULL;

	while (node && index-- > 0)
		node = node->next;
	if (node && key_out)
		*key_out = node->key;
	return cfg_of(node);
}

static size_t host_cfg_count(const spore_cfg *container)
{
	return container ? node_of(container)->count : 0;
}

static const char *host_cfg_string(const spore_cfg *cfg)
{
	return cfg && node_of(cfg)->type == JSON_STRING ? node_of(cfg)->raw : NULL;
}

static double host_cfg_number(const spore_cfg *cfg)
{
	return cfg && node_of(cfg)->type == JSON_NUMBER ? node_of(cfg)->number : 0;
}

static uint32_t host_cfg_bool(const spore_cfg *cfg)
{
	return cfg && node_of(cfg)->type == JSON_BOOL && node_of(cfg)->boolean;
}

/* ---- metrics ---- */

static uint32_t host_metric_family(spore_ctx *ctx, const spore_metric_spec *spec)
{
	const struct instance *instance = instance_of(ctx);
	spore_metric_spec full;
	const char *why;
	char name[128];
	uint32_t family;

	SPORE_COPY(&full, spec);
	snprintf(name, sizeof name, "spore_%s_%s", instance->component->name, spec->name);
	full.name = name;
	family = metrics_family(the_host.services.metrics, &full, &why);
	if (!family)
		log_error("metric refused", log_str("plugin", instance->name),
		          log_str("metric", name), log_str("error", why));
	return family;
}

static uint32_t host_metric_series(uint32_t family, const spore_str *values, size_t n)
{
	return metrics_series(the_host.services.metrics, family, values, n);
}

static void host_metric_add(spore_worker *worker, uint32_t series, double delta)
{
	metrics_add(the_host.services.metrics, instance_worker_index(worker), series, delta);
}

static void host_metric_set(spore_worker *worker, uint32_t series, double value)
{
	metrics_set(the_host.services.metrics, instance_worker_index(worker), series, value);
}

static void host_metric_observe(spore_worker *worker, uint32_t series, double value)
{
	metrics_observe(the_host.services.metrics, instance_worker_index(worker), series, value);
}

/* ---- extensions ---- */

static void ext_visit(const spore_metric_visitor *visitor, void *arg)
{
	metrics_visit(the_host.services.metrics, visitor, arg);
}

static const spore_ext_metrics ext_metrics = { sizeof ext_metrics, 0, ext_visit };

const void *host_get_extension(const char *id)
{
	if (strcmp(id, SPORE_EXT_METRICS) == 0)
		return &ext_metrics;
	if (strcmp(id, SPORE_EXT_READY) == 0)
		return &readiness_extension;
	return NULL;
}

/* ---- life ---- */

static const spore_host table = {
	.struct_size = sizeof table,
	.abi_major = SPORE_ABI_MAJOR,
	.abi_minor = SPORE_ABI_MINOR,
	.name = "spore",
	.version = SPORE_VERSION,
	.get_extension = host_get_extension,
	.log_enabled = host_log_enabled,
	.log = host_log,
	.now_ms = host_now_ms,
	.random = host_random,
	.timer_start = lend_timer_start,
	.timer_stop = lend_timer_stop,
	.io_start = lend_io_start,
	.io_update = lend_io_update,
	.io_stop = lend_io_stop,
	.worker_index = host_worker_index,
	.post = lend_post,
	.offload = lend_offload,
	.resolve = lend_resolve,
	.resolve_stop = lend_resolve_stop,
	.complete_verify = host_complete_verify,
	.complete_answer = host_complete_answer,
	.complete_handshake = host_complete_handshake,
	.complete_start = host_complete_start,
	.auth_revalidate = host_auth_revalidate,
	.conn_attr = conn_attr,
	.conn_set_peer = host_conn_set_peer,
	.conn_wake = host_conn_wake,
	.listener_get = host_listener_get,
	.cfg_type = host_cfg_type,
	.cfg_get = host_cfg_get,
	.cfg_at = host_cfg_at,
	.cfg_count = host_cfg_count,
	.cfg_string = host_cfg_string,
	.cfg_number = host_cfg_number,
	.cfg_bool = host_cfg_bool,
	.metric_family = host_metric_family,
	.metric_series = host_metric_series,
	.metric_add = host_metric_add,
	.metric_set = host_metric_set,
	.metric_observe = host_metric_observe,
};

struct metrics *host_metrics(void)
{
	return the_host.services.metrics;
}

struct resolver *host_resolver(void)
{
	return the_host.services.resolver;
}

const spore_host *host_table(void)
{
	return &table;
}

bool host_init(const struct host_services *services)
{
	the_host.services = *services;
	return ticket_tables_new(services->loops, services->n_workers);
}

void host_fini(void)
{
	ticket_tables_free();
}
