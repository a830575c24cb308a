/* notify - tells the service manager what the process does, in the protocol of sd_notify(3):
 * datagrams such as "READY=1" to the socket that NOTIFY_SOCKET names. Without that variable nothing
 * is sent. A manager that takes nothing delays main by at most a second. [main] */
#ifndef CORE_NOTIFY_H
#define CORE_NOTIFY_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct loop;

/* Zero-initialized: there is no manager. */
struct notify {
	struct sockaddr_un address;
	socklen_t length; /* of the address; 0: there is no manager */
	int fd;
	bool has_failed; /* a failure was logged; further ones are not */
	bool is_muted;
	ev_timer alive;
	struct loop *main_loop; /* that the timer runs on; NULL: the manager does not watch */
	int64_t asked_ms;       /* 0: never */
	int barrier;            /* a pipe that ends when the manager has read it; -1: none */
	int64_t watch_ns;       /* within which the manager wants to hear that the process works */
};

void notify_open(struct notify *notify);
void notify_close(struct notify *notify);
/* Nothing is sent while it is muted: another process is the main one of the service. */
void notify_mute(struct notify *notify, bool is_muted);
/* Is there somebody to tell? */
bool notify_has_manager(const struct notify *notify);

/* The start may take this long from now. */
void notify_starting(struct notify *notify, int64_t within_ms);
/* The start, or a reload, has ended. `status`: one line for people. */
void notify_ready(struct notify *notify, const char *status);
void notify_reloading(struct notify *notify);
/* The process drains, and ends within that time. */
void notify_stopping(struct notify *notify, int64_t within_ms);
/* The process `pid` is the main one of the service from now on, not this process. Nothing else is
 * sent after this message. */
void notify_main_pid(struct notify *notify, pid_t pid);
void notify_status(struct notify *notify, const char *status);
/* Passes the descriptor to the manager, which keeps it, and passes it to the next start of this
 * service under this name: ASCII without control characters and ':'. A manager that keeps no
 * descriptors ignores this. After a failure nothing is sent. The fd stays the caller's. */
void notify_store(struct notify *notify, int fd, const char *name);
/* The manager drops what it keeps under this name. */
void notify_drop(struct notify *notify, const char *name);
/* Has the manager acted on each message? Asks it at the first call, and waits for nothing: call
 * this again later. A manager that does not answer has two seconds. Messages after the first call
 * do not count. */
bool notify_is_settled(struct notify *notify);
/* Tells the manager twice within WATCHDOG_USEC that the process works, until notify_close. It does
 * not while a worker has hung for as long, so that the manager ends the process and starts it
 * again. Without that variable nothing is told. `main_loop` must outlive `notify`. */
void notify_watch(struct notify *notify, struct loop *main_loop);

#endif
