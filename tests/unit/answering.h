/* answering - a peer at a unix socket that reads one line, sends an answer and closes. */
#ifndef UNIT_ANSWERING_H
#define UNIT_ANSWERING_H

#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct answering {
	char folder[64], path[96];
	int fd;
	const char *answer; /* borrowed */
	size_t len;
	char asked[256]; /* complete after answering_end */
	pthread_t thread;
};

static inline void *answering_run(void *arg)
{
	struct answering *peer = arg;
	int fd = accept(peer->fd, NULL, NULL);
	size_t n = 0;

	while (n + 1 < sizeof peer->asked && !memchr(peer->asked, '\n', n)) {
		ssize_t got = recv(fd, peer->asked + n, sizeof peer->asked - 1 - n, 0);

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	peer->asked[n] = '\0';
	for (size_t sent = 0; sent < peer->len;) {
		ssize_t more = send(fd, peer->answer + sent, peer->len - sent, MSG_NOSIGNAL);

		if (more <= 0)
			break;
		sent += (size_t)more;
	}
	close(fd);
	return NULL;
}

static inline void answering_begin(struct answering *peer, const char *answer, size_t len)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	*peer = (struct answering){ .answer = answer, .len = len };
	strcpy(peer->folder, "/tmp/spore-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(peer->folder));
	snprintf(peer->path, sizeof peer->path, "%s/socket", peer->folder);
	strcpy(addr.sun_path, peer->path);
	peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(peer->fd, (const struct sockaddr *)&addr, sizeof addr), 0);
	ck_assert_int_eq(listen(peer->fd, 1), 0);
	ck_assert_int_eq(pthread_create(&peer->thread, NULL, answering_run, peer), 0);
}

static inline void answering_end(struct answering *peer)
{
	pthread_join(peer->thread, NULL);
	close(peer->fd);
	unlink(peer->path);
	rmdir(peer->folder);
}

#endif
