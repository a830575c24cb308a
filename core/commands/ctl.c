#include "commands/ctl.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin_socket.h"
#include "arguments/arguments.h"
#include "arguments/exit_status.h"
#include "commands/ctl_ask.h"
#include "quota/kick.h"
#include "show/answer.h"
#include "show/escaped.h"
#include "json/json.h"
#include "json/parse.h"

/* The longest operand that is sent: a path. The server reads 640 bytes. */
enum { SENT_SIZE = 512 };

struct request {
	const char *socket, *command, *operand;
	bool as_json;
};

#define SOCKET_VARIABLE "SPORE_ADMIN_SOCKET"

/* A reload may wait for another one, and each of them for the longest plugins.start_timeout. An
 * upgrade waits for it twice, for the check and for the start, and each may take a minute more. */
enum { WAIT_MS = 30000, RELOAD_WAIT_MS = 660000, UPGRADE_WAIT_MS = RELOAD_WAIT_MS + 140000 };

/* Tables, aligned by hand. */
/* clang-format off */
static const struct argument_word words[] = {
	{ "status",    NULL,      "show the state of the server or the client" },
	{ "tunnels",   NULL,      "list the tunnels: where they lead, their age and their traffic" },
	{ "relays",    NULL,      "list the visitors whose connections are being relayed" },
	{ "loops",     NULL,      "show how busy the threads are, and which do not answer" },
	{ "plugins",   NULL,      "list the plugin instances and the files they come from" },
	{ "kick",      "TARGET",  "end tunnels and visitors: ID, port=PORT or identity=NAME" },
	{ "bans",      NULL,      "list the sources that are banned after wrong secrets" },
	{ "unban",     "ADDRESS", "let a banned source connect again" },
	{ "log-level", "LEVEL",   "log at trace, debug, info, warn or error until a reload" },
	{ "reload",    NULL,      "read the configuration again, as on HUP" },
	{ "upgrade",   "[PROGRAM]", "let a new program take over, without refusing a visitor" },
	{ "drain",     NULL,      "end as on TERM: accept no visitors, let existing ones finish" },
};
/* clang-format on */

static const struct argument_flag flags[] = {
	{ .name = "--socket",
	  .letter = 's',
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, socket),
	  .metavar = "PATH",
	  .variable = SOCKET_VARIABLE,
	  .dflt = ADMIN_SOCKET_DEFAULT,
	  .doc = "the --admin-socket of the server or the client" },
	{ .name = "--json",
	  .offset = offsetof(struct request, as_json),
	  .doc = "print the answer as JSON" },
};

const struct argument_table ctl_arguments = {
	.command = "ctl",
	.summary = "Queries or controls a server or a client that runs on this machine.",
	.words = words,
	.n_words = sizeof words / sizeof *words,
	.word_offset = offsetof(struct request, command),
	.operand_offset = offsetof(struct request, operand),
	.flags = flags,
	.n_flags = sizeof flags / sizeof *flags,
};

enum { MOST_WORD = 63 };

/* The text of a macro's value. */
#define TEXT_OF(value)     TEXT_OF_WORD(value)
#define TEXT_OF_WORD(word) #word

/* The server reads one line of words. Only an identity may contain blanks. Returns what is expected
 * in place of an operand that cannot be sent; NULL: it can. */
static const char *find_fault(const char *operand)
{
	struct kick kick;

	if (strncmp(operand, KICK_IDENTITY, strlen(KICK_IDENTITY)) == 0)
		return kick_parse(operand, &kick) && !strpbrk(operand, "\r\n")
		               ? NULL
		               : "expected " KICK_IDENTITY " and a name of 1 to " TEXT_OF(
					 SPORE_IDENTITY_MAX) " bytes in one "
		                                             "line, found \"%s\"";
	return *operand && strlen(operand) <= MOST_WORD && !strpbrk(operand, " \t\r\n")
	               ? NULL
	               : "expected a word of 1 to 63 characters, found \"%s\"";
}

/* The server may run elsewhere in the tree of folders. False: the path is too long. */
static bool make_absolute(const char *path, char out[SENT_SIZE])
{
	char folder[SENT_SIZE] = "";

	if (*path != '/' && !getcwd(folder, sizeof folder))
		return false;
	return snprintf(out, SENT_SIZE, "%s%s%s", folder, *folder ? "/" : "", path) < SENT_SIZE;
}

