/* roster - all names, each with its key and its policy. Built on main and read-only afterwards, so
 * all workers share it. */
#ifndef ROSTER_H
#define ROSTER_H

#include <spore/base.h>

#include "../common/binding.h"
#include "../common/bore_key.h"
#include "../common/client/policy.h"

enum { ROSTER_NAME_MAX = 64, ROSTER_MAX = 10000 };

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
/* [any] */
bool roster_has(const struct roster *roster, const char *name);
void roster_fini(struct roster *roster);

enum roster_outcome { ROSTER_FOUND, ROSTER_UNKNOWN, ROSTER_FAILED /* OpenSSL failed */ };

/* Finds the name whose key gives this tag. Tries every key, even after a match, so that the time
 * reveals nothing. [worker] */
enum roster_outcome roster_find(const struct roster *roster, EVP_MD_CTX *scratch,
                                const struct binding_message *message,
                                const uint8_t tag[BORE_TAG_SIZE], const struct member **member_out);
/* Checks the tag against the member of this name only. An unknown name takes as long as a known
 * one. [worker] */
enum roster_outcome roster_check_name(const struct roster *roster, const char *name,
                                      EVP_MD_CTX *scratch, const struct binding_message *message,
                                      const uint8_t tag[BORE_TAG_SIZE],
                                      const struct member **member_out);
/* Checks the tag against one member only. [worker] */
enum roster_outcome roster_check(const struct member *member, EVP_MD_CTX *scratch,
                                 const struct binding_message *message,
                                 const uint8_t tag[BORE_TAG_SIZE]);

#endif
