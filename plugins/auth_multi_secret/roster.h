/* roster - all names, each with its key and its policy. Built on main and read-only afterwards, so
 * all workers share it. */
#ifndef ROSTER_H
#define ROSTER_H

#include <spore/option.h>

#include "../common/binding.h"
#include "../common/bore_key.h"

enum { ROSTER_NAME_MAX = 64, ROSTER_MAX = 10000 };

/* The limits of a name; zero and empty: no limit. */
struct policy {
	spore_list ports; /* of spore_port_range; borrowed from the configuration */
	int64_t max_tunnels, max_conns;
	int64_t life; /* ms */
};

struct member {
	char name[ROSTER_NAME_MAX + 1];
	struct bore_key key;
	struct policy policy;
	unsigned line; /* in the secrets file; 0: it is in the configuration */
};

struct roster {
	struct member *members; /* owned */
	size_t n, room;
};

/* True: 1 to 64 letters, digits or any of . _ @ + - so that logs, labels and the secrets file can
 * hold it. */
bool roster_name_is_good(spore_str name);
/* The name must be good and the roster not full. NULL: OpenSSL or memory failed. [main] */
struct member *roster_add(struct roster *roster, spore_str name, spore_str secret);
void roster_fini(struct roster *roster);

enum roster_outcome { ROSTER_FOUND, ROSTER_UNKNOWN, ROSTER_FAILED /* OpenSSL failed */ };

/* Finds the name whose key gives this tag. Tries every key, even after a match, so that the time
 * reveals nothing. [worker] */
enum roster_outcome roster_find(const struct roster *roster, EVP_MD_CTX *scratch,
                                const struct binding_message *message,
                                const uint8_t tag[BORE_TAG_SIZE], const struct member **member_out);
/* Checks the tag against one member only. [worker] */
enum roster_outcome roster_check(const struct member *member, EVP_MD_CTX *scratch,
                                 const struct binding_message *message,
                                 const uint8_t tag[BORE_TAG_SIZE]);

#endif
