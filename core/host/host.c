#include "host/host.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "host/hand_on.h"
#include "host/instance.h"
#include "host/last_good.h"
#include "host/lend.h"
#include "host/readiness.h"
#include "host/ticket.h"
#include "log/log.h"
#include "log/mistake.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "net/addr.h"
#include "thread/guest.h"
#include "version.h"
#include "json/json.h"
#include "json/pointer.h"
#include "json/reply.h"

static struct {
	struct host_services services;
} the_host;

/* Instances have permanent names. */
static const char *name_of(const spore_ctx *ctx)
{
	return ctx ? instance_of(ctx)->name : NULL;
}

/* ---- log, time, randomness, workers ---- */

static uint32_t host_log_enabled(const spore_ctx *ctx, int32_t level)
{
	(void)ctx;
	return level >= LOG_TRACE &&
	       log_is_enabled((enum log_level)(level > LOG_ERROR ? LOG_ERROR : level));
}

enum { KEY_SIZE = 32 };

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_null_with_length(spore_str text)
{
	return !text.ptr && text.len > 0;
}

/* Copies the key, and replaces all but letters and digits by '_'. */
static const char *clean_key(spore_str key, char out[KEY_SIZE])
{
	size_t len = key.ptr ? smaller(key.len, KEY_SIZE - 1) : 0;

	for (size_t i = 0; i < len; i++)
		out[i] = (char)(is_letter_or_digit(key.ptr[i]) ? key.ptr[i] : '_');
	out[len] = '\0';
	return out;
}

/* What a line from create() is about: the instance's section, and its place in the file. The keys
 * are those of other lines about a configuration (doubts/doubts). */
enum { PLACE_FIELDS = 3 };

/* Returns the number of fields; 0: the instance is not in create(). */
static size_t find_place(const spore_ctx *ctx, struct log_field out[PLACE_FIELDS],
                         char *pointer_out, size_t size)
{
	const struct json *node = instance_in_create(ctx);
	unsigned line, column;
	size_t n = 0;

	if (!node)
		return 0;
	json_pointer(node, pointer_out, size);
	out[n++] = log_str("option", pointer_out);
	if (node->source)
		out[n++] = log_str("source", node->source->name);
	if (json_is_in_file(node)) {
		json_position(node->source->text, node->source->len, node->offset, &line, &column);
		out[n++] = log_int("line", line);
	}
	return n;
}

static void host_log(const spore_ctx *ctx, int32_t level, spore_str text, const spore_kv *fields,
                     size_t n)
{
	enum { MOST = 16 };
	struct log_field all[1 + MOST + PLACE_FIELDS];
	char event[512], pointer[256], keys[MOST][KEY_SIZE];

	if (!host_log_enabled(ctx, level))
		return;
	snprintf(event, sizeof event, "%.*s", (int)smaller(text.len, sizeof event - 1),
	         text.ptr ? text.ptr : "");
	if (!ctx || (n && !fields))
		mistake(name_of(ctx), "log", ctx ? "fields is NULL" : "ctx is NULL");
	all[0] = log_str("plugin", ctx ? name_of(ctx) : "unknown");
	n = fields ? smaller(n, MOST) : 0;
	for (size_t i = 0; i < n; i++)
		all[i + 1] = log_text(clean_key(fields[i].key, keys[i]), fields[i].value.ptr,
		                      fields[i].value.ptr ? fields[i].value.len : 0);
	n += 1 + find_place(ctx, all + 1 + n, pointer, sizeof pointer);
	log_event((enum log_level)(level > LOG_ERROR ? LOG_ERROR : level), event, all, n);
}

static int64_t host_now_ms(void)
{
	struct loop *loop = loop_current();
	bool on_worker = loop && loop_index(loop) < the_host.services.n_workers;

	return on_worker ? loop_now_ms(loop) : clock_ms();
}

static spore_status host_random(void *buf, size_t len)
{
	if ((!buf && len) || len > INT_MAX)
		return mistake(NULL, "random", buf ? "len is above INT_MAX" : "buf is NULL");
	return crypto_random(buf, len) ? SPORE_OK : SPORE_ESYS;
}

static int64_t host_wall_ms(void)
{
	return clock_wall_ms();
}

