#include "route/hosts.h"

#include <stdio.h>
#include <string.h>

#include "host/grant.h"
#include "host/instance.h"
#include "log/log.h"
#include "quota/account.h"
#include "quota/limits.h"
#include "wire/about.h"

/* The names in the form in which they are compared. */
struct wanted {
	size_t n;
	char names[ABOUT_MOST][HOSTNAME_SIZE];
};

static void read_wanted(const struct about *about, struct wanted *out)
{
	struct about_view view;

	about_look(about, &view);
	out->n = 0;
	for (size_t i = 0; i < view.info.n_hosts; i++) {
		if (hostname_read(view.hosts[i].ptr, HOSTNAME_PATTERN, out->names[out->n]))
			out->n++;
	}
}

/* The first name that the policy does not allow; NULL: it allows all. */
static const char *find_forbidden(const struct grant *grant, const struct wanted *wanted)
{
	for (size_t i = 0; i < wanted->n; i++) {
		if (!grant_has_host(grant, wanted->names[i]))
			return wanted->names[i];
	}
	return NULL;
}

static void refuse(struct limit_hit *out, enum refusal why, const char *host)
{
	*out = (struct limit_hit){ .why = why };
	snprintf(out->host, sizeof out->host, "%s", host);
}

/* Writes "none", or the names and patterns of the policy, as many as fit before "...". */
static void list_allowed(const struct grant *grant, char *out, size_t size)
{
	size_t n = grant ? grant->n_hosts : 0, len = 0;

	snprintf(out, size, "none");
	for (size_t i = 0; i < n; i++) {
		size_t more = strlen(grant->hosts[i]) + (i > 0);
		/* There must be room for ",..." if another one follows. */
		size_t rest = i + 1 < n ? sizeof ",..." : 1;

		if (len + more + rest > size) {
			snprintf(out + len, size - len, "%s...", i > 0 ? "," : "");
			return;
		}
		snprintf(out + len, size - len, "%s%s", i > 0 ? "," : "", grant->hosts[i]);
		len += more;
	}
}

static void warn_of_moves(const struct account *account, const struct wanted *wanted,
                          const struct names_claim *claim)
{
	for (size_t i = 0; i < wanted->n; i++) {
		uint64_t from = names_claim_loser(claim, i);

		if (from)
			log_warn("a host name moves to another tunnel of the same client, and "
			         "returns "
			         "when this tunnel ends",
			         log_str("host", wanted->names[i]), log_int("from", (int64_t)from),
			         log_int("to", (int64_t)account->id),
			         log_str("identity", account_identity(account)));
	}
}

static bool claim_wanted(struct names *names, struct account *account, const struct wanted *wanted,
                         struct names_claim **claim_out, struct limit_hit *hit_out)
{
	const char *texts[ABOUT_MOST];
	struct names_clash clash;

	for (size_t i = 0; i < wanted->n; i++)
		texts[i] = wanted->names[i];
	switch (names_claim(names, account, texts, wanted->n, claim_out, &clash)) {
	case NAMES_CLAIMED:
		warn_of_moves(account, wanted, *claim_out);
		return true;
	case NAMES_CLASH:
		refuse(hit_out, REFUSED_HOST_TAKEN, clash.name);
		snprintf(hit_out->holder, sizeof hit_out->holder, "%s", clash.holder);
		return false;
	case NAMES_NO_MEMORY:
		break;
	}
	*hit_out = (struct limit_hit){ .why = REFUSED_NO_MEMORY };
	return false;
}

/* A client without an identity, such as one with the only secret of the server, has no policy. */
static void warn_of_no_names(const struct account *account, const struct wanted *wanted)
{
	log_warn(
		"the client asks for host names, but it has no identity, so it gets none",
		log_str("host", wanted->names[0]), log_int("tunnel", (int64_t)account->id),
		log_int("port", account->port),
		log_str("remedy", "use an auth plugin with identities, and set policy.NAME.hosts"));
}

static bool has_names(const struct grant *grant)
{
	return grant && grant->fields & SPORE_AUTH_F_HOSTS;
}

bool hosts_claim(struct names *names, struct account *account, const struct about *about,
                 const struct instance *by, struct names_claim **claim_out,
                 struct limit_hit *hit_out)
{
	struct wanted wanted;
	const char *forbidden;

	*claim_out = NULL;
	read_wanted(about, &wanted);
	if (wanted.n == 0)
		return true;
	if (account_identity(account)[0] == '\0' && !has_names(account->grant)) {
		warn_of_no_names(account, &wanted);
		return true;
	}
	forbidden = find_forbidden(account->grant, &wanted);
	if (forbidden) {
		refuse(hit_out, REFUSED_HOST_NOT_ALLOWED, forbidden);
		list_allowed(account->grant, hit_out->range, sizeof hit_out->range);
		hit_out->most = -1;
		hit_out->from = "hosts";
		hit_out->plugin = by ? by->name : NULL;
		return false;
	}
	return claim_wanted(names, account, &wanted, claim_out, hit_out);
}

bool hosts_are_allowed(const struct account *account, const struct about *about)
{
	struct wanted wanted;

	read_wanted(about, &wanted);
	return !find_forbidden(account->grant, &wanted);
}
