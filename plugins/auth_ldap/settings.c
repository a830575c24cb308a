#include "settings.h"

#include <ldap.h>
#include <stdlib.h>

#include "../common/client/ports.h"
#include "../common/client/terms.h"
#include "../common/file.h"
#include "../common/pointer.h"
#include "../common/remote/health.h"
#include "../common/report.h"
#include "escape.h"

enum { CACERTFILE_MAX = 4 * 1024 * 1024 };

static const spore_option_item string_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };

/* clang-format off */
const spore_option settings_options[SETTINGS_N_OPTIONS] = {
	SPORE_LIST(struct conf, urls, SPORE_OPTF_REQUIRED | SPORE_OPTF_NOT_EMPTY, &string_item,
	           "where the directory is: ldaps://HOST, ldap://HOST or ldapi:// and the path of a "
	           "socket, with %2F for each /; the next one is asked when one fails"),
	SPORE_BOOL(struct conf, starttls, 0, NULL,
	           "begin TLS on connections to ldap://, before anything else is sent"),
	SPORE_STRING(struct conf, cacertfile,
	             SPORE_OPTF_PATH | SPORE_OPTF_READ | SPORE_OPTF_NOT_EMPTY, NULL,
	             "authorities that may sign the directory's certificate; default: those of "
	             "libldap's ldap.conf"),
	SPORE_BOOL(struct conf, insecure, 0, NULL,
	           "allow ldap:// to another machine without TLS, where everyone in between reads "
	           "passwords and can let anyone in"),
	SPORE_STRING(struct conf, bind_dn, SPORE_OPTF_NOT_EMPTY, NULL,
	             "the DN of a client: %n is its name; in place of search_base"),
	SPORE_STRING(struct conf, user, SPORE_OPTF_NOT_EMPTY, NULL,
	             "DN of the service account, which searches, and looks again at clients that have "
	             "tunnels"),
	SPORE_SECRET(struct conf, password, 0, "password of the service account"),
	SPORE_STRING(struct conf, search_base, SPORE_OPTF_NOT_EMPTY, NULL,
	             "DN below which the service account searches for a client; in place of bind_dn"),
	SPORE_STRING(struct conf, search_filter, SPORE_OPTF_NOT_EMPTY, NULL,
	             "filter that exactly one entry must match: %n is the name; default: (uid=%n)"),
	SPORE_STRING(struct conf, name_attribute, SPORE_OPTF_NOT_EMPTY, "\"uid\"",
	             "attribute of a client's entry that holds its identity"),
	SPORE_MAP(struct conf, attributes, 0, &string_item,
	          "for each limit that a client's entry states (such as ports or max_conns), the "
	          "name of the attribute"),
	SPORE_STRING(struct conf, group_base, SPORE_OPTF_NOT_EMPTY, NULL,
	             "DN below which a client's groups are searched for"),
	SPORE_STRING(struct conf, group_filter, SPORE_OPTF_NOT_EMPTY, NULL,
	             "filter that a group of the client must match: %n is its name, %d its DN; a "
	             "client without such a group is refused"),
	SPORE_MAP(struct conf, policy, SPORE_OPTF_INHERITS, &policy_item,
	          "for the DN of a group, the limits of its members; the first group that a client is "
	          "in counts. The policy of \"*\" applies to what a policy leaves out, and to clients "
	          "in none of the groups; without it they are refused"),
	SPORE_DURATION(struct conf, connect_timeout, 0, "\"1s\"", 10, 60000,
	               "time to connect to one URL, with TLS"),
	SPORE_DURATION(struct conf, timeout, 0, "\"2s\"", 10, 60000,
	               "time for all that is asked about a client, divided among the URLs; keep it "
	               "below server.auth_timeout"),
	SPORE_DURATION(struct conf, poll_interval, 0, "\"500ms\"", 100, 86400000,
	               "the service account looks this often at each client that has a tunnel, but at "
	               "no more than 1000 clients per second"),
	HEALTH_OPTIONS(struct conf, "the directory"),
};
/* clang-format on */