/* Writes what is sent. False: the operand cannot be sent, and *status_out is the exit status. */
static bool make_line(const struct request *request, char line[SENT_SIZE + 64], int *status_out)
{
	const char *operand = request->operand;
	bool is_upgrade = strcmp(request->command, "upgrade") == 0;
	char path[SENT_SIZE];

	if (operand && is_upgrade) {
		if (*operand && !strpbrk(operand, "\r\n") && make_absolute(operand, path))
			operand = path;
		else
			*status_out = arguments_refuse(
				&ctl_arguments,
				"expected the path of a program of at most 511 bytes, found \"%s\"",
				operand);
	} else if (operand && find_fault(operand)) {
		*status_out = arguments_refuse(&ctl_arguments, find_fault(operand), operand);
	}
	if (*status_out != EXIT_GOOD)
		return false;
	snprintf(line, SENT_SIZE + 64, "%s%s%s\n", request->command, operand ? " " : "",
	         operand ? operand : "");
	return true;
}

static int wait_ms_of(const struct request *request)
{
	if (strcmp(request->command, "upgrade") == 0)
		return UPGRADE_WAIT_MS;
	return strcmp(request->command, "reload") == 0 ? RELOAD_WAIT_MS : WAIT_MS;
}

/* ---- the answer ---- */

/* Prints the warnings of a reload that was refused. */
static void print_server_warnings(const struct json *answer)
{
	const struct json *warnings = json_get(answer, "warnings");

	for (const struct json *i = warnings ? warnings->first : NULL; i; i = i->next) {
		fputs("warning: ", stderr);
		escaped_print(i->type == JSON_STRING ? i->raw : "", stderr);
		fputc('\n', stderr);
	}
}

static void print_server_error(const struct json *answer)
{
	const struct json *error = json_get(answer, "error"),
			  *mistakes = json_get(answer, "mistakes");

	fputs("error: ", stderr);
	escaped_print(error->type == JSON_STRING ? error->raw : "", stderr);
	fputc('\n', stderr);
	if (mistakes && mistakes->type == JSON_STRING)
		escaped_print(mistakes->raw, stderr);
	print_server_warnings(answer);
}

static void print_silent_workers(const struct json *answer)
{
	const struct json *workers = json_get(answer, "silent_workers");

	for (const struct json *i = workers ? workers->first : NULL; i; i = i->next)
		fprintf(stderr, "warning: worker %d did not answer; its data is missing\n",
		        (int)i->number);
}

/* Returns the exit status. */
static int print_answer(const struct request *request, struct json *answer, const char *text,
                        size_t len)
{
	bool refused = json_get(answer, "error") != NULL;
	bool good = true;

	if (request->as_json)
		good = fwrite(text, len, 1, stdout) == 1;
	else if (refused)
		print_server_error(answer);
	else
		good = answer_print(request->command, answer, stdout);
	if (!request->as_json)
		print_silent_workers(answer);
	good = fflush(stdout) == 0 && good;
	return good && !refused ? EXIT_GOOD : EXIT_FAILED;
}

static int take_answer(const struct request *request, const char *text, size_t len)
{
	struct json_doc *doc = json_doc_new();
	struct json_source *source = doc ? json_source_add(doc, "answer", text, len) : NULL;
	struct json_error error = { 0, "out of memory" };
	struct json *answer = source ? json_parse(doc, source, &error) : NULL;
	int status = EXIT_FAILED;

	if (answer && answer->type == JSON_OBJECT)
		status = print_answer(request, answer, text, len);
	else
		fprintf(stderr, "error: the answer is not a JSON object: %s\n", error.text);
	json_doc_free(doc);
	return status;
}

int ctl_run(int argc, char **argv)
{
	struct request request = { 0 };
	char line[SENT_SIZE + 64];
	struct err err;
	char *answer;
	size_t len;
	int status = EXIT_GOOD;

	(void)argc;
	if (!arguments_read(&ctl_arguments, argv, &request, &status))
		return status;
	if (!make_line(&request, line, &status))
		return status;
	answer = ctl_ask(request.socket, line, wait_ms_of(&request), &len, &err);
	if (!answer) {
		fprintf(stderr, "error: %s%s\n", err.text,
		        request.socket == getenv(SOCKET_VARIABLE)
		                ? " (the path is from " SOCKET_VARIABLE ")"
		                : "");
		return EXIT_FAILED;
	}
	status = take_answer(&request, answer, len);
	free(answer);
	return status;
}
