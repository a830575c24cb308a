#include "directory.h"

#include "connection/dial.h"

enum { GROUPS_MAX = 1000 };

static const char default_filter[] = "(uid=%n)";
static const char any_filter[] = "(objectClass=*)";
static const char *const no_attributes[] = { LDAP_NO_ATTRS, NULL };

/* What is done on one line. */
struct work {
	/* False: the fault says why. */
	bool (*run)(const struct work *work, struct line *line, int64_t deadline_ms,
	            struct fault *fault);
	const struct settings *settings;
	void *arg;
};

/* ---- the parts of a question ---- */

static void say_no(struct inquiry *inquiry, const char *why)
{
	inquiry->says = DIRECTORY_NO;
	snprintf(inquiry->fault.text, sizeof inquiry->fault.text, "%s", why);
}

/* Writes the filter of a client's entry. */
static bool write_filter(const struct settings *settings, const char *name,
                         char out[ESCAPE_FILTER_SIZE], struct fault *fault)
{
	const struct conf *conf = settings->conf;
	const char *pattern = conf->search_filter           ? conf->search_filter
	                      : settings_searches(settings) ? default_filter
	                                                    : any_filter;

	return escape_filter(pattern, name, NULL, out) ||
	       fault_set(fault, ASK_BAD_ENTRY, "the filter of a name would be too long");
}

static bool search(LDAP *link, const struct link_search *what, int64_t deadline_ms,
                   LDAPMessage **found_out, bool *has_base_out, struct fault *fault)
{
	int number = link_send(link, what, deadline_ms, fault);

	return number >= 0 && link_await(link, number, deadline_ms, found_out, has_base_out, fault);
}

/* Searches for the one entry of a name, below a base or at it. True: inquiry->says is NO, or the
 * facts are known. */
static bool find_entry(const struct settings *settings, LDAP *link, const char *base,
                       struct inquiry *inquiry, int64_t deadline_ms, struct fault *fault)
{
	char filter[ESCAPE_FILTER_SIZE];
	struct link_search what = { .base = base,
		                    .is_base_only = !settings_searches(settings),
		                    .filter = filter,
		                    .wanted = settings->wanted,
		                    .most = 2 };
	LDAPMessage *found = NULL;
	bool has_base, good;

	if (!write_filter(settings, inquiry->name, filter, fault) ||
	    !search(link, &what, deadline_ms, &found, &has_base, fault))
		return false;
	if (!has_base && settings_searches(settings))
		good = fault_set(fault, ASK_ERROR, "search_base: no such entry");
	else if (!found)
		good = (say_no(inquiry, "no entry matches"), true);
	else if (ldap_count_entries(link, found) > 1)
		good = (say_no(inquiry, "more than one entry matches"), true);
	else
		good = entry_read(&inquiry->facts, settings, link, found, inquiry->name, fault);
	ldap_msgfree(found);
	return good;
}

/* Its filter is set by the caller. */
static struct link_search group_search(const struct settings *settings)
{
	return (struct link_search){ .base = settings->conf->group_base,
		                     .wanted = no_attributes,
		                     .most = settings->n_groups ? GROUPS_MAX : 1 };
}

static bool judge_groups(const struct settings *settings, LDAP *link, LDAPMessage *found,
                         bool has_base, struct facts *facts, enum directory_says *says,
                         struct fault *why, struct fault *fault)
{
	if (!has_base)
		return fault_set(fault, ASK_ERROR, "group_base: no such entry");
	if (found && settings->n_groups && ldap_count_entries(link, found) >= GROUPS_MAX)
		return fault_set(fault, ASK_BAD_ENTRY, "%.200s: it is in too many groups",
		                 facts->dn);
	*says = entry_read_groups(facts, settings, link, found, why) ? DIRECTORY_YES : DIRECTORY_NO;
	return true;
}

static bool find_groups(const struct settings *settings, LDAP *link, struct inquiry *inquiry,
                        int64_t deadline_ms, struct fault *fault)
{
	char filter[ESCAPE_FILTER_SIZE];
	struct link_search what = group_search(settings);
	LDAPMessage *found = NULL;
	bool has_base = true, good;

	what.filter = filter;
	if (settings->conf->group_base) {
		if (!escape_filter(settings->conf->group_filter, inquiry->name, inquiry->facts.dn,
		                   filter))
			return fault_set(fault, ASK_BAD_ENTRY,
			                 "the filter of the groups would be too long");
		if (!search(link, &what, deadline_ms, &found, &has_base, fault))
			return false;
	}
	good = judge_groups(settings, link, found, has_base, &inquiry->facts, &inquiry->says,
	                    &inquiry->fault, fault);
	ldap_msgfree(found);
	return good;
}

