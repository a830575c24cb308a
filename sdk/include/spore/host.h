/* spore/host.h - the functions that the host offers to a plugin.
 * SPDX-License-Identifier: MIT
 *
 * They are in one table, spore_create_args.host. Before you call a function that is newer than the
 * minor version your plugin requires, check SPORE_CAN(host, slot).
 */
#ifndef SPORE_HOST_H
#define SPORE_HOST_H

#include <stdarg.h>
#include <stdio.h>

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SPORE_LOG_TRACE, SPORE_LOG_DEBUG, SPORE_LOG_INFO, SPORE_LOG_WARN, SPORE_LOG_ERROR };
enum {
	SPORE_CFG_NULL,
	SPORE_CFG_BOOL,
	SPORE_CFG_NUMBER,
	SPORE_CFG_STRING,
	SPORE_CFG_ARRAY,
	SPORE_CFG_OBJECT
};
/* A summary is a histogram without bounds: the number of observations and their sum. */
enum { SPORE_METRIC_COUNTER = 1, SPORE_METRIC_GAUGE, SPORE_METRIC_HISTOGRAM, SPORE_METRIC_SUMMARY };

/* A family of time series. The host puts "spore_<component>_" before the name. */
typedef struct spore_metric_spec {
	uint32_t struct_size;
	uint32_t type;    /* SPORE_METRIC_* */
	const char *name; /* [a-z][a-z0-9_]*; ends in _total if and only if it is a counter */
	const char *help;
	/* "seconds", "bytes" or NULL. Exporters mention it only if the name contains it in the
	 * usual place, as in "wait_seconds" and "sent_bytes_total". */
	const char *unit;
	/* The n_labels label names, or NULL for a single series. A histogram or summary must not
	 * use the names "le" and "quantile". */
	const char *const *labels;
	size_t n_labels;
	const double *bounds; /* histogram: ascending upper bounds, without +Inf */
	size_t n_bounds;
	/* Further label values are counted in a series with the label value "other". 0: 100. */
	size_t max_series;
} spore_metric_spec;
SPORE_GROWABLE(spore_metric_spec, max_series);

struct spore_auth_result; /* auth.h */