/* A plugin that ignores the failure must not find a value that an attacker could guess. */
static spore_status finish_digest(bool good, uint8_t out[CRYPTO_SHA256_SIZE])
{
	if (!good)
		crypto_random(out, CRYPTO_SHA256_SIZE);
	return good ? SPORE_OK : SPORE_ESYS;
}

static const char *digest_fault(const void *data, size_t len, const void *out)
{
	if (!out)
		return "the output is NULL";
	return !data && len ? "data is NULL" : NULL;
}

static spore_status host_sha256(const void *data, size_t len, uint8_t digest_out[32])
{
	const char *fault = digest_fault(data, len, digest_out);

	if (!fault)
		return finish_digest(crypto_sha256(data, len, digest_out), digest_out);
	if (digest_out)
		finish_digest(false, digest_out);
	return mistake(NULL, "sha256", fault);
}

static spore_status host_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                                     uint8_t mac_out[32])
{
	const char *fault = !key && key_len ? "key is NULL" : digest_fault(data, len, mac_out);

	if (!fault)
		return finish_digest(crypto_hmac_sha256(key, key_len, data, len, mac_out), mac_out);
	if (mac_out)
		finish_digest(false, mac_out);
	return mistake(NULL, "hmac_sha256", fault);
}

static uint32_t host_equal(const void *a, const void *b, size_t len)
{
	if (len == 0 || (a && b))
		return crypto_equal(a, b, len);
	mistake(NULL, "equal", "a or b is NULL");
	return 0;
}

static uint32_t host_worker_index(const spore_worker *worker)
{
	if (worker)
		return instance_worker_index(worker);
	mistake(NULL, "worker_index", "worker is NULL");
	return UINT32_MAX;
}

/* ---- completions ---- */

static bool is_error(spore_status status)
{
	return status < 0 && status != SPORE_EAGAIN && status != SPORE_EPENDING;
}

static const char *status_fault(spore_status status)
{
	return status == SPORE_OK || is_error(status) ? NULL
	                                              : "status: neither SPORE_OK nor an error";
}

static const char *verdict_fault(int32_t verdict, const spore_auth_result *result)
{
	if (verdict == SPORE_ALLOW)
		return result ? grant_fault(result) : NULL;
	if (verdict == SPORE_DENY || verdict == SPORE_NEXT || verdict == SPORE_UNBOUND ||
	    is_error(verdict))
		return NULL;
	return "verdict: neither SPORE_ALLOW, DENY, NEXT, UNBOUND nor an error";
}

static const char *answer_fault(spore_status status, spore_str answer)
{
	if (status != SPORE_OK)
		return status_fault(status);
	if (!answer.ptr)
		return "answer: NULL";
	if (answer.len > SPORE_AUTH_ANSWER_MAX)
		return "answer: longer than SPORE_AUTH_ANSWER_MAX";
	return memchr(answer.ptr, 0, answer.len) ? "answer: it contains a NUL" : NULL;
}

/* Ends the operation in any case: a peer must not wait for the deadline because of a mistake. */
static spore_status complete(const char *call, spore_ticket ticket, enum ticket_kind kind,
                             const char *fault, const struct ticket_result *result)
{
	const struct ticket_result failure = { .status = SPORE_EINVAL };
	spore_status status = ticket_complete(ticket, kind, fault ? &failure : result);

	if (status == SPORE_EINVAL)
		return mistake(NULL, call, "ticket: of another kind");
	return fault ? mistake(NULL, call, fault) : status;
}

static spore_status host_complete_verify(spore_ticket ticket, int32_t verdict,
                                         const spore_auth_result *result)
{
	struct ticket_result r = { .status = verdict };
	const char *fault = verdict_fault(verdict, result);

	if (!fault && verdict == SPORE_ALLOW && !(r.grant = grant_new(result)))
		return SPORE_ENOMEM;
	return complete("complete_verify", ticket, TICKET_VERIFY, fault, &r);
}

static spore_status host_complete_answer(spore_ticket ticket, spore_status status, spore_str answer)
{
	struct ticket_result r = { .status = status };
	const char *fault = answer_fault(status, answer);

	if (!fault && status == SPORE_OK) {
		memcpy(r.answer, answer.ptr, answer.len);
		r.answer_len = answer.len;
	}
	return complete("complete_answer", ticket, TICKET_ANSWER, fault, &r);
}

