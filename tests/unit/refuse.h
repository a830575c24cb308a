/* refuse - makes the kernel refuse system calls of this process and of those that it starts, as the
 * seccomp profile of a container does. It lasts until the process ends. */
#ifndef UNIT_REFUSE_H
#define UNIT_REFUSE_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define REFUSE_MOST 16

/* code: ends with the statement that refuses. False: errno. */
static inline bool refuse_install(struct sock_filter *code, unsigned short len)
{
	struct sock_fprog program = { len, code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* `error`: an errno value, which the calls with these numbers get; at most REFUSE_MOST of them. */
static inline bool refuse_calls(const unsigned *numbers, size_t n, int error)
{
	struct sock_filter code[REFUSE_MOST + 3] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};

	for (size_t i = 0; i < n; i++)
		code[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbers[i],
		                                           (unsigned char)(n - i), 0);
	code[n + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	                                           SECCOMP_RET_ERRNO | (unsigned)error);
	return refuse_install(code, (unsigned short)(n + 3));
}

static inline bool refuse_call(unsigned number, int error)
{
	return refuse_calls(&number, 1, error);
}

#endif
