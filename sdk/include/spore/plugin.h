/* spore/plugin.h - components, and the one symbol that a plugin exports.
 * SPDX-License-Identifier: MIT
 *
 * A plugin is a shared object with one entry point and one ELF note. It offers components. Each
 * component has one kind (auth, transport, acl, metrics, events, route). The host makes one
 * instance of a component for each entry of the configuration that names it:
 *
 *     create ─▶ worker_start (all workers) ─▶ in use, once it is ready on all of them
 *            ─▶ worker_drain (all workers) ─▶ worker_stop (all workers) ─▶ destroy
 *
 * A phase begins when the previous one has ended on all workers.
 *
 * On a reload the host creates the new instances, switches to them, and stops the old ones when
 * their last session has ended. When a file that an instance reads changes, the host does the same
 * with this instance alone (host.h). Plugins need no code for either. auth.h describes how open
 * tunnels are verified then.
 *
 * create, destroy and the entry point run on a thread of their own, the control thread. Meanwhile
 * the server serves with its old configuration. The operator limits how long all instances of a
 * configuration may take until they are ready (the key start_timeout of the section "plugins").
 * After that the host gives up the start or the reload, with the plugin's name in the log.
 */
#ifndef SPORE_PLUGIN_H
#define SPORE_PLUGIN_H

#include "base.h"
#include "host.h"
#include "option.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
	SPORE_KIND_AUTH = 1,      /* ops: spore_auth_ops, auth.h */
	SPORE_KIND_TRANSPORT = 2, /* ops: spore_transport_ops, transport.h */
	SPORE_KIND_ACL = 3,       /* ops: spore_acl_ops, acl.h */
	SPORE_KIND_METRICS = 4,   /* ops: spore_metrics_ops, metrics.h */
	SPORE_KIND_EVENTS = 5,    /* ops: spore_events_ops, events.h */
	SPORE_KIND_ROUTE = 6,     /* ops: spore_route_ops, route.h */
	SPORE_KIND_CHECK = 7      /* ops: spore_check_ops, check.h */
};
enum { SPORE_ROLE_SERVER = 1, SPORE_ROLE_CLIENT = 2 };

typedef struct spore_create_args {
	uint32_t struct_size;
	uint32_t role;          /* SPORE_ROLE_* of this process */
	const spore_host *host; /* RETAINED: valid for the whole process */
	spore_ctx *ctx;         /* RETAINED until destroy() returns */
	const char *instance;   /* the instance's name in the configuration; RETAINED */
	const void *conf;       /* the plugin's struct, filled from its table; RETAINED */
	const spore_cfg *raw;   /* the same options as a tree; RETAINED until destroy() */
	/* On a reload: the instance that this one replaces. It has the same name and the same code;
	 * of several instances with one name, the n-th replaces the n-th. NULL: there is none. The
	 * workers still use the old instance, so share only data that is immutable, atomic or
	 * reference-counted. */
	const void *previous;
	/* Reports a mistake in the configuration. `pointer` is relative to the instance:
	 * "/servers/1", or "" for the whole instance. Call it once for each mistake, then return
	 * SPORE_ECONFIG. [main] */
	void (*report)(const struct spore_create_args *, const char *pointer, const char *text);
	uint32_t n_workers;
	/* Where the instance's chain is asked. acl: SPORE_ACL_AT_*; transport: 0, or
	 * SPORE_TRANSPORT_AT_SHARED; others: 0. */
	uint32_t point;
	/* Not for transports. What the transports of the configuration can tell about a connection:
	 * those of their attr_keys that may_know() does not rule out, NULL-terminated. NULL: not
	 * known, because a transport does not declare its keys. See spore_may_know(). Valid until
	 * create() returns. */
	const char *const *conn_attrs;
	/* Not for transports. 1: a transport of the configuration has SPORE_TRANSPORTF_SECURE, so
	 * connections may be secure. 0: no connection will be. See spore_may_be_secure(). */
	uint32_t may_be_secure, reserved;
	/* SERVER: the public ports that tunnels can get, without the reserved ones. A client has
	 * none. See spore_may_have_port(). Valid until create() returns. */
	const spore_port_range *public_ports;
	size_t n_public_ports;
	/* SERVER: how long the auth chain may take for a verdict (the key auth_timeout of the
	 * section "server"), in milliseconds. An instance that may take as long should warn. 0 on a
	 * client. See spore_auth_time(). */
	int64_t auth_timeout_ms;
} spore_create_args;
SPORE_GROWABLE(spore_create_args, auth_timeout_ms);