typedef struct spore_host {
	uint32_t struct_size;
	uint16_t abi_major, abi_minor; /* of the running host */
	const char *name, *version;    /* such as "spore", "1.4.2" */

	/* Returns an optional interface by its id, such as "spore.metrics/1", or NULL if the host
	 * does not have it. The table starts with struct_size, belongs to the host, and is valid
	 * for the whole process. [any] */
	const void *(*get_extension)(const char *id);

	/* ---- log. Never blocks. If the buffer is full, the line is dropped and counted. The host
	 * escapes the text and the values. spore_logf() below is easier to use. [any] */
	uint32_t (*log_enabled)(const spore_ctx *, int32_t level);
	void (*log)(const spore_ctx *, int32_t level, spore_str text, const spore_kv *fields,
	            size_t n_fields);

	/* Monotonic time in milliseconds. On a worker it is the cached time of its loop. [any] */
	int64_t (*now_ms)(void);
	/* Fills `buf` with cryptographically strong random bytes. Returns SPORE_OK or SPORE_ESYS.
	 * [any] */
	spore_status (*random)(void *buf, size_t len);

	/* ---- timers and descriptors on one worker's loop. The callbacks are [worker].
	 *
	 * A handle is valid until it is stopped, which its own callback may do. stop(NULL) does
	 * nothing. With repeat_ms 0 a timer fires once, and must still be stopped. The host stops
	 * handles that are left after worker_stop() and logs them as leaks. NULL: out of memory.
	 * [worker] */
	spore_timer *(*timer_start)(spore_worker *, int64_t after_ms, int64_t repeat_ms,
	                            void (*on_timer)(void *arg), void *arg);
	void (*timer_stop)(spore_timer *);
	/* Level-triggered. */
	spore_io *(*io_start)(spore_worker *, int fd, uint32_t events,
	                      void (*on_ready)(void *arg, uint32_t events), void *arg);
	void (*io_update)(spore_io *, uint32_t events);
	/* Call it before close(fd). */
	void (*io_stop)(spore_io *);

	/* ---- threads. */

	/* The number of the worker, starting at 0. [any] */
	uint32_t (*worker_index)(const spore_worker *);
	/* Calls fn soon on the worker's loop. Returns SPORE_ESTALE if the instance is stopping (fn
	 * is not called), or SPORE_ENOMEM. The instance is stopping as soon as worker_drain() has
	 * run on all workers and no post, job or blocking call of any worker is left, or one second
	 * after worker_drain() if some are left then. What was accepted runs before worker_stop().
	 * [any] */
	spore_status (*post)(spore_worker *, void (*fn)(void *arg), void *arg);
	/* Calls work() [blocking] and then on_done() on this worker. Returns SPORE_EBUSY if the
	 * instance's queue is full, or SPORE_ESTALE if the instance is stopping, as post() does.
	 * worker_stop() is called after on_done(). [worker] */
	spore_status (*offload)(spore_worker *, void (*work)(void *arg), void (*on_done)(void *arg),
	                        void *arg);
	/* Looks up a name without blocking. on_done() gets SPORE_OK and n >= 1 addresses with
	 * `port`, or SPORE_EBACKEND and no address. It is never called before resolve() returns.
	 * The handle is valid until on_done() is called or resolve_stop() cancels the look-up; then
	 * on_done() is not called. NULL: the queue is full, or out of memory. [worker] */
	spore_resolve *(*resolve)(spore_worker *, const char *name, uint16_t port,
	                          void (*on_done)(void *arg, spore_status, const spore_addr *,
	                                          size_t n),
	                          void *arg);
	void (*resolve_stop)(spore_resolve *);

	/* ---- completing an operation that returned SPORE_EPENDING.
	 *
	 * These functions never block and never call the plugin. They copy their arguments. They
	 * return
	 *  - SPORE_OK,
	 *  - SPORE_ESTALE if the peer left, the deadline passed or the operation was completed
	 *    before. Calling too late is always safe.
	 *  - SPORE_EINVAL for a ticket of another kind, an unknown verdict, or an answer that is
	 *    too long or contains a NUL. The ticket then remains open. [any] */

	/* verdict: SPORE_ALLOW, SPORE_DENY, SPORE_NEXT or a SPORE_E*. result may be NULL. */
	spore_status (*complete_verify)(spore_ticket, int32_t verdict,
	                                const struct spore_auth_result *result);
	/* status: SPORE_OK with an answer, or a SPORE_E* (the answer is ignored). */
	spore_status (*complete_answer)(spore_ticket, spore_status status, spore_str answer);
	/* status: SPORE_OK if the handshake can continue; the host calls handshake() again, with a
	 * fresh ticket. Any other status fails the connection. */
	spore_status (*complete_handshake)(spore_ticket, spore_status status);
	/* status: SPORE_OK if the instance is ready on the worker of that worker_start(). With a
	 * SPORE_E* the start or the reload fails, and worker_stop() is called. */
	spore_status (*complete_start)(spore_ticket, spore_status status);

	/* Tells the host that the rights of an identity have changed. SPORE_DENY closes the
	 * identity's tunnels that this instance allowed, and their clients get an error.
	 * SPORE_ALLOW with a result replaces what these tunnels may do: fields without their bit
	 * get the host's default, while identity and session stay the same. It takes effect soon
	 * after the call. Returns SPORE_OK also if there is no such tunnel. [any] */
	spore_status (*auth_revalidate)(spore_ctx *, spore_str identity, int32_t verdict,
	                                const struct spore_auth_result *result);

	/* ---- facts about a connection, such as "tls.version", "tls.sni", "x509.subject",
	 * "x509.san.dns" and "x509.sha256".
	 *
	 * `index` selects one of several values. Returns 1 and sets *out, which is valid until the
	 * current callback returns, or returns 0 if there is no such value. [worker], and
	 * [blocking] for the connection of a blocking verify() or answer(), which reads a copy of
	 * the facts. */
	uint32_t (*conn_attr)(const spore_conn *, const char *key, size_t index, spore_str *out);
	/* A transport has learned the real address of the peer, from the PROXY protocol for
	 * example. ACLs and limits use it from now on. Only before the handshake is done.
	 * [worker] */
	void (*conn_set_peer)(spore_conn *, const spore_addr *peer);
	/* A transport's stream can continue although its descriptor is not ready. The host soon
	 * repeats the calls that it waits for. [worker] */
	void (*conn_wake)(spore_conn *);

	/* ---- a listening socket at `address`.
	 *
	 * It belongs to the host, which gives the same socket to the instance that replaces this
	 * one on a reload. It is non-blocking. Call accept() on it, but never close() it. Returns
	 * SPORE_ESYS and sets errno if the address cannot be bound. [main], only in create() */
	spore_status (*listener_get)(spore_ctx *, const spore_addr *address, int *fd_out);

	/* ---- the configuration as a tree. It is read-only and valid until destroy(). [any] */

	/* Returns a SPORE_CFG_*. */
	uint32_t (*cfg_type)(const spore_cfg *);
	/* NULL: there is no such key. */
	const spore_cfg *(*cfg_get)(const spore_cfg *object, const char *key);
	const spore_cfg *(*cfg_at)(const spore_cfg *container, size_t index, const char **key_out);
	size_t (*cfg_count)(const spore_cfg *container);
	/* NULL: not a string. */
	const char *(*cfg_string)(const spore_cfg *);
	double (*cfg_number)(const spore_cfg *);
	uint32_t (*cfg_bool)(const spore_cfg *);

	/* ---- metrics. */

	/* Registers a family. Call it in create(). The instance that replaces this one on a reload
	 * registers the same name and gets the same family. Returns 0 if the family is refused,
	 * which is logged. [main] */
	uint32_t (*metric_family)(spore_ctx *, const spore_metric_spec *);
	/* Returns the series with these label values, one per label name, or 0 for an unknown
	 * family. Look it up once and keep it. Do not call it from a visitor's callbacks
	 * (metrics.h): it would wait for them forever. [any] */
	uint32_t (*metric_series)(uint32_t family, const spore_str *values, size_t n_values);
	/* Wait-free. Each worker has its own cells. A counter never decreases: a negative delta is
	 * ignored. [worker] */
	void (*metric_add)(spore_worker *, uint32_t series, double delta);
	void (*metric_set)(spore_worker *, uint32_t series, double value);
	void (*metric_observe)(spore_worker *, uint32_t series, double value);
} spore_host;
SPORE_GROWABLE(spore_host, metric_observe);

/* Formats and logs at most 1023 bytes. [any] */
SPORE_PRINTF(4, 5)
static inline void spore_logf(const spore_host *host, const spore_ctx *ctx, int32_t level,
                              const char *format, ...)
{
	char text[1024];
	spore_str s = { text, 0 };
	va_list ap;
	int n;

	if (!host->log_enabled(ctx, level))
		return;
	va_start(ap, format);
	n = vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (n > 0)
		s.len = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
	host->log(ctx, level, s, NULL, 0);
}

#ifdef __cplusplus
}
#endif
#endif
