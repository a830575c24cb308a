#include "host/grant.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/utf8.h"
#include "wire/hostname.h"

enum { REASON_MAX = 512 };

/* The size of spore_auth_result in ABI 1.0. No plugin was built with a shorter one. */
enum { FIRST_SIZE = offsetof(spore_auth_result, life_ms) + sizeof(int64_t) };

static const uint32_t known_fields = SPORE_AUTH_F_PORTS | SPORE_AUTH_F_MAX_TUNNELS |
                                     SPORE_AUTH_F_MAX_CONNS | SPORE_AUTH_F_LIFE |
                                     SPORE_AUTH_F_RATE_UP | SPORE_AUTH_F_RATE_DOWN |
                                     SPORE_AUTH_F_BYTES_PER_DAY | SPORE_AUTH_F_BYTES_PER_MONTH |
                                     SPORE_AUTH_F_VISITORS_PER_SECOND | SPORE_AUTH_F_SHARE |
                                     SPORE_AUTH_F_HOSTS;
/* The fields of members that spore_auth_result did not have in ABI 1.0. */
static const uint32_t later_fields = SPORE_AUTH_F_RATE_UP | SPORE_AUTH_F_RATE_DOWN |
                                     SPORE_AUTH_F_BYTES_PER_DAY | SPORE_AUTH_F_BYTES_PER_MONTH |
                                     SPORE_AUTH_F_VISITORS_PER_SECOND;

/* If a tunnel lived longer than this, the time of its end would overflow. */
static const int64_t longest_life_ms = INT64_MAX / 2;

const char *identity_fault(spore_str identity)
{
	if (!identity.ptr && identity.len)
		return "identity: NULL with a length";
	if (identity.len > SPORE_IDENTITY_MAX)
		return "identity: longer than SPORE_IDENTITY_MAX";
	for (size_t i = 0; i < identity.len;) {
		if (!utf8_is_visible(identity.ptr + i, identity.len - i))
			return "identity: a control character, or not UTF-8";
		i += utf8_sequence(identity.ptr + i, identity.len - i);
	}
	return NULL;
}

static const char *ports_fault(const spore_auth_result *r)
{
	if (r->n_ports > SPORE_AUTH_PORTS_MAX)
		return "ports: more than SPORE_AUTH_PORTS_MAX ranges";
	if (!r->ports && r->n_ports)
		return "ports: NULL with a count";
	for (size_t i = 0; i < r->n_ports; i++) {
		if (r->ports[i].lo == 0)
			return "ports: a range begins with port 0";
		if (r->ports[i].lo > r->ports[i].hi)
			return "ports: a range ends before it begins";
	}
	return NULL;
}

/* A limit that the host ignored would let the client do more than the plugin meant. */
static const char *fields_fault(const spore_auth_result *r)
{
	if (r->fields & ~known_fields)
		return "fields: an unknown bit";
	if (r->n_ports && !(r->fields & SPORE_AUTH_F_PORTS))
		return "n_ports: not 0, but fields lacks SPORE_AUTH_F_PORTS";
	if (r->max_tunnels && !(r->fields & SPORE_AUTH_F_MAX_TUNNELS))
		return "max_tunnels: not 0, but fields lacks SPORE_AUTH_F_MAX_TUNNELS";
	if (r->max_conns && !(r->fields & SPORE_AUTH_F_MAX_CONNS))
		return "max_conns: not 0, but fields lacks SPORE_AUTH_F_MAX_CONNS";
	if (r->life_ms && !(r->fields & SPORE_AUTH_F_LIFE))
		return "life_ms: not 0, but fields lacks SPORE_AUTH_F_LIFE";
	return r->life_ms < 0 ? "life_ms: negative" : NULL;
}

/* The limits that ABI 1.0 lacks. If its bit is set, a rate is never 0; the other limits may be 0,
 * which means that there is no limit. */
