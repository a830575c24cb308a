#include "process/limits.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/err.h"
#include "log/crash.h"
#include "log/log.h"
#include "net/shortage.h"
#include "net/sock.h"
#include "process/complaint.h"
#include "thread/fault.h"
#include "thread/guest.h"
#include "json/json.h"
#include "json/pointer.h"

/* A worker uses three descriptors itself; its connections need more. */
enum { MAX_WORKERS = 256, DESCRIPTORS_PER_WORKER = 32 };

/* The kernel's table of this many descriptors takes half a megabyte. */
enum { DESCRIPTORS_PREPARED = 65536 };

void limits_forbid_core(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
}

/* When the kernel's table of descriptors grows in a process with several threads, each thread that
 * opens a descriptor waits for more than 10 ms. So a descriptor with a high number makes the table
 * grow now, while there is one thread. */
static void grow_descriptor_table(void)
{
	unsigned most = descriptors_max();
	unsigned size = most < DESCRIPTORS_PREPARED ? most : DESCRIPTORS_PREPARED;
	int fd = eventfd(0, EFD_CLOEXEC), highest;

	if (fd < 0)
		return;
	highest = fcntl(fd, F_DUPFD_CLOEXEC, (int)size - 1);
	if (highest >= 0)
		close(highest);
	close(fd);
}

/* libev lacks a descriptor or memory, and cannot go on. Without this it prints a message of its own
 * and aborts. */
static void on_libev_failure(const char *message)
{
	log_last_words("failed",
	               (const struct log_field[]){ log_str("error", message),
	                                           log_str("cause", strerror(errno)) },
	               2);
	_exit(EXIT_FAILURE);
}

void limits_set_up_process(void)
{
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	guest_thread_begin("main");
	fault_stack_new(); /* never freed */
	crash_catch();
	ev_set_syserr_cb(on_libev_failure);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	grow_descriptor_table();
}

static unsigned count_cpus(void)
{
	cpu_set_t cpus;
	long online;

	if (sched_getaffinity(0, sizeof cpus, &cpus) == 0)
		return (unsigned)CPU_COUNT(&cpus);
	online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? (unsigned)online : 1;
}

unsigned limits_choose_workers(int64_t asked)
{
	unsigned most = descriptors_max() / DESCRIPTORS_PER_WORKER;
	unsigned n = asked ? (unsigned)asked : count_cpus();

	if (most > MAX_WORKERS)
		most = MAX_WORKERS;
	if (most == 0)
		most = 1;
	return n < most ? n : most;
}

bool limits_suffice(unsigned least, const char *who)
{
	unsigned available = descriptors_max();
	struct err err;

	if (available >= least)
		return true;
	err_set(&err, "too few file descriptors: %s need %u, but the process may have %u; raise %s",
	        who, least, available, SHORTAGE_RAISE_DESCRIPTORS);
	return complain(err.text);
}

void limits_check_descriptors(unsigned needed, unsigned visitors)
{
	unsigned available = descriptors_max();

	if (available < needed)
		log_warn("too few file descriptors for the configuration",
		         log_int("needed", needed), log_int("available", available),
		         log_int("visitors", visitors),
		         log_str("raise", SHORTAGE_RAISE_DESCRIPTORS));
}

/* node: the value of the option. The keys are those of other lines about a configuration
 * (doubts/doubts). */
static void warn_capped(const struct json *node, int64_t asked, int got, const char *sysctl)
{
	struct log_field fields[6];
	unsigned line, column;
	char option[256];
	size_t n = 0;

	if (!node || got >= asked)
		return;
	json_pointer(node, option, sizeof option);
	fields[n++] = log_str("option", option);
	if (node->source)
		fields[n++] = log_str("source", node->source->name);
	if (json_is_in_file(node)) {
		json_position(node->source->text, node->source->len, node->offset, &line, &column);
		fields[n++] = log_int("line", line);
	}
	fields[n++] = log_int("asked", asked);
	fields[n++] = log_int("got", got);
	fields[n++] = log_str("raise", sysctl);
	log_event(LOG_WARN, "the kernel capped a socket buffer", fields, n);
}

void limits_check_buffers(const struct json *section, int64_t send, int64_t receive)
{
	struct sock_sizes asked = { (int)send, (int)receive }, got;

	if (sock_sizes_hold(&asked, &got))
		return;
	warn_capped(json_get(section, "sndbuf"), send, got.send, "sysctl net.core.wmem_max");
	warn_capped(json_get(section, "recbuf"), receive, got.receive, "sysctl net.core.rmem_max");
}
