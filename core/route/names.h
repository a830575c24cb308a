/* names - the host names of all tunnels, and which tunnel has each of them.
 *
 * A name has one holder, or several that serve one public port together (share/share). It may also
 * be a pattern such as "*.example.com", which holds all names that end in it and that no exact name
 * or longer pattern holds. All workers share the table: a visitor's look-up takes its lock for
 * reading, and a tunnel that opens or closes for writing. */
#ifndef CORE_NAMES_H
#define CORE_NAMES_H

#include <spore/auth.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/hostname.h"

struct account;
struct names;
struct names_claim;

/* Who holds a name that another client wants. For the log: a client is not told. */
struct names_clash {
	char name[HOSTNAME_SIZE];
	char holder[SPORE_IDENTITY_MAX + 1]; /* its identity; "": it has none */
	uint64_t tunnel;                     /* the holder's: see server_new_id */
};

enum names_result { NAMES_CLAIMED, NAMES_CLASH, NAMES_NO_MEMORY };

/* NULL: out of memory. [main] */
struct names *names_new(void);
/* All claims have been released. NULL is fine. [main] */
void names_free(struct names *names);

/* Claims all these names for the account's tunnel, or none. The texts come from hostname_read. A
 * name that another tunnel of the same owner holds moves to this tunnel, so that a client that was
 * lost and comes back gets its names. It returns when this tunnel releases it. The tunnels of one
 * share have it together. Without
 * authentication nobody can tell owners apart, so no name moves. *clash_out is set with
 * NAMES_CLASH. [any] */
enum names_result names_claim(struct names *names, struct account *account,
                              const char *const *texts, size_t n, struct names_claim **claim_out,
                              struct names_clash *clash_out);
/* The tunnel has another account from now on. [any] */
void names_claim_change(struct names_claim *claim, struct account *account);
/* Numbers that stand for the names and patterns of the claim, for comparison; never 0. Borrowed;
 * they do not change, also if names move to another tunnel. NULL as claim is fine: it has none.
 * [any] */
const uint64_t *names_claim_keys(const struct names_claim *claim, size_t *n_out);
/* The tunnel that the name number i of the claim has moved from; 0: none. [any] */
uint64_t names_claim_loser(const struct names_claim *claim, size_t i);
/* Writes what the tunnel of the claim holds now, one text behind the other, each with its NUL. An
 * empty text ends them. What has moved to another tunnel is left out, and so is what does not fit.
 * NULL as claim is fine: it holds nothing. Returns the number of texts. [any] */
enum { NAMES_LIST_SIZE = 1024 + 1 }; /* as many as a client can ask for (wire/about) */
size_t names_claim_list(const struct names_claim *claim, char out[NAMES_LIST_SIZE]);
/* How many names and patterns are held, and by how many tunnels. [any] */
struct names_number {
	size_t names, tunnels;
};
struct names_number names_count(struct names *names);
/* The tunnel's names return to the tunnels that had them before, or are free again. NULL is fine.
 * [any] */
void names_release(struct names_claim *claim);

/* The account of the tunnel, or one of the tunnels, that holds this name, which comes from
 * hostname_read: the exact name, or else the longest pattern. *key_out stands for what it holds:
 * see names_claim_keys. NULL: nobody does. The caller gets a reference. [any] */
struct account *names_find(struct names *names, const char *name, uint64_t *key_out);

#endif