static const char *later_limits_fault(const spore_auth_result *r)
{
	if (!SPORE_HAS(r, reserved))
		return r->fields & later_fields
		               ? "fields: a bit of a member that struct_size leaves out"
		               : NULL;
	if ((r->rate_up > 0) != !!(r->fields & SPORE_AUTH_F_RATE_UP))
		return "rate_up: expected a value above 0 together with SPORE_AUTH_F_RATE_UP";
	if ((r->rate_down > 0) != !!(r->fields & SPORE_AUTH_F_RATE_DOWN))
		return "rate_down: expected a value above 0 together with SPORE_AUTH_F_RATE_DOWN";
	if (r->bytes_per_day && !(r->fields & SPORE_AUTH_F_BYTES_PER_DAY))
		return "bytes_per_day: not 0, but fields lacks SPORE_AUTH_F_BYTES_PER_DAY";
	if (r->bytes_per_month && !(r->fields & SPORE_AUTH_F_BYTES_PER_MONTH))
		return "bytes_per_month: not 0, but fields lacks SPORE_AUTH_F_BYTES_PER_MONTH";
	if (r->visitors_per_second && !(r->fields & SPORE_AUTH_F_VISITORS_PER_SECOND))
		return "visitors_per_second: not 0, but fields lacks "
		       "SPORE_AUTH_F_VISITORS_PER_SECOND";
	return r->reserved ? "reserved: not 0" : NULL;
}

static const char *share_fault(const spore_auth_result *r)
{
	if (!SPORE_HAS(r, reserved_2))
		return r->fields & SPORE_AUTH_F_SHARE
		               ? "fields: SPORE_AUTH_F_SHARE, but struct_size leaves out share"
		               : NULL;
	if (r->share && !(r->fields & SPORE_AUTH_F_SHARE))
		return "share: not 0, but fields lacks SPORE_AUTH_F_SHARE";
	if (r->share > 1)
		return "share: neither 0 nor 1";
	return r->reserved_2 ? "reserved_2: not 0" : NULL;
}

enum { HOST_FORMS = HOSTNAME_PATTERN | HOSTNAME_ALL };

static const char *hosts_fault(const spore_auth_result *r)
{
	char name[HOSTNAME_SIZE];

	if (!SPORE_HAS(r, n_hosts))
		return r->fields & SPORE_AUTH_F_HOSTS ? "hosts: struct_size is too small" : NULL;
	if (r->n_hosts && !(r->fields & SPORE_AUTH_F_HOSTS))
		return "n_hosts: not 0, but fields lacks SPORE_AUTH_F_HOSTS";
	if (r->n_hosts > SPORE_AUTH_HOSTS_MAX)
		return "hosts: more than SPORE_AUTH_HOSTS_MAX names";
	if (!r->hosts && r->n_hosts)
		return "hosts: NULL with a count";
	for (size_t i = 0; i < r->n_hosts; i++) {
		if (!r->hosts[i] || !hostname_read(r->hosts[i], HOST_FORMS, name))
			return "hosts: neither a host name nor a pattern";
	}
	return NULL;
}

static const char *verifier_fault(const spore_auth_result *r)
{
	if (!SPORE_HAS(r, verifier_life_ms))
		return NULL;
	if (!r->verifier.ptr && r->verifier.len)
		return "verifier: NULL with a length";
	if (r->verifier.len > SPORE_AUTH_VERIFIER_MAX)
		return "verifier: longer than SPORE_AUTH_VERIFIER_MAX";
	return r->verifier_life_ms < 0 ? "verifier_life_ms: negative" : NULL;
}

const char *grant_fault(const spore_auth_result *r)
{
	const char *fault;

	if (r->struct_size < FIRST_SIZE)
		return "struct_size: less than that of ABI 1.0";
	if (!r->reason.ptr && r->reason.len)
		return "reason: NULL with a length";
	fault = identity_fault(r->identity);
	if (!fault)
		fault = fields_fault(r);
	if (!fault)
		fault = later_limits_fault(r);
	if (!fault)
		fault = share_fault(r);
	if (!fault)
		fault = verifier_fault(r);
	if (!fault)
		fault = hosts_fault(r);
	return fault ? fault : ports_fault(r);
}

/* NULL: out of memory. */
static char *copy_text(spore_str text, size_t most)
{
	return strndup(text.ptr ? text.ptr : "", text.len < most ? text.len : most);
}

/* False: out of memory. */
static bool copy_ports(struct grant *grant, const spore_auth_result *r)
{
	if (!r->n_ports)
		return true;
	grant->ports = calloc(r->n_ports, sizeof *grant->ports);
	if (!grant->ports)
		return false;
	memcpy(grant->ports, r->ports, r->n_ports * sizeof *r->ports);
	grant->n_ports = r->n_ports;
	return true;
}

