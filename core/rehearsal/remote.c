#include "rehearsal/remote.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments/exit_status.h"
#include "commands/ctl_ask.h"
#include "process/complaint.h"
#include "rehearsal/asking.h"
#include "rehearsal/print.h"
#include "rehearsal/socket_owner.h"
#include "json/parse.h"

/* How long to wait for the server, besides the time that the chain may take. */
enum { WAIT_MS = 30000 };

/* Reads the challenge; zero if the server makes none. False: the text is something else. */
static bool read_challenge(const char *text, size_t len, struct uuid *challenge_out,
                           int64_t *limit_ms_out)
{
	struct json_doc *doc = json_doc_new();
	struct json_source *source = doc ? json_source_add(doc, "answer", text, len) : NULL;
	struct json_error error;
	const struct json *answer = source ? json_parse(doc, source, &error) : NULL;
	const struct json *challenge = json_get(answer, "challenge");
	const struct json *limit = json_get(answer, "limit_ms");
	bool good = challenge && limit && limit->type == JSON_NUMBER;

	*challenge_out = (struct uuid){ { 0 } };
	*limit_ms_out = good ? (int64_t)limit->number : 0;
	if (good && challenge->type == JSON_STRING)
		good = uuid_parse(challenge->raw, challenge->len, challenge_out);
	json_doc_free(doc);
	return good;
}

/* Like ctl_ask, but sends the line only to a process that may see a secret. */
static char *ask_server(const char *socket, const char *line, int wait_ms, size_t *len_out,
                        struct err *err)
{
	int fd = ctl_connect(socket, err);
	char *answer = NULL;

	if (fd < 0)
		return NULL;
	if (socket_owner_is_trusted(fd, socket, err))
		answer = ctl_ask_on(fd, socket, line, wait_ms, len_out, err);
	close(fd);
	return answer;
}

/* False: the reason was printed, and *status_out is the exit status. */
static bool get_challenge(struct asking *asking, const char *socket, int64_t *limit_ms_out,
                          int *status_out)
{
	const char *line = asking->question.facts.secure ? "auth-challenge secure\n"
	                                                 : "auth-challenge insecure\n";
	struct err err;
	size_t len;
	char *answer = ask_server(socket, line, WAIT_MS, &len, &err);
	bool good = answer &&
	            read_challenge(answer, len, &asking->question.facts.challenge, limit_ms_out);

	*status_out = EXIT_FAILED;
	if (!answer)
		complain(err.text);
	else if (!good)
		print_answer(answer, len, asking->as_json, stdout);
	free(answer);
	return good;
}

static int ask_chain(const struct asking *asking, const char *socket, int64_t limit_ms)
{
	char line[ADMIN_TRIAL_LINE], *answer = NULL;
	struct err err = { "the client's answer is too long" };
	int status = EXIT_FAILED;
	size_t len;

	if (admin_trial_format(&asking->question, line))
		answer = ask_server(socket, line, (int)(WAIT_MS + limit_ms), &len, &err);
	crypto_wipe(line, sizeof line);
	if (answer)
		status = print_answer(answer, len, asking->as_json, stdout);
	else
		complain(err.text);
	free(answer);
	return status;
}

int remote_ask(struct asking *asking, const char *socket)
{
	static const struct uuid none;
	int64_t limit_ms;
	int status;

	if (!get_challenge(asking, socket, &limit_ms, &status))
		return status;
	if (!uuid_equal(&asking->question.facts.challenge, &none) &&
	    !answerer_ask(&asking->answerer, &asking->question.facts, limit_ms,
	                  asking->question.answer))
		return EXIT_FAILED;
	return ask_chain(asking, socket, limit_ms);
}
