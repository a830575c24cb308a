#include "show/answer.h"

#include <string.h>

#include "show/lists.h"
#include "show/results.h"
#include "show/status_answer.h"

bool answer_print(const char *command, const struct json *answer, FILE *out)
{
	static const struct {
		const char *command;
		bool (*print)(const struct json *answer, FILE *out);
	} printers[] = {
		{ "status", status_answer_print },
		{ "tunnels", lists_print_tunnels },
		{ "relays", lists_print_relays },
		{ "loops", lists_print_loops },
		{ "bans", lists_print_bans },
		{ "plugins", lists_print_plugins },
		{ "kick", results_print_kick },
		{ "unban", results_print_unban },
		{ "upgrade", results_print_upgrade },
		{ "drain", results_print_drain },
		{ "log-level", results_print_log_level },
		{ "reload", results_print_reload },
	};

	for (size_t i = 0; i < sizeof printers / sizeof *printers; i++) {
		if (strcmp(printers[i].command, command) == 0)
			return printers[i].print(answer, out);
	}
	return true;
}
