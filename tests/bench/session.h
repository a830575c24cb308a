/*
 * One connection to the service. It is driven by the events of one epoll instance, and only the
 * thread of that instance may call these functions.
 */
#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSION_SCRATCH ((size_t)1 << 20)

struct session;

struct session_loop {
	int epoll;
	uint8_t *scratch; /* owned by whoever made the loop, SESSION_SCRATCH bytes of any content */
};

/* Takes over the connected non-blocking socket fd. Its events carry the session in data.ptr; any
 * thread may call this. Returns false, with fd closed, if there is no memory. */
bool session_start(struct session_loop *loop, int fd);

/* Serves one event. May free the session, so keep no pointer to it. */
void session_on_event(struct session_loop *loop, struct session *session, uint32_t events);

#endif
