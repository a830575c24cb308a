#include "log/stray_exit.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/log.h"
#include "thread/code.h"
#include "thread/guest.h"

/* An exit handler gets no argument, so these are global. */
static atomic_int catching_in; /* the process; 0: exit() is allowed */
static atomic_bool caught;

static void log_exit(void)
{
	const char *thread = guest_thread(), *plugin = guest_current();
	struct log_field fields[2];
	size_t n = 0;

	if (!plugin)
		plugin = code_on_stack();
	if (plugin)
		fields[n++] = log_str("plugin", plugin);
	if (*thread)
		fields[n++] = log_str("thread", thread);
	log_last_words(plugin    ? "plugin called exit()"
	               : *thread ? "exit() called"
	                         : "a thread that is not Spore's called exit()",
	               fields, n);
}

/* _exit, since other threads still run and use what the remaining exit handlers would free. */
static void on_exit_called(void)
{
	if (atomic_load(&catching_in) != (int)getpid())
		return;
	if (atomic_exchange(&caught, true)) {
		for (;;) /* another thread came first and ends the process */
			poll(NULL, 0, 1000);
	}
	log_exit();
	_exit(EXIT_FAILURE);
}

void stray_exit_catch(void)
{
	atomic_store(&catching_in, (int)getpid());
	at_quick_exit(on_exit_called);
	stray_exit_catch_first();
}

/* Handlers run in the reverse order of their registration. If there is no memory for another one,
 * the earlier ones remain. */
void stray_exit_catch_first(void)
{
	if (atomic_load(&catching_in))
		atexit(on_exit_called);
}

void stray_exit_allow(void)
{
	atomic_store(&catching_in, 0);
}