/* False: out of memory. */
static bool copy_hosts(struct grant *grant, const spore_auth_result *r)
{
	char name[HOSTNAME_SIZE];

	if (!r->n_hosts)
		return true;
	grant->hosts = calloc(r->n_hosts, sizeof *grant->hosts);
	if (!grant->hosts)
		return false;
	for (; grant->n_hosts < r->n_hosts; grant->n_hosts++) {
		char **host = &grant->hosts[grant->n_hosts];

		if (hostname_read(r->hosts[grant->n_hosts], HOST_FORMS, name))
			*host = strdup(name);
		if (!*host)
			return false;
	}
	return true;
}

/* False: out of memory. */
static bool copy_verifier(struct grant *grant, const spore_auth_result *r)
{
	if (!r->verifier.len)
		return true;
	grant->verifier = malloc(r->verifier.len);
	if (!grant->verifier)
		return false;
	memcpy(grant->verifier, r->verifier.ptr, r->verifier.len);
	grant->verifier_len = r->verifier.len;
	grant->verifier_hint = r->verifier_hint;
	grant->verifier_life_ms = r->verifier_life_ms;
	return true;
}

struct grant *grant_new(const spore_auth_result *result)
{
	spore_auth_result r = { 0 };
	struct grant *grant = calloc(1, sizeof *grant);
	bool good;

	if (!grant)
		return NULL;
	if (result)
		SPORE_COPY(&r, result);
	grant->fields = r.fields;
	grant->session = r.session;
	grant->max_tunnels = r.max_tunnels;
	grant->max_conns = r.max_conns;
	grant->life_ms = r.life_ms < longest_life_ms ? r.life_ms : longest_life_ms;
	grant->rate_up = r.rate_up;
	grant->rate_down = r.rate_down;
	grant->bytes_per_day = r.bytes_per_day;
	grant->bytes_per_month = r.bytes_per_month;
	grant->visitors_per_second = r.visitors_per_second;
	grant->share = r.share;
	grant->identity = copy_text(r.identity, SPORE_IDENTITY_MAX);
	grant->reason = copy_text(r.reason, REASON_MAX);
	good = copy_ports(grant, &r);
	good = copy_hosts(grant, &r) && good;
	good = copy_verifier(grant, &r) && good;
	if (good && grant->identity && grant->reason)
		return grant;
	grant_free(grant);
	return NULL;
}

struct grant *grant_copy(const struct grant *grant)
{
	spore_auth_result result = {
		.struct_size = sizeof result,
		.fields = grant->fields,
		.identity = spore_cstr(grant->identity),
		.reason = spore_cstr(grant->reason),
		.session = grant->session,
		.ports = grant->ports,
		.n_ports = grant->n_ports,
		.max_tunnels = grant->max_tunnels,
		.max_conns = grant->max_conns,
		.life_ms = grant->life_ms,
		.rate_up = grant->rate_up,
		.rate_down = grant->rate_down,
		.bytes_per_day = grant->bytes_per_day,
		.bytes_per_month = grant->bytes_per_month,
		.visitors_per_second = grant->visitors_per_second,
		.share = grant->share,
		.hosts = (const char *const *)grant->hosts,
		.n_hosts = grant->n_hosts,
	};

	return grant_new(&result);
}

bool grant_renew(struct grant **grant, const struct grant *policy)
{
	struct grant *old = *grant, *renewed = grant_copy(policy);
	char *identity;

	if (!renewed)
		return false;
	identity = old->identity;
	old->identity = renewed->identity;
	renewed->identity = identity;
	renewed->session = old->session;
	grant_free(old);
	*grant = renewed;
	return true;
}

void grant_drop_verifier(struct grant *grant)
{
	crypto_wipe(grant->verifier, grant->verifier_len);
	free(grant->verifier);
	grant->verifier = NULL;
	grant->verifier_len = 0;
}

void grant_free(struct grant *grant)
{
	if (!grant)
		return;
	grant_drop_verifier(grant);
	free(grant->identity);
	free(grant->reason);
	free(grant->ports);
	for (size_t i = 0; i < grant->n_hosts; i++)
		free(grant->hosts[i]);
	free(grant->hosts);
	free(grant);
}

bool grant_has_port(const struct grant *grant, uint16_t port)
{
	if (!(grant->fields & SPORE_AUTH_F_PORTS))
		return true;
	for (size_t i = 0; i < grant->n_ports; i++) {
		if (port >= grant->ports[i].lo && port <= grant->ports[i].hi)
			return true;
	}
	return false;
}

bool grant_has_host(const struct grant *grant, const char *name)
{
	for (size_t i = 0; grant && i < grant->n_hosts; i++) {
		if (hostname_covers(grant->hosts[i], name))
			return true;
	}
	return false;
}
