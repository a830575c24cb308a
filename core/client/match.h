/* match - which tunnels of a client go on with another configuration, and which are opened anew.
 * Pure.
 *
 * A tunnel is found again by its name or, if it has got another one, by its public port or by its
 * service. It goes on if it asks the server for the same port and says the same to it. Then only
 * the service may be another one, and the name that the log and the metrics use. */
#ifndef CORE_CLIENT_MATCH_H
#define CORE_CLIENT_MATCH_H

#include <spore/option.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MATCH_NONE SIZE_MAX

struct match {
	size_t before; /* the index of the tunnel that it continues; MATCH_NONE: it is new */
	bool is_same;  /* the server sees no difference */
};

/* Both lists are of struct tunnel_settings. matches_out has room for the items of `next`. No two of
 * them have the same `before`. */
void match_tunnels(const spore_list *now, const spore_list *next, struct match *matches_out);
/* Does one of them continue the tunnel of this index? */
bool match_continues(const struct match *matches, size_t n, size_t before);

#endif
