/* lines - connections to the directory that are kept open between questions. All threads share
 * them; each line is used by one thread at a time. */
#ifndef AUTH_LDAP_LINES_H
#define AUTH_LDAP_LINES_H

#include <pthread.h>

#include "link.h"

/* Two connections to one place, since a bind changes what a connection may do. */
struct line {
	const struct place *place;
	LDAP *service, *user; /* owned; NULL: not open */
	int64_t opened_ms;
	bool was_kept; /* an earlier question has used it */
	struct line *next;
};

struct lines {
	const struct settings *settings;
	pthread_mutex_t lock; /* held for a few instructions */
	struct line *idle;    /* owned; the latest first */
	size_t n_idle;
};

/* [main] */
void lines_init(struct lines *lines, const struct settings *settings);
/* Closes those that are idle. [main] */
void lines_fini(struct lines *lines);
/* A kept line to this place, or a new one, whose connections are not open yet. NULL: out of
 * memory. [blocking] */
struct line *lines_take(struct lines *lines, const struct place *place);
/* The same, but always a new one. [blocking] */
struct line *lines_new(const struct place *place);
/* Keeps it for the next question, if it is fit for that. [blocking] */
void lines_give(struct lines *lines, struct line *line);
/* Closes it. Accepts NULL. [blocking] */
void lines_drop(struct line *line);

/* The connection for clients' binds, opened if need be. NULL: the fault says why. [blocking] */
LDAP *line_user(struct line *line, const struct settings *settings, int64_t deadline_ms,
                struct fault *fault);
/* The connection that is bound as the service account. NULL: the fault says why. [blocking] */
LDAP *line_service(struct line *line, const struct settings *settings, int64_t deadline_ms,
                   struct fault *fault);

#endif
