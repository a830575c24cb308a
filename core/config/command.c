#include "config/command.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "config/settings.h"
#include "config/target.h"
#include "diag/diag.h"
#include "diag/usage.h"
#include "log/log.h"
#include "json/json.h"

const struct shorthand *shorthand_find(unsigned role, const char *name)
{
	for (size_t i = 0; i < n_shorthands; i++) {
		if (shorthands[i].roles & role && strcmp(shorthands[i].name, name) == 0)
			return &shorthands[i];
	}
	return NULL;
}

static const struct shorthand *find_letter(unsigned role, char letter)
{
	for (size_t i = 0; i < n_shorthands; i++) {
		if (shorthands[i].roles & role && shorthands[i].letter == letter)
			return &shorthands[i];
	}
	return NULL;
}

/* Turns "control_port" into "control-port" or "CONTROL_PORT". */
static const char *with_case(const char *name, char from, char to, bool upper, char *out,
                             size_t size)
{
	size_t n = 0;

	for (; name[n] && n + 1 < size; n++)
		out[n] = (char)(name[n] == from ? to : name[n]);
	for (size_t i = 0; upper && i < n; i++)
		out[i] = (char)toupper((unsigned char)out[i]);
	out[n] = '\0';
	return out;
}

const char *command_flag_name(const struct shorthand *shorthand, char *out, size_t size)
{
	char name[64];

	snprintf(out, size, "--%s", with_case(shorthand->name, '_', '-', false, name, sizeof name));
	return out;
}

/* ---- flags ---- */

struct parser {
	unsigned role;
	int argc, at; /* at: index of the next word */
	char *const *argv;
	struct diag *diag;
	struct command *command;
	bool help;
};

/* Reports a mistake; `what` replaces the %s of the format. Returns false. */
static bool refuse_word(struct parser *p, const char *format, const char *what)
{
	char shown[96];

	text_escape(what, strlen(what), shown, sizeof shown);
	diag_add(p->diag, NULL, format, shown);
	return false;
}

static bool add_flag(struct parser *p, const struct shorthand *shorthand, const char *text,
                     const char *origin)
{
	struct command *command = p->command;
	struct command_value *value = &command->flags[command->n_flags];

	for (size_t i = 0; i < command->n_flags; i++) {
		if (command->flags[i].shorthand == shorthand)
			return refuse_word(p, USAGE_TWICE, origin);
	}
	if (command->n_flags == COMMAND_MAX_VALUES)
		return refuse_word(p, "too many flags at %s", origin);
	value->shorthand = shorthand;
	value->text = text;
	snprintf(value->origin, sizeof value->origin, "%s", origin);
	command->n_flags++;
	return true;
}

/* The value after "=", or the next word. NULL: there is no value, which has been reported. */
static const char *take_value(struct parser *p, const char *inline_value, const char *flag)
{
	if (inline_value)
		return inline_value;
	if (p->at == p->argc) {
		refuse_word(p, USAGE_NO_VALUE, flag);
		return NULL;
	}
	if (usage_is_flag(p->argv[p->at])) {
		refuse_word(p, USAGE_FLAG_AS_VALUE, flag);
		return NULL;
	}
	return p->argv[p->at++];
}

/* Flags that say what to do with the configuration. They have no key in it. */
static const struct purpose {
	const char *flag, *name;
	enum config_purpose purpose;
} purposes[] = {
	{ "--check", "check", CONFIG_TO_CHECK },
	{ "--print-config", "print_config", CONFIG_TO_PRINT },
};
enum { N_PURPOSES = sizeof purposes / sizeof *purposes };

static bool take_purpose(struct parser *p, enum config_purpose purpose, const char *flag)
{
	if (p->command->purpose == purpose)
		return refuse_word(p, USAGE_TWICE, flag);
	if (p->command->purpose != CONFIG_TO_RUN)
		return refuse_word(p, "expected either --check or --print-config, found %s too",
		                   flag);
	p->command->purpose = purpose;
	return true;
}

static bool take_file(struct parser *p, const char *path, const char *flag)
{
	if (!path)
		return false;
	if (p->command->file)
		return refuse_word(p, USAGE_TWICE, flag);
	p->command->file = path;
	p->command->file_origin = "--config";
	return true;
}

/* The flag that sets the option at this target; NULL: there is none. */
static const char *find_setter(unsigned role, const char *target)
{
	for (size_t i = 0; i < n_shorthands; i++) {
		if (shorthands[i].roles & role && strcmp(shorthands[i].target, target) == 0)
			return shorthands[i].name;
	}
	return NULL;
}

/* An option that only has this name in a file: the flag that sets it, or its place there, as
 * "limits.rate_up" or "tunnels[].rate_up". True: there is such an option. */
