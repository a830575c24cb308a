/* events_log - writes a line for each event to a file or to the system's log. */
#include <errno.h>
#include <spore/events.h>
#include <stdio.h>
#include <stdlib.h>

#include "../common/event/event_json.h"
#include "../common/event/view.h"
#include "../common/report.h"
#include "format.h"
#include "logfile.h"
#include "losses.h"
#include "syslogger.h"

enum { TO_FILE, TO_SYSLOG };
enum { LINES_TEXT, LINES_JSON };

struct conf {
	int64_t to, lines, facility;
	const char *path, *format, *socket;
	spore_list events;
};

static const spore_option_item name_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };

static const spore_option options[] = {
	SPORE_ENUM(struct conf, to, 0, "\"file\"", "file|syslog", "where the lines go"),
	SPORE_STRING(struct conf, path, SPORE_OPTF_PATH | SPORE_OPTF_NOT_EMPTY | SPORE_OPTF_APPENDS,
	             NULL, "the file; needed with `\"to\": \"file\"`"),
	SPORE_ENUM(struct conf, lines, 0, "\"text\"", "text|json",
	           "lines of text, or a JSON object in each line"),
	SPORE_STRING(
		struct conf, format, SPORE_OPTF_NOT_EMPTY, NULL,
		"a line of text, with placeholders such as `{time}`; default: all that an event "
		"has, as KEY=VALUE"),
	SPORE_LIST(struct conf, events, SPORE_OPTF_NOT_EMPTY, &name_item,
	           "which events are written, such as `visitor_ended`; default: all"),
	SPORE_ENUM(struct conf, facility, 0, "\"daemon\"", SYSLOGGER_FACILITIES,
	           "facility in the system's log"),
	SPORE_STRING(struct conf, socket, SPORE_OPTF_PATH | SPORE_OPTF_NOT_EMPTY, "\"/dev/log\"",
	             "the socket of the system's log"),
};

struct journal {
	const spore_host *host;
	spore_ctx *ctx;
	const struct conf *conf;
	struct format *format;   /* owned; NULL: there is none */
	uint32_t types;          /* bits of SPORE_EVENT_*: those that are written */
	struct logfile file;     /* TO_FILE */
	struct syslogger logger; /* TO_SYSLOG */
	struct losses losses;
	struct text lines; /* that are not written yet */
};

/* ---- writing ---- */

static void add_json(struct text *lines, const spore_event *event)
{
	struct json_writer json = { 0 };

	event_json_write(&json, event);
	if (json_writer_is_good(&json))
		text_add(lines, json.bytes, json.len);
	else
		lines->has_failed = true;
	json_writer_fini(&json);
}

/* The system's log has the time already. */
static void add_line(struct journal *journal, const spore_event *event)
{
	if (journal->conf->lines == LINES_JSON)
		add_json(&journal->lines, event);
	else if (journal->format)
		format_write(journal->format, event, &journal->lines);
	else
		format_write_pairs(event, journal->conf->to == TO_FILE, &journal->lines);
}

/* In place of the events that the host has dropped. */
static void add_gap(struct journal *journal, uint64_t n)
{
	struct text *lines = &journal->lines;
	char now[EVENT_ROOM];
	bool is_text = journal->conf->lines == LINES_TEXT;
	char line[160];
	int len;

	event_time(journal->host->wall_ms(), now);
	if (is_text)
		len = snprintf(line, sizeof line, "%s events_dropped count=%llu", now,
		               (unsigned long long)n);
	else
		len = snprintf(line, sizeof line,
		               "{\"time\":\"%s\",\"event\":\"events_dropped\",\"count\":%llu}", now,
		               (unsigned long long)n);
	text_add(lines, line, (size_t)len);
}

static bool is_refusal(uint32_t type)
{
	return type == SPORE_EVENT_VISITOR_REFUSED || type == SPORE_EVENT_CLIENT_REFUSED;
}

/* A line is complete. In the file, the lines of a batch are written at once. */
static void end_line(struct journal *journal, bool is_notice)
{
	struct text *lines = &journal->lines;

	if (journal->conf->to == TO_FILE) {
		text_add(lines, "\n", 1);
		return;
	}
	if (syslogger_send(&journal->logger, is_notice, (spore_str){ lines->bytes, lines->len }))
		losses_note(&journal->losses, 0, 0);
	else
		losses_note(&journal->losses, 1, errno);
	text_clear(lines);
}

