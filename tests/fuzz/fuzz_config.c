/* fuzz_config - the configuration loader of both roles, from words and a file's text to settings or
 * mistakes, and the mistakes to a terminal.
 *
 * The input's first line holds words, separated by spaces: the subcommand ("local", else the
 * server), then variables (SPORE_X=Y, BORE_X=Y) and flags. What follows the line, if anything, is
 * the file. No other file is there but `secret.key`: open() is ours (see CMakeLists.txt). */
#include <errno.h>
#include <fcntl.h>

#include "base/utf8.h"
#include "config/config.h"
#include "config/shorthands.h"
#include "fuzz.h"
#include "memory_file.h"

enum { MAX_WORDS = 24 };

static struct memory_file config_file, secret_file;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...)
{
	const char *slash = strrchr(path, '/');

	if (strcmp(path, config_file.path) == 0)
		return __real_open(path, flags);
	if (strcmp(slash ? slash + 1 : path, "secret.key") == 0)
		return __real_open(secret_file.path, flags);
	errno = ENOENT;
	return -1;
}

/* ---- a plugin's options: one of each type ---- */

struct inner {
	const char *name;
	int64_t port;
};

struct options {
	uint32_t yes;
	int64_t number, duration, size, choice, port;
	double fraction;
	const char *text, *path;
	spore_str secret;
	spore_addr address, ip;
	spore_cidr prefix;
	spore_list ports, numbers, inners;
	spore_map secrets;
	struct inner inner;
	const spore_cfg *tree;
};

static const spore_option inner_rows[] = {
	SPORE_STRING(struct inner, name, SPORE_OPTF_REQUIRED, NULL, "its name"),
	SPORE_PORT(struct inner, port, 0, "80", 1, 65535, "its port"),
};
static const spore_option_item number_item = { SPORE_OPT_INT, sizeof(int64_t), NULL, 0, 0 };
static const spore_option_item secret_item = { SPORE_OPT_SECRET, sizeof(spore_str), NULL, 0, 0 };
static const spore_option_item inner_item = { SPORE_OPT_OBJECT, sizeof(struct inner), inner_rows, 2,
	                                      sizeof(spore_option) };

static const spore_option rows[] = {
	SPORE_BOOL(struct options, yes, 0, "true", "a truth"),
	SPORE_INT(struct options, number, 0, "5", -10, 10, "a number"),
	SPORE_NUMBER(struct options, fraction, 0, "0.5", "a fraction"),
	SPORE_STRING(struct options, text, 0, "\"x\"", "a text"),
	SPORE_STRING(struct options, path, SPORE_OPTF_PATH, NULL, "a path"),
	SPORE_SECRET(struct options, secret, 0, "a secret"),
	SPORE_DURATION(struct options, duration, 0, "\"1.5s\"", 0, 86400000, "a duration"),
	SPORE_SIZE(struct options, size, 0, "\"64k\"", 0, 1 << 30, "a size"),
	SPORE_ENUM(struct options, choice, 0, "\"a\"", "a|bb|ccc", "a choice"),
	SPORE_ADDR(struct options, address, 0, NULL, "an address"),
	SPORE_IP(struct options, ip, 0, "\"::1\"", "an address without a port"),
	SPORE_PORT(struct options, port, 0, NULL, 0, 65535, "a port"),
	SPORE_PORTS(struct options, ports, 0, "\"80,8000-8100\"", "ports"),
	SPORE_CIDR(struct options, prefix, 0, NULL, "a prefix"),
	SPORE_LIST(struct options, numbers, 0, &number_item, "numbers"),
	SPORE_LIST(struct options, inners, 0, &inner_item, "structs"),
	SPORE_MAP(struct options, secrets, 0, &secret_item, "secrets by name"),
	SPORE_OBJECT(struct options, inner, struct inner, 0, &inner_item, "a struct"),
	SPORE_NODE(struct options, tree, 0, "anything"),
};
static const struct option_table table = { rows, sizeof rows / sizeof *rows, sizeof *rows };

static void check_options(const struct options *o)
{
	const spore_port_range *ranges = o->ports.items;

	FUZZ_CHECK(o->yes <= 1 && o->number >= -10 && o->number <= 10 && o->choice < 3);
	FUZZ_CHECK(o->duration >= 0 && o->duration <= 86400000 && o->size >= 0 &&
	           o->size <= 1 << 30);
	FUZZ_CHECK(o->text && o->port >= 0 && o->port <= 65535 && o->ports.count > 0);
	FUZZ_CHECK(!o->secret.ptr || (o->secret.len > 0 && o->secret.ptr[o->secret.len] == '\0'));
	for (size_t i = 0; i < o->ports.count; i++)
		FUZZ_CHECK(ranges[i].lo >= 1 && ranges[i].lo <= ranges[i].hi);
}