static spore_status host_complete_handshake(spore_ticket ticket, spore_status status)
{
	return complete("complete_handshake", ticket, TICKET_HANDSHAKE, status_fault(status),
	                &(struct ticket_result){ .status = status });
}

static spore_status host_complete_start(spore_ticket ticket, spore_status status)
{
	return complete("complete_start", ticket, TICKET_START, status_fault(status),
	                &(struct ticket_result){ .status = status });
}

static const char *revalidation_fault(const spore_ctx *ctx, spore_str identity, int32_t verdict,
                                      const spore_auth_result *result)
{
	if (!ctx)
		return "ctx: NULL";
	if (verdict != SPORE_DENY && verdict != SPORE_ALLOW)
		return "verdict: neither SPORE_ALLOW nor SPORE_DENY";
	if (verdict == SPORE_ALLOW && result && grant_fault(result))
		return grant_fault(result);
	return identity_fault(identity);
}

static void change_last_good(const struct instance *instance, const struct revision *revision)
{
	if (instance->last_good && revision->grant)
		last_good_change(instance->last_good, revision->identity, revision->session,
		                 revision->grant);
	else if (instance->last_good)
		last_good_forget(instance->last_good, revision->identity, revision->session);
}

/* In this order: an ALLOW on its way is old from the first step on, so it neither gets an entry
 * after the second one nor becomes a session after the third one. */
static void revise(struct instance *instance, const struct revision *revision)
{
	revisions_add(&instance->revisions, revision->identity);
	change_last_good(instance, revision);
	the_host.services.revise(the_host.services.revise_arg, revision);
}

/* session: NULL for all. `function` is its name. */
static spore_status revalidate(const char *function, spore_ctx *ctx, spore_str identity,
                               const uint64_t *session, int32_t verdict,
                               const spore_auth_result *result)
{
	const char *fault = revalidation_fault(ctx, identity, verdict, result);
	struct grant *grant = NULL;

	if (fault)
		return mistake(name_of(ctx), function, fault);
	if (!the_host.services.revise)
		return SPORE_EUNSUPPORTED;
	if (verdict == SPORE_ALLOW && !(grant = grant_new(result)))
		return SPORE_ENOMEM;
	revise(instance_of(ctx), &(struct revision){ instance_of(ctx), identity, session, grant });
	grant_free(grant);
	return SPORE_OK;
}

static spore_status host_auth_revalidate(spore_ctx *ctx, spore_str identity, int32_t verdict,
                                         const spore_auth_result *result)
{
	return revalidate("auth_revalidate", ctx, identity, NULL, verdict, result);
}

static spore_status host_auth_revalidate_session(spore_ctx *ctx, spore_str identity,
                                                 uint64_t session, int32_t verdict,
                                                 const spore_auth_result *result)
{
	return revalidate("auth_revalidate_session", ctx, identity, &session, verdict, result);
}

/* ---- connections and listeners ---- */

static uint32_t host_conn_attr(const spore_conn *conn, const char *key, size_t index,
                               spore_str *out)
{
	if (conn && key && out)
		return conn_attr(conn, key, index, out);
	mistake(NULL, "conn_attr", !conn ? "conn is NULL" : !key ? "key is NULL" : "out is NULL");
	return 0;
}

static spore_status host_conn_set_peer(spore_conn *conn, const spore_addr *peer)
{
	if (!conn || !peer || (peer->family != 0 && !addr_is_ip(peer)))
		return mistake(NULL, "conn_set_peer",
		               conn && peer ? "peer is not an IP address" : "conn or peer is NULL");
	return conn_tell_peer(conn, peer) ? SPORE_OK : SPORE_ESTALE;
}

static void host_conn_wake(spore_conn *conn)
{
	if (!conn)
		mistake(NULL, "conn_wake", "conn is NULL");
	else if (conn->wake)
		conn->wake(conn);
}

/* Is the calling thread in create() of this instance? Only there it is the control thread, to which
 * the listening sockets and the list of files belong. */
static bool is_in_create(const struct instance *instance)
{
	const char *call = guest_current_call();

	return call && strcmp(call, "create") == 0 && guest_current() == instance->name;
}

