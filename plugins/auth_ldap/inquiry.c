#include "inquiry.h"

enum { GROUPS_MAX = 1000 };

static const char default_filter[] = "(uid=%n)";
static const char any_filter[] = "(objectClass=*)";
static const char *const no_attributes[] = { LDAP_NO_ATTRS, NULL };

/* ---- the parts of a question ---- */

/* Returns true, because the question is answered. */
static bool say_no(struct inquiry *inquiry, const char *why)
{
	inquiry->says = DIRECTORY_NO;
	snprintf(inquiry->fault.text, sizeof inquiry->fault.text, "%s", why);
	return true;
}

bool inquiry_filter(const struct settings *settings, const char *name, char out[ESCAPE_FILTER_SIZE],
                    struct fault *fault)
{
	const struct conf *conf = settings->conf;
	const char *pattern = conf->search_filter           ? conf->search_filter
	                      : settings_searches(settings) ? default_filter
	                                                    : any_filter;

	return escape_filter(pattern, name, NULL, out) ||
	       fault_set(fault, ASK_BAD_ENTRY, "the filter of a name would be too long");
}

static bool search(LDAP *link, const struct link_search *what, int64_t deadline_ms,
                   struct link_found *found_out, struct fault *fault)
{
	int number = link_send(link, what, deadline_ms, fault);

	return number >= 0 && link_await(link, number, deadline_ms, found_out, fault);
}

/* True: the client itself reads its entry and its groups. If it may not, this is a fault of its
 * entry, and not of the directory. */
static bool reads_as_client(const struct settings *settings)
{
	return !settings_has_service(settings);
}

/* The base of a search cannot be searched. Returns false. */
static bool refuse_base(const struct settings *settings, const char *base, const struct fault *said,
                        struct fault *fault)
{
	return fault_set(fault, reads_as_client(settings) ? ASK_BAD_ENTRY : ASK_ERROR,
	                 "%.100s: %.250s", base, said->text);
}

/* Judges the end of a search below search_base. */
static bool judge_search(const struct settings *settings, LDAP *link,
                         const struct link_found *found, struct inquiry *inquiry,
                         const struct fault *said, struct fault *fault)
{
	if (found->end != LINK_ALL && found->end != LINK_CUT)
		return refuse_base(settings, "search_base", said, fault);
	if (found->end == LINK_CUT || ldap_count_entries(link, found->entries) > 1)
		return say_no(inquiry, "more than one entry matches");
	if (!found->entries)
		return say_no(inquiry, "no entry matches");
	return entry_read(&inquiry->facts, settings, link, found->entries, inquiry->name, fault);
}

/* Judges the end of a search at the DN that follows from the name. */
static bool judge_own_entry(const struct settings *settings, LDAP *link,
                            const struct link_found *found, struct inquiry *inquiry,
                            const struct fault *said, struct fault *fault)
{
	if (found->end == LINK_ELSEWHERE)
		return say_no(inquiry, INQUIRY_ELSEWHERE);
	if (found->entries)
		return entry_read(&inquiry->facts, settings, link, found->entries, inquiry->name,
		                  fault);
	if (found->end == LINK_FORBIDDEN && !reads_as_client(settings))
		return refuse_base(settings, "bind_dn", said, fault);
	/* The entry has accepted the password, so it is there. */
	if (inquiry->password)
		return fault_set(fault, ASK_BAD_ENTRY,
		                 "its entry cannot be read: let it read itself, or set \"user\"");
	return say_no(inquiry, "no entry matches");
}

/* Searches for the one entry of a name, below a base or at it. True: inquiry->says is NO, or the
 * facts are known. */
static bool find_entry(const struct settings *settings, LDAP *link, const char *base,
                       struct inquiry *inquiry, int64_t deadline_ms, struct fault *fault)
{
	bool searches = settings_searches(settings), good; /* else the base is the entry */
	char filter[ESCAPE_FILTER_SIZE];
	struct link_search what = { .base = base,
		                    .is_base_only = !searches,
		                    .filter = filter,
		                    .wanted = settings->wanted,
		                    .most = 2 };
	struct fault said = { 0 };
	struct link_found found;

	if (!inquiry_filter(settings, inquiry->name, filter, fault))
		return false;
	if (!search(link, &what, deadline_ms, &found, &said)) {
		*fault = said;
		return false;
	}
	good = searches ? judge_search(settings, link, &found, inquiry, &said, fault)
	                : judge_own_entry(settings, link, &found, inquiry, &said, fault);
	ldap_msgfree(found.entries);
	return good;
}

