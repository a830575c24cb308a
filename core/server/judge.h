/* judge - the authentication chain's verdicts: on a connection that has answered, and again on a
 * tunnel's client when the chain is another or a plugin has changed its mind. [worker] */
#ifndef CORE_JUDGE_H
#define CORE_JUDGE_H

#include <stdint.h>

struct control;
struct grant;
struct instance;
struct list;

/* Asks the instance of the tunnel that the next frame names, or else the chain. */
void judge_ask(struct control *c);
/* Asks the worker's chain of today: who is refused, ends. */
void judge_tunnel_anew(struct control *c);
void judge_all_anew(struct list *sessions);
/* The verdict on a tunnel did not come: a back-end's failure ends none. */
void judge_keep_owner(struct control *c, const char *why);
/* It needs no verdict any more. */
void judge_let_go_of_set(struct control *c);
/* Ends or renews the tunnels that `by` allowed to this identity. */
void judge_revalidate(struct list *sessions, const struct instance *by, const char *identity,
                      int32_t verdict, const struct grant *grant);

#endif
