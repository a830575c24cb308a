#include "process/complaint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag/diag.h"
#include "diag/usage.h"
#include "log/log.h"

static bool is_json(void)
{
	return logline_is_json(log_get_format());
}

/* Prints lines for people, or for the journal with a priority before each. */
static void print_lines(const char *text)
{
	const char *priority = logline_priority(log_get_format(), LOG_ERROR);

	for (size_t len; *text; text += len) {
		len = strcspn(text, "\n");
		len += text[len] == '\n';
		fprintf(stderr, "%s%.*s", priority, (int)len, text);
	}
}

bool complain(const char *error)
{
	char line[sizeof "error: \n" + 1024];

	if (is_json()) {
		log_error("failed", log_str("error", error));
		return false;
	}
	snprintf(line, sizeof line - 1, "error: %s", error);
	print_lines(strcat(line, "\n"));
	return false;
}

/* How a mistake is logged. */
struct manner {
	const char *event;
	const char *command; /* the subcommand whose --help the line recommends; NULL: none */
};

static void log_mistake(const struct diag_mistake *mistake, void *arg)
{
	const struct manner *manner = arg;
	char place[512] = "", help[64];
	struct log_field fields[4];
	size_t n = 0;

	fields[n++] = log_str("error", mistake->text);
	if (mistake->line)
		snprintf(place, sizeof place, "%s:%u:%u", mistake->source, mistake->line,
		         mistake->column);
	else if (mistake->source)
		snprintf(place, sizeof place, "%s", mistake->source);
	if (*place)
		fields[n++] = log_str("place", place);
	if (*mistake->pointer)
		fields[n++] = log_str("pointer", mistake->pointer);
	snprintf(help, sizeof help, "spore %s --help", manner->command ? manner->command : "");
	if (manner->command)
		fields[n++] = log_str("try", help);
	log_event(LOG_ERROR, manner->event, fields, n);
}

/* The mistakes in the file, with excerpts of it. */
static void print_mistakes(const struct diag *diag, const char *command)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out) {
		complain("out of memory");
		return;
	}
	diag_print(diag, out);
	if (command)
		fprintf(out, USAGE_TRY, command);
	if (fclose(out) == 0)
		print_lines(text);
	free(text);
}

void complain_of_mistakes(const struct diag *diag, const char *command)
{
	struct manner manner = { command ? "wrong command line" : "wrong configuration", command };

	if (is_json())
		diag_each(diag, log_mistake, &manner);
	else
		print_mistakes(diag, command);
}

bool complain_at(const struct json *value, const char *error)
{
	struct manner manner = { .event = "failed" };
	struct diag diag = { 0 };

	if (!value)
		return complain(error);
	diag_add(&diag, value, "%s", error);
	if (is_json())
		diag_each(&diag, log_mistake, &manner);
	else
		print_mistakes(&diag, NULL);
	diag_fini(&diag);
	return false;
}
