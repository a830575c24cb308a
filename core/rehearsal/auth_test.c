#include "rehearsal/auth_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments/arguments.h"
#include "arguments/exit_status.h"
#include "base/crypto.h"
#include "config/shorthands.h"
#include "net/addr.h"
#include "process/complaint.h"
#include "process/limits.h"
#include "rehearsal/alone.h"
#include "rehearsal/asking.h"
#include "rehearsal/remote.h"

struct request {
	const char *word, *config, *socket;
	const char *client, *kind, *name, *secret_file, *to;
	const char *peer, *port;
	bool is_secure, as_json;
};

static const struct argument_word words[] = {
	{ "test", NULL,
	  "ask the chain \"auth\" of a server once, and show what each of its instances says" },
};

static const struct argument_flag flags[] = {
	{ .name = "--config",
	  .letter = 'c',
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, config),
	  .metavar = "FILE",
	  .doc = "configuration of the server; its plugins are started as by --check" },
	{ .name = "--socket",
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, socket),
	  .metavar = "PATH",
	  .doc = "ask the running server with this --admin-socket instead" },
	{ .name = "--name",
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, name),
	  .metavar = "NAME",
	  .doc = "the client's name" },
	{ .name = "--secret-file",
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, secret_file),
	  .metavar = "PATH",
	  .doc = "file that contains the client's secret or private key; - or no flag: "
	         "standard input" },
	{ .name = "--kind",
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, kind),
	  .metavar = "PLUGIN",
	  .doc = "the client's plugin, which makes the answer; default: that of `spore "
	         "local --secret`" },
	{ .name = "--to",
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, to),
	  .metavar = "HOST",
	  .doc = "the server's name, as the client dials it; default: localhost" },
	{ .name = "--client",
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, client),
	  .metavar = "FILE",
	  .doc = "configuration of a client, whose chain \"auth\" makes the answer; replaces the "
	         "four flags above" },
	{ .name = "--peer",
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, peer),
	  .metavar = "ADDRESS",
	  .dflt = "127.0.0.1",
	  .doc = "the client's IP address" },
	{ .name = "--port",
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, port),
	  .metavar = "PORT",
	  .dflt = "0",
	  .doc = "the public port that the client asks for; 0: any" },
	{ .name = "--secure",
	  .offset = offsetof(struct request, is_secure),
	  .doc = "as if over TLS, in a session that both ends can bind answers to" },
	{ .name = "--json", .offset = offsetof(struct request, as_json), .doc = "print JSON" },
};

const struct argument_table auth_test_arguments = {
	.command = "auth",
	.summary = "Asks a server's auth chain as a client would.",
	.remarks = "The exit status is 0 if the client would be let in, 3 if it would be refused, "
		   "and 1 after an error. Neither TLS nor access lists take part, and no "
		   "certificate of a client.",
	.words = words,
	.n_words = sizeof words / sizeof *words,
	.word_offset = offsetof(struct request, word),
	.flags = flags,
	.n_flags = sizeof flags / sizeof *flags,
};

/* ---- the command line ---- */

/* This and the next functions return EXIT_GOOD, or EXIT_USAGE after they have printed an error. */
static int read_kind(const struct request *request, struct made_client *made)
{
	char format[128], kinds[96];

	made->kind = request->kind ? made_client_kind(request->kind) : &shorthand_clients[0];
	if (!made->kind) {
		snprintf(format, sizeof format, "--kind: expected %s, found \"%%s\"",
		         made_client_kinds(kinds, sizeof kinds));
		return arguments_refuse(&auth_test_arguments, format, request->kind);
	}
	if (made->kind->name_key || !request->name)
		return EXIT_GOOD;
	return arguments_refuse(&auth_test_arguments,
	                        "--name: expected none, since the key says who the client is "
	                        "with --kind %s",
	                        made->kind->use);
}

static int read_client(const struct request *request, struct made_client *made)
{
	bool reads_input = !request->secret_file || strcmp(request->secret_file, "-") == 0;

	*made = (struct made_client){
		.name = request->name,
		.secret_file = reads_input ? "/dev/stdin" : request->secret_file,
		.secret_origin = reads_input ? "standard input" : "--secret-file",
		.server = request->to ? request->to : "localhost",
	};
	if (!request->client && !request->secret_file && isatty(STDIN_FILENO))
		return arguments_refuse(&auth_test_arguments,
		                        "expected %s, or a secret on standard input",
		                        "--secret-file, --client");
	if (!request->client)
		return read_kind(request, made);
	if (request->name || request->secret_file || request->kind || request->to)
		return arguments_refuse(&auth_test_arguments,
		                        "expected %s without --name, --secret-file, --kind and "
		                        "--to, which a configuration replaces",
		                        "--client");
	return EXIT_GOOD;
}

static int read_question(const struct request *request, struct admin_trial_question *question)
{
	char *end;
	unsigned long port = strtoul(request->port, &end, 10);

	if (!addr_parse_ip(request->peer, &question->facts.peer))
		return arguments_refuse(&auth_test_arguments,
		                        "--peer: expected an IP address, found \"%s\"",
		                        request->peer);
	if (end == request->port || *end || port > UINT16_MAX || request->port[0] == '-')
		return arguments_refuse(&auth_test_arguments,
		                        "--port: expected 0 to 65535, found \"%s\"", request->port);
	question->facts.secure = request->is_secure;
	question->port = (uint16_t)port;
	return EXIT_GOOD;
}

static int read_request(const struct request *request, struct asking *asking,
                        struct made_client *made)
{
	int status = read_client(request, made);
	bool has_one_server = (request->config != NULL) != (request->socket != NULL);

	if (!has_one_server)
		return arguments_refuse(&auth_test_arguments,
		                        "expected either --config FILE or --socket PATH%s",
		                        request->config ? ", found both" : "");
	asking->as_json = request->as_json;
	return status == EXIT_GOOD ? read_question(request, &asking->question) : status;
}

int auth_test_run(int argc, char **argv)
{
	struct request request = { 0 };
	struct asking asking = { .as_json = false };
	struct made_client made;
	struct err err;
	int status;

	(void)argc;
	limits_forbid_core();
	if (!arguments_read(&auth_test_arguments, argv, &request, &status))
		return status;
	status = read_request(&request, &asking, &made);
	if (status != EXIT_GOOD)
		return status;
	if (!answerer_start(&asking.answerer, request.client, &made, &err)) {
		complain(err.text);
		return EXIT_FAILED;
	}
	if (!request.client && made.kind->transport && !request.is_secure)
		asking.answerer.remedy = ": try --secure, since this kind answers over TLS only";
	status = request.socket ? remote_ask(&asking, request.socket)
	                        : alone_ask(&asking, request.config);
	crypto_wipe(&asking.question, sizeof asking.question);
	answerer_stop(&asking.answerer);
	return status;
}
