/* channel - messages between the server that runs and the one that is to take its place: a socket
 * pair that keeps their bounds. Each message is a JSON object, with at most one descriptor.
 *
 *   { "protocol": 1, "version": "0.2.0" }        { "control": true } + socket        { "go": true }
 *
 * The end of the other process is the end of the channel. */
#ifndef CORE_CHANNEL_H
#define CORE_CHANNEL_H

#include <ev.h>
#include <stdbool.h>

#include "base/list.h"
#include "loop/loop.h"

struct json;

enum { CHANNEL_TEXT_MOST = 8192 };

/* ---- both sides ---- */

enum channel_news { CHANNEL_MESSAGE, CHANNEL_NOTHING, CHANNEL_END };

/* Reads a message, if one has come. *message_out: to be freed with reply_free. *fd_out: the
 * descriptor, which the caller owns; -1: none. What is no message is the end. [any] */
enum channel_news channel_read(int fd, struct json **message_out, int *fd_out);
/* Sends a message at once. passed: stays the caller's; -1: none. False and errno: EAGAIN, or the
 * channel is over. [any] */
bool channel_write(int fd, const char *text, int passed);

/* The object { KEY: VALUE } as a text that the caller frees. NULL: out of memory. [any] */
char *channel_object(const char *key, const char *value);

/* ---- the side with a loop ---- */

struct channel {
	struct loop *loop;
	int fd; /* -1: closed */
	ev_io reader, writer;
	struct list queue; /* what waits to be sent */
	/* The message is valid until this returns. May close the channel. */
	void (*on_message)(void *arg, const struct json *message);
	/* The other end is closed, or has sent nonsense, or cannot be sent to. */
	void (*on_end)(void *arg);
	void *arg;
};

/* Takes the fd. The callbacks must be set. [the loop's thread], as the next two */
void channel_open(struct channel *channel, struct loop *loop, int fd);
/* Sends the message as soon as the other side reads. passed: taken; -1: none. False: out of memory,
 * or the channel is closed; the descriptor is closed then, too. */
bool channel_send(struct channel *channel, const char *text, int passed);
/* Reads what has come now, and not when the loop gets to it. */
void channel_catch_up(struct channel *channel);
/* Idempotent. What waits to be sent is dropped. */
void channel_close(struct channel *channel);

#endif