static spore_status host_listener_get(spore_ctx *ctx, const spore_addr *address, int *fd_out)
{
	if (!ctx || !address || !fd_out)
		return mistake(name_of(ctx), "listener_get", "ctx, address or fd_out is NULL");
	if (!is_in_create(instance_of(ctx)))
		return mistake(name_of(ctx), "listener_get", "called outside of create()");
	if (!addr_is_ip(address))
		return mistake(name_of(ctx), "listener_get", "address is not an IP address");
	return listeners_get(address, !the_host.services.binds_nothing,
	                     &instance_of(ctx)->listeners, fd_out);
}

/* ---- files, and the state of an instance ---- */

static spore_status host_file_watch(spore_ctx *ctx, const char *path)
{
	struct instance *instance;

	if (!ctx || !path || !*path)
		return mistake(name_of(ctx), "file_watch", "ctx or path is NULL, or path is empty");
	instance = instance_of(ctx);
	if (!is_in_create(instance))
		return mistake(name_of(ctx), "file_watch", "called outside of create()");
	files_note(&instance->files, instance->doc, path);
	return SPORE_OK;
}

static spore_status host_state_show(spore_ctx *ctx, spore_str text)
{
	if (!ctx || is_null_with_length(text))
		return mistake(name_of(ctx), "state_show", "ctx or text is NULL");
	return instance_show(instance_of(ctx), text) ? SPORE_OK : SPORE_ENOMEM;
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
	if (key)
		return cfg_of(json_get(node_of(object), key));
	mistake(NULL, "cfg_get", "key is NULL");
	return NULL;
}

