/* answers - the addresses of the names that were looked up, and how long each may be used. A table
 * of bounded size. Pure: the caller gives the time, by clock_ms, and serializes the calls.
 *
 * The age of an answer, since the name service gave or repeated it:
 *
 *   0 ─ ANSWERS_RENEW_MS ─ ANSWERS_AGE_MS ────────────────────── ANSWERS_MOST_MS ─
 *      FRESH            DUE              OLD                                     NONE
 *      used             used, and        used only if the name service
 *                       renewed          gives no answer
 *
 * Each failure of the name service makes an old answer usable for another ANSWERS_AGE_MS, up to
 * ANSWERS_MOST_MS. So a short outage of the name service ends no tunnel. The limit is there
 * because a name may have moved, and a stranger may answer at its old address. */
#ifndef CORE_ANSWERS_H
#define CORE_ANSWERS_H

#include <spore/base.h>
#include <stddef.h>
#include <stdint.h>

enum { ANSWERS_RENEW_MS = 1000, ANSWERS_AGE_MS = 2000, ANSWERS_MOST_MS = 60000 };
/* Addresses of one name. */
enum { ANSWERS_MAX = 16 };
/* Names. One more overwrites the one that came first. */
enum { ANSWERS_NAMES = 256 };

enum answer_state { ANSWER_NONE, ANSWER_OLD, ANSWER_DUE, ANSWER_FRESH };

struct answer {
	char *name;       /* owned */
	int64_t given_ms; /* when the name service gave it */
	int64_t until_ms; /* until then it is FRESH or DUE */
	size_t n;
	spore_addr addrs[ANSWERS_MAX]; /* without a port */
	spore_addr preferred; /* connected when an earlier address did not; family 0: none */
};

/* Zero-initialized: empty. */
struct answers {
	struct answer all[ANSWERS_NAMES];
	size_t n, next; /* entries in use; the one to overwrite next */
};

void answers_fini(struct answers *answers);
/* The name service has given these addresses. Also brings the preferred one to the front. n is at
 * least 1. */
void answers_keep(struct answers *answers, const char *name, spore_addr *addrs, size_t n,
                  int64_t now_ms);
/* The name service has failed to answer: the old answer may be used for another ANSWERS_AGE_MS. */
void answers_extend(struct answers *answers, const char *name, int64_t now_ms);
/* The name does not exist. */
void answers_forget(struct answers *answers, const char *name);
/* No connection to any of the addresses has succeeded: a FRESH or DUE answer becomes OLD. */
void answers_doubt(struct answers *answers, const char *name, int64_t now_ms);
/* A connection to this address has succeeded: it comes first from now on, in later answers too. */
void answers_prefer(struct answers *answers, const char *name, const spore_addr *addr);
/* *n_out addresses, without a port; 0 for ANSWER_NONE. */
enum answer_state answers_find(const struct answers *answers, const char *name, int64_t now_ms,
                               spore_addr addrs_out[ANSWERS_MAX], size_t *n_out);

#endif
