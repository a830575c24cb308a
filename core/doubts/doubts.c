#include "doubts/doubts.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "chain/plugin_set.h"
#include "chain/twins.h"
#include "config/shorthands.h"
#include "doubts/entry_doubts.h"
#include "doubts/host_doubts.h"
#include "doubts/identity_doubts.h"
#include "doubts/instance_doubts.h"
#include "doubts/limit_doubts.h"
#include "doubts/port_doubts.h"
#include "doubts/setting_doubts.h"
#include "doubts/transport_doubts.h"
#include "doubts/unused_doubts.h"
#include "doubts/usage_doubts.h"
#include "log/log.h"

void doubts_find(struct plugin_set *set)
{
	port_doubts_find(set);
	entry_doubts_find(set);
	host_doubts_find(set);
	limit_doubts_find(set);
	setting_doubts_find(set);
	transport_doubts_find(set);
	twins_find(set);
	usage_doubts_find(set);
	for (size_t id = 0; id < set->config->n_chains; id++) {
		instance_doubts_find(set, id);
		unused_doubts_find(set, id);
		for (size_t i = 0; i < set->chains[id]->n; i++) {
			identity_doubts_find(set, set->chains[id]->items[i]);
			limit_doubts_find_of_clients(set, set->chains[id]->items[i]);
			port_doubts_find_listener(set, set->chains[id]->items[i]);
		}
	}
}

/* This is not an error, since bore's default is an open server, too. */
static const char open_server[] =
	"no authentication: anybody who reaches the control port may open tunnels";

static bool is_open(const struct plugin_set *set)
{
	return set->config->role == ROLE_SERVER && set->config->chains[CHAIN_AUTH].n == 0;
}

static void log_doubt(const struct diag_mistake *doubt, void *arg)
{
	(void)arg;
	log_warn("doubtful configuration", log_str("warning", doubt->text),
	         log_str("source", doubt->source), log_int("line", doubt->line),
	         log_str("option", doubt->pointer));
}

void doubts_log(const struct plugin_set *set)
{
	if (is_open(set))
		log_warn(open_server, log_str("remedy", "give a secret, or a section auth"));
	diag_each(&set->doubts, log_doubt, NULL);
}

static void print_text(const char *text, FILE *out)
{
	char shown[1024];

	text_printable(text, strlen(text), shown, sizeof shown);
	fputs(shown, out);
}

static void print_doubt(const struct diag_mistake *doubt, void *arg)
{
	FILE *out = arg;

	if (doubt->source)
		print_text(doubt->source, out);
	if (doubt->line)
		fprintf(out, ":%u", doubt->line);
	fputs(doubt->source ? ": " : "", out);
	print_text(doubt->pointer, out);
	fputs(": ", out);
	print_text(doubt->text, out);
	fputc('\n', out);
}

void doubts_print(const struct plugin_set *set, FILE *out)
{
	if (is_open(set))
		fprintf(out, "%s\n", open_server);
	diag_each(&set->doubts, print_doubt, out);
}