static bool refuse_key(struct parser *p, const char *shown, const char *name)
{
	const struct option_table *root = p->role == ROLE_SERVER ? &settings_server
	                                                         : &settings_client;
	char target[128], flag[64];
	const char *setter;

	for (uint32_t i = 0; i < root->n; i++) {
		const spore_option *section = option_row(root, i);
		struct option_table inner = option_inner(section);
		bool is_list = section->type == SPORE_OPT_LIST;

		if (!option_find(&inner, name))
			continue;
		snprintf(target, sizeof target, "/%s%s/%s", section->name, is_list ? "[0]" : "",
		         name);
		setter = find_setter(p->role, target);
		if (setter)
			diag_add(p->diag, NULL, USAGE_UNKNOWN_FLAG_LIKE, shown,
			         with_case(setter, '_', '-', false, flag, sizeof flag));
		else
			diag_add(p->diag, NULL,
			         "unknown flag %s: only a configuration file (--config) can set "
			         "%s%s.%s",
			         shown, section->name, is_list ? "[]" : "", name);
		return true;
	}
	return false;
}

static void suggest_flag(struct parser *p, const char *word)
{
	const char *names[COMMAND_MAX_VALUES + N_PURPOSES + 2], *meant;
	char plain[64], flag[64], shown[96];
	size_t n = 0;

	for (size_t i = 0; i < n_shorthands; i++) {
		if (shorthands[i].roles & p->role)
			names[n++] = shorthands[i].name;
	}
	for (size_t i = 0; i < N_PURPOSES; i++)
		names[n++] = purposes[i].name;
	names[n++] = "config";
	names[n++] = "help";
	with_case(word + 2, '-', '_', false, plain, sizeof plain);
	plain[strcspn(plain, "=")] = '\0';
	meant = text_suggest(plain, names, n);
	text_escape(word, strcspn(word, "="), shown, sizeof shown);
	if (!(meant && strcmp(meant, plain) == 0) && refuse_key(p, shown, plain))
		return;
	if (meant)
		diag_add(p->diag, NULL, USAGE_UNKNOWN_FLAG_LIKE, shown,
		         with_case(meant, '_', '-', false, flag, sizeof flag));
	else if (shorthand_find(ROLE_SERVER | ROLE_LOCAL, plain))
		diag_add(p->diag, NULL, "unknown flag %s: it is a flag of spore %s", shown,
		         p->role == ROLE_SERVER ? "local" : "server");
	else
		diag_add(p->diag, NULL, USAGE_UNKNOWN_FLAG, shown);
}

/* NULL: the flag is not in `purposes`. */
static const struct purpose *find_purpose(const char *flag)
{
	for (size_t i = 0; i < N_PURPOSES; i++) {
		if (strcmp(flag, purposes[i].flag) == 0)
			return &purposes[i];
	}
	return NULL;
}

/* NULL: no flag of this role has the name. In a flag, words are joined by "-", not by "_". */
static const struct shorthand *find_long(const struct parser *p, const char *flag)
{
	char name[64];

	with_case(flag + 2, '-', '_', false, name, sizeof name);
	return strchr(flag, '_') ? NULL : shorthand_find(p->role, name);
}

/* Reads "--FLAG", "--FLAG VALUE" or "--FLAG=VALUE". */
static bool read_long(struct parser *p, const char *word)
{
	const char *equals = strchr(word, '='), *value;
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const struct shorthand *shorthand;
	const struct purpose *purpose;
	char flag[64];

	if (strcmp(word, "--help") == 0) {
		p->help = true;
		return true;
	}
	snprintf(flag, sizeof flag, "%.*s", (int)len, word);
	purpose = find_purpose(flag);
	if (purpose)
		return equals ? refuse_word(p, USAGE_VALUE, flag)
		              : take_purpose(p, purpose->purpose, flag);
	shorthand = find_long(p, flag);
	if (!shorthand && strcmp(flag, "--config") != 0) {
		suggest_flag(p, word);
		return false;
	}
	if (shorthand && shorthand->type >= SHORTHAND_YES) {
		if (equals)
			return refuse_word(p, USAGE_VALUE, flag);
		return add_flag(p, shorthand, "true", flag);
	}
	value = take_value(p, equals ? equals + 1 : NULL, flag);
	if (!shorthand)
		return take_file(p, value, flag);
	return value && add_flag(p, shorthand, value, flag);
}

/* -t means --check, unless it is -t HOST, as the client has it from bore. */
static bool is_check_flag(const struct parser *p, const char *word)
{
	bool takes_host = find_letter(p->role, 't') != NULL;
	bool host_follows = p->at < p->argc && p->argv[p->at][0] != '-';

	return strcmp(word, "-t") == 0 && !(takes_host && host_follows);
}

