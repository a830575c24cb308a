/* spore/plugin.h - components, and the one symbol that a plugin exports.
 * SPDX-License-Identifier: MIT
 *
 * A plugin is a shared object with one entry point and one ELF note. It offers components; each
 * component is of one kind (auth, transport, acl, metrics) and is instantiated once per entry of
 * the configuration that names it:
 *
 *     main:    create ──▶ [worker_start on each worker] ─▶ in use ─▶ [worker_drain] ─▶
 *              [worker_stop on each worker] ──▶ destroy
 *
 * Reload is create(new), swap, then the right half of that line for the old one, once its last
 * session has ended. A plugin writes no code for it; auth.h says how tunnels that stand are judged anew.
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
	SPORE_KIND_AUTH = 1,         /* ops: spore_auth_ops, auth.h */
	SPORE_KIND_TRANSPORT = 2,    /* ops: spore_transport_ops, transport.h */
	SPORE_KIND_ACL = 3,          /* ops: spore_acl_ops, acl.h */
	SPORE_KIND_METRICS = 4       /* ops: spore_metrics_ops, metrics.h */
};
enum { SPORE_ROLE_SERVER = 1, SPORE_ROLE_CLIENT = 2 };

typedef struct spore_create_args {
	uint32_t struct_size;
	uint32_t role;                   /* SPORE_ROLE_* of this process */
	const spore_host *host;          /* RETAINED: valid for the whole process */
	spore_ctx *ctx;                  /* RETAINED until destroy() returns */
	const char *instance;            /* its name in the configuration; RETAINED */
	const void *conf;                /* your struct, filled from your table; RETAINED */
	const spore_cfg *raw;            /* the same as a tree; RETAINED until destroy() */
	const void *previous;            /* on reload: the instance being replaced (of the same name and
	                                    code; where several have the name, the n-th by the n-th),
	                                    else NULL. It is
	                                    still live on the workers: share only what is immutable,
	                                    atomic or reference-counted. */
	/* Report a mistake in the configuration; `pointer` is relative to the instance ("/servers/1",
	 * "" for the whole). Call it as often as needed, then return SPORE_ECONFIG. [main] */
	void (*report)(const struct spore_create_args *, const char *pointer, const char *text);
	uint32_t n_workers;
	uint32_t point;                  /* acl: the chain it stands in, SPORE_ACL_AT_*; else 0 */
} spore_create_args;
SPORE_GROWABLE(spore_create_args, point);

/* SPORE_COMPF_SINGLE_WORKER: start it on worker 0 alone (an exporter). */
enum { SPORE_COMPF_SINGLE_WORKER = 1 };

typedef struct spore_component {
	uint32_t struct_size;
	uint32_t kind;                   /* SPORE_KIND_*; an unknown kind is skipped, with a warning */
	const char *name;                /* "ldap": what "use" names in the configuration */
	const char *summary;             /* one line */
	const void *ops;                 /* the kind's vtable */
	const spore_option *options;
	uint32_t n_options, option_size; /* option_size = sizeof(spore_option): the stride */
	uint32_t conf_size, flags;       /* sizeof your struct; SPORE_COMPF_* */

	/* One call per configured instance. On failure report() or log why, return SPORE_E*: nothing
	 * is kept, and a running host keeps its old instance. [main] */
	spore_status (*create)(const spore_create_args *, void **instance_out);
	/* After the last worker_stop() of this instance. [main] */
	void (*destroy)(void *instance);
	/* State of one worker; *state_out is what every [worker] op gets. Optional: without it the
	 * ops get the instance itself, which must then be safe to share. [worker] */
	spore_status (*worker_start)(void *instance, spore_worker *, void **state_out);
	/* No new work will come; what runs goes on. Optional. [worker] */
	void (*worker_drain)(void *state);
	/* No operation is alive any more (pending ones were cancelled). [worker] */
	void (*worker_stop)(void *state);
} spore_component;
SPORE_GROWABLE(spore_component, worker_stop);

typedef struct spore_plugin {
	uint32_t struct_size;
	uint16_t abi_major, abi_minor;       /* of the SDK it was built with */
	uint32_t min_minor, reserved;        /* oldest host it accepts */
	const char *name, *version, *author, *license, *url;
	const char *const *required;         /* NULL-ended ids of host extensions it cannot live
	                                        without; may be NULL */
	const spore_component *const *components;    /* NULL-ended */
	/* An optional interface by id, as spore_host.get_extension. May be NULL. [any] */
	const void *(*get_extension)(const char *id);
} spore_plugin;
SPORE_GROWABLE(spore_plugin, get_extension);

/* The only exported symbol. The major is part of its name, so one file can serve two majors. Must
 * be cheap and pure. [main] */
SPORE_EXPORT const spore_plugin *spore_plugin_v1(void);

/* FROZEN. An ELF note (name "Spore", type 1) that the host reads BEFORE it loads the file: an
 * incompatible one is refused without one instruction of it running. */
typedef struct spore_note {
	uint32_t namesz, descsz, type;
	char name[8];
	uint16_t abi_major, abi_minor, min_minor, reserved;
	char plugin[32], version[16];    /* NUL-ended */
} spore_note;
SPORE_STATIC_ASSERT(sizeof(spore_note) == 76, "frozen");
#define SPORE_NOTE_TYPE 1
#define SPORE_NOTE_DESC_SIZE 56

/* The note and the entry point. Once per plugin, at file scope:
 *   SPORE_PLUGIN("acme", "1.2.0", "Acme Inc.", "MIT", "https://acme.example", &acme_ldap) */
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

#ifdef __cplusplus
}
#endif
#endif
