#include "reload/reload_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"

/* "error: TEXT" or "PLACE: error: TEXT". Lines of an excerpt are indented. */
static bool begins_mistake(const char *line)
{
	return *line != ' ' && strstr(line, "error: ");
}

/* Logs the first line of each mistake. The excerpts below it are meant for a terminal. */
static void log_mistakes(const char *mistakes)
{
	static const char prefix[] = "error: ";
	char *copy = mistakes ? strdup(mistakes) : NULL, *rest = copy, *line;

	while (rest && (line = strsep(&rest, "\n")) != NULL) {
		bool has_place = strncmp(line, prefix, strlen(prefix)) != 0;

		if (begins_mistake(line))
			log_error(RELOAD_REFUSED,
			          log_str("error", has_place ? line : line + strlen(prefix)));
	}
	if (!copy)
		log_error(RELOAD_REFUSED, log_str("error", "out of memory"));
	free(copy);
}

enum { SHOWN_SIZE = CHANGES_VALUE_SHOWN + sizeof " (default)" };

/* Without the quotes of a JSON string: the log adds its own. */
static const char *show_value(const char *value, bool is_default, char out[SHOWN_SIZE])
{
	size_t len = value ? strlen(value) : 0;
	bool is_text = len >= 2 && value[0] == '"' && value[len - 1] == '"';

	if (!value)
		return "not set";
	snprintf(out, SHOWN_SIZE, "%.*s%s", (int)(is_text ? len - 2 : len), value + is_text,
	         is_default ? " (default)" : "");
	return out;
}

static void log_change(const struct change *change)
{
	char from[SHOWN_SIZE], to[SHOWN_SIZE];

	log_at(change->kind == OPTION_RESTART ? LOG_WARN : LOG_INFO, "configuration changed",
	       log_str("key", change->pointer),
	       log_str("from", show_value(change->from, change->from_is_default, from)),
	       log_str("to", show_value(change->to, change->to_is_default, to)),
	       log_str("holds", changes_kind_name(change->kind)));
}

void reload_answer_warn(struct reload_answer *answer, const char *lines)
{
	size_t len = answer->warnings ? strlen(answer->warnings) : 0,
	       more = lines ? strlen(lines) : 0;
	char *all = realloc(answer->warnings, len + more + 1);

	if (!all)
		return;
	memcpy(all + len, more ? lines : "", more + 1);
	answer->warnings = all;
}

void reload_answer_add_file(struct reload_answer *answer, const char *path)
{
	size_t size = (answer->n_files + 1) * sizeof *answer->files;
	char **files = realloc(answer->files, size);

	if (!files)
		return;
	answer->files = files;
	files[answer->n_files] = strdup(path);
	answer->n_files += files[answer->n_files] != NULL;
}

void reload_answer_log(const struct reload_answer *answer)
{
	if (!answer->swapped) {
		log_mistakes(answer->mistakes);
		return;
	}
	for (size_t i = 0; i < answer->changes.n; i++)
		log_change(&answer->changes.items[i]);
	for (size_t i = 0; i < answer->n_files; i++)
		log_info("file read again", log_str("path", answer->files[i]));
	log_info("configuration reloaded", log_int("changes", (int64_t)answer->changes.n),
	         log_int("files", (int64_t)answer->n_files));
}

void reload_answer_fini(struct reload_answer *answer)
{
	changes_fini(&answer->changes);
	free(answer->warnings);
	free(answer->mistakes);
	for (size_t i = 0; i < answer->n_files; i++)
		free(answer->files[i]);
	free(answer->files);
	*answer = (struct reload_answer){ .swapped = false };
}
