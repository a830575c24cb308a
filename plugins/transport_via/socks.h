/* socks - SOCKS 5 (RFC 1928), with a user and a password if there are any (RFC 1929). See
 * talk.h. */
#ifndef TRANSPORT_VIA_SOCKS_H
#define TRANSPORT_VIA_SOCKS_H

#include "talk.h"

enum talk_result socks_begin(struct talk *talk);
enum talk_result socks_take(struct talk *talk);

#endif
