/* spore/base.h - the rules of the Spore plugin ABI, and its plain values.
 * SPDX-License-Identifier: MIT
 *
 * These rules are the contract. The declarations in spore/ add details to them.
 *
 *  R1 LINKING    A plugin links no part of Spore. It calls the host through struct spore_host only.
 *                A plugin linked with -Wl,-z,defs loads on every 1.x host.
 *  R2 GROWTH     A struct that starts with `struct_size` may get new fields at its END in a minor
 *                release. The writer sets struct_size to the sizeof that it was compiled with. The
 *                reader checks SPORE_HAS before it uses a newer field. Never copy such a struct
 *                with `=`: use SPORE_COPY. A struct marked FROZEN never changes.
 *  R3 OWNERSHIP  Neither side frees the other side's memory. An argument is valid until the callee
 *                returns; one that is marked RETAINED stays valid longer. The host copies what a
 *                plugin returns before it calls the plugin again. Text is UTF-8.
 *  R4 THREADS    Every function has one tag:
 *                  [main]      The control thread. Such calls never overlap.
 *                  [worker]    The event loop of one worker. Calls on one worker never overlap, but
 *                              calls on different workers do. MUST NOT block.
 *                  [blocking]  A thread of the host's pool. May block.
 *                  [any]       Any thread, concurrently with any other call.
 *  R5 ERRORS     Return a SPORE_E* code AND report the reason (report(), log(), error()). The host
 *                acts on the code. The operator reads the text.
 *  R6 REENTRY    The host never calls a plugin from inside a host function that this plugin called
 *                on the same thread, except where the comment says "(reenters)".
 *  R7 UNLOADING  A plugin is never unloaded. destroy() must release everything anyway.
 *  R8 PLATFORM   64-bit Linux (LP64). Booleans in structs are uint32_t, 0 or 1, never bool.
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
/* The oldest minor version of a host that the plugin accepts. Define it before the first include to
 * refuse older hosts. Without it, the plugin loads on every 1.x host and must check newer features
 * with SPORE_CAN and SPORE_HAS. */
#ifndef SPORE_MIN_MINOR
#define SPORE_MIN_MINOR 0
#endif

