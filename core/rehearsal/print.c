#include "rehearsal/print.h"

#include <stdarg.h>
#include <string.h>

#include "arguments/exit_status.h"
#include "base/columns.h"
#include "commands/ctl_print.h"
#include "wire/refusal.h"
#include "json/parse.h"

enum { CELL = 640 };

static const char *text_of(const struct json *object, const char *key, const char *otherwise)
{
	const struct json *value = json_get(object, key);

	return value && value->type == JSON_STRING && *value->raw ? value->raw : otherwise;
}

/* False: the member is not a number. */
static bool read_number(const struct json *object, const char *key, double *out)
{
	const struct json *value = json_get(object, key);

	*out = value && value->type == JSON_NUMBER ? value->number : 0;
	return value && value->type == JSON_NUMBER;
}

static bool is_true(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);

	return value && value->type == JSON_BOOL && value->boolean;
}

/* ---- the instances ---- */

static void add_instance(struct columns *columns, const struct json *instance)
{
	char said[CELL], took[64] = "-";
	const char *status = text_of(instance, "status", "");
	double took_us;

	snprintf(said, sizeof said, "%s%s%s", text_of(instance, "said", "-"), *status ? ": " : "",
	         status);
	if (read_number(instance, "took_us", &took_us))
		snprintf(took, sizeof took, "%.3f ms", took_us / 1000);
	columns_add(columns, (const char *[]){ text_of(instance, "name", "-"),
	                                       text_of(instance, "component", "-"), said, took });
}

static bool print_instances(const struct json *answer, FILE *out)
{
	const struct json *instances = json_get(answer, "instances");
	struct columns columns = { .n = 4 };
	bool good;

	if (!instances || instances->count == 0) {
		fputs("the server has no instance in \"auth\": it lets everyone in\n", out);
		return true;
	}
	columns_add(&columns, (const char *[]){ "INSTANCE", "COMPONENT", "SAID", "TOOK" });
	for (const struct json *i = instances->first; i; i = i->next)
		add_instance(&columns, i);
	good = columns_print(&columns, 0, out);
	columns_fini(&columns);
	return good;
}

/* ---- what is allowed ---- */

__attribute__((format(printf, 3, 4))) static void add_line(struct columns *columns,
                                                           const char *name, const char *format,
                                                           ...)
{
	char text[CELL];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	columns_add(columns, (const char *[]){ name, text });
}

static void add_limit(struct columns *columns, const char *name, const struct json *allowed,
                      const char *key)
{
	double most;

	if (read_number(allowed, key, &most))
		add_line(columns, name, "at most %.0f", most);
	else
		add_line(columns, name, "as the server allows");
}

/* Only the limits that the policy sets: most set none. */
static void add_use(struct columns *columns, const struct json *allowed)
{
	static const struct {
		const char *key, *name, *unit;
	} rows[] = {
		{ "rate_up", "rate up", "bytes per second" },
		{ "rate_down", "rate down", "bytes per second" },
		{ "bytes_per_day", "use per day", "bytes" },
		{ "bytes_per_month", "use per month", "bytes" },
		{ "visitors_per_second", "new visitors", "per second" },
	};
	double most;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (read_number(allowed, rows[i].key, &most))
			add_line(columns, rows[i].name, "at most %.0f %s", most, rows[i].unit);
	}
}

static bool print_allowed(const struct json *allowed, FILE *out)
{
	struct columns columns = { .n = 2 };
	const char *reason = text_of(allowed, "reason", NULL);
	double life_ms;
	bool good;

	add_line(&columns, "identity", "%s", text_of(allowed, "identity", "(none)"));
	add_line(&columns, "ports", "%s", text_of(allowed, "ports", "-"));
	add_limit(&columns, "tunnels", allowed, "max_tunnels");
	add_limit(&columns, "visitors", allowed, "max_conns");
	if (read_number(allowed, "life_ms", &life_ms))
		add_line(&columns, "life", "%g s", life_ms / 1000);
	else
		add_line(&columns, "life", "no limit");
	add_use(&columns, allowed);
	if (reason)
		add_line(&columns, "reason", "%s", reason);
	good = columns_print(&columns, 2, out);
	columns_fini(&columns);
	return good;
}

