#include "log/crash.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "log/log.h"
#include "thread/fault.h"
#include "thread/guest.h"
#include "thread/trace.h"

/* A signal handler gets no argument of ours, so these are global. */
static struct sigaction previous_actions[FAULT_SIGNALS];
static atomic_bool crashed;
static atomic_bool catches; /* the handlers are set */
/* Where a fault while the stack is read continues; NULL: the thread does not read it. */
static _Thread_local sigjmp_buf *rescue;

/* ---- the stack ---- */

/* A signal that another process sent says nothing about the code that it interrupted. */
static bool is_our_own(const siginfo_t *info)
{
	return info->si_code > 0 || (info->si_code == SI_TKILL && info->si_pid == getpid());
}

/* If the stack is corrupted, reading it may fault. Then the frames that were found before stay. */
static void read_stack(const void *context, struct trace *trace_out)
{
	sigset_t all, all_but_faults;
	sigjmp_buf here;

	sigfillset(&all);
	all_but_faults = all;
	fault_unblock(&all_but_faults);
	if (sigsetjmp(here, 0) == 0) {
		rescue = &here;
		pthread_sigmask(SIG_SETMASK, &all_but_faults, NULL);
		trace_take(context, trace_out);
	}
	rescue = NULL;
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

/* ---- the line ---- */

static void log_crash(const char *signal_name, const struct trace *trace)
{
	const char *thread = guest_thread(), *plugin = guest_current();
	char place[TRACE_PLACE], stack[TRACE_TEXT];
	uintptr_t address = 0;
	const struct code *code = trace_plugin(trace, &address);
	struct log_field fields[7] = { log_str("signal", signal_name),
		                       log_str("thread", *thread ? thread : "unknown") };
	size_t n = 2;

	if (plugin || code)
		fields[n++] = log_str("plugin", plugin ? plugin : code->name);
	if (plugin)
		fields[n++] = log_str("call", guest_current_call());
	if (code && code->version)
		fields[n++] = log_str("version", code->version);
	if (code) {
		trace_place(address, place);
		fields[n++] = log_str("at", place);
	}
	if (trace->n > 0) {
		trace_format(trace, stack);
		fields[n++] = log_str("backtrace", stack);
	}
	log_last_words("crashed", fields, n);
}

/* ---- the handler ---- */

static void on_fault(int number, siginfo_t *info, void *context)
{
	struct trace trace = { .n = 0 };
	bool is_sent = info->si_code <= 0; /* by raise() or kill() */
	size_t i = 0;

	while (fault_signals[i].number != number)
		i++;
	if (atomic_exchange(&crashed, true)) {
		if (rescue)
			siglongjmp(*rescue, 1);
		for (;;) /* another thread crashed first and ends the process */
			poll(NULL, 0, 1000);
	}
	/* No core file. RLIMIT_CORE would not be enough if the kernel pipes cores to a program. */
	prctl(PR_SET_DUMPABLE, 0);
	if (is_our_own(info))
		read_stack(context, &trace);
	log_crash(fault_signals[i].name, &trace);
	sigaction(number, &previous_actions[i], NULL);
	/* If this handler returns, the faulty instruction runs again and repeats its signal. Any
	 * other signal is raised here, and delivered when this handler returns. */
	if (is_sent || !fault_signals[i].repeats)
		raise(number);
}

static struct sigaction our_action(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigfillset(&action.sa_mask);
	return action;
}

void crash_catch(void)
{
	struct sigaction action = our_action();

	trace_prime();
	for (size_t i = 0; i < FAULT_SIGNALS; i++)
		sigaction(fault_signals[i].number, &action, &previous_actions[i]);
	atomic_store(&catches, true);
}

void crash_catch_again(void)
{
	struct sigaction action = our_action(), now;

	for (size_t i = 0; atomic_load(&catches) && i < FAULT_SIGNALS; i++) {
		const char *plugin;

		if (sigaction(fault_signals[i].number, NULL, &now) < 0 ||
		    now.sa_sigaction == on_fault || fault_is_of_runtime(&now))
			continue;
		sigaction(fault_signals[i].number, &action, NULL);
		plugin = code_find((const void *)(uintptr_t)now.sa_handler);
		log_error("handler of a fault was replaced, restored",
		          log_str("plugin", plugin ? plugin : "unknown"),
		          log_str("signal", fault_signals[i].name));
	}
}
