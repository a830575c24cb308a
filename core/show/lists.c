#include "show/lists.h"

#include <string.h>

#include "show/member.h"
#include "show/table.h"
#include "json/json.h"

/* The columns of each list, from left to right. */
/* clang-format off */
static const struct table tunnels = { "tunnels", {
	{ "id", "ID", VALUE_NUMBER },
	{ "port", "PORT", VALUE_NUMBER },
	{ "identity", "IDENTITY", VALUE_TEXT },
	{ "client", "CLIENT", VALUE_TEXT },
	{ "age_ms", "AGE", VALUE_AGE },
	{ "visitors", "VISITORS", VALUE_NUMBER },
	{ "waiting", "WAITING", VALUE_NUMBER },
	{ "visitors_all", "TOTAL", VALUE_NUMBER },
	{ "bytes_up", "UP", VALUE_BYTES },
	{ "bytes_down", "DOWN", VALUE_BYTES },
	{ "heartbeats", "HEARTBEATS", VALUE_YES_NO },
	{ "shared", "SHARED", VALUE_YES_NO },
	{ "hosts_held", "HOSTS", VALUE_LIST },
	{ "name", "NAME", VALUE_CLAIM },
	{ "version", "VERSION", VALUE_CLAIM },
	{ "tags", "TAGS", VALUE_CLAIM },
	{ "service", "SERVICE", VALUE_TEXT },
	{ "service_error", "SERVICE ERROR", VALUE_EVENT },
	{ "identity_day", "USED TODAY", VALUE_USE },
	{ "identity_month", "THIS MONTH", VALUE_USE },
	{ "refusing", "REFUSES", VALUE_TEXT },
	{ "entry", "ENTRY", VALUE_TEXT },
	{ "denied", "DENIED BY", VALUE_TEXT },
} };

static const struct table client_tunnels = { "tunnels", {
	{ "name", "NAME", VALUE_TEXT },
	{ "local", "LOCAL", VALUE_TEXT },
	{ "public", "PUBLIC", VALUE_TEXT },
	{ "state", "STATE", VALUE_TEXT },
	{ "age_ms", "OPEN FOR", VALUE_AGE },
	{ "visitors", "VISITORS", VALUE_NUMBER },
	{ "visitors_all", "TOTAL", VALUE_NUMBER },
	{ "bytes_up", "UP", VALUE_BYTES },
	{ "bytes_down", "DOWN", VALUE_BYTES },
	{ "service", "SERVICE", VALUE_TEXT },
	{ "service_error", "SERVICE ERROR", VALUE_EVENT },
	{ "refused", "VISITORS REFUSED", VALUE_EVENT },
	{ "last_error", "LAST ERROR", VALUE_EVENT },
} };

static const struct table relays = { "relays", {
	{ "id", "ID", VALUE_NUMBER },
	{ "tunnel", "TUNNEL", VALUE_NUMBER },
	{ "port", "PORT", VALUE_NUMBER },
	{ "identity", "IDENTITY", VALUE_TEXT },
	{ "visitor", "VISITOR", VALUE_TEXT },
	{ "age_ms", "AGE", VALUE_AGE },
	{ "idle_ms", "IDLE", VALUE_AGE },
	{ "bytes_up", "UP", VALUE_BYTES },
	{ "bytes_down", "DOWN", VALUE_BYTES },
} };

static const struct table loops = { "workers", {
	{ "worker", "WORKER", VALUE_NUMBER },
	{ "answers", "ANSWERS", VALUE_YES_NO },
	{ "waited_us", "WAITED", VALUE_MICROSECONDS },
	{ "turns", "TURNS", VALUE_NUMBER },
	{ "busy_ms", "BUSY", VALUE_AGE },
	{ "recent_us", "RECENT LONGEST", VALUE_MICROSECONDS },
	{ "longest_us", "LONGEST", VALUE_MICROSECONDS },
	{ "tunnels", "TUNNELS", VALUE_NUMBER },
	{ "relays", "RELAYS", VALUE_NUMBER },
	{ "strangers", "STRANGERS", VALUE_NUMBER },
} };

static const struct table bans = { "bans", {
	{ "source", "SOURCE", VALUE_TEXT },
	{ "left_ms", "LEFT", VALUE_AGE },
	{ "tries", "TRIES", VALUE_NUMBER },
} };

static const struct table instances = { "instances", {
	{ "generation", "GENERATION", VALUE_NUMBER },
	{ "kind", "KIND", VALUE_TEXT },
	{ "name", "NAME", VALUE_TEXT },
	{ "component", "COMPONENT", VALUE_TEXT },
	{ "users", "USERS", VALUE_NUMBER },
	{ "file", "FILE", VALUE_TEXT },
	{ "option", "OPTION", VALUE_TEXT },
} };

static const struct table files = { "files", {
	{ "plugin", "PLUGIN", VALUE_TEXT },
	{ "version", "VERSION", VALUE_TEXT },
	{ "abi", "ABI", VALUE_TEXT },
	{ "file", "FILE", VALUE_TEXT },
	{ "digest", "DIGEST", VALUE_TEXT },
} };
/* clang-format on */

bool lists_are_of_client(const struct json *answer)
{
	return strcmp(member_text(answer, "role"), "client") == 0;
}

bool lists_print_tunnels(const struct json *answer, FILE *out)
{
	return table_print(lists_are_of_client(answer) ? &client_tunnels : &tunnels, answer, out);
}

bool lists_print_relays(const struct json *answer, FILE *out)
{
	return table_print(&relays, answer, out);
}

bool lists_print_bans(const struct json *answer, FILE *out)
{
	return table_print(&bans, answer, out);
}

bool lists_print_loops(const struct json *answer, FILE *out)
{
	const struct json *main_loop = json_get(answer, "main");

	if (!table_print(&loops, answer, out))
		return false;
	fprintf(out, "main: %lld turns, longest %.3f ms, recent longest %.3f ms\n",
	        member_integer(main_loop, "turns"), member_number(main_loop, "longest_us") / 1000,
	        member_number(main_loop, "recent_us") / 1000);
	return true;
}

bool lists_print_plugins(const struct json *answer, FILE *out)
{
	if (!table_print(&instances, answer, out))
		return false;
	fputc('\n', out);
	return table_print(&files, answer, out);
}

bool lists_print_status_tunnels(const struct json *status, FILE *out)
{
	struct table table = client_tunnels;

	table.key = "each_tunnel";
	return table_print(&table, status, out);
}
