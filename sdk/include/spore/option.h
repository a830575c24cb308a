/* spore/option.h - the table in which a plugin declares its options.
 * SPDX-License-Identifier: MIT
 *
 * The host checks the operator's JSON against the table. It reports every mistake with its file,
 * line and JSON pointer, and fills the plugin's own struct. It also makes reference pages and a
 * JSON Schema from the table.
 */
#ifndef SPORE_OPTION_H
#define SPORE_OPTION_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
enum {                       /* type          JSON                         C field                */
	SPORE_OPT_BOOL = 1,  /*               true                         uint32_t, 0 or 1       */
	SPORE_OPT_INT,       /*               5                            int64_t                */
	SPORE_OPT_NUMBER,    /*               0.5                          double                 */
	SPORE_OPT_STRING,    /*               "x"                          const char *           */
	SPORE_OPT_SECRET,    /*  "x" or where it is: {"file": P}, ...      spore_str, NUL-ended   */
	SPORE_OPT_DURATION,  /*               "1.5s", "200ms", 2 (s)       int64_t, milliseconds  */
	SPORE_OPT_SIZE,      /*               "64k", "1m", 65536           int64_t, bytes         */
	SPORE_OPT_ENUM,      /* of `choices`  "b"                          int64_t, its index     */
	SPORE_OPT_ADDR,      /*               "127.0.0.1:80", "[::1]:80"   spore_addr             */
	SPORE_OPT_IP,        /*               "127.0.0.1", "::1"           spore_addr, port 0     */
	SPORE_OPT_PORT,      /*               0..65535                     int64_t                */
	SPORE_OPT_PORTS,     /*               "20000-21000,22000"          spore_list of
	                                                                   spore_port_range       */
	SPORE_OPT_CIDR,      /*               "10.0.0.0/8", "::1"          spore_cidr             */
	SPORE_OPT_LIST,      /* of `item`     [ ... ]                      spore_list             */
	SPORE_OPT_MAP,       /* of `item`     { "key": ... }               spore_map              */
	SPORE_OPT_OBJECT,    /* of `item`     { ... }                      the struct, in place   */
	SPORE_OPT_NODE,      /*               anything                     const spore_cfg *      */
	SPORE_OPT_SHA256     /*               "sha256:" and 64 hex digits  spore_sha256           */
};
/* clang-format on */

/* Flags of an option.
 *  - SPORE_OPTF_PATH: the STRING, or each string of the LIST or MAP, is a path. A relative path
 *    starts from the configuration's folder.
 *  - SPORE_OPTF_READ, in addition to PATH: create() reads the file, so a change of the file
 *    replaces the instance (host.h, "files that change"). The host refuses a path to a pipe, a
 *    socket or a device.
 *  - SPORE_OPTF_NOT_EMPTY: the operator may leave the STRING, LIST or MAP out, but may not set it
 *    to "", [] or {}. Use the flag where the empty value would switch a check off, or means
 *    nothing. A path in a LIST or MAP is never empty.
 *  - SPORE_OPTF_IDENTITY: the STRING, or each string of the LIST, is the identity of a client. The
 *    host warns of an identity that no auth instance knows (spore_auth_ops.has_identity). Only for
 *    rows of the component's own table, not for those of an OBJECT in it.
 *  - SPORE_OPTF_UNIQUE: the SECRET, or each secret of the MAP, says who a client is. The host warns
 *    if two instances of a chain have the same one. Only for rows of the component's own table.
 *  - SPORE_OPTF_MAX_TUNNELS, SPORE_OPTF_MAX_VISITORS: the INT limits the tunnels or visitors of one
 *    client. On a server, the host warns if it is above the limit of the whole server. Only for
 *    rows of the OBJECTs of a MAP.
 *  - SPORE_OPTF_NAME: the SECRET is a name, such as that of a user, which the operator may want to
 *    hide. The host does not warn of a short one.
 *  - SPORE_OPTF_APPENDS, in addition to PATH: the STRING is a file to which the plugin appends. The
 *    host warns if two options with this flag name one file, or if the host's own log goes there.
 *  - SPORE_OPTF_HOST: the STRING, or each string of the LIST, is a host name or a pattern that a
 *    client may have, as in spore_auth_result.hosts. The host refuses other texts, and a LIST of
 *    more than SPORE_AUTH_HOSTS_MAX.
 *  - SPORE_OPTF_HOST_NAME: the STRING is one host name, no pattern, that a tunnel is to have, as in
 *    spore_route_result.name. The host refuses other texts. It warns of a name that no policy
 *    allows, if the row is of a route plugin: of its own table, or of OBJECTs in a LIST there.
 *  - SPORE_OPTF_INHERITS: a MAP of OBJECTs whose key "*" stands for all keys. What another object
 *    leaves out, the host takes from the object of "*", if there is one. */