/* ---- the verdict ---- */

/* The chain allows the client, but the server would not open its tunnel. */
static bool is_refusal_of_tunnel(const char *verdict)
{
	static const enum refusal reasons[] = { REFUSED_PORT_NOT_ALLOWED, REFUSED_NO_PORT_LEFT,
		                                REFUSED_TOO_MANY_TUNNELS };

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
		if (strcmp(refusal_name(reasons[i]), verdict) == 0)
			return true;
	}
	return false;
}

static const char unbound_text[] =
	"refused: the answer is right, but not bound to the TLS session\n";

static void print_refusal_of_tunnel(const struct json *answer, const char *verdict, FILE *out)
{
	fputs("refused: ", out);
	ctl_print_text(text_of(answer, "status", verdict), out);
	fputc('\n', out);
}

/* Prints `before` and the instance that decided. If none did, prints `otherwise`. */
static void print_by(const char *before, const struct json *answer, const char *otherwise,
                     FILE *out)
{
	const char *by = text_of(answer, "by", NULL);

	fputs(by ? before : otherwise, out);
	ctl_print_text(by ? by : "", out);
}

static bool print_verdict(const struct json *answer, const char *verdict, FILE *out)
{
	if (strcmp(verdict, "allow") == 0) {
		print_by("allowed by ", answer, "allowed", out);
		if (is_true(answer, "last_good"))
			fputs(", by an earlier verdict (last_good)", out);
		fputc('\n', out);
		return print_allowed(json_get(answer, "allowed"), out);
	}
	if (is_refusal_of_tunnel(verdict)) {
		print_refusal_of_tunnel(answer, verdict, out);
		return print_allowed(json_get(answer, "allowed"), out);
	}
	if (strcmp(verdict, "deny") == 0) {
		print_by("refused by ", answer, "refused: no instance accepts the answer", out);
		fputc('\n', out);
	} else if (strcmp(verdict, "unbound") == 0) {
		fputs(unbound_text, out);
	} else {
		print_by("refused: no verdict from ", answer, "refused: no verdict", out);
		fprintf(out, ": %s\n", text_of(answer, "status", "unknown"));
	}
	return true;
}

static int status_of(const char *verdict)
{
	if (strcmp(verdict, "allow") == 0)
		return EXIT_GOOD;
	if (strcmp(verdict, "deny") == 0 || strcmp(verdict, "unbound") == 0 ||
	    is_refusal_of_tunnel(verdict))
		return EXIT_REFUSED;
	return EXIT_FAILED;
}

static int print_tables(const struct json *answer, FILE *out)
{
	const char *verdict = text_of(answer, "verdict", "");
	bool good = print_instances(answer, out) && fputc('\n', out) != EOF &&
	            print_verdict(answer, verdict, out);

	return good && fflush(out) == 0 ? status_of(verdict) : EXIT_FAILED;
}

int print_answer(const char *text, size_t len, bool as_json, FILE *out)
{
	struct json_doc *doc = json_doc_new();
	struct json_source *source = doc ? json_source_add(doc, "answer", text, len) : NULL;
	struct json_error parsing = { 0, "out of memory" };
	struct json *answer = source ? json_parse(doc, source, &parsing) : NULL;
	const char *error = text_of(answer, "error", NULL);
	int status = EXIT_FAILED;

	if (!answer) {
		fprintf(stderr, "error: the answer is not JSON: %s\n", parsing.text);
	} else if (as_json) {
		fwrite(text, len, 1, out);
		status = status_of(text_of(answer, "verdict", ""));
		status = fflush(out) == 0 && !error ? status : EXIT_FAILED;
	} else if (error) {
		fputs("error: ", stderr);
		ctl_print_text(error, stderr);
		fputc('\n', stderr);
	} else {
		status = print_tables(answer, out);
	}
	json_doc_free(doc);
	return status;
}
