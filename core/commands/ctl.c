#include "commands/ctl.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_socket.h"
#include "base/text.h"
#include "commands/ctl_ask.h"
#include "commands/ctl_print.h"
#include "commands/words.h"
#include "json/json.h"
#include "json/parse.h"

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2 };

struct request {
	const char *socket, *command, *argument;
	bool as_json, help;
};

static const char usage[] =
	"Usage: spore ctl [FLAGS] COMMAND\n"
	"\n"
	"Asks a server on this machine, or tells it what to do.\n"
	"\n"
	"Commands:\n"
	"  status           how it fares\n"
	"  tunnels          who has a tunnel, since when, and what it carries\n"
	"  relays           the visitors that are being carried\n"
	"  loops            how busy its threads are, and whether one hangs\n"
	"  plugins          instances, old ones that are still in use too, and their files\n"
	"  kick ID          end a tunnel with all of its visitors, or one visitor\n"
	"  log-level LEVEL  trace, debug, info, warn or error, until the next reload\n"
	"  reload           read the configuration again, as on HUP\n"
	"  drain            end as on TERM: accept nothing, let visitors end\n"
	"\n"
	"Flags:\n"
	"  -s, --socket PATH  the server's --admin-socket [default: " ADMIN_SOCKET_DEFAULT "]\n"
	"                     [env: SPORE_ADMIN_SOCKET]\n"
	"      --json         as JSON\n"
	"  -h, --help         this text\n";

/* ---- the command line ---- */

static const char *const commands[] = { "status", "tunnels", "relays",    "loops", "plugins",
	                                "kick",   "reload",  "log-level", "drain" };
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static bool wrong(const char *format, const char *what)
{
	return words_wrong("ctl", format, what);
}

static bool is_command(const char *word)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(commands[i], word) == 0)
			return true;
	}
	return false;
}

static bool read_command(struct request *request, const char *word)
{
	const char *meant = text_suggest(word, commands, N_COMMANDS);
	char shown[96];

	request->command = word;
	if (is_command(word))
		return true;
	if (!meant)
		return wrong("unknown command \"%s\"", word);
	text_printable(word, strlen(word), shown, sizeof shown);
	fprintf(stderr,
	        "error: unknown command \"%s\": did you mean \"%s\"?\ntry: spore ctl --help\n",
	        shown, meant);
	return false;
}

/* What stands in a line of words to the server. */
static bool is_one_word(const char *text)
{
	return *text && strlen(text) < 64 && strpbrk(text, " \t\r\n") == NULL;
}

static bool read_word(struct request *request, char ***at)
{
	const char *word = **at;

	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		request->help = true;
	else if (strcmp(word, "--json") == 0)
		request->as_json = true;
	else if (strncmp(word, "--socket=", 9) == 0)
		request->socket = word + 9;
	else if ((strcmp(word, "--socket") == 0 || strcmp(word, "-s") == 0) && (*at)[1])
		request->socket = *++*at;
	else if (strcmp(word, "--socket") == 0 || strcmp(word, "-s") == 0)
		return wrong("expected a path after %s, found the end of the command line", word);
	else if (word[0] == '-')
		return wrong("unknown flag %s", word);
	else if (!request->command)
		return read_command(request, word);
	else if (request->argument || !is_one_word(word))
		return wrong("unexpected \"%s\"", word);
	else
		request->argument = word;
	return true;
}

static bool read_request(char **argv, struct request *request)
{
	bool takes_one;

	for (; *argv && !request->help; argv++) {
		if (!read_word(request, &argv))
			return false;
	}
	if (request->help)
		return true;
	if (!request->command)
		return wrong("expected a %s", "command");
	takes_one = strcmp(request->command, "kick") == 0 ||
	            strcmp(request->command, "log-level") == 0;
	if (takes_one && !request->argument)
		return wrong("expected one more word after %s", request->command);
	if (!takes_one && request->argument)
		return wrong("unexpected \"%s\"", request->argument);
	return true;
}

static const char *socket_of(const struct request *request)
{
	const char *variable = getenv("SPORE_ADMIN_SOCKET");

	if (request->socket)
		return request->socket;
	return variable && *variable ? variable : ADMIN_SOCKET_DEFAULT;
}

/* ---- the answer ---- */

/* jsonout has written each byte that is no ASCII as a character of its own: back to the byte. */
static void restore_bytes(struct json *node)
{
	char *out = (char *)(uintptr_t)node->raw;

	for (const char *in = node->type == JSON_STRING ? node->raw : NULL; in && *in; in++) {
		unsigned char byte = (unsigned char)*in;

		if ((byte == 0xC2 || byte == 0xC3) && in[1])
			byte = (unsigned char)((byte << 6) | (*++in & 0x3F));
		*out++ = (char)byte;
		if (!in[1])
			*out = '\0';
	}
	for (struct json *child = node->first; child; child = child->next)
		restore_bytes(child);
}

static void print_error(const struct json *answer)
{
	const struct json *error = json_get(answer, "error"),
			  *mistakes = json_get(answer, "mistakes");

	fputs("error: ", stderr);
	ctl_print_text(error->type == JSON_STRING ? error->raw : "", stderr);
	fputc('\n', stderr);
	if (mistakes && mistakes->type == JSON_STRING)
		ctl_print_text(mistakes->raw, stderr);
}

static void print_silent(const struct json *answer)
{
	const struct json *workers = json_get(answer, "silent_workers");

	for (const struct json *i = workers ? workers->first : NULL; i; i = i->next)
		fprintf(stderr, "warning: worker %d did not answer, and what it has is not shown\n",
		        (int)i->number);
}

/* The exit status. */
static int take_answer(const struct request *request, struct json *answer, const char *text,
                       size_t len)
{
	bool refused = json_get(answer, "error") != NULL;
	bool good = true;

	restore_bytes(answer);
	if (request->as_json)
		good = fwrite(text, len, 1, stdout) == 1;
	else if (refused)
		print_error(answer);
	else
		good = ctl_print(request->command, answer, stdout);
	if (!request->as_json)
		print_silent(answer);
	good = fflush(stdout) == 0 && good;
	return good && !refused ? EXIT_GOOD : EXIT_BAD;
}

static int parse_answer(const struct request *request, const char *text, size_t len)
{
	struct json_doc *doc = json_doc_new();
	struct json_source *source = doc ? json_source_add(doc, "answer", text, len) : NULL;
	struct json_error error = { 0, "out of memory" };
	struct json *answer = source ? json_parse(doc, source, &error) : NULL;
	int status = EXIT_BAD;

	if (answer && answer->type == JSON_OBJECT)
		status = take_answer(request, answer, text, len);
	else
		fprintf(stderr, "error: what the server answered is no JSON object: %s\n",
		        error.text);
	json_doc_free(doc);
	return status;
}

int ctl_run(int argc, char **argv)
{
	struct request request = { 0 };
	char line[128];
	struct err err;
	char *answer;
	size_t len;
	int status;

	(void)argc;
	if (!read_request(argv, &request))
		return EXIT_USAGE;
	if (request.help) {
		fputs(usage, stdout);
		return EXIT_GOOD;
	}
	snprintf(line, sizeof line, "%s%s%s\n", request.command, request.argument ? " " : "",
	         request.argument ? request.argument : "");
	answer = ctl_ask(socket_of(&request), line, &len, &err);
	if (!answer) {
		fprintf(stderr, "error: %s\n", err.text);
		return EXIT_BAD;
	}
	status = parse_answer(&request, answer, len);
	free(answer);
	return status;
}
