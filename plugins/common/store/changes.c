#include "changes.h"

#include <stdio.h>
#include <stdlib.h>

#include "../client/identity.h"
#include "../series.h"

/* The look-up of a name that has changed. */
struct changes_lookup {
	struct store_lookup lookup;
	struct changes *changes;
	bool is_of_walk;
	struct changes_lookup *next, *previous;
};

static void pump(struct changes *changes);
static bool add_name(struct changes *changes, const char *name);

/* ---- what a record means for a session ---- */

struct comparison {
	struct changes *changes;
	const struct record *record; /* NULL: there is none */
};

static void count(const struct changes *changes, uint32_t series)
{
	changes->keeper->keeper->host->metric_add(changes->keeper->worker, series, 1);
}

static bool revoke(const struct changes *changes, const struct session *session, bool is_news)
{
	if (is_news) /* a denial that is repeated counts once */
		count(changes, changes->shared->revoked);
	keeper_deny(changes->keeper->keeper, session);
	return false;
}

static void renew(const struct changes *changes, const struct session *session,
                  const struct record *record, bool is_news)
{
	if (is_news)
		count(changes, changes->shared->renewed);
	keeper_renew(changes->keeper->keeper, session, &record->terms);
}

/* Compares a session with the record. False: the session is revoked. For sessions_visit(). */
static bool compare(void *arg, struct session *session, bool is_news)
{
	const struct comparison *comparison = arg;
	const struct record *record = comparison->record;
	const spore_host *host = comparison->changes->keeper->keeper->host;
	uint8_t limits[32];
	const char *identity;

	if (!record)
		return revoke(comparison->changes, session, is_news);
	identity = keeper_identity(session->form, record, session->name);
	if (session_number(host, session->form, record, identity) != session->number)
		return revoke(comparison->changes, session, is_news);
	session_digest(host, &record->terms, limits);
	if (memcmp(limits, session->limits, sizeof limits) != 0)
		renew(comparison->changes, session, record, is_news);
	memcpy(session->limits, limits, sizeof limits);
	return true;
}

static void put_on_roll(struct changes *changes, const char *name, const struct record *record)
{
	struct keeper *keeper = changes->keeper->keeper;
	bool fits;

	if (!keeper->roll)
		return;
	fits = roll_put(keeper->roll, name, record);
	if (!fits && !changes->is_overfull)
		spore_logf(keeper->host, keeper->log, SPORE_LOG_ERROR,
		           "more clients than max_keys: %s, and perhaps others, can only log in "
		           "with a name in front of the answer",
		           name);
	changes->is_overfull = changes->is_overfull || !fits;
	keeper->host->metric_set(NULL, changes->shared->keys, (double)roll_count(keeper->roll));
}

/* ---- look-ups ---- */

static void end_lookup(struct changes_lookup *lookup)
{
	struct changes *changes = lookup->changes;

	if (lookup->previous)
		lookup->previous->next = lookup->next;
	else
		changes->running = lookup->next;
	if (lookup->next)
		lookup->next->previous = lookup->previous;
	changes->n_running--;
	if (lookup->is_of_walk)
		changes->n_walking--;
	free(lookup);
}

static void on_retry(void *arg)
{
	struct changes *changes = arg;

	changes->keeper->keeper->host->timer_stop(changes->retry);
	changes->retry = (spore_timer){ 0 };
	changes->is_paused = false;
	pump(changes);
}

static void pause_look_ups(struct changes *changes)
{
	const spore_host *host = changes->keeper->keeper->host;

	changes->is_paused = true;
	if (!changes->retry.id)
		host->timer_start(changes->keeper->worker, CHANGES_RETRY_MS, 0, on_retry, changes,
		                  &changes->retry);
}

/* A name may have changed, and its record is not known yet. Until it is, the roll decides
 * nothing. */
static void look_later(struct changes *changes)
{
	struct roll *roll = changes->keeper->keeper->roll;

	if (roll)
		roll_set_current(roll, false);
	pause_look_ups(changes);
}

/* There is no room for a name that has changed, so another walk must find it. */
static void lose_name(struct changes *changes)
{
	changes->is_due = true;
	changes->is_complete = false;
	look_later(changes);
}

/* The look-up of a name has failed. It is tried again after the walk, since one name must not hold
 * up the others. */