/* True: inquiry->says is NO, or the password is right. */
static bool try_password(const struct settings *settings, struct line *line, const char *dn,
                         struct inquiry *inquiry, int64_t deadline_ms, struct fault *fault)
{
	LDAP *link = line_user(line, settings, deadline_ms, fault);
	struct fault why;
	enum link_says says;

	if (!link)
		return false;
	says = link_bind(link, dn, spore_cstr(inquiry->password), deadline_ms, &why);
	if (says == LINK_FAILED)
		*fault = why;
	else if (says == LINK_WRONG)
		say_no(inquiry, why.text);
	return says != LINK_FAILED;
}

/* ---- a question about one client ---- */

/* Where the rights of a client are read: as the service account, or as the client itself. */
static LDAP *reading_link(const struct settings *settings, struct line *line, int64_t deadline_ms,
                          struct fault *fault)
{
	return settings_has_service(settings) ? line_service(line, settings, deadline_ms, fault)
	                                      : line_user(line, settings, deadline_ms, fault);
}

static bool ask_by_search(const struct settings *settings, struct line *line,
                          struct inquiry *inquiry, int64_t deadline_ms, struct fault *fault)
{
	LDAP *link = line_service(line, settings, deadline_ms, fault);

	if (!link ||
	    !find_entry(settings, link, settings->conf->search_base, inquiry, deadline_ms, fault))
		return false;
	if (inquiry->says != DIRECTORY_NO && inquiry->password &&
	    !try_password(settings, line, inquiry->facts.dn, inquiry, deadline_ms, fault))
		return false;
	return inquiry->says == DIRECTORY_NO ||
	       find_groups(settings, link, inquiry, deadline_ms, fault);
}

/* A DN that follows from the name. Its entry is read in any case: the directory may take other
 * spellings of the name for the same. */
static bool ask_by_dn(const struct settings *settings, struct line *line, struct inquiry *inquiry,
                      int64_t deadline_ms, struct fault *fault)
{
	char dn[ESCAPE_DN_SIZE];
	LDAP *link;

	if (!escape_dn(settings->conf->bind_dn, inquiry->name, dn))
		return fault_set(fault, ASK_BAD_ENTRY, "the DN of a name would be too long");
	if (inquiry->password && !try_password(settings, line, dn, inquiry, deadline_ms, fault))
		return false;
	if (inquiry->says == DIRECTORY_NO)
		return true;
	link = reading_link(settings, line, deadline_ms, fault);
	if (!link || !find_entry(settings, link, dn, inquiry, deadline_ms, fault))
		return false;
	if (inquiry->says == DIRECTORY_NO && inquiry->password)
		return fault_set(fault, ASK_BAD_ENTRY,
		                 "%.200s: its entry cannot be read: let it read itself, or set "
		                 "\"user\"",
		                 dn);
	return inquiry->says == DIRECTORY_NO ||
	       find_groups(settings, link, inquiry, deadline_ms, fault);
}

static bool run_inquiry(const struct work *work, struct line *line, int64_t deadline_ms,
                        struct fault *fault)
{
	struct inquiry *inquiry = work->arg;

	inquiry->says = DIRECTORY_FAILED;
	return (settings_searches(work->settings) ? ask_by_search : ask_by_dn)(
		work->settings, line, inquiry, deadline_ms, fault);
}

/* ---- looks at several clients ---- */

/* A fault of this client alone leaves it undecided. */
static bool is_own_fault(struct look *look)
{
	return look->fault.result == ASK_BAD_ENTRY;
}

static bool send_looks(const struct settings *settings, LDAP *link, struct look *looks, size_t n,
                       int *numbers, int64_t deadline_ms, struct fault *fault)
{
	char filter[ESCAPE_FILTER_SIZE];

	for (size_t i = 0; i < n; i++) {
		struct link_search what = { .base = looks[i].known.dn,
			                    .is_base_only = true,
			                    .filter = filter,
			                    .wanted = settings->wanted };

		numbers[i] = -1;
		looks[i].says = DIRECTORY_FAILED;
		looks[i].fault = (struct fault){ 0 };
		if (!write_filter(settings, looks[i].name, filter, &looks[i].fault))
			continue;
		numbers[i] = link_send(link, &what, deadline_ms, fault);
		if (numbers[i] < 0)
			return false;
	}
	return true;
}

