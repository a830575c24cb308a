#include "target.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "../common/report.h"

/* libpq checks the values of some keywords after it has read all options. It accepts this value for
 * none of them. */
static const char nonsense[] = "?";

/* ---- what libpq makes of it ---- */

/* Makes libpq read the connection string, the service file and the environment. Then libpq checks
 * the values, and finds nonsense for the keyword `refused`. So it never connects. *why_out: libpq's
 * text about its failure, which the caller frees. NULL: out of memory. */
static PQconninfoOption *read_options(const char *conninfo, const char *refused, char **why_out)
{
	const char *keywords[] = { "dbname", refused, NULL };
	const char *values[] = { conninfo, nonsense, NULL };
	PGconn *conn = PQconnectStartParams(keywords, values, 1);
	PQconninfoOption *read = conn ? PQconninfo(conn) : NULL;

	*why_out = conn ? strdup(PQerrorMessage(conn)) : NULL;
	PQfinish(conn);
	return read;
}

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
	for (; options && options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val ? options->val : "";
	return "";
}

/* libpq's own text may contain a part of the string, so it is left out if that part could belong to
 * a password. */
static bool check_string(const spore_create_args *args, const char *conninfo)
{
	bool may_hold_password = strstr(conninfo, "password") || strstr(conninfo, "://");
	char *why = NULL;
	PQconninfoOption *options = PQconninfoParse(conninfo, &why);
	bool good = options != NULL, tells_why = why && !may_hold_password;

	if (!good)
		report(args, "/conninfo",
		       "expected a connection string of PostgreSQL, such as host=db.example "
		       "dbname=spore user=spore%s%.*s",
		       tells_why ? ": " : "", tells_why ? (int)strcspn(why, "\n") : 0,
		       tells_why ? why : "");
	else if (*value_of(options, "password") || *value_of(options, "sslpassword")) {
		args->report(args, "/conninfo",
		             "expected no password here, since this text is no secret: use the "
		             "option password");
		good = false;
	}
	PQconninfoFree(options);
	PQfreemem(why);
	return good;
}

/* ---- hosts ---- */

static bool read_address(const char *text, spore_addr *out)
{
	out->family = 4;
	if (inet_pton(AF_INET, text, out->ip + 12) == 1)
		return true;
	out->family = 6;
	return inet_pton(AF_INET6, text, out->ip) == 1;
}

static bool is_folder(const char *host)
{
	return *host == '/' || *host == '@';
}

bool target_needs_address(const struct target_host *host)
{
	spore_addr ignored;

	return !*host->address && *host->host && !is_folder(host->host) &&
	       !read_address(host->host, &ignored);
}

bool target_is_local(const struct target_host *host)
{
	const char *text = *host->address ? host->address : host->host;
	spore_addr address = { 0 };

	if (!*text || is_folder(text) || strcmp(text, "localhost") == 0)
		return true;
	if (!read_address(text, &address))
		return false;
	if (address.family == 4)
		return address.ip[12] == 127;
	return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)(const void *)address.ip);
}

static size_t count_items(const char *list)
{
	size_t n = 1;

	for (; *list; list++)
		n += *list == ',';
	return n;
}

/* Copies the n-th item of a list, or an empty text behind its last one. False: the item is too
 * long. */
static bool take_item(const char *list, size_t n, char *out, size_t size)
{
	size_t len;

	for (; n > 0 && *list; n--) {
		list += strcspn(list, ",");
		if (*list == ',')
			list++;
	}
	len = strcspn(list, ",");
	if (len >= size)
		return false;
	memcpy(out, list, len);
	out[len] = '\0';
	return true;
}

/* libpq has checked that the lists have the same length. A single port is the port of all hosts. */
static bool take_hosts(struct target *target)
{
	const char *hosts = value_of(target->given, "host");
	const char *addresses = value_of(target->given, "hostaddr");
	const char *ports = value_of(target->given, "port");
	bool has_ports = strchr(ports, ',') != NULL;

	target->n_hosts = count_items(*addresses ? addresses : hosts);
	if (target->n_hosts > TARGET_HOSTS_MAX)
		return false;
	for (size_t i = 0; i < target->n_hosts; i++) {
		struct target_host *host = &target->hosts[i];

		if (!take_item(hosts, i, host->host, sizeof host->host) ||
		    !take_item(addresses, i, host->address, sizeof host->address) ||
		    !take_item(ports, has_ports ? i : 0, host->port, sizeof host->port))
			return false;
	}
	return true;
}