/* ---- DNs ---- */

char *settings_plain_dn(const char *dn)
{
	struct berval text = { strlen(dn), (char *)dn };
	LDAPDN parsed = NULL;
	char *plain = NULL, *copy;

	if (ldap_bv2dn(&text, &parsed, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS || !parsed)
		return NULL;
	if (ldap_dn2str(parsed, &plain, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
		plain = NULL;
	ldap_dnfree(parsed);
	copy = plain ? strdup(plain) : NULL;
	ldap_memfree(plain);
	return copy;
}

const struct group_policy *settings_find_group(const struct settings *settings, const char *dn)
{
	const struct group_policy *found = NULL;
	char *plain = settings_plain_dn(dn);

	for (size_t i = 0; plain && !found && i < settings->n_groups; i++) {
		if (strcasecmp(settings->groups[i].dn, plain) == 0)
			found = &settings->groups[i];
	}
	free(plain);
	return found;
}

/* ---- URLs ---- */

static bool check_url(const struct conf *conf, const spore_create_args *args, size_t i,
                      const struct place *place, const char *wrong)
{
	bool is_protected = place->is_ldaps || place->is_local || conf->starttls;
	char pointer[32];

	snprintf(pointer, sizeof pointer, "/urls/%zu", i);
	if (!wrong && conf->starttls && (place->is_ldaps || place->is_unix))
		wrong = "expected ldap:// with \"starttls\": true";
	if (!wrong && !is_protected && !conf->insecure)
		wrong = "expected ldaps://, or \"starttls\": true, since ldap:// would send "
			"passwords readably to another machine; \"insecure\": true allows it";
	if (wrong)
		args->report(args, pointer, wrong);
	return !wrong;
}

/* libldap would accept a file without certificates, and then refuse every directory. */
static bool check_cacertfile(const spore_create_args *args, const char *path)
{
	spore_str text;
	bool good;

	if (!file_read(args, "/cacertfile", path, CACERTFILE_MAX, &text))
		return false;
	good = strstr(text.ptr, "-----BEGIN CERTIFICATE-----") != NULL;
	if (!good)
		report(args, "/cacertfile", "expected a file of certificates in PEM form: %.200s",
		       path);
	file_free(&text);
	return good;
}

/* Without any authority, no certificate would ever be accepted. */
static bool check_authorities(const struct settings *settings, const spore_create_args *args)
{
	char *file = NULL, *folder = NULL;
	bool good;

	if (settings->conf->cacertfile) {
		if (!settings->has_tls)
			args->report(args, "/cacertfile",
			             "expected this option with ldaps:// or starttls only");
		return settings->has_tls && check_cacertfile(args, settings->conf->cacertfile);
	}
	ldap_get_option(NULL, LDAP_OPT_X_TLS_CACERTFILE, &file);
	ldap_get_option(NULL, LDAP_OPT_X_TLS_CACERTDIR, &folder);
	good = !settings->has_tls || file || folder;
	if (!good)
		args->report(
			args, "",
			"expected \"cacertfile\", since the file ldap.conf of libldap names no "
			"authorities (TLS_CACERT)");
	ldap_memfree(file);
	ldap_memfree(folder);
	return good;
}

static bool read_urls(struct settings *settings, const spore_create_args *args)
{
	const struct conf *conf = settings->conf;
	const char *const *urls = conf->urls.items;
	bool good = true;

	settings->places = calloc(conf->urls.count + 1, sizeof *settings->places);
	for (size_t i = 0; settings->places && i < conf->urls.count; i++) {
		struct place *place = &settings->places[settings->n_places++];
		const char *wrong = place_init(place, urls[i]);

		good = check_url(conf, args, i, place, wrong) && good;
		settings->has_tls = settings->has_tls || place->is_ldaps || conf->starttls;
	}
	return settings->places && good && check_authorities(settings, args);
}

/* ---- how a client is found ---- */

static const char *find_dn_fault(const char *dn)
{
	char *plain = settings_plain_dn(dn);
	bool good = plain != NULL;

	free(plain);
	return good ? NULL : "expected a DN such as \"ou=people,dc=example,dc=org\"";
}

static const char *find_bind_fault(const char *pattern)
{
	char dn[ESCAPE_DN_SIZE];
	const char *wrong = escape_check(pattern, "n");

	if (wrong)
		return wrong;
	if (!strstr(pattern, "%n") || !escape_dn(pattern, "x", dn) || find_dn_fault(dn))
		return "expected a DN with %n for the name, such as "
		       "\"uid=%n,ou=people,dc=example,dc=org\"";
	return NULL;
}

/* The whole filter must be in one pair of brackets. */
static const char *find_bracket_fault(const char *pattern)
{
	size_t depth = 0;

	for (const char *at = pattern; *at; at++) {
		bool is_inside;

		if (*at == '(')
			depth++;
		is_inside = depth > 0;
		if (*at == ')' && is_inside)
			depth--;
		if (!is_inside || (depth == 0 && at[1]))
			return "expected a filter in brackets, such as \"(uid=%n)\"";
	}
	return depth > 0 ? "expected a ) for each (" : NULL;
}

/* Checks only what the plugin reads. The directory reads the rest. */
static const char *find_filter_fault(const char *pattern, const char *letters)
{
	const char *wrong = escape_check(pattern, letters);

	if (!wrong)
		wrong = find_bracket_fault(pattern);
	if (!wrong && !strstr(pattern, "%n") && !strstr(pattern, "%d"))
		wrong = letters[1] ? "expected %n for the name or %d for the DN"
		                   : "expected %n for the name";
	return wrong;
}

static bool check(const spore_create_args *args, const char *pointer, const char *wrong)
{
	if (wrong)
		args->report(args, pointer, wrong);
	return !wrong;
}

static bool check_way(const struct conf *conf, const spore_create_args *args)
{
	bool has_dn = conf->bind_dn != NULL, has_base = conf->search_base != NULL;
	bool good = true;

	if (has_dn == has_base)
		good = check(args, "", "expected either \"bind_dn\" or \"search_base\"");
	if (has_dn)
		good = check(args, "/bind_dn", find_bind_fault(conf->bind_dn)) && good;
	if (has_base) {
		good = check(args, "/search_base", find_dn_fault(conf->search_base)) && good;
		if (!conf->user)
			good = check(args, "",
			             "expected \"user\" and \"password\" of a service "
			             "account, which searches below \"search_base\"");
	}
	if (conf->search_filter && !has_base)
		good = check(args, "/search_filter", "expected this option with \"search_base\"");
	else if (conf->search_filter)
		good = check(args, "/search_filter", find_filter_fault(conf->search_filter, "n")) &&
		       good;
	return good;
}

static bool check_service(const struct conf *conf, const spore_create_args *args)
{
	bool good = true;

	if (conf->user)
		good = check(args, "/user", find_dn_fault(conf->user));
	if (conf->user && conf->password.len == 0)
		good = check(args, "/password",
		             "expected the password of \"user\", which must not be empty");
	if (!conf->user && conf->password.ptr)
		good = check(args, "/password", "expected this option with \"user\"");
	return good;
}

/* ---- limits ---- */

static bool check_groups(const struct conf *conf, const spore_create_args *args)
{
	bool has_base = conf->group_base != NULL, has_filter = conf->group_filter != NULL;
	bool good = true;

	if (has_base != has_filter)
		good = check(args, "", "expected \"group_base\" and \"group_filter\" together");
	if (has_base)
		good = check(args, "/group_base", find_dn_fault(conf->group_base)) && good;
	if (has_filter)
		good = check(args, "/group_filter", find_filter_fault(conf->group_filter, "nd")) &&
		       good;
	return good;
}

static bool read_group(struct settings *settings, const spore_create_args *args, size_t i,
                       unsigned *warnings)
{
	const struct conf *conf = settings->conf;
	const struct policy *policies = conf->policy.items;
	const char *key = conf->policy.keys[i], *wrong = NULL;
	struct group_policy *group = &settings->groups[settings->n_groups];
	char pointer[320] = "/policy";

	pointer_append(pointer, sizeof pointer, key);
	if (strcmp(key, "*") == 0) {
		settings->others = &policies[i];
	} else if (!conf->group_base) {
		wrong = "expected only the policy of \"*\" without \"group_base\"";
	} else {
		group->policy = policies[i];
		group->dn = settings_plain_dn(key);
		wrong = group->dn ? NULL : "expected the DN of a group";
		settings->n_groups += group->dn != NULL;
	}
	if (!wrong)
		wrong = ports_check(args, &policies[i].ports, pointer, warnings);
	return check(args, pointer, wrong);
}

static bool read_policies(struct settings *settings, const spore_create_args *args)
{
	const struct conf *conf = settings->conf;
	static const struct policy no_limits;
	bool good = true;
	unsigned warnings = 0;

	settings->groups = calloc(conf->policy.count + 1, sizeof *settings->groups);
	for (size_t i = 0; settings->groups && i < conf->policy.count; i++)
		good = read_group(settings, args, i, &warnings) && good;
	if (!settings->others && settings->n_groups == 0)
		settings->others = &no_limits;
	return settings->groups && good;
}

static const char *find_limit_fault(const char *limit)
{
	struct terms scratch = { 0 };
	/* Without a value it always fails. The reason tells whether there is such a limit. */
	const char *wrong = terms_set(&scratch, limit, NULL);

	return strncmp(wrong, "unknown", 7) == 0 ? wrong : NULL;
}

static const char *find_attribute_fault(const char *attribute)
{
	return *attribute && strspn(attribute, "-.;0123456789abcdefghijklmnopqrstuvwxyz"
	                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == strlen(attribute)
	               ? NULL
	               : "expected the name of an attribute";
}

static bool read_attributes(struct settings *settings, const spore_create_args *args)
{
	const struct conf *conf = settings->conf;
	const char *const *attributes = conf->attributes.items;
	size_t n = 0;
	bool good = check(args, "/name_attribute", find_attribute_fault(conf->name_attribute));

	settings->wanted[n++] = conf->name_attribute;
	for (size_t i = 0; i < conf->attributes.count; i++) {
		char pointer[128] = "/attributes";
		const char *wrong = find_limit_fault(conf->attributes.keys[i]);

		pointer_append(pointer, sizeof pointer, conf->attributes.keys[i]);
		if (!wrong)
			wrong = find_attribute_fault(attributes[i]);
		good = check(args, pointer, wrong) && good;
		if (n <= SETTINGS_LIMITS_MAX)
			settings->wanted[n++] = attributes[i];
	}
	return good;
}

/* ---- all of it ---- */

bool settings_init(struct settings *settings, const spore_create_args *args)
{
	bool good;

	*settings = (struct settings){ .conf = args->conf };
	good = read_urls(settings, args);
	good = check_way(settings->conf, args) && good;
	good = check_service(settings->conf, args) && good;
	good = check_groups(settings->conf, args) && good;
	good = read_policies(settings, args) && good;
	return read_attributes(settings, args) && good;
}

void settings_fini(struct settings *settings)
{
	for (size_t i = 0; i < settings->n_places; i++)
		place_fini(&settings->places[i]);
	for (size_t i = 0; i < settings->n_groups; i++)
		free(settings->groups[i].dn);
	free(settings->places);
	free(settings->groups);
	*settings = (struct settings){ 0 };
}
