#include "show/results.h"

#include "base/columns.h"
#include "show/escaped.h"
#include "show/member.h"
#include "show/value_text.h"
#include "json/json.h"

bool results_print_kick(const struct json *answer, FILE *out)
{
	fprintf(out, "ended tunnels: %lld, visitors: %lld\n",
	        member_integer(answer, "tunnels_ended"), member_integer(answer, "visitors_ended"));
	return true;
}

bool results_print_unban(const struct json *answer, FILE *out)
{
	escaped_print(member_text(answer, "lifted"), out);
	fputs(" may connect again\n", out);
	return true;
}

bool results_print_drain(const struct json *answer, FILE *out)
{
	const struct json *was = json_get(answer, "was_draining");

	fprintf(out, was && was->boolean ? "already draining\n" : "draining, for at most %g s\n",
	        member_number(answer, "timeout_ms") / 1000);
	return true;
}

bool results_print_log_level(const struct json *answer, FILE *out)
{
	escaped_print("log level: ", out);
	escaped_print(member_text(answer, "is"), out);
	escaped_print(", was ", out);
	escaped_print(member_text(answer, "was"), out);
	fputc('\n', out);
	return true;
}

static void print_warnings(const struct json *warnings, FILE *out)
{
	for (const struct json *i = warnings ? warnings->first : NULL; i; i = i->next) {
		escaped_print("warning: ", out);
		escaped_print(i->type == JSON_STRING ? i->raw : "", out);
		fputc('\n', out);
	}
}

/* Older servers do not tell what is a default. */
static void format_side(const struct json *value, const struct json *is_default,
                        char out[VALUE_TEXT_SIZE])
{
	bool is_marked = is_default && is_default->boolean;

	if (value && value->type == JSON_STRING)
		snprintf(out, VALUE_TEXT_SIZE, "%s%s", value->raw, is_marked ? " (default)" : "");
	else
		snprintf(out, VALUE_TEXT_SIZE, "not set");
}

static bool print_changes(const struct json *changes, FILE *out)
{
	struct columns columns = { .n = 4 };
	bool good;

	columns_add(&columns, (const char *[]){ "KEY", "FROM", "TO", "HOLDS" });
	for (const struct json *i = changes->first; i; i = i->next) {
		char from[VALUE_TEXT_SIZE], to[VALUE_TEXT_SIZE];

		format_side(json_get(i, "from"), json_get(i, "from_is_default"), from);
		format_side(json_get(i, "to"), json_get(i, "to_is_default"), to);
		columns_add(&columns, (const char *[]){ member_text(i, "key"), from, to,
		                                        member_text(i, "holds") });
	}
	good = columns_print(&columns, 0, out);
	columns_fini(&columns);
	return good;
}

/* Those of a client that are not open yet. */
static void print_closed_tunnels(const struct json *tunnels, FILE *out)
{
	for (const struct json *i = tunnels ? tunnels->first : NULL; i; i = i->next) {
		const struct json *error = json_get(i, "error");

		fputs("tunnel ", out);
		escaped_print(member_text(i, "name"), out);
		fputs(" is not open (", out);
		escaped_print(member_text(i, "state"), out);
		fputs("): ", out);
		escaped_print(error && error->type == JSON_STRING ? error->raw : "no answer yet",
		              out);
		fputc('\n', out);
	}
}

bool results_print_reload(const struct json *answer, FILE *out)
{
	const struct json *all = json_get(answer, "changes"), *read = json_get(answer, "files");
	size_t n = all ? all->count : 0;

	fprintf(out, "reloaded: generation %lld, %zu change%s\n",
	        member_integer(answer, "generation"), n, n == 1 ? "" : "s");
	print_warnings(json_get(answer, "warnings"), out);
	for (const struct json *i = read ? read->first : NULL; i; i = i->next) {
		fputs("read again: ", out);
		escaped_print(i->type == JSON_STRING ? i->raw : "", out);
		fputc('\n', out);
	}
	print_closed_tunnels(json_get(answer, "tunnels_not_open"), out);
	return n == 0 || print_changes(all, out);
}

bool results_print_upgrade(const struct json *answer, FILE *out)
{
	fputs("upgraded: version ", out);
	escaped_print(member_text(answer, "version"), out);
	fprintf(out, " serves as process %lld; the old process drains\n",
	        member_integer(answer, "pid"));
	return true;
}
