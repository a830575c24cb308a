/* lookup - the addresses of the service's host, for one worker: looked up by the host, and again
 * when they are old and needed. */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "../common/remote/service.h"

enum {
	LOOKUP_LIFE_MS = 30000, /* the age at which addresses are looked up again */
	LOOKUP_RETRY_MS = 1000, /* the pause after a look-up that has failed */
	LOOKUP_MAX = 8          /* addresses of one look-up that are used */
};

struct lookup {
	const spore_host *host;
	spore_worker *worker;
	const struct service *service;
	spore_resolve running; /* {0}: none runs */
	int64_t next_ms;       /* the next one begins then at the earliest */
	/* Owned; in the form of CURLOPT_RESOLVE; NULL: none are known. They are used until a
	 * look-up has found others, even if they are old. */
	char *addresses;
	/* A look-up has ended, with or without addresses. [worker] */
	void (*on_end)(void *arg);
	void *arg;
};

enum lookup_state { LOOKUP_READY, LOOKUP_RUNS, LOOKUP_FAILED };

/* Says whether requests can be made, and begins a look-up if one is due. With LOOKUP_READY,
 * `addresses` is NULL only if the service needs no look-up. [worker] */
enum lookup_state lookup_need(struct lookup *lookup);
/* [worker] */
void lookup_stop(struct lookup *lookup);

#endif
