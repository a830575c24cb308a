#include "process/limits.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/descriptors.h"
#include "log/crash.h"
#include "log/log.h"
#include "net/sock.h"
#include "thread/fault.h"
#include "thread/guest.h"

/* A worker uses three descriptors itself; its connections need more. */
enum { MAX_WORKERS = 256, DESCRIPTORS_PER_WORKER = 32 };

void limits_forbid_core(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
}

void limits_set_up_process(void)
{
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	guest_thread_begin("main");
	fault_stack_new(); /* never freed */
	crash_catch();
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static unsigned count_cpus(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (unsigned)CPU_COUNT(&cpus) : 1;
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

static void warn_capped(const char *flag, int64_t asked, int got, const char *sysctl)
{
	if (got < asked)
		log_warn("the kernel capped a socket buffer", log_str("flag", flag),
		         log_int("asked", asked), log_int("got", got), log_str("raise", sysctl));
}

void limits_check_buffers(int64_t send, int64_t receive)
{
	struct sock_sizes asked = { (int)send, (int)receive }, got;

	if (sock_sizes_hold(&asked, &got))
		return;
	warn_capped("--sndbuf", send, got.send, "sysctl net.core.wmem_max");
	warn_capped("--recbuf", receive, got.receive, "sysctl net.core.rmem_max");
}