static void flush(struct journal *journal)
{
	struct text *lines = &journal->lines;
	bool has_failed = lines->has_failed;
	size_t n_lost;

	if (lines->len == 0 && !has_failed)
		return;
	n_lost = logfile_write(&journal->file, (spore_str){ lines->bytes, lines->len });
	losses_note(&journal->losses, n_lost + has_failed, n_lost ? errno : ENOMEM);
	text_clear(lines);
}

static void take(void *instance, const spore_event_batch *batch)
{
	struct journal *journal = instance;

	if (batch->dropped) {
		add_gap(journal, batch->dropped);
		end_line(journal, true);
	}
	for (uint32_t i = 0; i < batch->n; i++) {
		const spore_event *event = batch->events[i];

		if (!event_type_name(event->type) || !(journal->types >> event->type & 1))
			continue;
		add_line(journal, event);
		end_line(journal, is_refusal(event->type));
	}
	flush(journal);
}

/* ---- life ---- */

static bool read_types(const spore_create_args *args, struct journal *journal)
{
	const struct conf *conf = args->conf;
	const char *const *names = conf->events.items;
	char pointer[40], list[EVENT_LIST_SIZE];

	journal->types = conf->events.count ? 0 : UINT32_MAX;
	for (size_t i = 0; i < conf->events.count; i++) {
		uint32_t type = event_type_find(spore_cstr(names[i]));

		journal->types |= 1u << type;
		if (type)
			continue;
		snprintf(pointer, sizeof pointer, "/events/%zu", i);
		report(args, pointer, "expected one of %s, found \"%s\"", event_list_types(list),
		       names[i]);
		return false;
	}
	return true;
}

static bool read_format(const spore_create_args *args, struct journal *journal)
{
	const struct conf *conf = args->conf;
	char error[FORMAT_ERROR_SIZE];

	if (conf->lines == LINES_JSON && conf->format) {
		report(args, "/format", "expected no format with \"lines\": \"json\"");
		return false;
	}
	if (!conf->format)
		return true;
	journal->format = format_new(conf->format, error);
	if (!journal->format)
		report(args, "/format", "%s", error[0] ? error : "out of memory");
	return journal->format != NULL;
}

static bool open_target(const spore_create_args *args, struct journal *journal)
{
	const struct conf *conf = args->conf;

	if (conf->to == TO_SYSLOG)
		return true;
	if (!conf->path) {
		report(args, "", "expected the key \"path\" (the file), found none");
		return false;
	}
	if (logfile_try(&journal->file))
		return true;
	report(args, "/path", "cannot write to %s: %s%s", conf->path, strerrordesc_np(errno),
	       errno == ENOENT ? "; its folder must exist" : "");
	return false;
}

static bool is_given(const spore_create_args *args, const char *key)
{
	return args->host->cfg_get(args->raw, key) != NULL;
}

static void warn_of_unused(const spore_create_args *args)
{
	static const char *const of_file[] = { "path", NULL };
	static const char *const of_syslog[] = { "facility", "socket", NULL };
	bool is_file = ((const struct conf *)args->conf)->to == TO_FILE;

	for (const char *const *key = is_file ? of_syslog : of_file; *key; key++) {
		if (is_given(args, *key))
			spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
			           "%s has no effect with \"to\": \"%s\"", *key,
			           is_file ? "file" : "syslog");
	}
}

static void destroy(void *instance)
{
	struct journal *journal = instance;

	format_free(journal->format);
	logfile_fini(&journal->file);
	syslogger_fini(&journal->logger);
	text_fini(&journal->lines);
	free(journal);
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *conf = args->conf;
	struct journal *journal = calloc(1, sizeof *journal);

	if (!journal)
		return SPORE_ENOMEM;
	journal->host = args->host;
	journal->ctx = args->ctx;
	journal->conf = conf;
	logfile_init(&journal->file, conf->path);
	syslogger_init(&journal->logger, conf->socket, conf->facility);
	losses_init(&journal->losses, args, conf->to == TO_FILE ? conf->path : conf->socket);
	if (read_types(args, journal) && read_format(args, journal) && open_target(args, journal)) {
		warn_of_unused(args);
		*instance_out = journal;
		return SPORE_OK;
	}
	destroy(journal);
	return SPORE_ECONFIG;
}

static const spore_events_ops ops = { .struct_size = sizeof ops, .take = take };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_EVENTS,
	.name = "log",
	.summary = "Writes events to a log file or to the system's log",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("events_log", "1.0.0", "The Spore authors", "MIT", "", &component);