struct link_search inquiry_groups(const struct settings *settings)
{
	return (struct link_search){
		.base = settings->conf->group_base,
		.wanted = no_attributes,
		/* Without policies for groups, one group is enough to let the client in. */
		.most = settings->n_groups ? GROUPS_MAX : 1
	};
}

bool inquiry_judge_groups(const struct settings *settings, LDAP *link,
                          const struct link_found *found, const struct fault *said,
                          struct facts *facts, enum directory_says *says, struct fault *why,
                          struct fault *fault)
{
	if (found->end != LINK_ALL && found->end != LINK_CUT)
		return refuse_base(settings, "group_base", said, fault);
	/* The group whose policy counts may be one that was not sent. */
	if (found->end == LINK_CUT && settings->n_groups)
		return fault_set(fault, ASK_BAD_ENTRY, "%.200s: it is in too many groups",
		                 facts->dn);
	*says = entry_read_groups(facts, settings, link, found->entries, why) ? DIRECTORY_YES
	                                                                      : DIRECTORY_NO;
	return true;
}

static bool search_groups(const struct settings *settings, LDAP *link,
                          const struct inquiry *inquiry, int64_t deadline_ms,
                          struct link_found *found_out, struct fault *fault)
{
	char filter[ESCAPE_FILTER_SIZE];
	struct link_search what = inquiry_groups(settings);

	what.filter = filter;
	if (!escape_filter(settings->conf->group_filter, inquiry->name, inquiry->facts.dn, filter))
		return fault_set(fault, ASK_BAD_ENTRY,
		                 "the filter of the groups would be too long");
	return search(link, &what, deadline_ms, found_out, fault);
}

/* Without group_base, the policy of "*" counts, and nothing is searched for. */
static bool find_groups(const struct settings *settings, LDAP *link, struct inquiry *inquiry,
                        int64_t deadline_ms, struct fault *fault)
{
	struct link_found found = { LINK_ALL, NULL };
	struct fault said = { 0 };
	bool good;

	if (settings->conf->group_base &&
	    !search_groups(settings, link, inquiry, deadline_ms, &found, &said)) {
		*fault = said;
		return false;
	}
	good = inquiry_judge_groups(settings, link, &found, &said, &inquiry->facts, &inquiry->says,
	                            &inquiry->fault, fault);
	ldap_msgfree(found.entries);
	return good;
}

/* Binds as the client. True: the password is right, or inquiry->says is NO. */
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

/* The connection on which the entry and the groups of a client are read. */
static LDAP *reading_link(const struct settings *settings, struct line *line, int64_t deadline_ms,
                          struct fault *fault)
{
	return reads_as_client(settings) ? line_user(line, settings, deadline_ms, fault)
	                                 : line_service(line, settings, deadline_ms, fault);
}

static bool ask_by_search(const struct settings *settings, struct line *line,
                          struct inquiry *inquiry, int64_t deadline_ms, struct fault *fault)
{
	LDAP *link = line_service(line, settings, deadline_ms, fault);

	if (!link ||
	    !find_entry(settings, link, settings->conf->search_base, inquiry, deadline_ms, fault))
		return false;
	if (inquiry->says == DIRECTORY_NO)
		return true;
	if (inquiry->password &&
	    !try_password(settings, line, inquiry->facts.dn, inquiry, deadline_ms, fault))
		return false;
	if (inquiry->says == DIRECTORY_NO)
		return true;
	return find_groups(settings, link, inquiry, deadline_ms, fault);
}

/* Asks about the DN that follows from the name. The entry is read in any case: the directory
 * accepts other spellings of the name, and without the entry each would be a client of its own. */
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
	if (inquiry->says == DIRECTORY_NO)
		return true;
	return find_groups(settings, link, inquiry, deadline_ms, fault);
}

bool inquiry_run(const struct settings *settings, struct line *line, struct inquiry *inquiry,
                 int64_t deadline_ms, struct fault *fault)
{
	inquiry->says = DIRECTORY_FAILED;
	if (settings_searches(settings))
		return ask_by_search(settings, line, inquiry, deadline_ms, fault);
	return ask_by_dn(settings, line, inquiry, deadline_ms, fault);
}
