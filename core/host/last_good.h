/* last_good - whom an auth instance has let in, and how to recognise them while its back-end fails.
 *
 * An entry holds a verifier, which only the plugin understands, and the grant that came with it. It
 * begins with an ALLOW of the back-end and is good while a tunnel of such an ALLOW is open, and for
 * a time afterwards. An ALLOW that an entry has given does not extend it.
 *
 * Each instance with "on_error": "last_good" has a store. An instance that replaces it shares the
 * store if its configuration is the same (chain/maker). All workers share the store. Its lock is
 * held for a few instructions, or for one walk through a bucket or through all entries. Verifiers
 * are wiped before they are freed. */
#ifndef CORE_LAST_GOOD_H
#define CORE_LAST_GOOD_H

#include <spore/auth.h>
#include <stdbool.h>

#include "host/grant.h"
#include "host/revisions.h"

struct good_entry;
struct last_good;
struct metrics;

/* The most entries of a store whose hint is not 0, and of those whose hint is 0. All of the latter
 * may have to be tried for one answer. */
enum { LAST_GOOD_MAX_HINTED = 10000, LAST_GOOD_MAX_UNHINTED = 256 };

/* NULL: out of memory. gauge: a series to which the number of entries is added; 0: none. [any] */
struct last_good *last_good_new(struct metrics *metrics, uint32_t gauge);
/* NULL is fine for both. [any] */
struct last_good *last_good_ref(struct last_good *store);
void last_good_unref(struct last_good *store);

/* The back-end has allowed a client. Takes the grant's verifier, if it has one. Replaces the entry
 * of this identity and hint. Returns the entry, which the caller gives to last_good_release when
 * the client's tunnel ends. NULL: there is no verifier, no room or no memory, or the identity was
 * revised after the stamp. So whoever calls revisions_add(), then last_good_forget(), has removed
 * all older entries for good. store: may be NULL. [any] */
struct good_entry *last_good_put(struct last_good *store, struct grant *grant,
                                 const struct revision_stamp *asked, int64_t now_ms);
/* The tunnel has ended: the entry's time begins. NULL is fine as the entry. [any] */
void last_good_release(struct last_good *store, struct good_entry *entry, int64_t now_ms);

/* ---- looking for the entry that accepts an answer ---- */

struct good_search {
	struct last_good *store;
	int64_t now_ms, for_ms;  /* entries are good for this time */
	const uint64_t *session; /* only entries of this session; NULL: all */
	/* Private. */
	uint64_t hint;
	struct good_entry **found; /* owned; refs */
	size_t n, at; /* found[at - 1] was shown last; 0: none yet; n + 1: all were shown */
	bool has_looked;
	spore_verifier shown;
};

/* The next good entry with this hint, the latest first; NULL: that was the last one. Another hint
 * starts a new search. [any] */
const spore_verifier *good_search_next(struct good_search *search, uint64_t hint);
/* False: the last call has shown none. [any] */
bool good_search_has_shown(const struct good_search *search);
/* A copy of the grant of the entry that was shown last. *age_ms_out: the time since the last ALLOW,
 * or since the end of the last tunnel; 0: a tunnel is open. NULL: out of memory. [any] */
struct grant *good_search_take(const struct good_search *search, int64_t *age_ms_out);
/* Removes the entry that was shown last. [any] */
void good_search_remove(struct good_search *search);
void good_search_fini(struct good_search *search);

/* ---- changes ---- */

/* Removes all entries of an identity, or those of one session. session: NULL for all. [any] */
void last_good_forget(struct last_good *store, spore_str identity, const uint64_t *session);
/* Gives the same entries the policy of this grant; they keep identity and session. If memory is
 * out, they are removed. [any] */
void last_good_change(struct last_good *store, spore_str identity, const uint64_t *session,
                      const struct grant *policy);
/* Removes the entries whose time is over. [any] */
void last_good_expire(struct last_good *store, int64_t now_ms, int64_t for_ms);
/* [any] */
bool last_good_is_empty(struct last_good *store);

#endif
