/* inquiry - what is asked of the directory about one client, on one line: the search for its entry,
 * the bind with its password, and the search for its groups. looks.h uses parts of it. */
#ifndef AUTH_LDAP_INQUIRY_H
#define AUTH_LDAP_INQUIRY_H

#include "connection/lines.h"
#include "entry.h"

enum directory_says { DIRECTORY_FAILED, DIRECTORY_YES, DIRECTORY_NO };

/* A question about one client. */
struct inquiry {
	const char *name;
	/* NULL: the client is not there to tell it. Then the service account only reads the entry
	 * and the groups. */
	const char *password;
	/* the answer */
	enum directory_says says;
	struct facts facts; /* YES */
	/* NO: its text says why. FAILED: the fault, which has been logged unless it is
	 * ASK_BAD_ENTRY */
	struct fault fault;
};

#define INQUIRY_ELSEWHERE "another directory has its entry, and referrals are not followed"

/* Sets inquiry->says to YES or NO. False: it failed, and the fault says why. [blocking] */
bool inquiry_run(const struct settings *settings, struct line *line, struct inquiry *inquiry,
                 int64_t deadline_ms, struct fault *fault);

/* The parts that a look has, too. */

/* Writes the filter of a client's entry. False: it would be too long. [any] */
bool inquiry_filter(const struct settings *settings, const char *name, char out[ESCAPE_FILTER_SIZE],
                    struct fault *fault);
/* The search for a client's groups, without its filter. [any] */
struct link_search inquiry_groups(const struct settings *settings);
/* Judges how that search has ended. said: what the directory said of it. True: *says is YES, or NO
 * for the reason *why. False: it failed, and *fault says why. [any] */
bool inquiry_judge_groups(const struct settings *settings, LDAP *link,
                          const struct link_found *found, const struct fault *said,
                          struct facts *facts, enum directory_says *says, struct fault *why,
                          struct fault *fault);

#endif
