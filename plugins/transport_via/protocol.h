/* protocol - a talk in the protocol that the proxy's URL names. Pure. [any] */
#ifndef TRANSPORT_VIA_PROTOCOL_H
#define TRANSPORT_VIA_PROTOCOL_H

#include "talk.h"

/* Writes the first message. TALK_SEND or TALK_FAILED. */
enum talk_result protocol_begin(struct talk *talk);
/* Reads `in`, from which it removes what it has used. */
enum talk_result protocol_take(struct talk *talk);

#endif