#ifdef __cplusplus
extern "C" {
#define SPORE_STATIC_ASSERT static_assert
#else
#define SPORE_STATIC_ASSERT _Static_assert
#endif

#define SPORE_EXPORT                     __attribute__((visibility("default")))
#define SPORE_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

/* A growing struct must not end in padding. Otherwise a new field could lie in the old padding, and
 * SPORE_HAS would find it in the struct of an older writer. Asserted below every growing struct. */
/* clang-format off */
#define SPORE_GROWABLE(type, last)                                                                 \
	SPORE_STATIC_ASSERT(sizeof(type) % 8 == 0 &&                                               \
	                    sizeof(type) == offsetof(type, last) + sizeof(((type *)0)->last),      \
	                    #type " must start 8-aligned fields and end without padding")
/* clang-format on */

/* True if the writer's struct is long enough to contain `field`. */
#define SPORE_HAS(p, field)                                                                        \
	((size_t)(p)->struct_size >= (size_t)((const char *)(&(p)->field + 1) - (const char *)(p)))
/* True if the writer's table contains `slot` and the slot is not NULL. */
#define SPORE_CAN(p, slot) (SPORE_HAS(p, slot) && (p)->slot != NULL)
/* Copies the fields that the writer has and zeroes the rest. struct_size is the copied size. */
#define SPORE_COPY(dst, src)                                                                       \
	do {                                                                                       \
		size_t n_ = (src)->struct_size < sizeof *(dst) ? (src)->struct_size                \
		                                               : sizeof *(dst);                    \
		memset((dst), 0, sizeof *(dst));                                                   \
		memcpy((dst), (src), n_);                                                          \
		(dst)->struct_size = (uint32_t)n_;                                                 \
	} while (0)

/* ---- status codes: 0 is success, negative values are errors ---- */
typedef int32_t spore_status;
/* clang-format off */
enum {
	SPORE_OK = 0,
	SPORE_EAGAIN = -1,       /* the call would block; see `want` */
	SPORE_EPENDING = -2,     /* the operation completes later through its ticket */
	SPORE_ESTALE = -3,       /* the ticket or handle is no longer valid; harmless, drop it */
	SPORE_EINVAL = -4,       /* an argument violates the contract */
	SPORE_ENOMEM = -5,
	SPORE_ECONFIG = -6,      /* the configuration is wrong; the mistake has been reported */
	SPORE_EUNSUPPORTED = -7,
	SPORE_ECLOSED = -8,      /* the peer closed or reset the connection */
	SPORE_EPROTO = -9,       /* the peer violated the protocol */
	SPORE_ETIMEOUT = -10,
	SPORE_EBACKEND = -11,    /* the plugin's back-end (a database, a daemon) failed */
	SPORE_ESYS = -12,        /* errno has the cause */
	SPORE_EBUSY = -13        /* a bounded queue is full; try again later */
};
/* clang-format on */

/* Verdicts of auth and acl plugins. They differ from 0, 1 and all status codes, so `return true`
 * and `return SPORE_OK` are errors and never let a client in. */
enum {
	SPORE_ALLOW = 0x5A01,
	SPORE_DENY = 0x5A02,
	SPORE_NEXT = 0x5A03, /* no decision: ask the next instance of the chain */
	/* auth: as NEXT, for an answer that is correct and only lacks the channel binding that this
	 * instance demands. If no other instance decides, the host denies, but does not count the
	 * answer as a wrong secret, so no ban follows. */
	SPORE_UNBOUND = 0x5A04
};

/* ---- plain values, all FROZEN ---- */

/* Not NUL-terminated, unless a comment says so. */
typedef struct spore_str {
	const char *ptr;
	size_t len;
} spore_str;
typedef struct spore_kv {
	spore_str key, value;
} spore_kv;
/* Same layout as struct iovec. */
typedef struct spore_iov {
	void *base;
	size_t len;
} spore_iov;
/* Both ends are inclusive. */
typedef struct spore_port_range {
	uint16_t lo, hi;
} spore_port_range;

/* Identifies one asynchronous operation. It is a number, not a pointer. 0 means no ticket. */
typedef uint64_t spore_ticket;

/* What the host lends to an instance on one worker: a timer, a watched descriptor, a look-up. Like
 * a ticket, each is a number that is never used again, so a stale one is harmless. {0} means none.
 * Zero-initialise those that you keep. */
typedef struct spore_timer {
	uint64_t id;
} spore_timer;
typedef struct spore_io {
	uint64_t id;
} spore_io;
typedef struct spore_resolve {
	uint64_t id;
} spore_resolve;

/* A socket address. IPv4 addresses are stored as v4-mapped IPv6 addresses (::ffff:a.b.c.d). */
typedef struct spore_addr {
	uint8_t family; /* 4, 6, 1 (unix socket) or 0 (no address) */
	uint8_t reserved;
	uint16_t port; /* host byte order */
	uint32_t scope_id;
	uint8_t ip[16];
} spore_addr;
/* A prefix of such an address: 10.0.0.0/8 has the prefix_len 104. */
typedef struct spore_cidr {
	uint8_t ip[16];
	uint32_t prefix_len; /* 0..128 */
	uint32_t family;     /* 4 or 6, as written in the configuration */
} spore_cidr;
/* A digest of a file, a key or a certificate. All zero: none. */
typedef struct spore_sha256 {
	uint8_t bytes[32];
} spore_sha256;
SPORE_STATIC_ASSERT(sizeof(spore_str) == 16 && sizeof(spore_iov) == 16, "frozen");
SPORE_STATIC_ASSERT(sizeof(spore_timer) == 8 && sizeof(spore_io) == 8, "frozen");
SPORE_STATIC_ASSERT(sizeof(spore_resolve) == 8, "frozen");
SPORE_STATIC_ASSERT(sizeof(spore_addr) == 24 && sizeof(spore_cidr) == 24, "frozen");
SPORE_STATIC_ASSERT(sizeof(spore_sha256) == 32, "frozen");

/* The readiness that an operation waits for, or that a watcher reports. */
enum { SPORE_READ = 1, SPORE_WRITE = 2 };

/* ---- opaque handles, owned by the host ---- */
typedef struct spore_ctx spore_ctx;       /* one configured instance */
typedef struct spore_worker spore_worker; /* one instance on one worker's event loop */
typedef struct spore_conn spore_conn;     /* a connection, to look up facts about it */
typedef struct spore_cfg spore_cfg;       /* a JSON value */

static inline spore_str spore_cstr(const char *text)
{
	spore_str s = { text, text ? strlen(text) : 0 };
	return s;
}

#ifdef __cplusplus
}
#endif
#endif