/* 0: no connection of this configuration will have a value for the key of host->conn_attr(), so an
 * instance that needs one should report a mistake. */
static inline uint32_t spore_may_know(const spore_create_args *args, const char *key)
{
	const char *const *i = SPORE_HAS(args, conn_attrs) ? args->conn_attrs : NULL;

	if (!i)
		return 1;
	while (*i && strcmp(*i, key) != 0)
		i++;
	return *i != NULL;
}

/* 0: no connection of this configuration will be secure, so an instance that needs one should
 * report a mistake. */
static inline uint32_t spore_may_be_secure(const spore_create_args *args)
{
	return !SPORE_HAS(args, may_be_secure) || args->may_be_secure;
}

/* SERVER. How long the auth chain may take for a verdict, in milliseconds; 0: not known. */
static inline int64_t spore_auth_time(const spore_create_args *args)
{
	return SPORE_HAS(args, auth_timeout_ms) ? args->auth_timeout_ms : 0;
}

/* SERVER. 0: a client with a grant of these n ranges would get no port. */
static inline uint32_t spore_may_have_port(const spore_create_args *args,
                                           const spore_port_range *ranges, size_t n)
{
	size_t n_public = SPORE_HAS(args, n_public_ports) ? args->n_public_ports : 0;

	for (size_t i = 0; i < n * n_public; i++) {
		const spore_port_range *a = &ranges[i / n_public],
				       *b = &args->public_ports[i % n_public];

		if (a->lo <= b->hi && b->lo <= a->hi)
			return 1;
	}
	return n_public == 0;
}

/* SPORE_COMPF_SINGLE_WORKER: the instance starts on worker 0 only. For exporters. */
enum { SPORE_COMPF_SINGLE_WORKER = 1 };

typedef struct spore_component {
	uint32_t struct_size;
	uint32_t kind;       /* SPORE_KIND_*; the host skips an unknown kind, with a warning */
	const char *name;    /* such as "ldap"; "use" in the configuration refers to it. A letter
	                      * a-z, then a-z, 0-9 or _, at most 63 in all. */
	const char *summary; /* one line */
	const void *ops;     /* the table of the kind */
	const spore_option *options;
	uint32_t n_options, option_size; /* option_size = sizeof(spore_option) */
	uint32_t conf_size, flags;       /* sizeof the plugin's struct; SPORE_COMPF_* */

	/* Creates one configured instance. On failure, report() or log the reason and return a
	 * SPORE_E*. The host then keeps nothing, and a running host keeps its old instance.
	 * [main] */
	spore_status (*create)(const spore_create_args *, void **instance_out);
	/* Called after the last worker_stop() of this instance. [main] */
	void (*destroy)(void *instance);
	/* Creates the state of one worker. The [worker] functions of the kind get *state_out.
	 * Optional: without it they get the instance itself, which must then be safe to share.
	 *
	 * An instance that cannot work yet, because it must connect to a back-end, for example,
	 * sets *state_out, returns SPORE_EPENDING, and calls host->complete_start() with the ticket
	 * later. Until then the host calls no other function of this instance on this worker, with
	 * two exceptions: callbacks of what the plugin itself has started, and worker_stop() if the
	 * host gives up or complete_start() reports a failure.
	 *
	 * After any other return value the ticket is stale. After another SPORE_E* there is no
	 * state, and neither worker_drain() nor worker_stop() is called on this worker. [worker] */
	spore_status (*worker_start)(void *instance, spore_worker *, spore_ticket,
	                             void **state_out);
	/* The instance gets no new work on this worker. Running operations continue. host->post()
	 * and host->offload() still work, as their comments say. Not called where the instance did
	 * not become ready. Optional. [worker] */
	void (*worker_drain)(void *state);
	/* All operations have ended; pending ones were cancelled. worker_drain() has run on all
	 * workers, and so have all posts and jobs of all workers. [worker] */
	void (*worker_stop)(void *state);
} spore_component;
SPORE_GROWABLE(spore_component, worker_stop);

