#include "looks.h"

#include "connection/dial.h"

/* True: the fault concerns one look, and the others may get answers. */
static bool is_of_one_look(const struct fault *fault)
{
	return fault->result == ASK_BAD_ENTRY || fault->result == ASK_ERROR ||
	       fault->result == ASK_TIMEOUT;
}

/* Waits for the answer to one look. Without one, look->says becomes DIRECTORY_FAILED. False: the
 * link has failed, so no other look gets an answer either. */
static bool await_look(LDAP *link, int number, int64_t deadline_ms, struct look *look,
                       struct link_found *found_out, struct fault *fault)
{
	if (link_await(link, number, deadline_ms, found_out, &look->fault))
		return true;
	look->says = DIRECTORY_FAILED;
	if (is_of_one_look(&look->fault))
		return true;
	*fault = look->fault;
	return false;
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
		if (!inquiry_filter(settings, looks[i].name, filter, &looks[i].fault))
			continue;
		numbers[i] = link_send(link, &what, deadline_ms, fault);
		if (numbers[i] < 0)
			return false;
	}
	return true;
}

/* Reads the end of the search for one entry. look->says is DIRECTORY_FAILED before. */
static void read_look(const struct settings *settings, LDAP *link, struct look *look,
                      const struct link_found *found)
{
	if (found->end == LINK_FORBIDDEN) {
		look->fault.result = ASK_ERROR;
		return;
	}
	if (found->entries) {
		look->says = entry_read(&look->facts, settings, link, found->entries, look->name,
		                        &look->fault)
		                     ? DIRECTORY_YES
		                     : DIRECTORY_FAILED;
		return;
	}
	look->says = DIRECTORY_NO;
	snprintf(look->fault.text, sizeof look->fault.text, "%s",
	         found->end == LINK_ELSEWHERE ? INQUIRY_ELSEWHERE
	                                      : "its entry is gone, or does not match any more");
}

static bool read_looks(const struct settings *settings, LDAP *link, struct look *looks, size_t n,
                       const int *numbers, int64_t deadline_ms, struct fault *fault)
{
	for (size_t i = 0; i < n; i++) {
		struct link_found found;

		if (numbers[i] < 0)
			continue;
		if (!await_look(link, numbers[i], deadline_ms, &looks[i], &found, fault))
			return false;
		if (looks[i].fault.result == ASK_ANSWERED)
			read_look(settings, link, &looks[i], &found);
		ldap_msgfree(found.entries);
	}
	return true;
}

static bool send_groups(const struct settings *settings, LDAP *link, struct look *looks, size_t n,
                        int *numbers, int64_t deadline_ms, struct fault *fault)
{
	char filter[ESCAPE_FILTER_SIZE];
	struct link_search what = inquiry_groups(settings);

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

static void judge_groups(const struct settings *settings, LDAP *link,
                         const struct link_found *found, struct look *look)
{
	struct fault said = look->fault;

	look->says = DIRECTORY_FAILED; /* unless it is judged */
	inquiry_judge_groups(settings, link, found, &said, &look->facts, &look->says, &look->fault,
	                     &look->fault);
}

static bool read_groups(const struct settings *settings, LDAP *link, struct look *looks, size_t n,
                        const int *numbers, int64_t deadline_ms, struct fault *fault)
{
	for (size_t i = 0; i < n; i++) {
		struct look *look = &looks[i];
		struct link_found found = { LINK_ALL, NULL };

		if (look->says != DIRECTORY_YES)
			continue;
		if (numbers[i] >= 0 &&
		    !await_look(link, numbers[i], deadline_ms, look, &found, fault))
			return false;
		if (look->says == DIRECTORY_YES)
			judge_groups(settings, link, &found, look);
		ldap_msgfree(found.entries);
	}
	return true;
}

/* False: all looks have failed, so it is the directory that fails. */
static bool has_answer(const struct look *looks, size_t n, struct fault *fault)
{
	for (size_t i = 0; i < n; i++) {
		if (!fault_is_of_place(&looks[i].fault))
			return true;
	}
	*fault = looks[0].fault;
	return false;
}

/* Searches for all entries first, since the groups' filters need their DNs. The entries get half of
 * the time, so that a slow one leaves enough for the groups of the others. */
bool looks_run(const struct settings *settings, struct line *line, struct look *looks, size_t n,
               int64_t deadline_ms, struct fault *fault)
{
	int numbers[LOOKS_MAX];
	LDAP *link = line_service(line, settings, deadline_ms, fault);
	int64_t now_ms = dial_now_ms(), entries_ms = deadline_ms; /* the deadline of the entries */

	if (settings->conf->group_base && deadline_ms > now_ms)
		entries_ms = now_ms + (deadline_ms - now_ms) / 2;
	return link && send_looks(settings, link, looks, n, numbers, entries_ms, fault) &&
	       read_looks(settings, link, looks, n, numbers, entries_ms, fault) &&
	       send_groups(settings, link, looks, n, numbers, deadline_ms, fault) &&
	       read_groups(settings, link, looks, n, numbers, deadline_ms, fault) &&
	       has_answer(looks, n, fault);
}