static bool read_short(struct parser *p, const char *word)
{
	const struct shorthand *shorthand = find_letter(p->role, word[1]);
	const char flag[] = { '-', word[1], '\0' }, *inline_value = NULL, *value;

	if (strcmp(word, "-h") == 0) {
		p->help = true;
		return true;
	}
	if (is_check_flag(p, word))
		return take_purpose(p, CONFIG_TO_CHECK, word);
	if (!shorthand && word[1] != 'c')
		return refuse_word(p, USAGE_UNKNOWN_FLAG, word);
	if (word[2]) /* "-p80" or "-p=80" */
		inline_value = word[2] == '=' ? word + 3 : word + 2;
	value = take_value(p, inline_value, flag);
	if (!shorthand)
		return take_file(p, value, flag);
	return value && add_flag(p, shorthand, value, flag);
}

/* The first of the local ports becomes a flag. If it is a number, the option's check reports a
 * number that is not a port. */
static bool add_local_port(struct parser *p, const char *word, const struct port_span *span)
{
	const struct shorthand *shorthand = shorthand_find(ROLE_LOCAL, "local_port");
	struct command *command = p->command;

	command->spans[command->n_spans++] = *span;
	if (command->n_spans > 1)
		return true;
	if (!strchr(word, '-'))
		return add_flag(p, shorthand, word, "--local-port");
	snprintf(command->first_port, sizeof command->first_port, "%u", span->lo);
	return add_flag(p, shorthand, command->first_port, "--local-port");
}

static bool read_positional(struct parser *p, const char *word)
{
	struct command *command = p->command;
	struct port_span span = { 0, 0 };
	bool is_number = *word && !word[strspn(word, "0123456789")];
	bool is_span = port_span_read(word, &span);

	if (p->role != ROLE_LOCAL)
		return refuse_word(p, USAGE_NO_FLAG, word);
	if (target_path(word))
		return add_flag(p, shorthand_find(ROLE_LOCAL, "local"), word, "--local");
	if (!is_span && (!is_number || command->n_spans > 0))
		return refuse_word(p,
		                   is_number || isdigit((unsigned char)*word) ? USAGE_NO_PORTS
		                                                              : USAGE_NO_LOCAL_PORT,
		                   word);
	if (command->n_spans == PORT_SPANS_MAX)
		return refuse_word(p, "too many local ports at %s: use ranges, as in 8000-8003",
		                   word);
	return add_local_port(p, word, &span);
}

/* Checks the local ports that are given without a flag. */
static bool check_positional(struct parser *p)
{
	const struct command *command = p->command;
	uint16_t twice = port_spans_twice(command->spans, command->n_spans);
	size_t n = port_spans_count(command->spans, command->n_spans);

	if (twice)
		diag_add(p->diag, NULL, "expected each local port once, found %u twice", twice);
	else if (n > PORT_SPANS_PORTS_MAX)
		diag_add(p->diag, NULL, "expected at most %d local ports, found %zu",
		         PORT_SPANS_PORTS_MAX, n);
	return p->diag->count == 0;
}

/* ---- variables ---- */

const char *command_variable_name(const struct shorthand *shorthand, const char *prefix, char *out,
                                  size_t size)
{
	char upper[48];

	with_case(shorthand->variable ? shorthand->variable : shorthand->name, 0, 0, true, upper,
	          sizeof upper);
	snprintf(out, size, "%s_%s", prefix, upper);
	return out;
}

/* True for the variables that Kubernetes makes for a service whose name begins with "spore", such
 * as SPORE_SERVICE_HOST and SPORE_PORT_7835_TCP. */
static bool is_service_link(const char *name, const char *value)
{
	return strstr(name, "_SERVICE_HOST") || strstr(name, "_SERVICE_PORT") ||
	       strstr(name, "_PORT_") || strstr(value, "://");
}

/* True if the configuration at the node contains {"env": NAME}. */
static bool is_read_by(const struct json *node, const char *name)
{
	if (node->type == JSON_STRING)
		return node->key && strcmp(node->key, "env") == 0 && strcmp(node->raw, name) == 0;
	for (const struct json *i = node->first; i; i = i->next) {
		if (is_read_by(i, name))
			return true;
	}
	return false;
}

enum { VARIABLE_SIZE = 64 };

static const char config_variable[] = "SPORE_CONFIG";