static bool read_looks(const struct settings *settings, LDAP *link, struct look *looks, size_t n,
                       const int *numbers, int64_t deadline_ms, struct fault *fault)
{
	for (size_t i = 0; i < n; i++) {
		LDAPMessage *found;
		bool has_base;

		if (numbers[i] < 0)
			continue;
		if (!link_await(link, numbers[i], deadline_ms, &found, &has_base, fault))
			return false;
		if (!found)
			looks[i].says = DIRECTORY_NO;
		else if (entry_read(&looks[i].facts, settings, link, found, looks[i].name,
		                    &looks[i].fault))
			looks[i].says = DIRECTORY_YES;
		ldap_msgfree(found);
		if (looks[i].says == DIRECTORY_NO)
			snprintf(looks[i].fault.text, sizeof looks[i].fault.text,
			         "its entry is gone, or does not match any more");
	}
	return true;
}

static bool send_groups(const struct settings *settings, LDAP *link, struct look *looks, size_t n,
                        int *numbers, int64_t deadline_ms, struct fault *fault)
{
	char filter[ESCAPE_FILTER_SIZE];
	struct link_search what = group_search(settings);

	what.filter = filter;
	for (size_t i = 0; i < n; i++) {
		numbers[i] = -1;
		if (looks[i].says != DIRECTORY_YES || !settings->conf->group_base)
			continue;
		if (!escape_filter(settings->conf->group_filter, looks[i].name, looks[i].facts.dn,
		                   filter)) {
			looks[i].says = DIRECTORY_FAILED;
			fault_set(&looks[i].fault, ASK_BAD_ENTRY,
			          "the filter of the groups would be too long");
			continue;
		}
		numbers[i] = link_send(link, &what, deadline_ms, fault);
		if (numbers[i] < 0)
			return false;
	}
	return true;
}

static bool read_group_looks(const struct settings *settings, LDAP *link, struct look *looks,
                             size_t n, const int *numbers, int64_t deadline_ms, struct fault *fault)
{
	for (size_t i = 0; i < n; i++) {
		struct look *look = &looks[i];
		LDAPMessage *found = NULL;
		bool has_base = true, good;

		if (look->says != DIRECTORY_YES)
			continue;
		if (numbers[i] >= 0 &&
		    !link_await(link, numbers[i], deadline_ms, &found, &has_base, fault))
			return false;
		look->says = DIRECTORY_FAILED;
		good = judge_groups(settings, link, found, has_base, &look->facts, &look->says,
		                    &look->fault, &look->fault);
		ldap_msgfree(found);
		if (!good && !is_own_fault(look)) {
			*fault = look->fault;
			return false;
		}
	}
	return true;
}

struct look_batch {
	struct look *looks;
	size_t n;
};

static bool run_looks(const struct work *work, struct line *line, int64_t deadline_ms,
                      struct fault *fault)
{
	const struct settings *settings = work->settings;
	const struct look_batch *batch = work->arg;
	int numbers[DIRECTORY_LOOKS_MAX];
	LDAP *link = line_service(line, settings, deadline_ms, fault);

	return link &&
	       send_looks(settings, link, batch->looks, batch->n, numbers, deadline_ms, fault) &&
	       read_looks(settings, link, batch->looks, batch->n, numbers, deadline_ms, fault) &&
	       send_groups(settings, link, batch->looks, batch->n, numbers, deadline_ms, fault) &&
	       read_group_looks(settings, link, batch->looks, batch->n, numbers, deadline_ms,
	                        fault);
}

/* ---- lines and URLs ---- */

/* A connection that was kept may have been closed meanwhile. Then a new one is tried, once. */
static bool try_place(struct directory *directory, const struct work *work,
                      const struct place *place, int64_t deadline_ms, struct fault *fault)
{
	struct line *line = lines_take(&directory->lines, place);
	bool good = false;

	for (int tries = 2; line && tries > 0; tries--) {
		bool may_repeat = line->was_kept;

		*fault = (struct fault){ 0 };
		good = work->run(work, line, deadline_ms, fault);
		if (good || fault->result != ASK_BROKEN || !may_repeat)
			break;
		lines_drop(line);
		line = lines_new(place);
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
	struct look_batch batch = { looks, n };
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
