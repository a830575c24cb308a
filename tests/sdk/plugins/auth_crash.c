/* auth_crash - crashes the process in the way that a client's answer names: in a worker (crash), in
 * a thread of the pool (crash_blocking), or in a thread of its own. Before that it logs as many
 * lines as a ring holds. */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe.h"

struct conf {
	int64_t lines;
};

static const spore_option options[] = {
	SPORE_INT(struct conf, lines, 0, "0", 0, 500, "lines to log before"),
};

struct instance {
	PROBE_FIELDS;
};

static void touch_nothing(void)
{
	char *volatile nowhere = (char *)16;

	*nowhere = 1;
}

/* A mapping of a file beyond its end. */
static void touch_behind_the_end(void)
{
	int fd = memfd_create("empty", 0);
	char *volatile page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	*page = 1;
}

/* Deeper than any stack. */
static int recurse(int64_t depth)
{
	volatile char here[4096];

	here[0] = (char)depth;
	return depth > 0 ? recurse(depth - 1) + here[0] : 0;
}

static void *touch_in_thread(void *unused)
{
	(void)unused;
	touch_nothing();
	return NULL;
}

static void *abort_in_thread(void *unused)
{
	(void)unused;
	abort();
}

static void run_thread(void *(*fn)(void *arg))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fn, NULL) == 0)
		pthread_join(thread, NULL);
}

/* In the C library, which touches nothing of the plugin's. */
static void copy_to_nowhere(void)
{
	static const char bytes[4096];
	char *volatile nowhere = (char *)16;
	volatile size_t size = sizeof bytes;

	memcpy(nowhere, bytes, size);
}

/* To an address without code. */
static void jump_to_nowhere(void)
{
	void (*volatile nowhere)(void) = (void (*)(void))(uintptr_t)16;

	nowhere();
}

/* So that the stack cannot be read above this function. A sanitizer must not see it first. */
__attribute__((noinline, no_sanitize("address", "thread", "undefined"))) static void
smash_the_stack(void)
{
	void *volatile *frame = __builtin_frame_address(0);

	for (int i = 0; i < 32; i++)
		frame[i] = (void *)(uintptr_t)0x4141414141414141;
	touch_nothing();
}

/* The handler returns, so the fault would repeat for ever. */
static void ignore_fault(int number)
{
	(void)number;
}

static void die(spore_str how)
{
	if (probe_same(how, spore_cstr("segv")))
		touch_nothing();
	else if (probe_same(how, spore_cstr("bus")))
		touch_behind_the_end();
	else if (probe_same(how, spore_cstr("overflow")))
		recurse(1 << 30);
	else if (probe_same(how, spore_cstr("fpe")))
		raise(SIGFPE);
	else if (probe_same(how, spore_cstr("ill")))
		raise(SIGILL);
	else if (probe_same(how, spore_cstr("trap")))
		__builtin_trap();
	else if (probe_same(how, spore_cstr("abort")))
		abort();
	else if (probe_same(how, spore_cstr("thread")))
		run_thread(touch_in_thread);
	else if (probe_same(how, spore_cstr("abort in a thread")))
		run_thread(abort_in_thread);
	else if (probe_same(how, spore_cstr("copy")))
		copy_to_nowhere();
	else if (probe_same(how, spore_cstr("jump")))
		jump_to_nowhere();
	else if (probe_same(how, spore_cstr("smash")))
		smash_the_stack();
	else if (probe_same(how, spore_cstr("ignored"))) {
		signal(SIGSEGV, ignore_fault);
		touch_nothing();
	}
}

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	const struct instance *instance = arg;

	(void)ticket;
	for (int64_t i = 0; i < instance->conf->lines; i++)
		probe_log(instance->host, instance->ctx, "still alive", "line", i);
	die(rq->answer);
	return SPORE_DENY;
}

static const spore_auth_ops ops = { .struct_size = sizeof ops, .verify = verify };
static const spore_auth_ops blocking_ops = {
	.struct_size = sizeof blocking_ops,
	.flags = SPORE_AUTHF_BLOCKING,
	.verify = verify,
};

#define CRASH_COMPONENT(name_, ops_)                                                               \
	{                                                                                          \
		.struct_size = sizeof(spore_component), .kind = SPORE_KIND_AUTH, .name = (name_),  \
		.summary = "dies as it is told", .ops = (ops_), PROBE_ROWS(options),               \
		.conf_size = sizeof(struct conf), .create = probe_create, .destroy = free,         \
	}

static const spore_component crash = CRASH_COMPONENT("crash", &ops);
static const spore_component crash_blocking = CRASH_COMPONENT("crash_blocking", &blocking_ops);

SPORE_PLUGIN("auth_crash", "1.0.0", "The Spore authors", "MIT", "", &crash, &crash_blocking);
