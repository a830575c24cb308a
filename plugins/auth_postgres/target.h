/* target - where PostgreSQL is and how to log in: what libpq makes of the connection string, the
 * service file and the environment. They are read once, so that no worker has to read the service
 * file. */
#ifndef TARGET_H
#define TARGET_H

#include <libpq-fe.h>
#include <spore/plugin.h>
#include <stdbool.h>

enum { TARGET_HOSTS_MAX = 16, TARGET_HOST_MAX = 255, TARGET_PARAMS_MAX = 96 };

/* One of the hosts that libpq tries in turn. An empty text stands for libpq's default. */
struct target_host {
	char host[TARGET_HOST_MAX + 1];    /* a name, an address, or the folder of a socket */
	char address[TARGET_HOST_MAX + 1]; /* hostaddr */
	char port[8];
};

/* The target of an instance. Built on main and read-only afterwards, so all workers share it. A
 * zeroed struct is empty. */
struct target {
	PQconninfoOption *given;   /* owned; all options but target_session_attrs */
	PQconninfoOption *session; /* owned; only its target_session_attrs counts */
	char *password;            /* owned; or NULL */
	struct target_host hosts[TARGET_HOSTS_MAX];
	size_t n_hosts;
};

struct target_options {
	const char *conninfo;
	spore_str password; /* ptr NULL: none */
	bool insecure;      /* allows other machines without sslmode=verify-full */
};

/* Reports mistakes without any value of the connection string. False: there is one, or memory is
 * used up. The caller calls target_fini() in any case. [main] */
bool target_init(struct target *target, const spore_create_args *args,
                 const struct target_options *options);
/* Wipes the password and frees. [main] */
void target_fini(struct target *target);
/* Whether the host is a name that has to be looked up before libpq gets it. [any] */
bool target_needs_address(const struct target_host *host);
/* Whether what is sent there stays on this machine. [any] */
bool target_is_local(const struct target_host *host);

/* What libpq gets for one connection. The texts are borrowed. */
struct target_params {
	const char *keywords[TARGET_PARAMS_MAX], *values[TARGET_PARAMS_MAX];
};

/* Writes the target's options with these lists, separated by commas, in place of its hosts.
 * [any] */
void target_write(const struct target *target, const char *hosts, const char *addresses,
                  const char *ports, struct target_params *out);

#endif