static void look_again(struct changes *changes, const char *name)
{
	if (!add_name(changes, name))
		lose_name(changes);
	look_later(changes);
}

/* Another worker may let a client in at the same time, by what the store said before. If its
 * session begins before the touch, the visit finds it. If it begins after the touch, its stamp is
 * too old. */
static void apply(struct changes *changes, const char *name, const struct record *record)
{
	struct sessions *sessions = changes->keeper->keeper->sessions;
	struct comparison comparison = { changes, record };

	put_on_roll(changes, name, record);
	sessions_touch(sessions, name);
	sessions_visit(sessions, name, compare, &comparison);
}

static void on_answer(struct store_lookup *lookup, const struct store_answer *answer)
{
	struct changes *changes = ((struct changes_lookup *)lookup)->changes;

	if (answer->reply == STORE_WRONG)
		keeper_log_wrong(changes->keeper->keeper, lookup->name, answer->wrong);
	if (answer->reply == STORE_FAILED)
		look_again(changes, lookup->name);
	else
		apply(changes, lookup->name, answer->reply == STORE_FOUND ? answer->record : NULL);
	end_lookup((struct changes_lookup *)lookup);
	pump(changes);
}

static bool look_up(struct changes *changes, const char *name, bool is_of_walk)
{
	struct changes_lookup *lookup = calloc(1, sizeof *lookup);
	struct keeper_worker *keeper = changes->keeper;

	if (!lookup)
		return false;
	memcpy(lookup->lookup.name, name, strlen(name) + 1);
	lookup->lookup.on_answer = on_answer;
	lookup->changes = changes;
	lookup->is_of_walk = is_of_walk;
	if (keeper->ops->look_up(keeper->backend, &lookup->lookup) != SPORE_OK) {
		free(lookup);
		return false;
	}
	lookup->next = changes->running;
	if (lookup->next)
		lookup->next->previous = lookup;
	changes->running = lookup;
	changes->n_running++;
	if (is_of_walk)
		changes->n_walking++;
	return true;
}

static char *take_name(struct changes *changes)
{
	char *name = changes->names[changes->first];

	changes->first = (changes->first + 1) % changes->room;
	changes->n--;
	if (changes->walk_left > 0)
		changes->walk_left--;
	return name;
}

static bool is_walking(const struct changes *changes)
{
	return changes->walk_left || changes->n_walking || changes->is_listing;
}

static void look_at_all(struct changes *changes)
{
	changes->is_due = false;
	changes->look_at_all(changes->arg);
}

static void look_up_names(struct changes *changes)
{
	while (changes->n && !changes->is_paused && changes->n_running < CHANGES_RUNNING) {
		bool is_of_walk = changes->walk_left > 0;
		char *name = take_name(changes);

		if (!look_up(changes, name, is_of_walk))
			look_again(changes, name);
		free(name);
	}
}

/* Looks up the names that wait. When the walk has ended, begins the one that is due, or makes the
 * roll current. */
static void pump(struct changes *changes)
{
	struct roll *roll = changes->keeper->keeper->roll;

	look_up_names(changes);
	if (changes->is_paused || is_walking(changes))
		return;
	if (changes->is_due)
		look_at_all(changes);
	else if (roll && changes->is_complete && !changes->n && !changes->n_running)
		roll_set_current(roll, true);
}

/* ---- names ---- */

static void forget_names(struct changes *changes)
{
	while (changes->n)
		free(take_name(changes));
}

static bool grow(struct changes *changes)
{
	size_t room = changes->room ? 2 * changes->room : 64;
	char **names = calloc(room, sizeof *names);

	if (!names)
		return false;
	for (size_t i = 0, at = changes->first; i < changes->n; i++, at++) {
		if (at == changes->room)
			at = 0;
		names[i] = changes->names[at];
	}
	free(changes->names);
	changes->names = names;
	changes->room = room;
	changes->first = 0;
	return true;
}

/* False: out of memory. */
static bool add_name(struct changes *changes, const char *name)
{
	char *copy = changes->n < changes->room || grow(changes) ? strdup(name) : NULL;

	if (copy)
		changes->names[(changes->first + changes->n++) % changes->room] = copy;
	return copy != NULL;
}

