/* attempt - one client that wants to get in, while the directory is asked about it on a thread of
 * the instance, whose threads and queue are limited. */
#ifndef AUTH_LDAP_ATTEMPT_H
#define AUTH_LDAP_ATTEMPT_H

#include "../common/password_answer.h"
#include "instance.h"

struct attempt {
	struct ldap_instance *all;
	spore_ticket ticket;
	uint32_t purpose; /* SPORE_AUTH_* */
	uint64_t session; /* DATA, RENEW */
	char name[DIRECTORY_NAME_SIZE];
	char password[PASSWORD_ANSWER_ROOM + 1]; /* RENEW: none */
	uint8_t mac[TUNNELS_MAC_SIZE];           /* of the password */
	struct inquiry inquiry;                  /* with the result */
	/* Private. */
	void (*on_done)(struct attempt *attempt);
	struct attempt *next, **link; /* among those of the worker */
	atomic_bool cancelled;
};

/* NULL: out of memory. The caller fills what is not private. [worker] */
struct attempt *attempt_new(void);
/* Wipes and frees. Accepts NULL. [worker] */
void attempt_free(struct attempt *attempt);
/* Asks the directory. on_done() gets the result, unless the attempt was cancelled; then it is freed.
 * Returns SPORE_OK, or what offload() returns; then the caller frees it. [worker] */
spore_status attempt_start(struct attempt *attempt, spore_worker *worker, struct attempt **list,
                           void (*on_done)(struct attempt *attempt));
/* The attempt with this ticket, if there is one, has no result, and costs nothing if it has not
 * begun. [worker] */
void attempt_cancel(struct attempt *list, spore_ticket ticket);

#endif
