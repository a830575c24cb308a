#include "show/status_answer.h"

#include <stdarg.h>

#include "base/columns.h"
#include "show/human.h"
#include "show/lists.h"
#include "show/member.h"
#include "show/value_text.h"
#include "json/json.h"

__attribute__((format(printf, 3, 4))) static void add_line(struct columns *columns,
                                                           const char *name, const char *format,
                                                           ...)
{
	char text[2 * VALUE_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	columns_add(columns, (const char *[]){ name, text });
}

static void add_dates(struct columns *columns, const struct json *dates)
{
	for (const struct json *date = dates ? dates->first : NULL; date; date = date->next) {
		long long days = member_integer(date, "days_left"); /* rounded down */
		char labels[VALUE_TEXT_SIZE];

		value_text_join(json_get(date, "labels"), labels);
		add_line(columns, member_text(date, "metric"),
		         days >= 0 ? "%s, %lld days left%s%s" : "%s, PASSED %lld days ago%s%s",
		         member_text(date, "utc"), days >= 0 ? days : -days - 1,
		         *labels ? ": " : "", labels);
	}
}

static void add_hanging(struct columns *columns, const struct json *hanging)
{
	for (const struct json *i = hanging ? hanging->first : NULL; i; i = i->next) {
		const char *plugin = member_text(i, "plugin");
		char call[VALUE_TEXT_SIZE] = "";

		if (*plugin)
			snprintf(call, sizeof call, " in %s, call %s", plugin,
			         member_text(i, "call"));
		add_line(columns, "hangs", "%s for %.1f s%s", member_text(i, "thread"),
		         member_number(i, "duration_ms") / 1000, call);
	}
}

static void add_states(struct columns *columns, const struct json *states)
{
	for (const struct json *i = states ? states->first : NULL; i; i = i->next) {
		const struct json *is_running = json_get(i, "running");
		char name[VALUE_TEXT_SIZE];

		if (!is_running || !is_running->boolean)
			continue;
		snprintf(name, sizeof name, "%s %s", member_text(i, "kind"),
		         member_text(i, "name"));
		add_line(columns, name, "%s", member_text(i, "state"));
	}
}

/* Adds nothing for an older server, which does not say it. */
static void add_room(struct columns *columns, const struct json *answer)
{
	const char *from = member_text(answer, "max_visitors_from");

	if (*from)
		add_line(columns, "visitors now", "%lld of at most %lld (set by %s)",
		         member_integer(answer, "visitors"), member_integer(answer, "max_visitors"),
		         from);
}

/* A server that has no descriptor left cannot read /proc: it reports 0 for both. */
static void add_use(struct columns *columns, const struct json *answer)
{
	double memory = member_number(answer, "memory");
	long long descriptors = member_integer(answer, "descriptors");
	char text[HUMAN_SIZE] = "unknown";

	if (memory > 0)
		human_bytes(memory, text);
	add_line(columns, "memory", "%s", text);
	snprintf(text, sizeof text, descriptors > 0 ? "%lld" : "unknown number", descriptors);
	add_line(columns, "descriptors", "%s of %lld", text,
	         member_integer(answer, "max_descriptors"));
}

/* Adds nothing for an older server, which does not say it. */
static void add_reload(struct columns *columns, const struct json *reload)
{
	const struct json *successful = json_get(reload, "successful");
	char age[HUMAN_SIZE];

	if (!successful)
		return;
	human_age(member_number(reload, "age_ms"), age);
	if (successful->boolean)
		add_line(columns, "last reload", "good, %s ago", age);
	else
		add_line(columns, "last reload", "refused %s ago: %s", age,
		         member_text(reload, "error"));
}

/* Where the process is, and for how long. */
static void add_place(struct columns *columns, const struct json *answer)
{
	const char *server = member_text(answer, "server");
	char up[HUMAN_SIZE], connected[HUMAN_SIZE];

	human_age(member_number(answer, "up_ms"), up);
	human_age(member_number(answer, "connected_ms"), connected);
	if (!lists_are_of_client(answer))
		add_line(columns, "state", "%s at %s, up for %s", member_text(answer, "state"),
		         member_text(answer, "control_port"), up);
	else if (*server)
		add_line(columns, "state", "%s, connected to %s for %s, up for %s",
		         member_text(answer, "state"), server, connected, up);
	else
		add_line(columns, "state", "%s, connected to no server, up for %s",
		         member_text(answer, "state"), up);
}

static void add_traffic(struct columns *columns, const struct json *answer)
{
	long long outdated = member_integer(answer, "tunnels_outdated");
	long long denied = member_integer(answer, "tunnels_denied");
	long long refusing = member_integer(answer, "tunnels_refusing");
	char bytes[HUMAN_SIZE];

	human_bytes(member_number(answer, "bytes"), bytes);
	if (lists_are_of_client(answer)) {
		add_line(columns, "tunnels", "%lld open of %lld", member_integer(answer, "tunnels"),
		         member_integer(answer, "all"));
		add_line(columns, "visitors", "%lld now, at most %lld, %lld in total, %s",
		         member_integer(answer, "visitors"), member_integer(answer, "max_visitors"),
		         member_integer(answer, "visitors_all"), bytes);
		return;
	}
	add_line(columns, "tunnels",
	         outdated ? "%lld, %lld not judged by this generation yet" : "%lld",
	         member_integer(answer, "tunnels"), outdated);
	if (denied)
		add_line(columns, "denied",
		         "%lld tunnel%s without new visitors, since access lists deny the clients "
		         "after a reload: see DENIED BY of `spore ctl tunnels`",
		         denied, denied == 1 ? "" : "s");
	if (refusing)
		add_line(
			columns, "at a limit",
			"%lld tunnel%s whose visitors a limit of the identity refuses: see REFUSES "
			"of `spore ctl tunnels`",
			refusing, refusing == 1 ? "" : "s");
	add_line(columns, "visitors", "%lld relayed, %lld waiting, %lld in total, %s",
	         member_integer(answer, "relays"), member_integer(answer, "waiting"),
	         member_integer(answer, "visitors_all"), bytes);
	add_room(columns, answer);
	add_line(columns, "strangers", "%lld, %lld refusals in total",
	         member_integer(answer, "strangers"), member_integer(answer, "refusals"));
}

/* Adds nothing for an older server, which does not say it. */
static void add_routed_ports(struct columns *columns, const struct json *answer)
{
	const struct json *ports = json_get(answer, "routed_ports");
	long long names = member_integer(answer, "host_names");

	for (const struct json *i = ports ? ports->first : NULL; i; i = i->next) {
		const char *entry = member_text(i, "entry");
		char routes[VALUE_TEXT_SIZE];

		value_text_join(json_get(i, "routes"), routes);
		add_line(columns, "routed port",
		         "%s by %s%s%s, %lld visitors in total, %lld without a tunnel yet",
		         member_text(i, "addresses"), routes, *entry ? ", entry " : "", entry,
		         member_integer(i, "visitors_all"), member_integer(i, "without_tunnel"));
	}
	if (names || (ports && ports->first))
		add_line(columns, "host names", "%lld, of %lld tunnels", names,
		         member_integer(answer, "tunnels_with_hosts"));
}

static void add_usage_file(struct columns *columns, const struct json *error)
{
	char duration[HUMAN_SIZE];

	if (!error || error->type != JSON_OBJECT)
		return;
	human_age(member_number(error, "duration_ms"), duration);
	add_line(columns, "usage file", "cannot be written for %s: %s", duration,
	         member_text(error, "error"));
}

bool status_answer_print(const struct json *answer, FILE *out)
{
	struct columns columns = { .n = 2 };
	bool good;

	add_place(&columns, answer);
	add_line(&columns, "version", "%s, process %lld", member_text(answer, "version"),
	         member_integer(answer, "pid"));
	add_line(&columns, "workers", "%lld", member_integer(answer, "workers"));
	if (*member_text(answer, "not_ready"))
		add_line(&columns, "not ready", "%s", member_text(answer, "not_ready"));
	add_hanging(&columns, json_get(answer, "hanging"));
	add_traffic(&columns, answer);
	add_routed_ports(&columns, answer);
	add_usage_file(&columns, json_get(answer, "usage_file_error"));
	add_line(&columns, "plugins", "%lld instances; generation %lld, %lld alive",
	         member_integer(answer, "plugin_instances"), member_integer(answer, "generation"),
	         member_integer(answer, "generations_alive"));
	add_reload(&columns, json_get(answer, "last_reload"));
	add_states(&columns, json_get(answer, "instance_states"));
	add_use(&columns, answer);
	add_line(&columns, "log", "%s, %lld lines dropped", member_text(answer, "log_level"),
	         member_integer(answer, "log_lines_dropped"));
	add_dates(&columns, json_get(answer, "dates"));
	good = columns_print(&columns, 0, out);
	columns_fini(&columns);
	if (!good || !lists_are_of_client(answer))
		return good;
	fputc('\n', out);
	return lists_print_status_tunnels(answer, out);
}
