/* spore/host.h - what the host lends to a plugin.
 * SPDX-License-Identifier: MIT
 *
 * One table of functions, reached through spore_create_args.host. Ask SPORE_CAN(host, slot) for a
 * slot that is newer than the minor your plugin demands.
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
	SPORE_CFG_NULL, SPORE_CFG_BOOL, SPORE_CFG_NUMBER, SPORE_CFG_STRING, SPORE_CFG_ARRAY,
	SPORE_CFG_OBJECT
};
/* A summary is a histogram without bounds: the count of what was observed, and its sum. */
enum {
	SPORE_METRIC_COUNTER = 1, SPORE_METRIC_GAUGE, SPORE_METRIC_HISTOGRAM, SPORE_METRIC_SUMMARY
};

/* A family of time series. The host prefixes the name with "spore_<component>_". */
typedef struct spore_metric_spec {
	uint32_t struct_size;
	uint32_t type;               /* SPORE_METRIC_* */
	const char *name;            /* [a-z][a-z0-9_]*; a counter's ends in _total, no other's does */
	const char *help;
	const char *unit;            /* "seconds", "bytes" or NULL; what exporters say of it, they say
	                                where the name ends in it: "wait_seconds", "sent_bytes_total" */
	const char *const *labels;   /* label names, n_labels of them, not le or quantile; NULL: one
	                                plain series */
	size_t n_labels;
	const double *bounds;        /* histogram: ascending upper bounds, without +Inf */
	size_t n_bounds;
	size_t max_series;           /* beyond it the values go to a series labelled "other"; 0: 100 */
} spore_metric_spec;
SPORE_GROWABLE(spore_metric_spec, max_series);

struct spore_auth_result;            /* auth.h */

