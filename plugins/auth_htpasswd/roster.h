/* roster - the names of the password file, each with its hash, its limits and its seal. Built on
 * main and read-only afterwards, except for what the seals remember, so all workers share it. */
#ifndef AUTH_HTPASSWD_ROSTER_H
#define AUTH_HTPASSWD_ROSTER_H

#include <spore/plugin.h>
#include <stdbool.h>

#include "../common/client/policy.h"
#include "policy_file.h"
#include "seal.h"

enum { ROSTER_MAX = 20000 };

struct conf {
	const char *file;
	spore_map policy;        /* of struct policy, by name; "*": all names */
	const char *policy_file; /* or NULL */
};

struct member {
	char *name, *hash; /* owned */
	struct seal *seal; /* ref; NULL: the name is locked */
	/* The session value of all tunnels of this name. It is computed from the name and the text
	 * of the hash. So it is the same in every roster that has both, and in no other. Not 0. */
	uint64_t session;
	struct policy policy;
	unsigned line;  /* in the file */
	bool is_locked; /* no password fits, and `hash` is none */
	bool has_policy;
};

struct roster {
	struct member *members; /* owned; sorted by name */
	size_t n, room;
	const struct member **hashed; /* owned; the members that are not locked */
	size_t n_hashed;
	struct policy_file policies; /* the members' policies borrow from it */
	uint8_t key[32];             /* random; chooses who stands in for an unknown name */
};

/* Reads the files of the configuration, and reports every mistake with its place. A policy for a
 * name that is not there, and a file without a name that can log in, are only warned of, because a
 * client can be revoked by removing its line alone. `previous`: the roster whose seals and key it
 * takes on, or NULL. True: no mistakes. The caller must call roster_fini in any case. [main] */
bool roster_read(struct roster *roster, const spore_create_args *args,
                 const struct roster *previous);
void roster_fini(struct roster *roster);

/* NULL: there is no such name. [any] */
const struct member *roster_find(const struct roster *roster, const char *name);
/* For an unknown or locked name: the member whose hash is computed instead, so that all names take
 * the same time. It is the same one for each try of this name. NULL: all names are locked, or there
 * are none. [any] */
const struct member *roster_stand_in(const struct roster *roster, const spore_host *host,
                                     const char *name);

#endif
