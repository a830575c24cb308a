#include "entry.h"

#include <stdlib.h>

#include "../common/client/identity.h"

/* ---- the values of attributes ---- */

static bool is_text(const struct berval *value)
{
	return !memchr(value->bv_val, '\0', value->bv_len);
}

static bool wrong_entry(struct fault *fault, const struct facts *facts, const char *attribute,
                        const char *wrong)
{
	return fault_set(fault, ASK_BAD_ENTRY, "%.200s: attribute %.60s: %s", facts->dn, attribute,
	                 wrong);
}

/* The value that is the client's identity: the only one, or the one that equals the client's name.
 * NULL: there is none. */
static const struct berval *choose_identity(struct berval *const *values, const char *name)
{
	int n = values ? ldap_count_values_len((struct berval **)values) : 0;

	for (int i = 0; i < n; i++) {
		if (n == 1 || (values[i]->bv_len == strlen(name) &&
		               memcmp(values[i]->bv_val, name, strlen(name)) == 0))
			return values[i];
	}
	return NULL;
}

static bool read_identity(struct facts *facts, const char *attribute, struct berval *const *values,
                          const char *name, struct fault *fault)
{
	const struct berval *value = choose_identity(values, name);

	if (!values)
		return wrong_entry(fault, facts, attribute, "it is missing, or hidden");
	if (!value)
		return wrong_entry(fault, facts, attribute,
		                   "it has several values, and none is the client's name");
	if (!identity_is_good((spore_str){ value->bv_val, value->bv_len }))
		return wrong_entry(fault, facts, attribute,
		                   "expected 1 to 255 bytes of UTF-8 without control characters");
	memcpy(facts->identity, value->bv_val, value->bv_len);
	facts->identity[value->bv_len] = '\0';
	return true;
}

/* An attribute that the entry does not have limits nothing. */
static bool read_limit(struct facts *facts, const char *limit, const char *attribute,
                       struct berval *const *values, struct fault *fault)
{
	char text[1024];
	const char *wrong;

	if (!values)
		return true;
	if (ldap_count_values_len((struct berval **)values) != 1)
		return wrong_entry(fault, facts, attribute, "expected one value");
	if (values[0]->bv_len >= sizeof text || !is_text(values[0]))
		return wrong_entry(fault, facts, attribute, "expected at most 1023 bytes of text");
	memcpy(text, values[0]->bv_val, values[0]->bv_len);
	text[values[0]->bv_len] = '\0';
	wrong = terms_set(&facts->terms, limit, text);
	return !wrong || wrong_entry(fault, facts, attribute, wrong);
}

/* ---- an entry ---- */

static bool read_dn(struct facts *facts, LDAP *link, LDAPMessage *entry, struct fault *fault)
{
	char *dn = ldap_get_dn(link, entry);
	size_t len = dn ? strlen(dn) : 0;
	bool good = len > 0 && len < sizeof facts->dn;

	if (good)
		memcpy(facts->dn, dn, len + 1);
	else
		fault_set(fault, ASK_BAD_ENTRY, "expected a DN of 1 to %d bytes",
		          ENTRY_DN_SIZE - 1);
	ldap_memfree(dn);
	return good;
}

static bool read_limits(struct facts *facts, const struct conf *conf, LDAP *link,
                        LDAPMessage *entry, struct fault *fault)
{
	const char *const *attributes = conf->attributes.items;
	bool good = true;

	for (size_t i = 0; good && i < conf->attributes.count; i++) {
		struct berval **values = ldap_get_values_len(link, entry, attributes[i]);

		good = read_limit(facts, conf->attributes.keys[i], attributes[i], values, fault);
		ldap_value_free_len(values);
	}
	return good;
}

bool entry_read(struct facts *facts, const struct settings *settings, LDAP *link,
                LDAPMessage *found, const char *name, struct fault *fault)
{
	const char *attribute = settings->conf->name_attribute;
	LDAPMessage *entry = ldap_first_entry(link, found);
	struct berval **values;
	bool good;

	*facts = (struct facts){ 0 };
	if (!entry)
		return fault_set(fault, ASK_BAD_ENTRY, "expected an entry");
	if (!read_dn(facts, link, entry, fault))
		return false;
	values = ldap_get_values_len(link, entry, attribute);
	good = read_identity(facts, attribute, values, name, fault) &&
	       read_limits(facts, settings->conf, link, entry, fault);
	ldap_value_free_len(values);
	return good;
}

/* ---- groups ---- */

/* Returns the first policy in the configuration whose group was found. NULL: there is none. */
static const struct policy *find_policy(const struct settings *settings, LDAP *link,
                                        LDAPMessage *found)
{
	const struct group_policy *first = NULL, *group;

	for (LDAPMessage *entry = found ? ldap_first_entry(link, found) : NULL; entry;
	     entry = ldap_next_entry(link, entry)) {
		char *dn = ldap_get_dn(link, entry);

		group = dn ? settings_find_group(settings, dn) : NULL;
		if (group && (!first || group < first))
			first = group;
		ldap_memfree(dn);
	}
	return first ? &first->policy : NULL;
}

bool entry_read_groups(struct facts *facts, const struct settings *settings, LDAP *link,
                       LDAPMessage *found, struct fault *fault)
{
	if (settings->conf->group_base && !found) {
		snprintf(fault->text, sizeof fault->text, "no group matches group_filter");
		return false;
	}
	facts->policy = settings->n_groups ? find_policy(settings, link, found) : NULL;
	if (!facts->policy)
		facts->policy = settings->others;
	if (!facts->policy)
		snprintf(fault->text, sizeof fault->text, "it is in no group of the option policy");
	return facts->policy != NULL;
}

/* ---- limits ---- */

struct policy entry_limits(const struct facts *facts)
{
	struct policy limits = terms_policy(&facts->terms);

	if (facts->policy)
		policy_inherit(&limits, facts->policy);
	return limits;
}

bool entry_is_same(const struct facts *a, const struct facts *b)
{
	struct policy mine = entry_limits(a), other = entry_limits(b);
	int64_t numbers[2][POLICY_NUMBERS];

	policy_numbers(&mine, numbers[0]);
	policy_numbers(&other, numbers[1]);
	return strcmp(a->dn, b->dn) == 0 && strcmp(a->identity, b->identity) == 0 &&
	       memcmp(numbers[0], numbers[1], sizeof numbers[0]) == 0 &&
	       mine.ports.count == other.ports.count &&
	       (mine.ports.count == 0 || memcmp(mine.ports.items, other.ports.items,
	                                        mine.ports.count * sizeof(spore_port_range)) == 0);
}
