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

/* See spore_host.state_show. */
enum { SPORE_STATE_MAX = 255 };

struct spore_auth_result; /* auth.h */

typedef struct spore_host {
	uint32_t struct_size;
	uint16_t abi_major, abi_minor; /* of the running host */
	const char *name, *version;    /* such as "spore", "1.4.2" */

	/* Returns an optional interface by its id, such as "spore.metrics/1". NULL: the host does
	 * not have it, or (logged) the id is NULL. The interface is a table that starts with
	 * struct_size, belongs to the host, and is valid for the whole process. [any] */
	const void *(*get_extension)(const char *id);

	/* ---- log. Never blocks. If the buffer is full, the line is dropped and counted. The host
	 * escapes the text and the values, and writes at most 16 fields. A level above
	 * SPORE_LOG_ERROR counts as SPORE_LOG_ERROR; one below SPORE_LOG_TRACE is never written. A
	 * text that is NULL counts as empty. A NULL instance, or NULL fields with a count, are a
	 * mistake, which is logged as well. spore_logf() below is easier to use. [any] */
	uint32_t (*log_enabled)(const spore_ctx *, int32_t level);
	void (*log)(const spore_ctx *, int32_t level, spore_str text, const spore_kv *fields,
	            size_t n_fields);

	/* Monotonic time in milliseconds. On a worker it is the cached time of its loop. [any] */
	int64_t (*now_ms)(void);
	/* Milliseconds since 1970 by the system's clock, which may jump. Use now_ms() to measure.
	 * [any] */
	int64_t (*wall_ms)(void);
	/* Fills `buf` with cryptographically strong random bytes. Returns SPORE_OK, SPORE_ESYS, or
	 * SPORE_EINVAL (logged) if buf is NULL or len is above INT_MAX. [any] */
	spore_status (*random)(void *buf, size_t len);
	/* SHA-256, and HMAC-SHA256 (RFC 2104). The output must not overlap the input. They return
	 * SPORE_OK, SPORE_ESYS, or SPORE_EINVAL (logged) for NULL. After a failure the output is
	 * random, so that no comparison with it succeeds. For many HMACs with one key, a library of
	 * your own is faster if it keeps the state of the key. [any] */
	spore_status (*sha256)(const void *data, size_t len, uint8_t digest_out[32]);
	spore_status (*hmac_sha256)(const void *key, size_t key_len, const void *data, size_t len,
	                            uint8_t mac_out[32]);
	/* Returns 1 if both are equal, else 0, in a time that depends on `len` alone. Compare
	 * secrets with it. If one is NULL although len is not 0, returns 0, and this is logged.
	 * [any] */
	uint32_t (*equal)(const void *a, const void *b, size_t len);

	/* ---- timers and descriptors on one worker's loop. The callbacks are [worker].
	 *
	 * A handle is valid until it is stopped, which its own callback may do. Use it on its
	 * worker only. The *_start() functions set *out; on failure, to {0}. All return
	 *  - SPORE_OK; stopping {0} is SPORE_OK, too, and does nothing,
	 *  - SPORE_ESTALE if the handle was stopped before; this is logged,
	 *  - SPORE_EINVAL for a NULL argument or callback, a negative time, unknown events, a
	 *    handle of another kind, or a call on another thread; this is logged, and nothing else
	 *    happens,
	 *  - SPORE_ENOMEM if memory or descriptors are used up.
	 * The host stops handles that are left after worker_stop() and logs them as leaks.
	 * [worker] */

	/* With repeat_ms 0 the timer fires once, and must still be stopped. after_ms may be 0. */
	spore_status (*timer_start)(spore_worker *, int64_t after_ms, int64_t repeat_ms,
	                            void (*on_timer)(void *arg), void *arg, spore_timer *out);
	/* Starts it again with these times, whether it has fired or not. */
	spore_status (*timer_update)(spore_timer, int64_t after_ms, int64_t repeat_ms);
	spore_status (*timer_stop)(spore_timer);

	/* Level-triggered. `events` is SPORE_READ, SPORE_WRITE, both, or 0 to wait for nothing yet.
	 * After an error or a hang-up of the descriptor, on_ready() gets all events that were asked
	 * for. Also returns SPORE_EINVAL if fd is not open, or if this instance already watches it
	 * on this worker; and SPORE_EUNSUPPORTED if fd cannot be watched, such as a regular file or
	 * a folder. Both are logged. */
	spore_status (*io_start)(spore_worker *, int fd, uint32_t events,
	                         void (*on_ready)(void *arg, uint32_t events), void *arg,
	                         spore_io *out);
	/* Also SPORE_EINVAL, logged, if fd was closed. */
	spore_status (*io_update)(spore_io, uint32_t events);
	/* Call it before close(fd). After close(fd), it still stops the watcher, but returns
	 * SPORE_EINVAL and is logged. In between, on_ready() may be called for a duplicate of
	 * fd. */
	spore_status (*io_stop)(spore_io);

	/* ---- threads. */

	/* The number of the worker, starting at 0. NULL: UINT32_MAX, logged. [any] */
	uint32_t (*worker_index)(const spore_worker *);
	/* Calls fn soon on the worker's loop. Returns
	 *  - SPORE_OK,
	 *  - SPORE_ESTALE if the instance is stopping; fn is not called,
	 *  - SPORE_ENOMEM,
	 *  - SPORE_EINVAL (logged) for a NULL worker or fn.
	 * The instance is stopping when worker_drain() has run on all workers, and no post, job or
	 * blocking call of any worker is left or a second has passed. What was accepted still runs
	 * before worker_stop(). [any] */
	spore_status (*post)(spore_worker *, void (*fn)(void *arg), void *arg);
	/* Calls work() [blocking] and then on_done() on this worker. Returns SPORE_EBUSY if the
	 * instance's queue is full, SPORE_ESTALE if the instance is stopping, as post() does,
	 * SPORE_ENOMEM, or SPORE_EINVAL (logged) for a NULL worker or function. worker_stop() is
	 * called after on_done(). [worker] */
	spore_status (*offload)(spore_worker *, void (*work)(void *arg), void (*on_done)(void *arg),
	                        void *arg);
	/* Looks up a name of 1 to 255 bytes without blocking. on_done() gets SPORE_OK and n >= 1
	 * addresses with `port`, or SPORE_EBACKEND and no address. If the name service fails, the
	 * addresses may be those of up to a minute ago. on_done() is never called before
	 * resolve() returns. Returns as timer_start(), or SPORE_EBUSY if the queue is full. The
	 * handle is valid until on_done() is called or resolve_stop() cancels the look-up. After
	 * resolve_stop(), on_done() is not called. [worker] */
	spore_status (*resolve)(spore_worker *, const char *name, uint16_t port,
	                        void (*on_done)(void *arg, spore_status, const spore_addr *,
	                                        size_t n),
	                        void *arg, spore_resolve *out);
	/* As timer_stop(), but SPORE_ESTALE is not logged, because on_done() may have been called
	 * just before. */
	spore_status (*resolve_stop)(spore_resolve);

	/* ---- completing an operation that returned SPORE_EPENDING.
	 *
	 * These functions never block and never call the plugin. They copy their arguments. They
	 * return
	 *  - SPORE_OK,
	 *  - SPORE_ESTALE if the peer left, the deadline passed or the operation was completed
	 *    before. Calling too late is always safe.
	 *  - SPORE_EINVAL, logged, for a ticket of another kind: the ticket remains open,
	 *  - SPORE_EINVAL, logged, for a wrong argument: the operation ends at once, as if it had
	 *    been completed with SPORE_EINVAL,
	 *  - SPORE_ENOMEM. The ticket remains open. [any] */

	/* verdict: SPORE_ALLOW, SPORE_DENY, SPORE_NEXT, or a SPORE_E* other than EAGAIN and
	 * EPENDING. result may be NULL, and counts only with SPORE_ALLOW. It is wrong if a field
	 * breaks a rule of auth.h, or a text or list is NULL with a length. */
	spore_status (*complete_verify)(spore_ticket, int32_t verdict,
	                                const struct spore_auth_result *result);
	/* status: SPORE_OK with an answer of 0 to SPORE_AUTH_ANSWER_MAX bytes without a NUL, or a
	 * SPORE_E* other than EAGAIN and EPENDING (the answer is ignored). */
	spore_status (*complete_answer)(spore_ticket, spore_status status, spore_str answer);
	/* status: SPORE_OK if the handshake can continue; the host calls handshake() again, with a
	 * fresh ticket. A SPORE_E* other than EAGAIN and EPENDING fails the connection. */
	spore_status (*complete_handshake)(spore_ticket, spore_status status);
	/* status: SPORE_OK if the instance is ready on the worker of that worker_start(). With a
	 * SPORE_E* other than EAGAIN and EPENDING, the start or the reload fails, and worker_stop()
	 * is called. */
	spore_status (*complete_start)(spore_ticket, spore_status status);

	/* Tells the host that the rights of an identity have changed. SPORE_DENY closes the
	 * identity's tunnels that this instance allowed, and their clients get an error. A client
	 * that it has allowed and that has no tunnel yet gets none. An ALLOW for which the host
	 * asked before this call, and which it has not taken yet, does not count, unless this
	 * thread gives it after this call: the host asks again, and calls session_end() for it.
	 * SPORE_ALLOW with a result replaces what these tunnels may do: fields without their bit
	 * get the host's default, while identity and session stay the same. It takes effect soon
	 * after the call. Returns
	 *  - SPORE_OK, also if there is no such tunnel,
	 *  - SPORE_EINVAL, logged, for a NULL instance, another verdict, or a wrong identity or
	 *    result: nothing changes,
	 *  - SPORE_EUNSUPPORTED on a client,
	 *  - SPORE_ENOMEM. [any] */
	spore_status (*auth_revalidate)(spore_ctx *, spore_str identity, int32_t verdict,
	                                const struct spore_auth_result *result);

	/* ---- facts about a connection, such as "tls.version", "tls.sni", "x509.subject",
	 * "x509.san.dns" and "x509.sha256".
	 *
	 * `index` selects one of several values. Returns 1 and sets *out, which is valid until the
	 * current callback returns. Returns 0 if there is no such value or (logged) an argument is
	 * NULL. [worker]. A blocking verify() or answer() may also call it for its own connection;
	 * it then reads a copy of the facts. */
	uint32_t (*conn_attr)(const spore_conn *, const char *key, size_t index, spore_str *out);
	/* For a transport that has learned the real address of the peer, from the PROXY protocol,
	 * for example. Call it before the last call of handshake() returns. When that call has
	 * returned SPORE_OK, before the transport above begins its handshake, the host decides
	 * again what depends on the address: access lists, bans and limits. ACLs, auth plugins and
	 * the log use it from then on. See also SPORE_TRANSPORTF_TELLS_PEER.
	 *
	 * On a server, an address with the family 0 says that the peer is a proxy that speaks for
	 * itself, to check whether this server is alive, for example. Nobody may log in on such a
	 * connection, so no access list is asked. When it ends, the host logs that at the level
	 * debug only.
	 *
	 * Returns SPORE_OK, SPORE_ESTALE if the handshake is done, or SPORE_EINVAL (logged) if an
	 * argument is NULL or the family is not 0 and the address is neither IPv6 nor v4-mapped
	 * IPv4. [worker] */
	spore_status (*conn_set_peer)(spore_conn *, const spore_addr *peer);
	/* For a transport whose stream can continue although its descriptor is not ready. The host
	 * soon repeats the calls that wait. NULL is logged. [worker] */
	void (*conn_wake)(spore_conn *);

	/* ---- a listening socket at `address`.
	 *
	 * It belongs to the host, which gives the same socket to the instance that replaces this
	 * one on a reload. It is non-blocking. Call accept() on it, but never close() it. Returns
	 * SPORE_ESYS and sets errno if the address cannot be bound, or SPORE_EINVAL (logged) if an
	 * argument is NULL, the address is neither IPv6 nor v4-mapped IPv4, or create() is not
	 * running on this thread. [main], only in create() */
	spore_status (*listener_get)(spore_ctx *, const spore_addr *address, int *fd_out);

	/* ---- the configuration as a tree. It is read-only and valid until destroy().
	 *
	 * A NULL value is "not there": its type is SPORE_CFG_NULL, and it has no members. [any] */

	/* Returns a SPORE_CFG_*. */
	uint32_t (*cfg_type)(const spore_cfg *);
	/* NULL: there is no such key, or (logged) the key is NULL. */
	const spore_cfg *(*cfg_get)(const spore_cfg *object, const char *key);
	/* NULL: there is none at this index. key_out may be NULL, and is NULL in an array. */
	const spore_cfg *(*cfg_at)(const spore_cfg *container, size_t index, const char **key_out);
	/* 0 for other types than arrays and objects, too. */
	size_t (*cfg_count)(const spore_cfg *container);
	/* NULL: it is not a string. */
	const char *(*cfg_string)(const spore_cfg *);
	/* 0: it is not a number, or it is 0. */
	double (*cfg_number)(const spore_cfg *);
	/* 0: it is not a boolean, or it is false. */
	uint32_t (*cfg_bool)(const spore_cfg *);

	/* Makes a tree from a JSON text, such as the reply of a back-end. The text is copied. It
	 * must be JSON as in RFC 8259, in UTF-8, without repeated keys and without \u0000, of
	 * at most 1 MiB, 16,384 keys and values, and 32 levels. Returns
	 *  - SPORE_OK. Read the tree with the functions above, on any thread, and free it with
	 *    cfg_free(). The host does not free it.
	 *  - SPORE_EINVAL. *out is NULL, and `error`, if it is not NULL, gets a NUL-terminated text
	 *    such as "line 3, column 7: expected a value". It contains nothing of the JSON text, so
	 *    it may be logged. 128 bytes are enough. Arguments that are NULL are logged.
	 *  - SPORE_ENOMEM. *out is NULL. [any] */
	spore_status (*cfg_parse)(spore_ctx *, spore_str json, spore_cfg **out, char *error,
	                          size_t error_size);
	/* Wipes and frees a whole tree of cfg_parse(). NULL is allowed. [any] */
	void (*cfg_free)(spore_cfg *tree);

	/* ---- state that survives a reload.
	 *
	 * An instance may hand bytes on to the instance that replaces it, which has the same name
	 * and is of the same component of a plugin with the same name. Unlike
	 * spore_create_args.previous, it may have other code, so put a version into the key or the
	 * bytes. A new instance begins with everything that the old one has handed on until then,
	 * and hands it on in turn. What the old one hands on later is lost. Everything is forgotten
	 * when the configuration no longer contains the name, and when the process ends. The host
	 * wipes the memory. */

	/* Hands on a copy of `bytes` under a key of 1 to 63 bytes, in place of earlier bytes of
	 * this key. No bytes: removes the key. Returns SPORE_OK; SPORE_EINVAL (logged) for a wrong
	 * argument; SPORE_ENOMEM; or SPORE_EBUSY if the keys and bytes of the instance would exceed
	 * 1 MiB. After a failure the earlier bytes stay. Takes a lock of the instance. [any] */
	spore_status (*state_put)(spore_ctx *, const char *key, spore_str bytes);
	/* Returns 1 and sets *out, which is valid until create() returns or the key is put again.
	 * Returns 0 if there is no such key, (logged) an argument is NULL, or create() has
	 * returned. [main], only in create() */
	uint32_t (*state_get)(spore_ctx *, const char *key, spore_str *out);

	/* ---- metrics. */

	/* Registers a family. Call it in create(). The instance that replaces this one on a reload
	 * registers the same name and gets the same family. Returns 0 if the family is refused or
	 * an argument is wrong, which is logged. [main] */
	uint32_t (*metric_family)(spore_ctx *, const spore_metric_spec *);
	/* Returns the series with these label values, one per label name, each of at most 1024
	 * bytes. Returns 0 if the family is 0, if memory is used up, or (logged) if an argument is
	 * wrong. Look it up once and keep it. Do not call it from a visitor's callbacks
	 * (metrics.h): it would wait for them forever. [any] */
	uint32_t (*metric_series)(uint32_t family, const spore_str *values, size_t n_values);
	/* Use metric_add() for counters and gauges, metric_set() for gauges, and metric_observe()
	 * for histograms and summaries. The series 0 is ignored. Any other series that does not
	 * exist, or is of another type, is logged. A counter never decreases: a negative delta is
	 * ignored.
	 *
	 * With a worker, the call is wait-free and updates cells of that worker: [worker]. With
	 * NULL, it updates cells that all threads share, atomically and without a lock: [any], for
	 * example from create(), a [blocking] call or a thread of your own. Many threads that
	 * update one series with NULL at the same time slow each other down.
	 *
	 * A reader sees the sum of all these cells, also of a gauge. So set a gauge in one place
	 * only: either with NULL, or, for a value that each worker has, on all workers. */
	void (*metric_add)(spore_worker *, uint32_t series, double delta);
	void (*metric_set)(spore_worker *, uint32_t series, double value);
	void (*metric_observe)(spore_worker *, uint32_t series, double value);

	/* ---- files that change.
	 *
	 * When a file that the instance has read changes, a server makes the instance anew with the
	 * same configuration, and replaces it as on a reload: create() gets the old instance as
	 * `previous`, and open tunnels that this can concern are verified again. The server first
	 * waits until the file has stayed as it is for half a second, so that several changes count
	 * as one. If create() reports a mistake, or the instance does not become ready, the old one
	 * stays, and the log has the reason, the instance and the file. The operator can turn this
	 * off (the key watch_files of the section "server"). Clients,
	 * and servers that are only checked, do not watch files.
	 *
	 * The host watches by itself what the options read: SECRETs and lists from files, and paths
	 * with the flag SPORE_OPTF_READ. */

	/* Watches another file or folder: one that create() reads, such as a file that the first
	 * file names, or whose existence it asks for. Call it before create() does so, so that no
	 * change is missed. A relative path starts from the working directory. Pipes and devices
	 * are not watched. Returns SPORE_OK, or SPORE_EINVAL (logged) if an argument is NULL, the
	 * path is empty, or create() is not running on this thread. [main], only in create() */
	spore_status (*file_watch)(spore_ctx *, const char *path);

	/* ---- the state of an instance, for the operator.
	 *
	 * Sets the line that `spore ctl status` shows for the instance, such as "not connected
	 * since 14:02", in place of the last one. An empty text removes the line. The host keeps a
	 * copy of the first SPORE_STATE_MAX bytes, and escapes it. Describe the present state:
	 * events belong into the log, and numbers into metrics. Returns SPORE_OK, SPORE_ENOMEM, or
	 * SPORE_EINVAL (logged) if the instance is NULL, or the text is NULL with a length. Takes a
	 * lock for a few instructions. [any] */
	spore_status (*state_show)(spore_ctx *, spore_str text);

	/* As auth_revalidate(), but only for the tunnels of one session value of the identity. For
	 * a plugin that gives one identity to clients with different session values, such as the
	 * owners of two keys, of which one has changed. [any] */
	spore_status (*auth_revalidate_session)(spore_ctx *, spore_str identity, uint64_t session,
	                                        int32_t verdict,
	                                        const struct spore_auth_result *result);
} spore_host;
SPORE_GROWABLE(spore_host, auth_revalidate_session);

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
