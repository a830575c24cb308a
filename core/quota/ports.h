/* ports - opens the public port of a tunnel. [worker] */
#ifndef CORE_PORTS_H
#define CORE_PORTS_H

#include "config/settings.h"
#include "host/grant.h"
#include "net/sock.h"
#include "quota/limits.h"
#include "wire/refusal.h"

struct instance;

/* May a tunnel with this grant (NULL: without authentication) have this port? */
bool ports_allow(const struct server_settings *settings, const struct grant *grant,
                 uint16_t wanted);

/* May a tunnel with this grant share its port with others of the same owner? Without authentication
 * (NULL) all clients are one owner, so none may. [any] */
bool ports_may_be_shared(const struct server_settings *settings, const struct grant *grant);

/* What forbids it: the grant, which the instance `by` has given, the server's key, or, without
 * authentication, no setting. */
struct limit_hit ports_limit_of_share(const struct instance *by, const struct grant *grant);

/* Would ports_open refuse this port even if no port were in use? wanted 0: any port. False:
 * *why_out is unchanged. [any] */
bool ports_refuse(const struct server_settings *settings, const struct grant *grant,
                  uint16_t wanted, enum refusal *why_out);
/* Who refuses the port that ports_refuse has refused. wanted 0: any port. */
enum ports_refuser {
	PORTS_RESERVED,  /* no tunnel gets the port: see ports_reservation */
	PORTS_OF_SERVER, /* the port is not in the ranges of the server */
	PORTS_OF_GRANT   /* the port is not in the ranges of the grant */
};
enum ports_refuser ports_find_refuser(const struct server_settings *settings,
                                      const struct grant *grant, uint16_t wanted);
/* What refuses the port with this reason: the server's ranges, those of the grant, a reservation,
 * or what the machine lacks. by: the instance that has given the grant. wanted 0: any port. */
struct limit_hit ports_limit(const struct server_settings *settings, const struct instance *by,
                             const struct grant *grant, enum refusal why, uint16_t wanted);
/* The ranges of the server, and the keys that set them. */
struct limit_hit ports_limit_of_server(const struct server_settings *settings, enum refusal why);
/* The ranges of the grant, which the instance `by` has given. */
struct limit_hit ports_limit_of_grant(const struct instance *by, const struct grant *grant,
                                      enum refusal why);

/* Why no tunnel gets this port, whoever asks; NULL: a tunnel may get it. [any] */
const char *ports_reservation(const struct server_settings *settings, uint16_t port);

/* The entry of "public" that is about this port; SIZE_MAX: none. [any] */
size_t ports_find_entry(const spore_list *entries, uint16_t port);

/* The entry of "public" with this port as its listen_port; SIZE_MAX: none. [any] */
size_t ports_find_shared(const spore_list *entries, uint16_t port);

/* Does the server send a header ahead of the bytes of this port's visitors? [any] */
bool ports_send_proxy(const struct server_settings *settings, uint16_t port);

/* The first of the tunnels' addresses that this host does not have; NULL: it has all. They may come
 * and go. Binds a socket for a moment. [any] */
const spore_addr *ports_find_missing(const struct server_settings *settings);

/* Opens a port at all of the tunnels' addresses. wanted 0: any port that the server and the grant
 * allow. False and *why_out: no socket is open. */
bool ports_open(const struct server_settings *settings, const struct grant *grant, uint16_t wanted,
                struct sockets *out, enum refusal *why_out);

#endif
