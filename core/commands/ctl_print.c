#include "commands/ctl_print.h"

#include <stdarg.h>
#include <string.h>

#include "base/columns.h"
#include "base/text.h"
#include "base/utf8.h"

enum { CELL = 256, MOST_COLUMNS = 24 };
/* Bytes of a client's claim that a table shows. */
enum { CLAIM_SHOWN = 48 };

/* ---- values ---- */

enum format { TEXT, CLAIM, NUMBER, BYTES, AGE, MICROSECONDS, YES_NO, EVENT, USE };

static const char *string_member(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);

	return value && value->type == JSON_STRING ? value->raw : "";
}

static double number_member(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);

	return value && value->type == JSON_NUMBER ? value->number : 0;
}

static long long integer_member(const struct json *object, const char *key)
{
	return (long long)number_member(object, key);
}

static void format_bytes(double bytes, char out[CELL])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	size_t unit = 0;

	while (bytes >= 1024 && unit + 1 < sizeof units / sizeof *units) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out, CELL, "%.*f %s", unit ? 1 : 0, bytes, units[unit]);
}

static void format_age(double ms, char out[CELL])
{
	long long s = (long long)(ms / 1000);

	if (s < 60)
		snprintf(out, CELL, "%llds", s);
	else if (s < 3600)
		snprintf(out, CELL, "%lldm%02llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, CELL, "%lldh%02lldm", s / 3600, s / 60 % 60);
	else
		snprintf(out, CELL, "%lldd%02lldh", s / 86400, s / 3600 % 24);
}

/* "env=prod, team=web"; "-" if there are none. */
static void format_members(const struct json *object, char out[CELL])
{
	size_t len = 0;

	for (const struct json *i = object->first; i && len + 1 < CELL; i = i->next) {
		int n = snprintf(out + len, CELL - len, "%s%s=%s", len ? ", " : "", i->key,
		                 i->type == JSON_STRING ? i->raw : "");

		len += n > 0 ? (size_t)n : 0;
	}
}

/* "5s ago: server error: ..." */
static void format_event(const struct json *event, char out[CELL])
{
	char age[CELL];

	format_age(number_member(event, "age_ms"), age);
	snprintf(out, CELL, "%.32s ago: %.200s", age, string_member(event, "error"));
}

/* "5.0 MiB of 1.0 GiB" */
static void format_use(const struct json *use, char out[CELL])
{
	char used[CELL], allowed[CELL];

	format_bytes(number_member(use, "used"), used);
	format_bytes(number_member(use, "allowed"), allowed);
	snprintf(out, CELL, "%.32s of %.32s", used, allowed);
}

/* Cuts a text that is too long between two characters. */
static void cut_claim(char out[CELL])
{
	static const char more[] = "...";
	size_t n = CLAIM_SHOWN - strlen(more);

	if (strlen(out) <= CLAIM_SHOWN)
		return;
	while (n > 0 && ((unsigned char)out[n] & 0xC0) == 0x80) /* within a character */
		n--;
	strcpy(out + n, more);
}

static void format_value(const struct json *value, enum format format, char out[CELL])
{
	snprintf(out, CELL, "-");
	if (!value)
		return;
	if (value->type == JSON_STRING && *value->raw)
		snprintf(out, CELL, "%s", value->raw);
	else if (value->type == JSON_BOOL)
		snprintf(out, CELL, "%s", value->boolean ? "yes" : "no");
	else if (value->type == JSON_NUMBER && format == BYTES)
		format_bytes(value->number, out);
	else if (value->type == JSON_NUMBER && format == AGE)
		format_age(value->number, out);
	else if (value->type == JSON_NUMBER && format == MICROSECONDS)
		snprintf(out, CELL, "%.3f ms", value->number / 1000);
	else if (value->type == JSON_NUMBER)
		snprintf(out, CELL, "%lld", (long long)value->number);
	else if (value->type == JSON_OBJECT && format == EVENT)
		format_event(value, out);
	else if (value->type == JSON_OBJECT && format == USE)
		format_use(value, out);
	else if (value->type == JSON_OBJECT)
		format_members(value, out);
	if (format == CLAIM)
		cut_claim(out);
}

/* ---- tables ---- */

struct field {
	const char *key, *head;
	enum format format;
};

/* How an array of objects is printed: one line for each object. */
struct table {
	const char *key; /* the array's, in the answer */
	struct field fields[MOST_COLUMNS];
};

static size_t count_fields(const struct table *table)
{
	size_t n = 0;

	while (n < MOST_COLUMNS && table->fields[n].key)
		n++;
	return n;
}

static void add_head(struct columns *columns, const struct table *table)
{
	const char *cells[MOST_COLUMNS] = { NULL };

	for (size_t i = 0; i < columns->n; i++)
		cells[i] = table->fields[i].head;
	columns_add(columns, cells);
}

static void add_row(struct columns *columns, const struct table *table, const struct json *object)
{
	char texts[MOST_COLUMNS][CELL];
	const char *cells[MOST_COLUMNS] = { NULL };

	for (size_t i = 0; i < columns->n; i++) {
		format_value(json_get(object, table->fields[i].key), table->fields[i].format,
		             texts[i]);
		cells[i] = texts[i];
	}
	columns_add(columns, cells);
}

static bool print_table(const struct table *table, const struct json *answer, FILE *out)
{
	struct columns columns = { .n = count_fields(table) };
	const struct json *rows = json_get(answer, table->key);
	bool good;

	add_head(&columns, table);
	for (const struct json *row = rows ? rows->first : NULL; row; row = row->next)
		add_row(&columns, table, row);
	good = columns_print(&columns, 0, out);
	columns_fini(&columns);
	if (rows && integer_member(answer, "all") > (long long)rows->count)
		fprintf(out, "and %lld more\n",
		        integer_member(answer, "all") - (long long)rows->count);
	return good;
}

/* Tables, aligned by hand. */
/* clang-format off */
static const struct table tunnels = { "tunnels", {
	{ "id", "ID", NUMBER }, { "port", "PORT", NUMBER }, { "identity", "IDENTITY", TEXT },
	{ "client", "CLIENT", TEXT }, { "age_ms", "AGE", AGE }, { "visitors", "VISITORS", NUMBER },
	{ "waiting", "WAITING", NUMBER }, { "visitors_all", "TOTAL", NUMBER },
	{ "bytes_up", "UP", BYTES }, { "bytes_down", "DOWN", BYTES },
	{ "heartbeats", "HEARTBEATS", YES_NO }, { "name", "NAME", CLAIM },
	{ "version", "VERSION", CLAIM }, { "tags", "TAGS", CLAIM }, { "service", "SERVICE", TEXT },
	{ "service_error", "SERVICE ERROR", EVENT }, { "identity_day", "USED TODAY", USE },
	{ "identity_month", "THIS MONTH", USE }, { "entry", "ENTRY", TEXT },
} };
static const struct table client_tunnels = { "tunnels", {
	{ "name", "NAME", TEXT }, { "local", "LOCAL", TEXT }, { "public", "PUBLIC", TEXT },
	{ "state", "STATE", TEXT }, { "age_ms", "OPEN FOR", AGE },
	{ "visitors", "VISITORS", NUMBER }, { "visitors_all", "TOTAL", NUMBER },
	{ "bytes_up", "UP", BYTES }, { "bytes_down", "DOWN", BYTES },
	{ "service", "SERVICE", TEXT }, { "service_error", "SERVICE ERROR", EVENT },
	{ "last_error", "LAST ERROR", EVENT },
} };
static const struct table relays = { "relays", {
	{ "id", "ID", NUMBER }, { "tunnel", "TUNNEL", NUMBER }, { "port", "PORT", NUMBER },
	{ "identity", "IDENTITY", TEXT }, { "visitor", "VISITOR", TEXT }, { "age_ms", "AGE", AGE },
	{ "idle_ms", "IDLE", AGE }, { "bytes_up", "UP", BYTES }, { "bytes_down", "DOWN", BYTES },
} };
static const struct table loops = { "workers", {
	{ "worker", "WORKER", NUMBER }, { "answers", "ANSWERS", YES_NO },
	{ "waited_us", "WAITED", MICROSECONDS }, { "turns", "TURNS", NUMBER },
	{ "busy_ms", "BUSY", AGE }, { "recent_us", "RECENT LONGEST", MICROSECONDS },
	{ "longest_us", "LONGEST", MICROSECONDS }, { "tunnels", "TUNNELS", NUMBER },
	{ "relays", "RELAYS", NUMBER }, { "strangers", "STRANGERS", NUMBER },
} };
static const struct table bans = { "bans", {
	{ "source", "SOURCE", TEXT }, { "left_ms", "LEFT", AGE }, { "tries", "TRIES", NUMBER },
} };
static const struct table instances = { "instances", {
	{ "generation", "GENERATION", NUMBER }, { "kind", "KIND", TEXT }, { "name", "NAME", TEXT },
	{ "component", "COMPONENT", TEXT }, { "users", "USERS", NUMBER }, { "file", "FILE", TEXT },
	{ "option", "OPTION", TEXT },
} };
static const struct table files = { "files", {
	{ "plugin", "PLUGIN", TEXT }, { "version", "VERSION", TEXT }, { "abi", "ABI", TEXT },
	{ "file", "FILE", TEXT }, { "digest", "DIGEST", TEXT },
} };
/* clang-format on */

static bool is_of_client(const struct json *answer)
{
	return strcmp(string_member(answer, "role"), "client") == 0;
}

static bool print_tunnels(const struct json *answer, FILE *out)
{
	return print_table(is_of_client(answer) ? &client_tunnels : &tunnels, answer, out);
}

static bool print_relays(const struct json *answer, FILE *out)
{
	return print_table(&relays, answer, out);
}

static bool print_bans(const struct json *answer, FILE *out)
{
	return print_table(&bans, answer, out);
}

static bool print_loops(const struct json *answer, FILE *out)
{
	const struct json *main_loop = json_get(answer, "main");

	if (!print_table(&loops, answer, out))
		return false;
	fprintf(out, "main: %lld turns, longest %.3f ms, recent longest %.3f ms\n",
	        integer_member(main_loop, "turns"), number_member(main_loop, "longest_us") / 1000,
	        number_member(main_loop, "recent_us") / 1000);
	return true;
}

static bool print_plugins(const struct json *answer, FILE *out)
{
	if (!print_table(&instances, answer, out))
		return false;
	fputc('\n', out);
	return print_table(&files, answer, out);
}

/* ---- status ---- */

__attribute__((format(printf, 3, 4))) static void add_line(struct columns *columns,
                                                           const char *name, const char *format,
                                                           ...)
{
	char text[2 * CELL];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	columns_add(columns, (const char *[]){ name, text });
}

/* "file=cert.pem, sni=a.example" */
static void join_texts(const struct json *texts, char out[CELL])
{
	size_t len = 0;

	out[0] = '\0';
	for (const struct json *i = texts ? texts->first : NULL; i && len + 1 < CELL; i = i->next) {
		int n = snprintf(out + len, CELL - len, "%s%s", len ? ", " : "",
		                 i->type == JSON_STRING ? i->raw : "");

		len += n > 0 ? (size_t)n : 0;
	}
}

static void add_dates(struct columns *columns, const struct json *dates)
{
	for (const struct json *date = dates ? dates->first : NULL; date; date = date->next) {
		long long days = integer_member(date, "days_left"); /* rounded down */
		char labels[CELL];

		join_texts(json_get(date, "labels"), labels);
		add_line(columns, string_member(date, "metric"),
		         days >= 0 ? "%s, %lld days left%s%s" : "%s, PASSED %lld days ago%s%s",
		         string_member(date, "utc"), days >= 0 ? days : -days - 1,
		         *labels ? ": " : "", labels);
	}
}

static void add_hanging(struct columns *columns, const struct json *hanging)
{
	for (const struct json *i = hanging ? hanging->first : NULL; i; i = i->next) {
		const char *plugin = string_member(i, "plugin");
		char call[CELL] = "";

		if (*plugin)
			snprintf(call, sizeof call, " in %s, call %s", plugin,
			         string_member(i, "call"));
		add_line(columns, "hangs", "%s for %.1f s%s", string_member(i, "thread"),
		         number_member(i, "duration_ms") / 1000, call);
	}
}

static void add_states(struct columns *columns, const struct json *states)
{
	for (const struct json *i = states ? states->first : NULL; i; i = i->next) {
		const struct json *is_running = json_get(i, "running");
		char name[CELL];

		if (!is_running || !is_running->boolean)
			continue;
		snprintf(name, sizeof name, "%s %s", string_member(i, "kind"),
		         string_member(i, "name"));
		add_line(columns, name, "%s", string_member(i, "state"));
	}
}

/* Adds nothing for an older server, which does not say it. */
static void add_room(struct columns *columns, const struct json *answer)
{
	const char *from = string_member(answer, "max_visitors_from");

	if (*from)
		add_line(columns, "visitors now", "%lld of at most %lld (set by %s)",
		         integer_member(answer, "visitors"), integer_member(answer, "max_visitors"),
		         from);
}

/* A server that has no descriptor left cannot read /proc: it reports 0 for both. */
static void add_use(struct columns *columns, const struct json *answer)
{
	double memory = number_member(answer, "memory");
	long long descriptors = integer_member(answer, "descriptors");
	char text[CELL] = "unknown";

	if (memory > 0)
		format_bytes(memory, text);
	add_line(columns, "memory", "%s", text);
	snprintf(text, sizeof text, descriptors > 0 ? "%lld" : "unknown number", descriptors);
	add_line(columns, "descriptors", "%s of %lld", text,
	         integer_member(answer, "max_descriptors"));
}

/* Adds nothing for an older server, which does not say it. */
static void add_reload(struct columns *columns, const struct json *reload)
{
	const struct json *successful = json_get(reload, "successful");
	char age[CELL];

	if (!successful)
		return;
	format_age(number_member(reload, "age_ms"), age);
	if (successful->boolean)
		add_line(columns, "last reload", "good, %s ago", age);
	else
		add_line(columns, "last reload", "refused %s ago: %s", age,
		         string_member(reload, "error"));
}

/* Where the process is, and for how long. */
static void add_place(struct columns *columns, const struct json *answer)
{
	const char *server = string_member(answer, "server");
	char up[CELL], connected[CELL];

	format_age(number_member(answer, "up_ms"), up);
	format_age(number_member(answer, "connected_ms"), connected);
	if (!is_of_client(answer))
		add_line(columns, "state", "%s at %s, up for %s", string_member(answer, "state"),
		         string_member(answer, "control_port"), up);
	else if (*server)
		add_line(columns, "state", "%s, connected to %s for %s, up for %s",
		         string_member(answer, "state"), server, connected, up);
	else
		add_line(columns, "state", "%s, connected to no server, up for %s",
		         string_member(answer, "state"), up);
}

static void add_traffic(struct columns *columns, const struct json *answer)
{
	long long outdated = integer_member(answer, "tunnels_outdated");
	char bytes[CELL];

	format_bytes(number_member(answer, "bytes"), bytes);
	if (is_of_client(answer)) {
		add_line(columns, "tunnels", "%lld open of %lld", integer_member(answer, "tunnels"),
		         integer_member(answer, "all"));
		add_line(columns, "visitors", "%lld now, at most %lld, %lld in total, %s",
		         integer_member(answer, "visitors"), integer_member(answer, "max_visitors"),
		         integer_member(answer, "visitors_all"), bytes);
		return;
	}
	add_line(columns, "tunnels",
	         outdated ? "%lld, %lld not judged by this generation yet" : "%lld",
	         integer_member(answer, "tunnels"), outdated);
	add_line(columns, "visitors", "%lld relayed, %lld waiting, %lld in total, %s",
	         integer_member(answer, "relays"), integer_member(answer, "waiting"),
	         integer_member(answer, "visitors_all"), bytes);
	add_room(columns, answer);
	add_line(columns, "strangers", "%lld, %lld refusals in total",
	         integer_member(answer, "strangers"), integer_member(answer, "refusals"));
}

static void add_usage_file(struct columns *columns, const struct json *error)
{
	char duration[CELL];

	if (!error || error->type != JSON_OBJECT)
		return;
	format_age(number_member(error, "duration_ms"), duration);
	add_line(columns, "usage file", "cannot be written for %s: %s", duration,
	         string_member(error, "error"));
}

static bool print_status(const struct json *answer, FILE *out)
{
	struct table each_tunnel = client_tunnels;
	struct columns columns = { .n = 2 };
	bool good;

	each_tunnel.key = "each_tunnel";
	add_place(&columns, answer);
	add_line(&columns, "version", "%s, process %lld", string_member(answer, "version"),
	         integer_member(answer, "pid"));
	add_line(&columns, "workers", "%lld", integer_member(answer, "workers"));
	if (*string_member(answer, "not_ready"))
		add_line(&columns, "not ready", "%s", string_member(answer, "not_ready"));
	add_hanging(&columns, json_get(answer, "hanging"));
	add_traffic(&columns, answer);
	add_usage_file(&columns, json_get(answer, "usage_file_error"));
	add_line(&columns, "plugins", "%lld instances; generation %lld, %lld alive",
	         integer_member(answer, "plugin_instances"), integer_member(answer, "generation"),
	         integer_member(answer, "generations_alive"));
	add_reload(&columns, json_get(answer, "last_reload"));
	add_states(&columns, json_get(answer, "instance_states"));
	add_use(&columns, answer);
	add_line(&columns, "log", "%s, %lld lines dropped", string_member(answer, "log_level"),
	         integer_member(answer, "log_lines_dropped"));
	add_dates(&columns, json_get(answer, "dates"));
	good = columns_print(&columns, 0, out);
	columns_fini(&columns);
	if (!good || !is_of_client(answer))
		return good;
	fputc('\n', out);
	return print_table(&each_tunnel, answer, out);
}

/* ---- results ---- */

static bool print_kick(const struct json *answer, FILE *out)
{
	fprintf(out, "ended tunnels: %lld, visitors: %lld\n",
	        integer_member(answer, "tunnels_ended"), integer_member(answer, "visitors_ended"));
	return true;
}

static bool print_unban(const struct json *answer, FILE *out)
{
	ctl_print_text(string_member(answer, "lifted"), out);
	fputs(" may connect again\n", out);
	return true;
}

static bool print_drain(const struct json *answer, FILE *out)
{
	const struct json *was = json_get(answer, "was_draining");

	fprintf(out, was && was->boolean ? "already draining\n" : "draining, for at most %g s\n",
	        number_member(answer, "timeout_ms") / 1000);
	return true;
}

static bool print_log_level(const struct json *answer, FILE *out)
{
	ctl_print_text("log level: ", out);
	ctl_print_text(string_member(answer, "is"), out);
	ctl_print_text(", was ", out);
	ctl_print_text(string_member(answer, "was"), out);
	fputc('\n', out);
	return true;
}

static void print_warnings(const struct json *warnings, FILE *out)
{
	for (const struct json *i = warnings ? warnings->first : NULL; i; i = i->next) {
		ctl_print_text("warning: ", out);
		ctl_print_text(i->type == JSON_STRING ? i->raw : "", out);
		fputc('\n', out);
	}
}

/* Older servers do not tell what is a default. */
static void format_side(const struct json *value, const struct json *is_default, char out[CELL])
{
	bool is_marked = is_default && is_default->boolean;

	if (value && value->type == JSON_STRING)
		snprintf(out, CELL, "%s%s", value->raw, is_marked ? " (default)" : "");
	else
		snprintf(out, CELL, "not set");
}

static bool print_changes(const struct json *changes, FILE *out)
{
	struct columns columns = { .n = 4 };
	bool good;

	columns_add(&columns, (const char *[]){ "KEY", "FROM", "TO", "HOLDS" });
	for (const struct json *i = changes->first; i; i = i->next) {
		char from[CELL], to[CELL];

		format_side(json_get(i, "from"), json_get(i, "from_is_default"), from);
		format_side(json_get(i, "to"), json_get(i, "to_is_default"), to);
		columns_add(&columns, (const char *[]){ string_member(i, "key"), from, to,
		                                        string_member(i, "holds") });
	}
	good = columns_print(&columns, 0, out);
	columns_fini(&columns);
	return good;
}

static bool print_reload(const struct json *answer, FILE *out)
{
	const struct json *all = json_get(answer, "changes"), *read = json_get(answer, "files");
	size_t n = all ? all->count : 0;

	fprintf(out, "reloaded: generation %lld, %zu change%s\n",
	        integer_member(answer, "generation"), n, n == 1 ? "" : "s");
	print_warnings(json_get(answer, "warnings"), out);
	for (const struct json *i = read ? read->first : NULL; i; i = i->next) {
		fputs("read again: ", out);
		ctl_print_text(i->type == JSON_STRING ? i->raw : "", out);
		fputc('\n', out);
	}
	return n == 0 || print_changes(all, out);
}

static bool print_upgrade(const struct json *answer, FILE *out)
{
	fprintf(out, "upgraded: version %s serves as process %lld; the old process drains\n",
	        string_member(answer, "version"), integer_member(answer, "pid"));
	return true;
}

void ctl_print_text(const char *text, FILE *out)
{
	for (size_t len = strlen(text); len > 0;) {
		size_t n = utf8_is_clear(text, len) ? utf8_sequence(text, len) : 0;

		if (n == 0 && *text != '\n')
			fprintf(out, "\\x%02x", (unsigned char)*text);
		else
			fwrite(text, n ? n : 1, 1, out);
		text += n ? n : 1;
		len -= n ? n : 1;
	}
}

bool ctl_print(const char *command, const struct json *answer, FILE *out)
{
	static const struct {
		const char *command;
		bool (*print)(const struct json *answer, FILE *out);
	} printers[] = {
		{ "status", print_status },   { "tunnels", print_tunnels },
		{ "relays", print_relays },   { "loops", print_loops },
		{ "plugins", print_plugins }, { "kick", print_kick },
		{ "drain", print_drain },     { "log-level", print_log_level },
		{ "reload", print_reload },   { "bans", print_bans },
		{ "unban", print_unban },     { "upgrade", print_upgrade },
	};

	for (size_t i = 0; i < sizeof printers / sizeof *printers; i++) {
		if (strcmp(printers[i].command, command) == 0)
			return printers[i].print(answer, out);
	}
	return true;
}
