/* room - how many visitors a client carries with so many descriptors, and how many descriptors it
 * needs. Pure. */
#ifndef CORE_CLIENT_ROOM_H
#define CORE_CLIENT_ROOM_H

struct settings;

/* How many visitors a client with these settings carries at once with so many descriptors; at least
 * one. [any] */
unsigned room_max_visitors(const struct settings *settings, unsigned descriptors);
/* How many descriptors a client with these settings needs at least: for its tunnels, the
 * connections opened ahead, and one visitor. [any] */
unsigned room_least_descriptors(const struct settings *settings);
/* How many descriptors a client with these settings needs, so that each tunnel stands and as many
 * visitors are carried as may be set up at once (max_dials). [any] */
unsigned room_descriptors(const struct settings *settings);

#endif