/* Adds a name that the store has told. False: it does not fit. */
static bool add_told_name(struct changes *changes, const char *name)
{
	return changes->n < CHANGES_WAITING && add_name(changes, name);
}

void changes_note(struct changes *changes, const char *name)
{
	struct keeper *keeper = changes->keeper->keeper;

	if (!identity_is_good(spore_cstr(name)))
		return;
	sessions_touch(keeper->sessions, name);
	if (!keeper->roll && !sessions_have(keeper->sessions, name))
		return;
	if (!add_told_name(changes, name))
		lose_name(changes);
	pump(changes);
}

void changes_note_any(struct changes *changes)
{
	sessions_touch(changes->keeper->keeper->sessions, NULL); /* any name */
	if (is_walking(changes))
		changes->is_due = true;
	else
		look_at_all(changes);
}

void changes_poll(struct changes *changes)
{
	struct keeper *keeper = changes->keeper->keeper;

	if (!is_walking(changes)) {
		look_at_all(changes);
		return;
	}
	/* While look-ups fail, the walk waits: this does not count as slow. */
	if (!changes->is_slow && !changes->is_paused) {
		changes->is_slow = true;
		spore_logf(keeper->host, keeper->log, SPORE_LOG_WARN,
		           "to look up all clients takes longer than poll_interval, so the next "
		           "time begins only when all have been looked up");
	}
}

/* The names of a table. */
struct names_found {
	struct changes *changes;
	bool is_out_of_memory; /* lose_name() must wait, since the table is locked */
};

/* For sessions_each_name() and roll_each_name(). */
static void add_found_name(void *arg, const char *name)
{
	struct names_found *found = arg;

	if (!add_name(found->changes, name))
		found->is_out_of_memory = true;
}

void changes_note_all(struct changes *changes)
{
	struct keeper *keeper = changes->keeper->keeper;
	struct names_found found = { changes, false };

	/* Drop the names that wait: the sessions, the roll or the plugin's list give them again. */
	forget_names(changes);
	sessions_touch(keeper->sessions, NULL); /* any name may have changed */
	sessions_each_name(keeper->sessions, add_found_name, &found);
	if (keeper->roll)
		roll_each_name(keeper->roll, add_found_name, &found);
	changes->walk_left = changes->n;
	if (found.is_out_of_memory)
		lose_name(changes);
	pump(changes);
}

void changes_begin_list(struct changes *changes)
{
	changes->is_listing = changes->is_whole = true;
	changes->is_complete = false;
	changes->is_overfull = false;
	changes_note_all(changes);
}

void changes_list(struct changes *changes, const char *name)
{
	if (!identity_is_good(spore_cstr(name)))
		return;
	if (!add_told_name(changes, name)) {
		changes->is_whole = false; /* the next poll lists all again */
		look_later(changes);
	}
	changes->walk_left = changes->n; /* the walk ends behind the whole list */
	pump(changes);
}

void changes_end_list(struct changes *changes, bool is_complete)
{
	changes->is_listing = false;
	changes->is_complete = is_complete && changes->is_whole;
	pump(changes);
}

void changes_deafen(struct changes *changes)
{
	struct roll *roll = changes->keeper->keeper->roll;

	changes->is_complete = changes->is_whole = false;
	if (roll)
		roll_set_current(roll, false);
}

/* ---- start and stop ---- */

void changes_init(struct changes_shared *shared, const spore_create_args *args, const char *store)
{
	static const char *const actions[] = { "renewed", "revoked" };
	const struct series_label label = { "action", actions, 2 };
	char help[100];
	uint32_t counters[2];

	shared->keys = series_gauge(args, "held_keys",
	                            "Keys that are held for clients without a name.");
	snprintf(help, sizeof help, "Sessions whose client has changed in %s, by what followed.",
	         store);
	series_counters(args, "changes_total", help, &label, counters);
	shared->renewed = counters[0];
	shared->revoked = counters[1];
}

bool changes_start(struct changes *changes)
{
	return grow(changes);
}

void changes_stop(struct changes *changes)
{
	struct keeper_worker *keeper = changes->keeper;

	keeper->keeper->host->timer_stop(changes->retry);
	while (changes->running) {
		keeper->ops->withdraw(keeper->backend, &changes->running->lookup);
		end_lookup(changes->running);
	}
	forget_names(changes);
	free(changes->names);
}