/* ---- words, variables and the file ---- */

struct invocation {
	unsigned role;
	int argc;
	char *argv[MAX_WORDS + 2];  /* owned */
	char *variables[MAX_WORDS]; /* owned: the names of those that are set */
	int n_variables;
	bool has_file;
	const char *text; /* of the file */
	size_t len;
};

static char *word_new(const char *text, size_t len)
{
	char *word = malloc(len + 1);

	FUZZ_CHECK(word);
	memcpy(word, text, len);
	word[len] = '\0';
	return word;
}

static void add_word(struct invocation *in, const char *text, size_t len)
{
	char *word = word_new(text, len), *equals = strchr(word, '=');
	bool ours = strncmp(word, "SPORE_", 6) == 0 || strncmp(word, "BORE_", 5) == 0;

	if (!ours || !equals) {
		in->argv[in->argc++] = word;
		return;
	}
	*equals = '\0';
	setenv(word, equals + 1, 1);
	in->variables[in->n_variables++] = word;
}

static void read_words(struct invocation *in, const char *line, size_t len)
{
	bool first = true;

	for (const char *at = line; at < line + len && in->argc + in->n_variables < MAX_WORDS;) {
		const char *space = memchr(at, ' ', (size_t)(line + len - at));
		size_t n = space ? (size_t)(space - at) : (size_t)(line + len - at);

		if (first)
			in->role = n == 5 && memcmp(at, "local", 5) == 0 ? ROLE_LOCAL : ROLE_SERVER;
		else if (n > 0 && !memchr(at, 0, n))
			add_word(in, at, n);
		first = false;
		at += n + 1;
	}
}

static void invocation_read(struct invocation *in, const char *input, size_t size)
{
	const char *newline = size ? memchr(input, '\n', size) : NULL;
	size_t line = newline ? (size_t)(newline - input) : size;

	*in = (struct invocation){ .role = ROLE_SERVER };
	read_words(in, input, line);
	if (line + 1 >= size)
		return;
	in->has_file = true;
	in->text = input + line + 1;
	in->len = size - line - 1;
	memory_file_fill(&config_file, in->text, in->len);
	in->argv[in->argc++] = word_new("--config", 8);
	in->argv[in->argc++] = word_new(config_file.path, strlen(config_file.path));
}

static void invocation_end(struct invocation *in)
{
	for (int i = 0; i < in->argc; i++)
		free(in->argv[i]);
	for (int i = 0; i < in->n_variables; i++) {
		unsetenv(in->variables[i]);
		free(in->variables[i]);
	}
}

/* ---- settings ---- */

static bool is_port(int64_t port)
{
	return port >= 1 && port <= 65535;
}

static void check_ports(const spore_list *ports)
{
	const spore_port_range *ranges = ports->items;

	for (size_t i = 0; i < ports->count; i++)
		FUZZ_CHECK(ranges[i].lo >= 1 && ranges[i].lo <= ranges[i].hi);
}

static void check_server(const struct settings *settings)
{
	const struct server_settings *server = &settings->server;
	const struct limit_settings *limits = &settings->limits;
	const spore_list *reserved = server->reserved_ports.items;

	FUZZ_CHECK(is_port(server->control_port) && server->ports.count > 0);
	FUZZ_CHECK(server->bind_addr.count && server->bind_tunnels.count);
	FUZZ_CHECK(server->workers >= 0 && server->workers <= 256 && server->drain_timeout >= 0);
	check_ports(&server->ports);
	for (size_t i = 0; i < server->reserved_ports.count; i++)
		check_ports(&reserved[i]);
	FUZZ_CHECK(limits->secret_rate >= 1 && limits->secret_burst >= 1 &&
	           limits->ban_time >= 1000);
}

static void check_client(const struct settings *settings)
{
	const struct client_settings *client = &settings->client;
	const struct tunnel_settings *tunnels = settings->tunnels.items;

	FUZZ_CHECK(client->n_servers > 0 && is_port(client->control_port) &&
	           client->max_dials >= 1);
	FUZZ_CHECK(client->reconnect <= 1 && client->retry <= 1 && settings->tunnels.count > 0);
	for (size_t i = 0; i < settings->tunnels.count; i++) {
		FUZZ_CHECK(tunnels[i].name && tunnels[i].local_host &&
		           is_port(tunnels[i].local_port));
		FUZZ_CHECK(tunnels[i].port >= 0 && tunnels[i].port <= 65535);
	}
}

/* ---- mistakes ---- */

