/* process_state - the state of the process and of the calling thread that a plugin must not change:
 * signal mask, signal handlers, locale, umask, working directory, resource limits, standard output
 * and standard error.
 *
 * The fault handlers of a language runtime stay: a handler with SA_SIGINFO and SA_ONSTACK is
 * assumed to pass on the faults that are not its own, as those of Go do. */
#ifndef CORE_PROCESS_STATE_H
#define CORE_PROCESS_STATE_H

#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

#include "thread/fault.h"

/* PROCESS_STATE_OWN counts the signals that are not faults: TERM, INT, HUP and PIPE. */
enum { PROCESS_STATE_OWN = 4, PROCESS_STATE_SIGNALS = PROCESS_STATE_OWN + FAULT_SIGNALS };
enum { PROCESS_STATE_LIMITS = 2, PROCESS_STATE_OUTPUTS = 2 };

struct process_state {
	sigset_t signal_mask;   /* of the calling thread */
	locale_t thread_locale; /* of the calling thread; borrowed */
	struct sigaction actions[PROCESS_STATE_SIGNALS];
	struct rlimit limits[PROCESS_STATE_LIMITS];
	char *locale;                       /* owned; NULL: unknown */
	int umask;                          /* -1: unknown */
	int folder;                         /* owned descriptor; -1: unknown */
	int outputs[PROCESS_STATE_OUTPUTS]; /* owned copies of descriptors 1 and 2; -1: closed */
};

/* A list such as "signal mask, TERM handler"; empty: nothing. */
enum { PROCESS_CHANGES_TEXT = 384 };

struct process_changes {
	char restored[PROCESS_CHANGES_TEXT];
	char lost[PROCESS_CHANGES_TEXT];    /* was changed and cannot be restored */
	char runtime[PROCESS_CHANGES_TEXT]; /* handlers of a language runtime */
	/* A descriptor was closed that the plugin did not open, so others are probably closed, too.
	 * The process cannot go on. */
	bool descriptors_lost;
};

/* [any] */
void process_state_record(struct process_state *state);
/* Restores what differs from the record, reports it, and releases the record. Call this on the
 * thread that made the record. Changes that another thread makes meanwhile are reported too.
 * [any] */
void process_state_restore(struct process_state *state, struct process_changes *changes_out);

#endif
