#include "log/crash.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "log/log.h"
#include "thread/fault.h"
#include "thread/guest.h"

/* A signal handler gets no context argument, so these are global. */
static struct sigaction previous_actions[FAULT_SIGNALS];
static atomic_bool crashed;

static void log_crash(const char *signal_name)
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
	while (fault_signals[i].number != number)
		i++;
	if (atomic_exchange(&crashed, true)) {
		for (;;) /* another thread crashed first and ends the process */
			poll(NULL, 0, 1000);
	}
	/* RLIMIT_CORE does not apply where the kernel pipes cores to a program. */
	prctl(PR_SET_DUMPABLE, 0);
	log_crash(fault_signals[i].name);
	sigaction(number, &previous_actions[i], NULL);
	/* Returning repeats only a signal that the faulty instruction caused, not a sent one. The
	 * signal raised here is delivered when this handler returns. */
	if (!fault_signals[i].repeats || info->si_code <= 0)
		raise(number);
}

void crash_catch(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < FAULT_SIGNALS; i++)
		sigaction(fault_signals[i].number, &action, &previous_actions[i]);
}