/* A connection that others can read or take over must not leave this machine. */
static bool check_security(const struct target *target, const spore_create_args *args,
                           bool insecure)
{
	if (insecure || strcmp(value_of(target->given, "sslmode"), "verify-full") == 0)
		return true;
	for (size_t i = 0; i < target->n_hosts; i++) {
		if (target_is_local(&target->hosts[i]))
			continue;
		args->report(args, "/conninfo",
		             "expected sslmode=verify-full, since PostgreSQL is on another "
		             "machine, and anyone in between could read the secrets and let "
		             "anyone in; \"insecure\": true allows it");
		return false;
	}
	return true;
}

/* ---- the whole ---- */

static bool read_all(struct target *target, const spore_create_args *args, const char *conninfo)
{
	char *why, *ignored;
	bool good;

	target->given = read_options(conninfo, "target_session_attrs", &why);
	target->session = read_options(conninfo, "sslmode", &ignored);
	free(ignored);
	good = target->given && target->session && why;
	/* If libpq complains of the nonsense, it has accepted everything else. */
	if (good && !strstr(why, "target_session_attrs")) {
		report(args, "/conninfo", "libpq refuses it, or its service: %.*s",
		       (int)strcspn(why, "\n"), why);
		good = false;
	}
	free(why);
	if (good && !take_hosts(target)) {
		args->report(args, "/conninfo",
		             "expected at most 16 hosts of at most 255 bytes, and their ports");
		good = false;
	}
	return good;
}

bool target_init(struct target *target, const spore_create_args *args,
                 const struct target_options *options)
{
	if (!check_string(args, options->conninfo) || !read_all(target, args, options->conninfo))
		return false;
	if (options->password.ptr) {
		if (memchr(options->password.ptr, '\0', options->password.len)) {
			args->report(args, "/password", "expected a text without NUL");
			return false;
		}
		target->password = strndup(options->password.ptr, options->password.len);
		if (!target->password)
			return false;
	}
	return check_security(target, args, options->insecure);
}

static void free_options(PQconninfoOption *options)
{
	for (PQconninfoOption *at = options; at && at->keyword; at++)
		if (at->val && strstr(at->keyword, "password"))
			explicit_bzero(at->val, strlen(at->val));
	PQconninfoFree(options);
}

void target_fini(struct target *target)
{
	free_options(target->given);
	free_options(target->session);
	if (target->password)
		explicit_bzero(target->password, strlen(target->password));
	free(target->password);
}

/* ---- a connection ---- */

static void put(struct target_params *out, size_t *n, const char *keyword, const char *value)
{
	if (!value || !*value || *n + 1 >= TARGET_PARAMS_MAX)
		return;
	out->keywords[*n] = keyword;
	out->values[*n] = value;
	out->keywords[++*n] = NULL;
	out->values[*n] = NULL;
}

/* True: target_write() sets this option itself, or leaves it out. */
static bool is_replaced(const char *keyword)
{
	static const char *const replaced[] = { "host",
		                                "hostaddr",
		                                "port",
		                                "service",
		                                "client_encoding",
		                                "gssencmode",
		                                "servicefile",
		                                "target_session_attrs" };

	for (size_t i = 0; i < sizeof replaced / sizeof *replaced; i++)
		if (strcmp(keyword, replaced[i]) == 0)
			return true;
	return false;
}

void target_write(const struct target *target, const char *hosts, const char *addresses,
                  const char *ports, struct target_params *out)
{
	size_t n = 0;

	for (const PQconninfoOption *at = target->given; at->keyword; at++)
		if (!is_replaced(at->keyword))
			put(out, &n, at->keyword, at->val);
	put(out, &n, "host", hosts);
	put(out, &n, "hostaddr", addresses);
	put(out, &n, "port", ports);
	put(out, &n, "client_encoding", "UTF8");
	put(out, &n, "gssencmode", "disable"); /* libpq would wait for Kerberos' server */
	put(out, &n, "fallback_application_name", "spore");
	put(out, &n, "target_session_attrs", value_of(target->session, "target_session_attrs"));
	put(out, &n, "password", target->password);
}