/* Nothing that a terminal would obey: no control byte, of either set, and nothing but UTF-8. */
static void check_line(const char *line, size_t len, const struct invocation *in)
{
	size_t path = strlen(config_file.path), bad;
	const char *error = memmem(line, len, "error: ", 7);
	unsigned at_line, column;

	FUZZ_CHECK(utf8_is_valid(line, len, &bad));
	for (size_t i = 0; i < len; i++) {
		FUZZ_CHECK((unsigned char)line[i] >= 0x20 && line[i] != 0x7F);
		FUZZ_CHECK((unsigned char)line[i] != 0xC2 || (unsigned char)line[i + 1] >= 0xA0);
	}
	if (strncmp(line, "    ", 4) == 0 || (!error && memmem(line, len, " errors", 7)))
		return;
	FUZZ_CHECK(error);
	/* Where there is but a file, or a default that lacks something, that is the place. */
	if (in->argc > 2 || in->n_variables || !in->has_file || strncmp(line, "default:", 8) == 0)
		return;
	FUZZ_CHECK(strncmp(line, config_file.path, path) == 0);
	FUZZ_CHECK(sscanf(line + path, ":%u:%u: error: ", &at_line, &column) == 2);
	FUZZ_CHECK(at_line >= 1 && column >= 1 && column <= in->len + 1);
}

/* As diag/diag says: of more, the rest is counted. */
enum { MOST_SHOWN = 100 };

static void check_mistakes(const struct diag *diag, const struct invocation *in,
                           const char *printed)
{
	unsigned n_errors = 0;

	for (const char *line = printed; *line;) {
		size_t len = strcspn(line, "\n");

		FUZZ_CHECK(line[len] == '\n');
		check_line(line, len, in);
		n_errors += strncmp(line, "    ", 4) != 0 && memmem(line, len, "error: ", 7);
		line += len + 1;
	}
	FUZZ_CHECK(n_errors == (diag->count < MOST_SHOWN ? diag->count : MOST_SHOWN));
}

/* A secret with this mark in it, which no text of ours has, that stands but once in the input. */
static void check_secret(const spore_str *secret, const struct invocation *in, const char *printed)
{
	const char *first = secret->ptr ? memmem(in->text, in->len, secret->ptr, secret->len)
	                                : NULL;

	if (!first || !strstr(secret->ptr, "@@"))
		return;
	if (!memmem(first + 1, (size_t)(in->text + in->len - first) - 1, secret->ptr, secret->len))
		FUZZ_CHECK(!strstr(printed, secret->ptr));
}

/* ---- loading ---- */

/* As plugin_set does for each instance, before the plugin sees anything. */
static void fill_chain(const struct config *config, const struct config_chain *chain,
                       struct diag *diag, struct options *last_out)
{
	struct option_scope scope = { config->doc, diag, config->folder, config_instance_keys,
		                      NULL };

	for (size_t i = 0; i < chain->n; i++) {
		struct options options = { 0 };
		unsigned before = diag->count;

		FUZZ_CHECK(chain->items[i].use && chain->items[i].name);
		FUZZ_CHECK(option_fill(&scope, &table, chain->items[i].node, &options) ==
		           (diag->count == before));
		if (diag->count == before)
			check_options(&options);
		*last_out = options;
	}
}

static void check_loaded(const struct config *config, struct diag *diag, struct options *last_out)
{
	if (config->role == ROLE_SERVER)
		check_server(&config->settings);
	else
		check_client(&config->settings);
	for (size_t i = 0; i < N_CHAINS; i++)
		fill_chain(config, &config->chains[i], diag, last_out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options last = { 0 };
	struct diag diag = { 0 };
	enum config_outcome outcome;
	struct invocation in;
	struct config *config;
	char *printed;
	size_t n_printed;
	FILE *out = open_memstream(&printed, &n_printed);

	invocation_read(&in, (const char *)data, size);
	outcome = config_load(in.role, in.argc, in.argv, &diag, &config);
	FUZZ_CHECK(out && config);
	FUZZ_CHECK((outcome == CONFIG_LOADED || outcome == CONFIG_HELP) == (diag.count == 0));
	if (outcome == CONFIG_LOADED)
		check_loaded(config, &diag, &last);
	diag_print(&diag, out);
	fclose(out);
	check_mistakes(&diag, &in, printed);
	if (in.has_file)
		check_secret(&last.secret, &in, printed);
	free(printed);
	diag_fini(&diag);
	config_unref(config);
	invocation_end(&in);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	clearenv();
	setenv("SECRET_OF_A_VARIABLE", "from@@environment", 1);
	config_file = memory_file_new();
	secret_file = memory_file_new();
	memory_file_fill(&secret_file, "from@@file\n", 11);
	return 0;
}
