/* roster - who may come in: each one's name, key, and what it may do. Built on main; read-only
 * afterwards, so all workers share it. */
#ifndef ROSTER_H
#define ROSTER_H

#include <spore/option.h>

#include "../common/binding.h"
#include "../common/bore_key.h"

enum { ROSTER_NAME_MAX = 64, ROSTER_MAX = 10000 };

/* What a name may do; zero and empty: no bound. */
struct policy {
	spore_list ports; /* of spore_port_range; borrowed from the configuration */
	int64_t max_tunnels, max_conns;
	int64_t life; /* ms */
};

struct member {
	char name[ROSTER_NAME_MAX + 1];
	struct bore_key key;
	struct policy policy;
	unsigned line; /* in the file of secrets; 0: it stands in the configuration */
};

struct roster {
	struct member *members; /* owned */
	size_t n, room;
};

/* 1 to 64 letters, digits or any of . _ @ + - : what a log, a label and a line of the file can
 * hold. */
bool roster_name_is_good(spore_str name);
/* NULL when OpenSSL or memory fails. The name is good, the roster not full. [main] */
struct member *roster_add(struct roster *roster, spore_str name, spore_str secret);
void roster_fini(struct roster *roster);

enum roster_outcome { ROSTER_FOUND, ROSTER_UNKNOWN, ROSTER_FAILED /* OpenSSL has */ };

/* Whose tag of the message it is. Every key is tried, whichever fits, so how long it takes tells
 * nothing. [worker] */
enum roster_outcome roster_find(const struct roster *roster, EVP_MD_CTX *scratch,
                                const struct binding_message *message,
                                const uint8_t tag[BORE_TAG_SIZE], const struct member **member_out);
/* Whether it is this one's. [worker] */
enum roster_outcome roster_check(const struct member *member, EVP_MD_CTX *scratch,
                                 const struct binding_message *message,
                                 const uint8_t tag[BORE_TAG_SIZE]);

#endif
