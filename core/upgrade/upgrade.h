/* upgrade - lets another program take the place of a running server, without refusing a visitor: at
 * USR2, or on request. [main]
 *
 *   check ─▶ start, and pass the listening sockets ─▶ hold visitors ─▶ give the ports ─▶ leave
 *   --check  { "ready" }                              in the kernel    { "serving" }
 *
 * If a step fails, the new process is ended, and this one goes on as before. Only after `serving`
 * there is no way back: this process then drains. The other side is upgrade/heir. */
#ifndef CORE_UPGRADE_H
#define CORE_UPGRADE_H

#include <ev.h>
#include <stdbool.h>

#include "base/err.h"
#include "reload/reload_words.h"
#include "upgrade/channel.h"
#include "upgrade/child.h"
#include "upgrade/greeting.h"
#include "upgrade/vetting.h"

struct drain;
struct keeper;
struct runtime;
struct server;
struct survey;

/* What the upgrade needs of the process. All is borrowed. */
struct upgrade_host {
	struct runtime *runtime;
	struct server *server;
	struct drain *drain;
	const struct reload_words *words; /* behind `spore server` */
	struct keeper *keeper;            /* gives its sockets to upgrade_keep while it is open */
	/* A copy of the admin socket that listens; -1: none. */
	int (*copy_admin)(void *arg);
	/* The new process serves: leaves it what both have, and asks for a drain. */
	void (*leave)(void *arg, pid_t heir);
	void *arg;
};

struct upgrade_answer {
	const char *error;   /* NULL: the new process serves */
	const char *program; /* its path */
	const char *version;
	pid_t pid;
};

/* Somebody who waits for the end of the upgrade. */
struct upgrade_request {
	/* Runs once, possibly before upgrade_ask returns. */
	void (*done)(struct upgrade_request *request, const struct upgrade_answer *answer);
};

enum upgrade_step {
	UPGRADE_IDLE,
	UPGRADE_CHECKING,
	UPGRADE_STARTING,
	UPGRADE_HOLDING,
	UPGRADE_GIVING,
	UPGRADE_UNDOING,
	UPGRADE_DONE
};

struct upgrade {
	const struct upgrade_host *host; /* NULL: not started */
	enum upgrade_step step;
	ev_signal signal;
	struct vetting vetting;
	struct child heir; /* the new process */
	struct channel channel;
	ev_timer limit;        /* of the step */
	ev_timer look;         /* while visitors are held */
	struct survey *survey; /* while the workers are asked; else NULL */
	struct upgrade_request *request;
	char *own, *path; /* owned; the programs of this process and of the new one */
	char version[GREETING_VERSION_SIZE]; /* of the new one; "": not known yet */
	int returns;         /* by which the new process sends back data connections; -1: none */
	bool is_held;        /* visitors are, and perhaps the ports are given */
	bool takes_visitors; /* the new process does */
	bool has_ended;      /* visitors who held up the upgrade */
	int64_t end_at_ms;   /* when they end, by clock_ms() */
	unsigned generation; /* of the configuration when the new process was started */
	pid_t pid;           /* of the new process */
	bool is_succeeded;   /* another one has taken the place of the new process */
	struct err why;      /* it fails */
};

/* Blocks USR2 (hold) until upgrade_start, or lets it end the process again. */
void upgrade_hold(bool hold);
/* Handles USR2, including one that is pending. */
void upgrade_start(struct upgrade *upgrade, const struct upgrade_host *host);
/* path: absolute, of the program; NULL: that of this process, which may have been replaced. */
void upgrade_ask(struct upgrade *upgrade, const char *path, struct upgrade_request *request);
/* `done` will not run. The upgrade goes on. */
void upgrade_forget(struct upgrade *upgrade, const struct upgrade_request *request);
/* The process drains for another reason: an upgrade that runs is given up. */
void upgrade_close(struct upgrade *upgrade);
/* Are the ports given, or being given, to the new process? */
bool upgrade_gives(const struct upgrade *upgrade);
/* Passes a public port to the new process under the name of its kept port. The fd stays the
 * caller's. */
void upgrade_keep(struct upgrade *upgrade, int fd, const char *name);
/* Ends the new process unless it serves. USR2 is ignored from now on. Harmless on a zeroed
 * struct. */
void upgrade_stop(struct upgrade *upgrade);

#endif
