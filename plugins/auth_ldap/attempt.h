/* attempt - clients that want to get in, while the directory is asked about them on threads of the
 * instance, whose threads and queue are limited. */
#ifndef AUTH_LDAP_ATTEMPT_H
#define AUTH_LDAP_ATTEMPT_H

#include "../common/password_answer.h"
#include "instance.h"

struct attempts;

/* One client. Zeroed, but for what the caller fills in. */
struct attempt {
	struct ldap_instance *all;
	spore_ticket ticket;
	uint32_t purpose; /* SPORE_AUTH_* */
	uint64_t session; /* DATA, RENEW */
	char name[LOOKS_NAME_SIZE];
	char password[PASSWORD_ANSWER_ROOM + 1]; /* RENEW: none; wiped once asked */
	uint8_t mac[TUNNELS_MAC_SIZE];           /* of the password */
	struct inquiry inquiry;                  /* with the result */
	/* Private. */
	struct attempts *of;
	atomic_bool cancelled;
	struct attempt *next, **link; /* among those of the worker */
	struct attempt *next_ended;
};

/* Those of one worker. */
struct attempts {
	const spore_host *host;
	spore_worker *worker;
	void (*on_done)(struct attempt *attempt);
	struct attempt *first;              /* all of them */
	struct attempt *ended, **last_link; /* whose verdict is to be passed on */
	spore_timer next_turn;
};

/* on_done() gets each result, which is freed afterwards. False: out of memory. [worker] */
bool attempts_start(struct attempts *attempts, const spore_host *host, spore_worker *worker,
                    void (*on_done)(struct attempt *attempt));
/* Frees those that are left, without a result. None is with the directory. [worker] */
void attempts_stop(struct attempts *attempts);
/* Asks the directory. Owns the attempt from now on. Returns SPORE_OK if on_done() will be called,
 * unless the attempt is cancelled; or what offload() returns. [worker] */
spore_status attempts_add(struct attempts *attempts, struct attempt *attempt);
/* The attempt with this ticket, if there is one, has no result, and costs nothing if it has not
 * begun. [worker] */
void attempts_cancel(struct attempts *attempts, spore_ticket ticket);

#endif