typedef struct spore_plugin {
	uint32_t struct_size;
	uint16_t abi_major, abi_minor; /* of the SDK that the plugin was built with */
	uint32_t min_minor, reserved;  /* the oldest minor version of a host that it accepts */
	const char *name, *version, *author, *license, *url;
	/* The ids of the host extensions that the plugin requires, NULL-terminated. May be NULL. */
	const char *const *required;
	const spore_component *const *components; /* NULL-terminated */
	/* Returns an optional interface by its id, as spore_host.get_extension. May be NULL.
	 * [any] */
	const void *(*get_extension)(const char *id);
} spore_plugin;
SPORE_GROWABLE(spore_plugin, get_extension);

/* The only exported symbol. Its name contains the major version, so one file can support two major
 * versions. It must be cheap and have no side effects. [main] */
SPORE_EXPORT const spore_plugin *spore_plugin_v1(void);

/* FROZEN. An ELF note (name "Spore", type 1). The host reads it BEFORE it loads the file, so no
 * instruction of an incompatible plugin runs. */
typedef struct spore_note {
	uint32_t namesz, descsz, type;
	char name[8];
	uint16_t abi_major, abi_minor, min_minor, reserved;
	char plugin[32], version[16]; /* NUL-terminated */
} spore_note;
SPORE_STATIC_ASSERT(sizeof(spore_note) == 76, "frozen");
#define SPORE_NOTE_TYPE      1
#define SPORE_NOTE_DESC_SIZE 56

/* Defines the note and the entry point. Use it once per plugin, at file scope:
 *   SPORE_PLUGIN("acme", "1.2.0", "Acme Inc.", "MIT", "https://acme.example", &acme_ldap) */
/* clang-format off */
#define SPORE_PLUGIN(name_, version_, author_, license_, url_, ...)                                \
	SPORE_STATIC_ASSERT(sizeof(name_) <= 32, "a plugin's name has at most 31 bytes");          \
	SPORE_STATIC_ASSERT(sizeof(version_) <= 16, "a plugin's version has at most 15 bytes");    \
	__attribute__((used, section(".note.spore"), aligned(4))) static const spore_note          \
	        spore_note_ = { 6, SPORE_NOTE_DESC_SIZE, SPORE_NOTE_TYPE, "Spore", SPORE_ABI_MAJOR, \
		                SPORE_ABI_MINOR, SPORE_MIN_MINOR, 0, name_, version_ };            \
	static const spore_component *const spore_components_[] = { __VA_ARGS__, NULL };           \
	SPORE_EXPORT const spore_plugin *spore_plugin_v1(void)                                     \
	{                                                                                          \
		static const spore_plugin plugin = {                                               \
			(uint32_t)sizeof(spore_plugin), SPORE_ABI_MAJOR, SPORE_ABI_MINOR,          \
			SPORE_MIN_MINOR, 0, name_, version_, author_, license_, url_, NULL,        \
			spore_components_, NULL                                                    \
		};                                                                                 \
		return &plugin;                                                                    \
	}                                                                                          \
	SPORE_STATIC_ASSERT(1, "takes the semicolon")
/* clang-format on */

#ifdef __cplusplus
}
#endif
#endif