enum {
	SPORE_OPTF_REQUIRED = 1,
	SPORE_OPTF_DEPRECATED = 2,
	SPORE_OPTF_PATH = 4,
	SPORE_OPTF_READ = 8,
	SPORE_OPTF_NOT_EMPTY = 16,
	SPORE_OPTF_IDENTITY = 32,
	SPORE_OPTF_INHERITS = 64,
	SPORE_OPTF_UNIQUE = 128,
	SPORE_OPTF_MAX_TUNNELS = 256,
	SPORE_OPTF_MAX_VISITORS = 512,
	SPORE_OPTF_NAME = 1024,
	SPORE_OPTF_APPENDS = 2048,
	SPORE_OPTF_HOST = 4096,
	SPORE_OPTF_HOST_NAME = 8192
};

/* FROZEN. `items` points to `count` values of `stride` bytes, in the order of the file. */
typedef struct spore_list {
	const void *items;
	size_t count, stride;
} spore_list;
/* FROZEN. keys[i] is the key of the i-th value. */
typedef struct spore_map {
	const char *const *keys;
	const void *items;
	size_t count, stride;
} spore_map;

struct spore_option;
/* FROZEN. The type of the elements of a LIST or MAP, or of an OBJECT: a plain type, or OBJECT with
 * a table of its own. */
typedef struct spore_option_item {
	uint32_t type;                      /* SPORE_OPT_* */
	uint32_t size;                      /* sizeof the C type of one element */
	const struct spore_option *options; /* OBJECT: its table */
	uint32_t n_options, option_size;    /* OBJECT: number of rows, sizeof(spore_option) */
} spore_option_item;

typedef struct spore_option {
	const char *name;          /* a letter a-z, then a-z, 0-9 or _, at most 63 in all */
	uint32_t type, flags;      /* SPORE_OPT_*, SPORE_OPTF_* */
	uint32_t offset, reserved; /* offset of the field in the plugin's struct */
	const char *dflt;          /* default as JSON text that fits the row; NULL: none */
	int64_t min, max;          /* INT, DURATION, SIZE, PORT; no bounds if min > max */
	const char *choices;       /* ENUM: "a|b|c" */
	const spore_option_item *item;
	const char *doc; /* one line for the operator: the meaning and the unit */
} spore_option;
SPORE_GROWABLE(spore_option, doc);

/* Macros for the rows of a table. The option has the name of its field, `f`, in the struct `st`. A
 * field of another C type does not compile. `fl` are SPORE_OPTF_*, `lo` and `hi` the bounds, and
 * `dflt` is JSON text or NULL. The initializers are positional because C++17 has no designated
 * initializers. */
/* clang-format off */
#ifdef __cplusplus
extern "C++" {
template <typename Expected, typename Found> struct spore_same_type_;
template <typename Type> struct spore_same_type_<Type, Type> { enum : uint32_t { no_offset = 0 }; };
}
#define SPORE_OPT_AT_(st, f, ctype)                                                                \
	(uint32_t(offsetof(st, f)) +                                                               \
	 spore_same_type_<ctype, decltype(static_cast<st *>(nullptr)->f)>::no_offset)
#else
#define SPORE_OPT_AT_(st, f, ctype)                                                                \
	((uint32_t)offsetof(st, f) + _Generic(&((st *)0)->f, __typeof__(ctype) *: (uint32_t)0))
