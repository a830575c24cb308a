/* spore/base.h - the rules of the Spore plugin ABI, and its plain values.
 * SPDX-License-Identifier: MIT
 *
 * The rules are the whole contract; every declaration in spore/ only refines them.
 *
 *  R1 LINKING    A plugin links nothing of Spore. It reaches the host through struct spore_host
 *                alone. Linked with -Wl,-z,defs it loads on every 1.x host.
 *  R2 GROWTH     A struct that starts with `struct_size` may grow at its END in a minor release.
 *                The writer sets struct_size = sizeof as it was compiled; the reader touches a
 *                field only if SPORE_HAS says so. It is never copied by `=` (SPORE_COPY does it).
 *                A struct marked FROZEN never changes.
 *  R3 OWNERSHIP  Nobody frees the other side's memory. What goes in is valid until the callee
 *                returns, unless it is marked RETAINED. What comes out is copied by the host
 *                before it calls the plugin again. Text is UTF-8.
 *  R4 THREADS    Every function bears one tag:
 *                  [main]      the control thread; such calls never overlap each other
 *                  [worker]    the event loop of one worker; calls for one worker never overlap,
 *                              calls for two workers do; MUST NOT block
 *                  [blocking]  a thread of the host's pool; may block
 *                  [any]       any thread, at the same time as any other
 *  R5 ERRORS     Return a SPORE_E* code AND say why (report, log, error()): the code steers the
 *                host, the text reaches the operator.
 *  R6 REENTRY    The host never calls a plugin from within a host function that this plugin
 *                called on the same thread, except where "(reenters)" is written.
 *  R7 UNLOADING  A plugin is never unloaded. destroy() must release everything all the same.
 *  R8 PLATFORM   64-bit Linux (LP64). Flags are uint32_t, 0 or 1; there is no bool in a struct.
 */
#ifndef SPORE_BASE_H
#define SPORE_BASE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(__linux__) || !defined(__LP64__)
#error "the Spore plugin ABI is defined for 64-bit Linux (LP64) only"
#endif

#define SPORE_ABI_MAJOR 1
#define SPORE_ABI_MINOR 0
/* The oldest host minor that a plugin accepts. Define it before the first include to refuse older
 * hosts; leave it alone and ask with SPORE_CAN / SPORE_HAS instead, and every 1.x host will do. */
#ifndef SPORE_MIN_MINOR
#define SPORE_MIN_MINOR 0
#endif

