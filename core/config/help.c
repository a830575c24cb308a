#include "config/help.h"

#include <stdlib.h>
#include <string.h>

#include "base/wrap.h"
#include "config/command.h"
#include "config/settings.h"

/* Flags that have no key in the configuration. A table, aligned by hand. */
/* clang-format off */
static const struct own_flag {
	char letter;
	unsigned roles;
	const char *flag, *metavar, *variable, *doc;
} own_flags[] = {
	{ 'c', ROLE_SERVER | ROLE_LOCAL, "--config",  "FILE", "SPORE_CONFIG",
	  "JSON configuration file; flags and variables override it" },
	{ 't', ROLE_SERVER, "--check", "", "",
	  "check everything that a start checks, bind no address, and exit with 0 or 1" },
	{ 't', ROLE_LOCAL, "--check", "", "",
	  "check everything that a start checks, bind no address, and exit with 0 or 1 "
	  "(-t: if no HOST follows)" },
	{ 0,   ROLE_SERVER | ROLE_LOCAL, "--print-config", "", "",
	  "like --check, and print each value and its source" },
	{ 'h', ROLE_SERVER | ROLE_LOCAL, "--help",    "",     "", "print this help" },
	{ 0,   ROLE_SERVER | ROLE_LOCAL, "--version", "",     "", "print the version" },
};
/* clang-format on */
enum { N_OWN_FLAGS = sizeof own_flags / sizeof *own_flags, NAME_WIDTH = 30 };

const spore_option *help_target_option(unsigned role, const char *target)
{
	const struct option_table *root = role == ROLE_SERVER ? &settings_server : &settings_client;
	const char *slash = strrchr(target, '/');
	char section[32];
	const spore_option *row;
	struct option_table table;

	snprintf(section, sizeof section, "%.*s", (int)strcspn(target + 1, "/["), target + 1);
	row = option_find(root, section);
	if (!row || !row->item)
		return NULL;
	table = (struct option_table){ row->item->options, row->item->n_options,
		                       row->item->option_size };
	return option_find(&table, slash + 1);
}

static void describe_shorthand(unsigned role, const struct shorthand *s, struct help_flag *out)
{
	size_t n;

	*out = (struct help_flag){ .letter = s->letter, .metavar = s->metavar, .shorthand = s };
	command_flag_name(s, out->flag, sizeof out->flag);
	command_variable_name(s, "SPORE", out->variables, sizeof out->variables);
	n = strlen(out->variables);
	if (s->bore_variable && n + 2 < sizeof out->variables) {
		memcpy(out->variables + n, ", ", 3);
		command_variable_name(s, "BORE", out->variables + n + 2,
		                      sizeof out->variables - n - 2);
	}
	out->option = help_target_option(role, s->target);
	out->doc = out->option ? out->option->doc : "";
	if (s->doc)
		out->doc = s->doc;
}

static void describe_own_flag(const struct own_flag *own, struct help_flag *out)
{
	*out = (struct help_flag){ .letter = own->letter,
		                   .metavar = own->metavar,
		                   .doc = own->doc };
	snprintf(out->flag, sizeof out->flag, "%s", own->flag);
	snprintf(out->variables, sizeof out->variables, "%s", own->variable);
}

/* The flag of that index in the order of the tables; false past the last one. */
static bool table_flag_at(unsigned role, size_t index, struct help_flag *out)
{
	for (size_t i = 0; i < n_shorthands; i++) {
		if (shorthands[i].roles & role && index-- == 0) {
			describe_shorthand(role, &shorthands[i], out);
			return true;
		}
	}
	for (size_t i = 0; i < N_OWN_FLAGS; i++) {
		if (own_flags[i].roles & role && index-- == 0) {
			describe_own_flag(&own_flags[i], out);
			return true;
		}
	}
	return false;
}

/* The title of the group that names the flag, and the flag's place among all groups. */
static const char *find_group(const char *flag, size_t *place_out)
{
	size_t i = 0;

	for (; i < n_shorthand_groups - 1; i++) {
		for (size_t at = 0; shorthand_groups[i].flags[at]; at++) {
			if (strcmp(shorthand_groups[i].flags[at], flag) == 0) {
				*place_out = i * SHORTHAND_GROUP_MAX + at;
				return shorthand_groups[i].title;
			}
		}
	}
	*place_out = i * SHORTHAND_GROUP_MAX;
	return shorthand_groups[i].title;
}

/* Less than 0 if a is before b in the help. */
static int compare_flags(const void *a, const void *b)
{
	const struct help_flag *x = a, *y = b;

	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

size_t help_list(unsigned role, struct help_flag out[HELP_MAX_FLAGS])
{
	size_t n = 0;

	for (; n < HELP_MAX_FLAGS && table_flag_at(role, n, &out[n]); n++) {
		size_t place;

		out[n].group = find_group(out[n].flag, &place);
		out[n].rank = place * HELP_MAX_FLAGS + n;
	}
	qsort(out, n, sizeof *out, compare_flags);
	return n;
}

enum { TEXT_SIZE = 1024 };

/* Appends the part with a text in front of it and behind it; NULL: nothing. */
static void append_part(char text[TEXT_SIZE], const char *before, const char *part,
                        const char *behind)
{
	size_t len = strlen(text);

	if (part)
		snprintf(text + len, TEXT_SIZE - len, "%s%s%s", before, part, behind);
}

static void print_flag(const struct help_flag *f, FILE *out)
{
	const char *choices = f->option ? f->option->choices : NULL;
	const char *dflt = f->option && *f->metavar ? f->option->dflt : NULL;
	char name[96], letter[] = "    ", text[TEXT_SIZE] = "";

	if (f->letter)
		snprintf(letter, sizeof letter, "-%c, ", f->letter);
	snprintf(name, sizeof name, "%s%s%s%s", letter, f->flag, *f->metavar ? " " : "",
	         f->metavar);
	append_part(text, "", f->doc, "");
	append_part(text, ": ", choices, "");
	append_part(text, " [default: ", dflt, "]");
	append_part(text, " [env: ", *f->variables ? f->variables : NULL, "]");
	fprintf(out, "  %-*s", NAME_WIDTH, name);
	if (strlen(name) >= NAME_WIDTH)
		fprintf(out, "\n%*s", NAME_WIDTH + 2, "");
	wrap_print(text, NAME_WIDTH + 2, NAME_WIDTH + 2, out);
}

void help_print(unsigned role, FILE *out)
{
	struct help_flag flags[HELP_MAX_FLAGS];
	size_t n = help_list(role, flags);
	const char *group = "";

	if (role == ROLE_SERVER)
		fputs("Usage: spore server [FLAGS]\n\n"
		      "Runs on the machine that has the public ports.\n",
		      out);
	else
		fputs("Usage: spore local [LOCAL_PORT...] --to HOST [FLAGS]\n\n"
		      "Runs near the service and makes it reachable on a public port of the "
		      "server.\n",
		      out);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(group, flags[i].group) != 0)
			fprintf(out, "\n%s:\n", flags[i].group);
		group = flags[i].group;
		print_flag(&flags[i], out);
	}
}
