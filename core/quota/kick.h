/* kick - which tunnels and visitors an operator ends, and what came of it. Pure.
 *
 *   7               the tunnel or the visitor of this id
 *   port=20000      the tunnel at this public port
 *   identity=alice  all tunnels of this identity
 *
 * A tunnel ends together with all its visitors. The same holds for visitors whose tunnel is gone
 * already. */
#ifndef CORE_KICK_H
#define CORE_KICK_H

#include <spore/auth.h>
#include <stdbool.h>
#include <stdint.h>

struct account;

#define KICK_IDENTITY "identity="

/* One member is given; the others are 0 or "". */
struct kick {
	uint64_t id;
	uint16_t port;
	char identity[SPORE_IDENTITY_MAX + 1];
};

/* What has ended. Zero-initialized: nothing. */
struct kicked {
	unsigned tunnels, relays;
	uint16_t port; /* 0: nothing has ended, or at several ports */
	/* "": nothing has ended, or of several identities, or there is no authentication. */
	char identity[SPORE_IDENTITY_MAX + 1];
};

/* False: the text is none of the above. */
bool kick_parse(const char *text, struct kick *kick_out);
bool kick_is_given(const struct kick *kick);
/* Does the operator mean the tunnel of this account? [any] */
bool kick_means(const struct kick *kick, const struct account *account);
/* Counts a tunnel or a visitor of this account as ended. [any] */
void kicked_add_tunnel(struct kicked *kicked, const struct account *account);
void kicked_add_relay(struct kicked *kicked, const struct account *account);
/* Adds what another worker has ended. */
void kicked_add(struct kicked *kicked, const struct kicked *more);

#endif