/* The roles that read the variable; 0: no role reads it. */
static unsigned roles_of_variable(const char *name)
{
	unsigned roles = strcmp(name, config_variable) == 0 ? ROLE_SERVER | ROLE_LOCAL : 0;
	char known[VARIABLE_SIZE];

	for (size_t i = 0; i < n_shorthands; i++) {
		command_variable_name(&shorthands[i], "SPORE", known, sizeof known);
		roles |= strcmp(name, known) == 0 ? shorthands[i].roles : 0;
	}
	return roles;
}

/* Writes the name of the variable that was probably meant, or "". */
static void suggest_variable(unsigned role, const char *name, char like_out[VARIABLE_SIZE])
{
	char known[COMMAND_MAX_VALUES][VARIABLE_SIZE];
	const char *names[COMMAND_MAX_VALUES + 1] = { config_variable }, *meant;
	size_t n = 0;

	for (size_t i = 0; i < n_shorthands && n < COMMAND_MAX_VALUES; i++) {
		if (!(shorthands[i].roles & role))
			continue;
		names[n + 1] = command_variable_name(&shorthands[i], "SPORE", known[n],
		                                     VARIABLE_SIZE);
		n++;
	}
	meant = text_suggest(name, names, n + 1);
	strcpy(like_out, meant ? meant : "");
}

/* Variables of the other role are allowed, since both may run in one environment. */
static void warn_of_variable(unsigned role, const char *name)
{
	unsigned roles = roles_of_variable(name);
	char like[VARIABLE_SIZE];

	/* spore ctl reads this variable, too. */
	if (roles & role || strcmp(name, "SPORE_ADMIN_SOCKET") == 0)
		return;
	if (roles) {
		log_info("environment variable of the other command: it has no effect",
		         log_str("variable", name),
		         log_str("command", roles & ROLE_SERVER ? "spore server" : "spore local"));
		return;
	}
	suggest_variable(role, name, like);
	log_event(LOG_WARN, "unknown environment variable: it has no effect",
	          (const struct log_field[]){ log_str("variable", name),
	                                      log_str("did_you_mean", like) },
	          *like ? 2 : 1);
}

void command_warn_of_variables(unsigned role, const struct json *root)
{
	char name[VARIABLE_SIZE];

	for (char **i = environ; *i; i++) {
		size_t len = strcspn(*i, "=");

		if (strncmp(*i, "SPORE_", 6) != 0 || !(*i)[len])
			continue;
		snprintf(name, sizeof name, "%.*s", (int)len, *i);
		if (!is_service_link(name, *i + len) && !is_read_by(root, name))
			warn_of_variable(role, name);
	}
}

/* NULL: unset. An empty variable is a mistake: with an empty secret, for example, a server would
 * let everybody in. */
static const char *read_variable(const char *name, struct diag *diag)
{
	const char *value = getenv(name);

	if (value && !*value)
		diag_add(diag, NULL,
		         "%s is empty: expected a value (to leave the option out, unset the "
		         "variable)",
		         name);
	return value;
}

static void read_variables(unsigned role, struct command *command, struct diag *diag)
{
	for (size_t i = 0; i < n_shorthands; i++) {
		const struct shorthand *s = &shorthands[i];
		struct command_value *value = &command->variables[command->n_variables];

		if (!(s->roles & role))
			continue;
		value->shorthand = s;
		value->text = read_variable(
			command_variable_name(s, "SPORE", value->origin, sizeof value->origin),
			diag);
		if (!value->text && s->bore_variable)
			value->text = read_variable(command_variable_name(s, "BORE", value->origin,
			                                                  sizeof value->origin),
			                            diag);
		if (value->text)
			command->n_variables++;
	}
	if (!command->file) {
		command->file = read_variable(config_variable, diag);
		command->file_origin = config_variable;
	}
}

enum config_outcome command_read(unsigned role, int argc, char *const *argv, struct diag *diag,
                                 struct command *command_out)
{
	struct parser p = {
		.role = role, .argc = argc, .argv = argv, .diag = diag, .command = command_out
	};
	bool only_words = false; /* "--" was read */

	*command_out = (struct command){ 0 };
	while (p.at < argc && !p.help) {
		const char *word = argv[p.at++];
		bool has_dash = word[0] == '-' && word[1]; /* "-" alone is a word */
		bool good = true;

		if (only_words || !has_dash)
			good = read_positional(&p, word);
		else if (strcmp(word, "--") == 0)
			only_words = true;
		else if (word[1] == '-')
			good = read_long(&p, word);
		else
			good = read_short(&p, word);
		if (!good)
			return CONFIG_USAGE;
	}
	if (p.help)
		return CONFIG_HELP;
	if (!check_positional(&p))
		return CONFIG_USAGE;
	read_variables(role, command_out, diag);
	return diag->count ? CONFIG_USAGE : CONFIG_LOADED;
}
