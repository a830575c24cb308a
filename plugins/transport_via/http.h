/* http - the CONNECT request of HTTP/1.1 (RFC 9110, 9.3.6), with a user and a password if there are
 * any (Basic). See talk.h. */
#ifndef TRANSPORT_VIA_HTTP_H
#define TRANSPORT_VIA_HTTP_H

#include "talk.h"

enum talk_result http_begin(struct talk *talk);
enum talk_result http_take(struct talk *talk);

#endif
