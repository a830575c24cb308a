/* waiting - ends the visitors that no client has taken. [main] */
#ifndef CORE_WAITING_H
#define CORE_WAITING_H

struct limits;
struct loop;
struct plugin_set;
struct server_shared;

/* Ends those that have waited for too long. main_loop: of this thread. */
void waiting_end_stale(struct server_shared *shared, const struct plugin_set *set,
                       const struct limits *limits, struct loop *main_loop);
/* Ends all, when the workers are closed. */
void waiting_end_all(struct server_shared *shared, const struct plugin_set *set,
                     const struct limits *limits);

#endif
