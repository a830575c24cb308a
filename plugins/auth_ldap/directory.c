#include "directory.h"

#include "connection/dial.h"

/* A question or a batch of looks, which can be tried on several lines. */
struct work {
	/* False: the fault says why. */
	bool (*run)(const struct work *work, struct line *line, int64_t deadline_ms,
	            struct fault *fault);
	const struct settings *settings;
	void *arg;
};

static bool run_inquiry(const struct work *work, struct line *line, int64_t deadline_ms,
                        struct fault *fault)
{
	return inquiry_run(work->settings, line, work->arg, deadline_ms, fault);
}

struct batch {
	struct look *looks;
	size_t n;
};

static bool run_looks(const struct work *work, struct line *line, int64_t deadline_ms,
                      struct fault *fault)
{
	const struct batch *batch = work->arg;

	return looks_run(work->settings, line, batch->looks, batch->n, deadline_ms, fault);
}

/* ---- lines and URLs ---- */

static bool try_line(const struct work *work, struct line *line, int64_t deadline_ms,
                     struct fault *fault)
{
	*fault = (struct fault){ 0 };
	return work->run(work, line, deadline_ms, fault);
}

/* A line that was kept may have been closed meanwhile. Then a new one is tried, once. */
static bool try_place(struct directory *directory, const struct work *work,
                      const struct place *place, int64_t deadline_ms, struct fault *fault)
{
	struct line *line = lines_take(&directory->lines, place);
	bool good = line && try_line(work, line, deadline_ms, fault);

	if (line && !good && line->was_kept && fault->result == ASK_BROKEN) {
		lines_drop(line);
		line = lines_new(place);
		good = line && try_line(work, line, deadline_ms, fault);
	}
	if (!line)
		return fault_set(fault, ASK_NO_MEMORY, "out of memory");
	if (good || !fault_is_of_place(fault))
		lines_give(&directory->lines, line);
	else
		lines_drop(line);
	return good;
}

/* Tries the URLs, beginning with the one that worked last. Each has an equal part of the time that
 * is left. */
static bool try_places(struct directory *directory, const struct work *work, struct fault *fault)
{
	const struct settings *settings = &directory->settings;
	int64_t end_ms = dial_now_ms() + settings->conf->timeout;
	size_t n = settings->n_places, first = atomic_load(&directory->current);
	bool good = false;

	for (size_t i = 0; i < n; i++) {
		size_t place = (first + i) % n;
		int64_t now_ms = dial_now_ms(), part_ms = (end_ms - now_ms) / (int64_t)(n - i);

		good = try_place(directory, work, &settings->places[place], now_ms + part_ms,
		                 fault);
		if (good || !fault_is_of_place(fault)) {
			atomic_store(&directory->current, place);
			break;
		}
		if (i + 1 < n)
			health_complain(&directory->outcomes.health, fault->text);
	}
	return good;
}

/* ---- the directory ---- */

void directory_ask(struct directory *directory, struct inquiry *inquiry)
{
	const struct work work = { run_inquiry, &directory->settings, inquiry };
	struct outcomes *outcomes = &directory->outcomes;
	enum breaker_pass pass = health_enter(&outcomes->health);
	int64_t started_ms = dial_now_ms();
	struct fault fault = { 0 };

	inquiry->fault = fault;
	if (pass == BREAKER_REFUSED) {
		inquiry->says = DIRECTORY_FAILED;
		fault_set(&inquiry->fault, ASK_SUSPENDED,
		          "it failed before, and its next trial is not due yet");
		outcomes_count(outcomes, &inquiry->fault, -1);
		return;
	}
	if (!try_places(directory, &work, &fault)) {
		inquiry->says = DIRECTORY_FAILED;
		inquiry->fault = fault;
	}
	outcomes_settle(outcomes, pass, &fault);
	outcomes_count(outcomes, &fault, dial_now_ms() - started_ms);
}

bool directory_look(struct directory *directory, struct look *looks, size_t n)
{
	struct batch batch = { looks, n };
	const struct work work = { run_looks, &directory->settings, &batch };
	struct outcomes *outcomes = &directory->outcomes;
	enum breaker_pass pass = health_enter(&outcomes->health);
	struct fault fault = { 0 };
	bool good;

	if (pass == BREAKER_REFUSED)
		return false;
	good = try_places(directory, &work, &fault);
	outcomes_settle(outcomes, pass, &fault);
	if (!good)
		health_complain(&outcomes->health, fault.text);
	return good;
}

bool directory_init(struct directory *directory, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	bool good = settings_init(&directory->settings, args);

	if (good && !link_prepare(&directory->settings)) {
		args->report(args, "",
		             "libldap cannot prepare TLS: are the authorities "
		             "(cacertfile) certificates in PEM form?");
		good = false;
	}
	if (!good) {
		settings_fini(&directory->settings);
		return false;
	}
	outcomes_init(&directory->outcomes, args, conf->breaker_failures, conf->breaker_pause);
	lines_init(&directory->lines, &directory->settings);
	atomic_init(&directory->current, 0);
	return true;
}

void directory_fini(struct directory *directory)
{
	lines_fini(&directory->lines);
	outcomes_fini(&directory->outcomes);
	settings_fini(&directory->settings);
}
