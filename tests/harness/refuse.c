/* refuse - runs a program whose system calls are refused, as a container's seccomp profile does.
 *
 *	refuse ERROR CALL[,CALL...] PROGRAM [ARGUMENT...]
 *
 * ERROR is EPERM or ENOSYS. Exit status 77: this kernel permits no filter; 2: wrong arguments. */
#include "refuse.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CALL(name)                                                                                 \
	{                                                                                          \
#name, SYS_##name                                                                  \
	}

enum { WRONG = 2, NO_FILTER = 77 };

/* The calls that Spore and its libraries make, and can be refused. */
static const struct call {
	const char *name;
	unsigned number;
} calls[] = {
	CALL(accept4),       CALL(clone3),
	CALL(epoll_create1), CALL(eventfd2),
	CALL(fchmod),        CALL(fcntl),
	CALL(flock),         CALL(getrandom),
	CALL(getrusage),     CALL(getsockopt),
	CALL(madvise),       CALL(memfd_create),
	CALL(pipe2),         CALL(prctl),
	CALL(prlimit64),     CALL(readlinkat),
	CALL(rseq),          CALL(sched_getaffinity),
	CALL(sendfile),      CALL(set_robust_list),
	CALL(setsockopt),    CALL(sigaltstack),
	CALL(splice),        CALL(timerfd_create),
	CALL(umask),         CALL(uname),
#ifdef SYS_poll /* Newer architectures have only the calls that replaced these. */
	CALL(poll),          CALL(readlink),
#endif
};

static const struct call *find_call(const char *name)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		if (strcmp(calls[i].name, name) == 0)
			return &calls[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned refused[REFUSE_MOST];
	size_t n = 0;

	if (argc < 4)
		return WRONG;
	for (char *name = strtok(argv[2], ","); name; name = strtok(NULL, ",")) {
		const struct call *call = find_call(name);

		if (!call || n == REFUSE_MOST) {
			fprintf(stderr, "refuse: no such call, or too many: %s\n", name);
			return WRONG;
		}
		refused[n++] = call->number;
	}
	if (!refuse_calls(refused, n, strcmp(argv[1], "ENOSYS") == 0 ? ENOSYS : EPERM)) {
		perror("refuse: cannot set a seccomp filter");
		return NO_FILTER;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return WRONG;
}
