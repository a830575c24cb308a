/* settings - the checked options of an instance. Read-only after its creation, so all threads share
 * them. */
#ifndef AUTH_LDAP_SETTINGS_H
#define AUTH_LDAP_SETTINGS_H

#include <spore/plugin.h>
#include <stdbool.h>

#include "../common/client/policy.h"
#include "connection/place.h"

/* The options, as the host fills them. */
struct conf {
	spore_list urls; /* of const char * */
	uint32_t starttls;
	const char *cacertfile;
	uint32_t insecure;
	const char *bind_dn;
	const char *user;
	spore_str password;
	const char *search_base, *search_filter;
	const char *name_attribute;
	spore_map attributes; /* of const char * */
	const char *group_base, *group_filter;
	spore_map policy; /* of struct policy */
	int64_t connect_timeout, timeout, poll_interval;
	int64_t breaker_failures, breaker_pause;
};

/* The limits of a group. */
struct group_policy {
	char *dn; /* owned, in the form of settings_plain_dn() */
	struct policy policy;
};

/* The limits that attributes may state. */
enum { SETTINGS_LIMITS_MAX = 4 };

struct settings {
	const struct conf *conf; /* RETAINED */
	struct place *places;    /* owned */
	size_t n_places;
	bool has_tls;                /* one of the places uses TLS */
	struct group_policy *groups; /* owned, in the order of the configuration */
	size_t n_groups;
	const struct policy *others; /* of clients in none of the groups; NULL: they are refused */
	/* The attributes that are read of an entry: of its name, of its limits, and NULL. */
	const char *wanted[SETTINGS_LIMITS_MAX + 2];
};

enum { SETTINGS_N_OPTIONS = 19 };
extern const spore_option settings_options[SETTINGS_N_OPTIONS];

/* Reports mistakes. False: there is one. The caller calls settings_fini() in any case. [main] */
bool settings_init(struct settings *settings, const spore_create_args *args);
/* Accepts a zeroed struct. [main] */
void settings_fini(struct settings *settings);

/* True: clients are searched for, by the service account; else their DN follows from the name. */
static inline bool settings_searches(const struct settings *settings)
{
	return settings->conf->search_base != NULL;
}

/* True: there is a service account, which can look at clients without their password. */
static inline bool settings_has_service(const struct settings *settings)
{
	return settings->conf->user != NULL;
}

/* The form in which DNs are compared, whatever blanks and escapes they have. The caller frees it.
 * NULL: it is not a DN, or memory is used up. [any] */
char *settings_plain_dn(const char *dn);
/* NULL: the settings do not name this group. [any] */
const struct group_policy *settings_find_group(const struct settings *settings, const char *dn);

#endif