static const spore_cfg *host_cfg_at(const spore_cfg *container, size_t index, const char **key_out)
{
	const struct json *node = json_child(node_of(container), index);

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

/* The tree belongs to the plugin. */
static spore_status host_cfg_parse(spore_ctx *ctx, spore_str text, spore_cfg **out, char *error,
                                   size_t error_size)
{
	struct json *root = NULL;
	spore_status status;

	if (out)
		*out = NULL;
	if (!ctx || !out || !text.ptr) {
		if (error && error_size)
			snprintf(error, error_size, "ctx, out or the text is NULL");
		return mistake(name_of(ctx), "cfg_parse", "ctx, out or the text is NULL");
	}
	status = reply_parse(text.ptr, text.len, &root, error, error ? error_size : 0);
	*out = (spore_cfg *)(void *)root;
	return status;
}

static void host_cfg_free(spore_cfg *tree)
{
	if (!reply_free((struct json *)(void *)tree))
		log_error("plugin frees a tree that is not its own",
		          log_str("plugin", guest_current()));
}

/* ---- state that is handed on ---- */

static spore_status host_state_put(spore_ctx *ctx, const char *key, spore_str bytes)
{
	spore_status status;

	if (!ctx || !key || is_null_with_length(bytes))
		return mistake(name_of(ctx), "state_put", "ctx, key or bytes is NULL");
	status = hand_on_put(&instance_of(ctx)->hand_on, key, bytes);
	return status == SPORE_EINVAL ? mistake(name_of(ctx), "state_put", "key: not 1 to 63 bytes")
	                              : status;
}

static uint32_t host_state_get(spore_ctx *ctx, const char *key, spore_str *out)
{
	struct instance *instance;

	if (out)
		*out = (spore_str){ NULL, 0 };
	if (!ctx || !key || !out) {
		mistake(name_of(ctx), "state_get", "ctx, key or out is NULL");
		return 0;
	}
	instance = instance_of(ctx);
	return atomic_load(&instance->hand_on.readable) &&
	       hand_on_get(&instance->hand_on, key, out);
}

/* ---- metrics ---- */

/* Registers the family under its full name. 0, and *why_out: it is refused. */
static uint32_t add_family(const char *component, spore_metric_spec *spec, char full_name_out[],
                           size_t size, const char **why_out)
{
	const char *name = spec->name ? spec->name : "";
	int len = snprintf(full_name_out, size, "spore_%s_%s", component, name);

	spec->name = full_name_out;
	if ((size_t)len >= size) {
		*why_out = "the name is too long";
		return 0;
	}
	if (*name < 'a' || *name > 'z') {
		*why_out = "the name does not start with a-z";
		return 0;
	}
	return metrics_family(the_host.services.metrics, spec, why_out);
}

static uint32_t host_metric_family(spore_ctx *ctx, const spore_metric_spec *spec)
{
	spore_metric_spec full;
	const char *why;
	char name[128];
	uint32_t family;

	if (!ctx || !spec) {
		mistake(name_of(ctx), "metric_family", "ctx or spec is NULL");
		return 0;
	}
	SPORE_COPY(&full, spec);
	family = add_family(instance_of(ctx)->component->name, &full, name, sizeof name, &why);
	if (!family)
		log_error("metric refused", log_str("plugin", name_of(ctx)),
		          log_str("metric", name), log_str("error", why));
	return family;
}

static const char *values_fault(const spore_str *values, size_t n)
{
	enum { VALUE_MAX = 1024 };

	if (!values && n)
		return "values is NULL";
	for (size_t i = 0; i < n; i++) {
		if (is_null_with_length(values[i]))
			return "a value is NULL with a length";
		if (values[i].len > VALUE_MAX)
			return "a value is longer than 1024 bytes";
	}
	return NULL;
}

static uint32_t host_metric_series(uint32_t family, const spore_str *values, size_t n)
{
	const char *fault = values_fault(values, n);
	uint32_t series = 0;

	if (family && !fault) {
		series = metrics_series(the_host.services.metrics, family, values, n);
		fault = series ? NULL : "unknown family, or another number of values";
	}
	if (fault)
		mistake(NULL, "metric_series", fault);
	return series;
}

static unsigned shard_of(const spore_worker *worker)
{
	return worker ? instance_worker_index(worker) : METRICS_SHARED;
}

static void check_series(bool good, const char *function)
{
	if (!good)
		mistake(NULL, function, "unknown series, or of another type");
}

static void host_metric_add(spore_worker *worker, uint32_t series, double delta)
{
	check_series(metrics_add(the_host.services.metrics, shard_of(worker), series, delta),
	             "metric_add");
}

static void host_metric_set(spore_worker *worker, uint32_t series, double value)
{
	check_series(metrics_set(the_host.services.metrics, shard_of(worker), series, value),
	             "metric_set");
}

static void host_metric_observe(spore_worker *worker, uint32_t series, double value)
{
	check_series(metrics_observe(the_host.services.metrics, shard_of(worker), series, value),
	             "metric_observe");
}

/* ---- extensions ---- */

static void ext_visit(const spore_metric_visitor *visitor, void *arg)
{
	spore_metric_visitor full;

	if (!visitor || !SPORE_CAN(visitor, begin) || !SPORE_CAN(visitor, value)) {
		mistake(NULL, "visit", "the visitor is NULL, or lacks begin or value");
		return;
	}
	SPORE_COPY(&full, visitor);
	metrics_visit(the_host.services.metrics, &full, arg);
}

static const spore_ext_metrics ext_metrics = { sizeof ext_metrics, 0, ext_visit };

const void *host_get_extension(const char *id)
{
	if (!id) {
		mistake(NULL, "get_extension", "id is NULL");
		return NULL;
	}
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
	.wall_ms = host_wall_ms,
	.sha256 = host_sha256,
	.hmac_sha256 = host_hmac_sha256,
	.equal = host_equal,
	.timer_start = lend_timer_start,
	.timer_update = lend_timer_update,
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
	.conn_attr = host_conn_attr,
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
	.cfg_parse = host_cfg_parse,
	.cfg_free = host_cfg_free,
	.state_put = host_state_put,
	.state_get = host_state_get,
	.metric_family = host_metric_family,
	.metric_series = host_metric_series,
	.metric_add = host_metric_add,
	.metric_set = host_metric_set,
	.metric_observe = host_metric_observe,
	.file_watch = host_file_watch,
	.state_show = host_state_show,
	.auth_revalidate_session = host_auth_revalidate_session,
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
	return ticket_tables_new(services->loops, services->n_workers) &&
	       lend_tables_new(services->loops, services->n_workers);
}

void host_fini(void)
{
	lend_tables_free();
	ticket_tables_free();
}
