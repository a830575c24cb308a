/* attempt - the clients about whom the directory is being asked, on threads of the instance. The
 * host limits how many threads there are and how many clients wait for one. */
#ifndef AUTH_LDAP_ATTEMPT_H
#define AUTH_LDAP_ATTEMPT_H

#include "../common/password_answer.h"
#include "instance.h"

struct attempts;

/* One client. The caller sets the first members; the others are zero. */
struct attempt {
	struct ldap_instance *ldap;
	spore_ticket ticket;
	uint32_t purpose; /* SPORE_AUTH_* */
	uint64_t session; /* of the tunnel, with DATA and RENEW */
	char name[LOOKS_NAME_SIZE];
	char password[PASSWORD_ANSWER_ROOM + 1]; /* RENEW: none; wiped once asked */
	uint8_t mac[TUNNELS_MAC_SIZE];           /* of the password */
	struct inquiry inquiry;                  /* with the result */
	/* Private. */
	struct attempts *of;
	atomic_bool cancelled;
	struct attempt *next, **link; /* in the list `first`; *link points to this one */
	struct attempt *next_ended;
};

/* The attempts of one worker. */
struct attempts {
	const spore_host *host;
	spore_worker *worker;
	void (*on_done)(struct attempt *attempt);
	struct attempt *first;              /* all of them */
	struct attempt *ended, **last_link; /* a list: those whose verdict is to be passed on */
	spore_timer next_turn;
};

/* on_done() gets each attempt that has a result. The attempt is freed afterwards. False: out of
 * memory. [worker] */
bool attempts_start(struct attempts *attempts, const spore_host *host, spore_worker *worker,
                    void (*on_done)(struct attempt *attempt));
/* Frees those that are left, without on_done(). Call it only when no thread asks about one.
 * [worker] */
void attempts_stop(struct attempts *attempts);
/* Asks the directory. Takes the attempt in any case. SPORE_OK: on_done() will be called, unless the
 * attempt is cancelled. Otherwise it returns what offload() has returned. [worker] */
spore_status attempts_add(struct attempts *attempts, struct attempt *attempt);
/* Cancels the attempt with this ticket, if there is one: on_done() will not be called, and if no
 * thread has begun, the directory is not asked. [worker] */
void attempts_cancel(struct attempts *attempts, spore_ticket ticket);

#endif
