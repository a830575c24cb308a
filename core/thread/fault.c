#include "thread/fault.h"

#include <stddef.h>
#include <sys/mman.h>

enum { STACK_SIZE = 64 * 1024 };

const struct fault_signal fault_signals[FAULT_SIGNALS] = {
	{ "SEGV", SIGSEGV, true },  { "BUS", SIGBUS, true },    { "FPE", SIGFPE, true },
	{ "ILL", SIGILL, true },    { "TRAP", SIGTRAP, false }, { "SYS", SIGSYS, false },
	{ "ABRT", SIGABRT, false },
};

void fault_unblock(sigset_t *mask)
{
	for (size_t i = 0; i < FAULT_SIGNALS; i++)
		sigdelset(mask, fault_signals[i].number);
}

bool fault_is_of_runtime(const struct sigaction *action)
{
	const int flags = SA_SIGINFO | SA_ONSTACK;

	return (action->sa_flags & flags) == flags && action->sa_handler != SIG_DFL &&
	       action->sa_handler != SIG_IGN;
}

void *fault_stack_new(void)
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

void fault_stack_free(void *stack)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	if (!stack)
		return;
	sigaltstack(&none, NULL);
	munmap(stack, STACK_SIZE);
}
