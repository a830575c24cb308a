#include "log/crash.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "log/guest.h"
#include "log/log.h"

enum { STACK_SIZE = 64 * 1024 };

static const struct {
	const char *name;
	int number;
	bool returns; /* to the instruction at fault, which runs again */
} faults[] = {
	{ "SEGV", SIGSEGV, true },  { "BUS", SIGBUS, true },    { "FPE", SIGFPE, true },
	{ "ILL", SIGILL, true },    { "TRAP", SIGTRAP, false }, { "SYS", SIGSYS, false },
	{ "ABRT", SIGABRT, false },
};
enum { N_FAULTS = sizeof faults / sizeof *faults };

/* A handler has no other context. */
static struct sigaction before[N_FAULTS];
static atomic_bool crashed;

static void say_last_words(const char *signal_name)
{
	const char *thread = guest_thread(), *guest = guest_current();
	struct log_field fields[] = { log_str("signal", signal_name),
		                      log_str("thread", *thread ? thread : "unknown"),
		                      log_str("plugin", guest) };

	log_last_words("crashed", fields, guest ? 3 : 2);
}

static void on_fault(int number, siginfo_t *info, void *unused)
{
	size_t i = 0;

	(void)unused;
	while (faults[i].number != number)
		i++;
	if (atomic_exchange(&crashed, true)) {
		for (;;) /* another thread was first; the process ends with it */
			poll(NULL, 0, 1000);
	}
	prctl(PR_SET_DUMPABLE,
	      0); /* RLIMIT_CORE does not bind where cores are piped to a program */
	say_last_words(faults[i].name);
	sigaction(number, &before[i], NULL);
	/* One that was sent, not caused, does not come again by itself. It waits for our return. */
	if (!faults[i].returns || info->si_code <= 0)
		raise(number);
}

void crash_catch(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < N_FAULTS; i++)
		sigaction(faults[i].number, &action, &before[i]);
}

void crash_unblock(sigset_t *mask)
{
	for (size_t i = 0; i < N_FAULTS; i++)
		sigdelset(mask, faults[i].number);
}

void *crash_stack_new(void)
{
	stack_t stack = { .ss_size = STACK_SIZE }, old;

	if (sigaltstack(NULL, &old) < 0 || !(old.ss_flags & SS_DISABLE))
		return NULL;
	stack.ss_sp = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack.ss_sp == MAP_FAILED)
		return NULL;
	sigaltstack(&stack, NULL);
	return stack.ss_sp;
}

void crash_stack_free(void *stack)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	if (!stack)
		return;
	sigaltstack(&none, NULL);
	munmap(stack, STACK_SIZE);
}
