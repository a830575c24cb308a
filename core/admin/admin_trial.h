/* admin_trial - the admin commands of `spore auth test`: a challenge, and what the auth chain says
 * to an answer. The answer may hold a password: it is never shown. [main]
 *
 *   auth-challenge secure                               ─▶ { "challenge": UUID or null, ... }
 *   auth-test secure 192.0.2.1:7 0 CHALLENGE HEX         ─▶ { "verdict": "allow", ... }
 *
 * The words are: "secure" for a connection over TLS, or else "insecure"; the client's address; the
 * public port that the client asks for; the challenge; and the answer in hexadecimal. "-" in place
 * of one of the last two means that there is none. */
#ifndef CORE_ADMIN_TRIAL_H
#define CORE_ADMIN_TRIAL_H

#include "verdict/trial.h"
#include "json/jsonout.h"

struct config;
struct plugin_set;

/* A command line with the longest answer. */
enum { ADMIN_TRIAL_LINE = 640 };

struct admin_trial_question {
	struct stand_in_facts facts; /* without the local address */
	uint16_t port;
	char answer[SPORE_AUTH_ANSWER_MAX + 1]; /* wipe it after its use */
};

/* Reads what follows the command's name, and cuts the text in place. False: it is not such a
 * question. */
bool admin_trial_read(char *text, struct admin_trial_question *question_out);
/* Writes such a line, with its newline; wipe it after its use. False: it is too long. */
bool admin_trial_format(const struct admin_trial_question *question, char out[ADMIN_TRIAL_LINE]);

/* What trial_start needs for the question, without the loops and the callback. The set is borrowed.
 */
struct trial_plan admin_trial_plan(const struct admin_trial_question *question,
                                   struct plugin_set *set);
/* Writes the members of the answer to auth-challenge. */
void admin_trial_write_challenge(const struct plugin_set *set, bool secure, struct jsonout *json);
/* Writes the members of the answer to auth-test; "error" if the worker hangs. The verdict is the
 * server's, which may refuse a tunnel to a client that the chain allows. */
void admin_trial_write(const struct trial_report *report, const struct config *config,
                       struct jsonout *json);

#endif
