#include "lines.h"

#include <stdlib.h>

#include "dial.h"

/* IDLE_MAX: as many lines as the instance has threads. A line is closed after AGE_MAX_MS, because
 * the directory may have moved, or changed the password of the service account. */
enum { IDLE_MAX = 8, AGE_MAX_MS = 300000 };

void lines_init(struct lines *lines, const struct settings *settings)
{
	*lines = (struct lines){ .settings = settings };
	pthread_mutex_init(&lines->lock, NULL);
}

void lines_drop(struct line *line)
{
	if (!line)
		return;
	link_close(line->service);
	link_close(line->user);
	free(line);
}

void lines_fini(struct lines *lines)
{
	while (lines->idle) {
		struct line *line = lines->idle;

		lines->idle = line->next;
		lines_drop(line);
	}
	pthread_mutex_destroy(&lines->lock);
}

struct line *lines_new(const struct place *place)
{
	struct line *line = calloc(1, sizeof *line);

	if (line)
		*line = (struct line){ .place = place, .opened_ms = dial_now_ms() };
	return line;
}

/* Takes the idle line to this place that was used last. NULL: there is none. */
static struct line *take_idle(struct lines *lines, const struct place *place)
{
	struct line *line, **at = &lines->idle;

	pthread_mutex_lock(&lines->lock);
	while (*at && (*at)->place != place)
		at = &(*at)->next;
	line = *at;
	if (line) {
		*at = line->next;
		lines->n_idle--;
	}
	pthread_mutex_unlock(&lines->lock);
	return line;
}

static bool is_usable(const struct line *line)
{
	return dial_now_ms() - line->opened_ms < AGE_MAX_MS &&
	       (!line->service || link_is_quiet(line->service)) &&
	       (!line->user || link_is_quiet(line->user));
}

struct line *lines_take(struct lines *lines, const struct place *place)
{
	struct line *line;

	while ((line = take_idle(lines, place)) != NULL) {
		if (is_usable(line)) {
			line->was_kept = true;
			return line;
		}
		lines_drop(line);
	}
	return lines_new(place);
}

void lines_give(struct lines *lines, struct line *line)
{
	pthread_mutex_lock(&lines->lock);
	if (lines->n_idle < IDLE_MAX) {
		line->next = lines->idle;
		lines->idle = line;
		lines->n_idle++;
		line = NULL;
	}
	pthread_mutex_unlock(&lines->lock);
	lines_drop(line);
}

/* ---- the connections of a line ---- */

/* Until when a connection must be open. */
static int64_t connect_deadline(const struct settings *settings, int64_t deadline_ms)
{
	int64_t own_ms = dial_now_ms() + settings->conf->connect_timeout;

	return own_ms < deadline_ms ? own_ms : deadline_ms;
}

LDAP *line_user(struct line *line, const struct settings *settings, int64_t deadline_ms,
                struct fault *fault)
{
	if (!line->user)
		line->user = link_open(settings, line->place,
		                       connect_deadline(settings, deadline_ms), fault);
	return line->user;
}

LDAP *line_service(struct line *line, const struct settings *settings, int64_t deadline_ms,
                   struct fault *fault)
{
	const struct conf *conf = settings->conf;
	struct fault refused;
	enum link_says says;

	if (line->service)
		return line->service;
	line->service = link_open(settings, line->place, connect_deadline(settings, deadline_ms),
	                          fault);
	if (!line->service)
		return NULL;
	says = link_bind(line->service, conf->user, conf->password, deadline_ms, &refused);
	if (says == LINK_RIGHT)
		return line->service;
	if (says == LINK_WRONG)
		fault_set(fault, ASK_REFUSED, "it refuses the service account (user): %.300s",
		          refused.text);
	else
		*fault = refused;
	link_close(line->service);
	line->service = NULL;
	return NULL;
}
