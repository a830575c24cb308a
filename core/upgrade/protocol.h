/* protocol - the messages of upgrade/channel, version 1. "old" is the server that runs, "new" the
 * one that is to take its place. Keys that a side does not know are ignored.
 *
 *   old, new   { "protocol": 1, "version": "0.1.0" }   first; new: with "visitors":
 *                                                      true, if it takes them
 *   old        { "control": true, "fixed": true }      a socket of the control port; fixed: it is a
 *                                                      service manager's
 *   old        { "shared": true }                      a socket of a routed port (public[].
 *                                                      listen_port): all of them
 *   old        { "listener": "127.0.0.1:9090" }        a socket that a plugin listens at
 *   old        { "admin": true }                       the admin socket
 *   old        { "elder": true }                       a channel of keep/elders: to itself, and
 *                                                      then to those before it, newest first
 *   old        { "load": true }                        all of these have come
 *   new        { "ready": true, "returns": true }      all is loaded; it needs only the next ones.
 *                                                      returns: it sends back data connections
 *   old        { "port": "tunnel-1-..." }              a socket of a public port (keep/kept_ports)
 *   old        { "visitor": true }                     the socket of a visitor of a routed port
 *                                                      who has said nothing yet
 *   old        { "state": true }                       a file (upgrade/state)
 *   old        { "go": true }                          from now on the old one accepts nothing
 *   new        { "serving": true }                     the old one can leave
 *   new        { "error": "..." }                      why it ends instead
 *   old        { "left": true }                        the new one is the main one of the service
 *   new        { "upgraded": true }                    another one has taken its place, too
 *
 * A program that is checked before it is started sends only its first message. */
#ifndef CORE_PROTOCOL_H
#define CORE_PROTOCOL_H

#include "version.h"

enum { PROTOCOL_VERSION = 1 };

/* The variable that tells the new process that it is one, or that it is checked, and the descriptor
 * of its channel. */
#define PROTOCOL_VARIABLE       "SPORE_UPGRADE_FD"
#define PROTOCOL_CHECK_VARIABLE "SPORE_UPGRADE_CHECK_FD"
#define PROTOCOL_FD_TEXT        "3"

#define PROTOCOL_GREETING       "{ \"protocol\": 1, \"version\": \"" SPORE_VERSION "\" }"
#define PROTOCOL_HEIR_GREETING                                                                     \
	"{ \"protocol\": 1, \"version\": \"" SPORE_VERSION "\", \"visitors\": true }"
#define PROTOCOL_CONTROL       "{ \"control\": true }"
#define PROTOCOL_CONTROL_FIXED "{ \"control\": true, \"fixed\": true }"
#define PROTOCOL_SHARED        "{ \"shared\": true }"
#define PROTOCOL_LISTENER_KEY  "listener"
#define PROTOCOL_ADMIN         "{ \"admin\": true }"
#define PROTOCOL_ELDER         "{ \"elder\": true }"
#define PROTOCOL_LOAD          "{ \"load\": true }"
#define PROTOCOL_READY         "{ \"ready\": true, \"returns\": true }"
#define PROTOCOL_PORT_KEY      "port"
#define PROTOCOL_VISITOR       "{ \"visitor\": true }"
#define PROTOCOL_STATE         "{ \"state\": true }"
#define PROTOCOL_GO            "{ \"go\": true }"
#define PROTOCOL_SERVING       "{ \"serving\": true }"
#define PROTOCOL_ERROR_KEY     "error"
#define PROTOCOL_LEFT          "{ \"left\": true }"
#define PROTOCOL_UPGRADED      "{ \"upgraded\": true }"

#endif