typedef struct spore_host {
	uint32_t struct_size;
	uint16_t abi_major, abi_minor;   /* of the running host */
	const char *name, *version;      /* "spore", "1.4.2" */

	/* An optional interface by id, as "spore.metrics/1"; NULL if the host has none. The table
	 * is the host's, valid for the whole process, and starts with struct_size. [any] */
	const void *(*get_extension)(const char *id);

	/* ---- log. Never blocks; a full ring drops the line and counts it. Text and values are
	 * escaped by the host. Prefer spore_logf() below. [any] */
	uint32_t (*log_enabled)(const spore_ctx *, int32_t level);
	void (*log)(const spore_ctx *, int32_t level, spore_str text, const spore_kv *fields,
	            size_t n_fields);

	/* Monotonic milliseconds; on a worker the cached time of its loop. [any] */
	int64_t (*now_ms)(void);
	/* Cryptographically strong bytes. SPORE_OK or SPORE_ESYS. [any] */
	spore_status (*random)(void *buf, size_t len);

	/* ---- timers and descriptors on one worker's loop. Callbacks run [worker]. A handle dies
	 * with its stop(), which is fine inside its own callback; stop(NULL) does nothing. What is
	 * left after worker_stop() the host stops, and logs as a leak. NULL: out of memory.
	 * repeat_ms 0: once (the handle still wants its stop). [worker] */
	spore_timer *(*timer_start)(spore_worker *, int64_t after_ms, int64_t repeat_ms,
	                            void (*on_timer)(void *arg), void *arg);
	void (*timer_stop)(spore_timer *);
	spore_io *(*io_start)(spore_worker *, int fd, uint32_t events, /* level-triggered */
	                      void (*on_ready)(void *arg, uint32_t events), void *arg);
	void (*io_update)(spore_io *, uint32_t events);
	void (*io_stop)(spore_io *);     /* before close(fd) */

	/* ---- threads. 0-based number of the worker behind the handle. [any] */
	uint32_t (*worker_index)(const spore_worker *);
	/* Run fn on that worker's loop soon. SPORE_ESTALE once the instance has begun to stop there
	 * (fn will not run), SPORE_ENOMEM. Posts made before are run before worker_stop(). [any] */
	spore_status (*post)(spore_worker *, void (*fn)(void *arg), void *arg);
	/* Run work [blocking], then on_done on this worker. Bounded per instance: SPORE_EBUSY when
	 * the queue is full, SPORE_ESTALE once the instance has begun to stop there. worker_stop()
	 * waits for it. [worker] */
	spore_status (*offload)(spore_worker *, void (*work)(void *arg), void (*on_done)(void *arg),
	                        void *arg);
	/* Look a name up without blocking: on_done gets SPORE_OK and n >= 1 addresses with `port`,
	 * or SPORE_EBACKEND and none; never before this returns. resolve_stop() cancels: on_done
	 * will not run. The handle dies with either. NULL: queue full or no memory. [worker] */
	spore_resolve *(*resolve)(spore_worker *, const char *name, uint16_t port,
	                          void (*on_done)(void *arg, spore_status, const spore_addr *,
	                                          size_t n),
	                          void *arg);
	void (*resolve_stop)(spore_resolve *);

	/* ---- finishing what returned SPORE_EPENDING. Never blocks, never reenters the plugin.
	 * SPORE_ESTALE when the peer left, the deadline passed or it was finished before: calling
	 * too late is always safe. SPORE_EINVAL for a ticket of another kind, or a verdict that is
	 * none, or an answer that is too long or has a NUL; the ticket is open still. What is passed
	 * is copied. [any] */
	/* verdict: SPORE_ALLOW, SPORE_DENY, SPORE_NEXT or a SPORE_E*; result may be NULL. */
	spore_status (*complete_verify)(spore_ticket, int32_t verdict,
	                                const struct spore_auth_result *result);
	/* status: SPORE_OK with the answer, or a SPORE_E* (answer ignored). */
	spore_status (*complete_answer)(spore_ticket, spore_status status, spore_str answer);
	/* SPORE_OK: the handshake may go on, the host calls it again. Else it has failed. */
	spore_status (*complete_handshake)(spore_ticket, spore_status status);

	/* An identity's standing changed behind this auth instance. SPORE_DENY ends its tunnels here
	 * (the client is told so); SPORE_ALLOW with a result renews what they may do from now on:
	 * what its bits leave out is the host's default again, while identity and session stay as
	 * they are. Takes effect soon after; SPORE_OK also where there is no such tunnel. [any] */
	spore_status (*auth_revalidate)(spore_ctx *, spore_str identity, int32_t verdict,
	                                const struct spore_auth_result *result);

	/* ---- facts about a connection: "tls.version", "tls.sni", "x509.subject", "x509.san.dns",
	 * "x509.sha256", "unix.uid" ... `index` walks repeated values. Returns 1 and fills *out, or 0
	 * when absent. Valid until the current callback returns. [worker]; [blocking] too for the
	 * connection handed to a blocking verify() or answer(), which is a copy of the facts. */
	uint32_t (*conn_attr)(const spore_conn *, const char *key, size_t index, spore_str *out);
	/* A transport learnt who the peer really is (PROXY protocol): ACLs and limits use this from
	 * now on. Only before the handshake is done. [worker] */
	void (*conn_set_peer)(spore_conn *, const spore_addr *peer);
	/* A transport's stream can go on although its descriptor is not ready: the host tries all
	 * that it wants from the stream again, soon. [worker] */
	void (*conn_wake)(spore_conn *);

	/* ---- a listening socket at `address` that belongs to the host and outlives the instance,
	 * so that its successor gets the same one. Non-blocking; accept() from it, never close() it.
	 * SPORE_ESYS with errno when it cannot be bound. [main], in create() */
	spore_status (*listener_get)(spore_ctx *, const spore_addr *address, int *fd_out);

	/* ---- the configuration as a tree, read-only, valid until destroy(). [any] */
	uint32_t (*cfg_type)(const spore_cfg *);                     /* SPORE_CFG_* */
	const spore_cfg *(*cfg_get)(const spore_cfg *object, const char *key);   /* NULL: absent */
	const spore_cfg *(*cfg_at)(const spore_cfg *container, size_t index, const char **key_out);
	size_t (*cfg_count)(const spore_cfg *container);
	const char *(*cfg_string)(const spore_cfg *);                /* NULL: not a string */
	double (*cfg_number)(const spore_cfg *);
	uint32_t (*cfg_bool)(const spore_cfg *);

	/* ---- metrics. Families are registered in create(), once: the same name from the successor
	 * of an instance gives the same family. 0 = refused (and logged). [main] */
	uint32_t (*metric_family)(spore_ctx *, const spore_metric_spec *);
	/* The series with these label values, one per label name; 0 for an unknown family. Look it
	 * up once and keep it. Not from a visitor's callbacks (metrics.h), which it would wait for.
	 * [any] */
	uint32_t (*metric_series)(uint32_t family, const spore_str *values, size_t n_values);
	/* Wait-free, sharded by worker. A counter never goes down: a negative delta is ignored.
	 * [worker] */
	void (*metric_add)(spore_worker *, uint32_t series, double delta);
	void (*metric_set)(spore_worker *, uint32_t series, double value);
	void (*metric_observe)(spore_worker *, uint32_t series, double value);
} spore_host;
SPORE_GROWABLE(spore_host, metric_observe);

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