#endif
#define SPORE_OPT_ROW_(st, f, ctype, type, flags, dflt, lo, hi, choices, item, doc)                \
	{ #f, type, flags, SPORE_OPT_AT_(st, f, ctype), 0, dflt, lo, hi, choices, item, doc }
#define SPORE_BOOL(st, f, fl, dflt, doc)                                                           \
	SPORE_OPT_ROW_(st, f, uint32_t, SPORE_OPT_BOOL, fl, dflt, 1, 0, NULL, NULL, doc)
#define SPORE_INT(st, f, fl, dflt, lo, hi, doc)                                                    \
	SPORE_OPT_ROW_(st, f, int64_t, SPORE_OPT_INT, fl, dflt, lo, hi, NULL, NULL, doc)
#define SPORE_NUMBER(st, f, fl, dflt, doc)                                                         \
	SPORE_OPT_ROW_(st, f, double, SPORE_OPT_NUMBER, fl, dflt, 1, 0, NULL, NULL, doc)
#define SPORE_STRING(st, f, fl, dflt, doc)                                                         \
	SPORE_OPT_ROW_(st, f, const char *, SPORE_OPT_STRING, fl, dflt, 1, 0, NULL, NULL, doc)
#define SPORE_SECRET(st, f, fl, doc)                                                               \
	SPORE_OPT_ROW_(st, f, spore_str, SPORE_OPT_SECRET, fl, NULL, 1, 0, NULL, NULL, doc)
#define SPORE_DURATION(st, f, fl, dflt, lo, hi, doc)                                               \
	SPORE_OPT_ROW_(st, f, int64_t, SPORE_OPT_DURATION, fl, dflt, lo, hi, NULL, NULL, doc)
#define SPORE_SIZE(st, f, fl, dflt, lo, hi, doc)                                                   \
	SPORE_OPT_ROW_(st, f, int64_t, SPORE_OPT_SIZE, fl, dflt, lo, hi, NULL, NULL, doc)
#define SPORE_ENUM(st, f, fl, dflt, choices, doc)                                                  \
	SPORE_OPT_ROW_(st, f, int64_t, SPORE_OPT_ENUM, fl, dflt, 1, 0, choices, NULL, doc)
#define SPORE_ADDR(st, f, fl, dflt, doc)                                                           \
	SPORE_OPT_ROW_(st, f, spore_addr, SPORE_OPT_ADDR, fl, dflt, 1, 0, NULL, NULL, doc)
#define SPORE_IP(st, f, fl, dflt, doc)                                                             \
	SPORE_OPT_ROW_(st, f, spore_addr, SPORE_OPT_IP, fl, dflt, 1, 0, NULL, NULL, doc)
#define SPORE_PORT(st, f, fl, dflt, lo, hi, doc)                                                   \
	SPORE_OPT_ROW_(st, f, int64_t, SPORE_OPT_PORT, fl, dflt, lo, hi, NULL, NULL, doc)
#define SPORE_PORTS(st, f, fl, dflt, doc)                                                          \
	SPORE_OPT_ROW_(st, f, spore_list, SPORE_OPT_PORTS, fl, dflt, 1, 0, NULL, NULL, doc)
#define SPORE_CIDR(st, f, fl, dflt, doc)                                                           \
	SPORE_OPT_ROW_(st, f, spore_cidr, SPORE_OPT_CIDR, fl, dflt, 1, 0, NULL, NULL, doc)
#define SPORE_SHA256(st, f, fl, dflt, doc)                                                         \
	SPORE_OPT_ROW_(st, f, spore_sha256, SPORE_OPT_SHA256, fl, dflt, 1, 0, NULL, NULL, doc)
#define SPORE_LIST(st, f, fl, item, doc)                                                           \
	SPORE_OPT_ROW_(st, f, spore_list, SPORE_OPT_LIST, fl, NULL, 1, 0, NULL, item, doc)
#define SPORE_MAP(st, f, fl, item, doc)                                                            \
	SPORE_OPT_ROW_(st, f, spore_map, SPORE_OPT_MAP, fl, NULL, 1, 0, NULL, item, doc)
#define SPORE_OBJECT(st, f, ctype, fl, item, doc)                                                  \
	SPORE_OPT_ROW_(st, f, ctype, SPORE_OPT_OBJECT, fl, NULL, 1, 0, NULL, item, doc)
#define SPORE_NODE(st, f, fl, doc)                                                                 \
	SPORE_OPT_ROW_(st, f, const spore_cfg *, SPORE_OPT_NODE, fl, NULL, 1, 0, NULL, NULL, doc)
/* clang-format on */

#ifdef __cplusplus
}
#endif
#endif
