/* instance - an instance of auth_ldap, and its state on one worker. */
#ifndef AUTH_LDAP_INSTANCE_H
#define AUTH_LDAP_INSTANCE_H

#include <spore/verifier.h>

#include "directory.h"
#include "tunnels.h"

struct ldap_instance {
	const spore_host *host;
	spore_ctx *log;
	struct directory directory;
	struct tunnels *tunnels;   /* owned */
	struct tunnels *inherited; /* owned; of the instance that this one replaces, or NULL */
	uint8_t key[SPORE_VERIFIER_KEY_SIZE]; /* of the MACs of passwords */
	struct pace refusals, wrongs;         /* of log lines: refused clients, wrong entries */
};

/* Logs that the entry of a client is not understood, at a limited rate. [any] */
static inline void ldap_log_wrong(struct ldap_instance *ldap, const char *name,
                                  const struct fault *fault)
{
	if (pace_allows_line(&ldap->wrongs, ldap->host, ldap->log, SPORE_LOG_WARN, "wrong entries"))
		spore_logf(ldap->host, ldap->log, SPORE_LOG_WARN,
		           "%s is denied, since its entry is wrong: %s", name, fault->text);
}

/* The session of a client. Clients with the same entry have the same session. [any] */
static inline uint64_t ldap_session(const struct ldap_instance *ldap, const struct facts *facts)
{
	return spore_verifier_hint(ldap->host, spore_cstr(facts->dn));
}

#endif
