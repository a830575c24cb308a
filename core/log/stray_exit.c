#include "log/stray_exit.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/log.h"
#include "thread/code.h"
#include "thread/guest.h"
#include "thread/thread.h"

/* An exit handler gets no argument, so these are global. */
static atomic_int catching_in; /* the id of the process; 0: exit() is allowed */
static atomic_bool caught;

struct culprit {
	const char *plugin; /* NULL: unknown */
	struct log_field fields[2];
	size_t n;
};

static struct culprit find_culprit(void)
{
	struct culprit culprit = { .plugin = guest_current() };

	if (!culprit.plugin)
		culprit.plugin = code_on_stack();
	if (culprit.plugin)
		culprit.fields[culprit.n++] = log_str("plugin", culprit.plugin);
	if (*guest_thread())
		culprit.fields[culprit.n++] = log_str("thread", guest_thread());
	return culprit;
}

/* _exit, since other threads still run and use what the remaining exit handlers would free. */
_Noreturn static void end_process(const struct culprit *culprit, const char *event)
{
	if (atomic_exchange(&caught, true)) {
		for (;;) /* another thread came first and ends the process */
			poll(NULL, 0, 1000);
	}
	log_last_words(event, culprit->fields, culprit->n);
	_exit(EXIT_FAILURE);
}

static void on_exit_called(void)
{
	struct culprit culprit = find_culprit();

	if (atomic_load(&catching_in) != (int)getpid())
		return;
	if (culprit.plugin)
		end_process(&culprit, "plugin called exit()");
	if (*guest_thread())
		end_process(&culprit, "exit() called");
	end_process(&culprit, "a thread that is not Spore's called exit()");
}

static void on_thread_ended(void)
{
	struct culprit culprit = find_culprit();

	end_process(&culprit, culprit.plugin ? "plugin ended a thread of the host"
	                                     : "a thread of the host was ended");
}

/* Writes past the log's rings: the lines in this copy of them are written by the parent. */
static void on_child_returned(void)
{
	struct culprit culprit = find_culprit();

	log_at_once("plugin forked and returned in the child", culprit.fields, culprit.n);
	_exit(EXIT_FAILURE);
}

void stray_exit_catch(void)
{
	atomic_store(&catching_in, (int)getpid());
	at_quick_exit(on_exit_called);
	thread_on_stray_end(on_thread_ended);
	guest_on_stray_child(on_child_returned);
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
