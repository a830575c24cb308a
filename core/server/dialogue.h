/* dialogue - the frames of a connection to the control port, from the first to its tunnel or its
 * relay, and what happens when one does not come. [worker] */
#ifndef CORE_DIALOGUE_H
#define CORE_DIALOGUE_H

#include <stdbool.h>

struct control;
struct deadline;
struct worker;
struct link_events;
struct message;

extern const struct link_events dialogue_events;

/* In READY: the first message, or the first behind a right Authenticate. */
void dialogue_take(struct control *c, const struct message *message);

/* The deadlines of the worker. */
void dialogue_on_first_frame_late(struct deadline *deadline);
void dialogue_on_next_frame_late(struct deadline *deadline);
void dialogue_on_silence(struct deadline *deadline);

/* On each connection that waits for a visitor, or those alone whose tunnel is gone: closes it. */
void dialogue_let_go_ahead(struct worker *worker, bool all);
void dialogue_on_waited(struct deadline *deadline);

#endif