#ifdef __cplusplus
extern "C" {
#define SPORE_STATIC_ASSERT static_assert
#else
#define SPORE_STATIC_ASSERT _Static_assert
#endif

#define SPORE_EXPORT __attribute__((visibility("default")))
#define SPORE_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

/* A growing struct must not end in padding: the next field would hide in it, and SPORE_HAS would
 * lie about an older writer. Asserted below every growing struct. */
#define SPORE_GROWABLE(type, last)                                                                 \
	SPORE_STATIC_ASSERT(sizeof(type) % 8 == 0 && sizeof(type) == offsetof(type, last) +        \
	                                                     sizeof(((type *)0)->last),            \
	                    #type " must start 8-aligned fields and end without padding")

/* True if the writer's struct is long enough to hold `field`. */
#define SPORE_HAS(p, field)                                                                        \
	((size_t)(p)->struct_size >=                                                               \
	 (size_t)((const char *)(&(p)->field + 1) - (const char *)(p)))
/* ... and, for a slot of a vtable, it is filled. */
#define SPORE_CAN(p, slot) (SPORE_HAS(p, slot) && (p)->slot != NULL)
/* Copies what the writer has, zeroes the rest; struct_size stays truthful. */
#define SPORE_COPY(dst, src)                                                                       \
	do {                                                                                       \
		size_t n_ = (src)->struct_size < sizeof *(dst) ? (src)->struct_size                \
		                                               : sizeof *(dst);                    \
		memset((dst), 0, sizeof *(dst));                                                   \
		memcpy((dst), (src), n_);                                                          \
		(dst)->struct_size = (uint32_t)n_;                                                 \
	} while (0)

/* ---- status codes: 0 is fine, negative is not ---- */
typedef int32_t spore_status;
enum {
	SPORE_OK = 0,
	SPORE_EAGAIN = -1,       /* would block: see `want` */
	SPORE_EPENDING = -2,     /* finishes later, through its ticket */
	SPORE_ESTALE = -3,       /* the ticket or handle is no longer alive: harmless, forget it */
	SPORE_EINVAL = -4,       /* an argument breaks the contract */
	SPORE_ENOMEM = -5,
	SPORE_ECONFIG = -6,      /* the configuration is wrong; already reported */
	SPORE_EUNSUPPORTED = -7,
	SPORE_ECLOSED = -8,      /* the other side closed or reset */
	SPORE_EPROTO = -9,       /* the other side broke the protocol */
	SPORE_ETIMEOUT = -10,
	SPORE_EBACKEND = -11,    /* the plugin's back-end (a database, a daemon) failed */
	SPORE_ESYS = -12,        /* errno holds the cause */
	SPORE_EBUSY = -13        /* a bounded queue is full: try later */
};

/* Verdicts of auth and acl. Far from 0, 1 and the status codes, so that `return true` or
 * `return SPORE_OK` is an error and never lets anybody in. */
enum {
	SPORE_ALLOW = 0x5A01,
	SPORE_DENY = 0x5A02,
	SPORE_NEXT = 0x5A03      /* not mine: ask the next instance of the chain */
};

/* ---- plain values, all FROZEN ---- */
typedef struct spore_str { const char *ptr; size_t len; } spore_str;    /* not NUL-ended */
typedef struct spore_kv { spore_str key, value; } spore_kv;
typedef struct spore_iov { void *base; size_t len; } spore_iov;         /* laid out as struct iovec */
typedef struct spore_port_range { uint16_t lo, hi; } spore_port_range;  /* both inclusive */

/* One asynchronous operation: slot and generation, never a pointer. 0 is none. */
typedef uint64_t spore_ticket;

/* A socket address. IPv4 is kept v4-mapped (::ffff:a.b.c.d), so one 128-bit trie serves both. */
typedef struct spore_addr {
	uint8_t family;          /* 4 or 6; 1 for a unix socket; 0 for none */
	uint8_t reserved;
	uint16_t port;           /* host order */
	uint32_t scope_id;
	uint8_t ip[16];
} spore_addr;
/* A prefix over the same 128 bits: 10.0.0.0/8 has prefix_len 104. */
typedef struct spore_cidr {
	uint8_t ip[16];
	uint32_t prefix_len;     /* 0..128 */
	uint32_t family;         /* as written: 4 or 6 */
} spore_cidr;
SPORE_STATIC_ASSERT(sizeof(spore_str) == 16 && sizeof(spore_iov) == 16, "frozen");
SPORE_STATIC_ASSERT(sizeof(spore_addr) == 24 && sizeof(spore_cidr) == 24, "frozen");

/* Readiness: what an operation waits for, what a watcher reports. */
enum { SPORE_READ = 1, SPORE_WRITE = 2 };

/* ---- handles: the host's, opaque ---- */
typedef struct spore_ctx spore_ctx;         /* one configured instance */
typedef struct spore_worker spore_worker;   /* one instance on one worker's event loop */
typedef struct spore_conn spore_conn;       /* a connection, for its facts */
typedef struct spore_timer spore_timer;
typedef struct spore_io spore_io;
typedef struct spore_resolve spore_resolve;
typedef struct spore_cfg spore_cfg;         /* a JSON value; no JSON library is in the ABI */

static inline spore_str spore_cstr(const char *text)
{
	spore_str s = { text, text ? strlen(text) : 0 };
	return s;
}

#ifdef __cplusplus
}
#endif
#endif
