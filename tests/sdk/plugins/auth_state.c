/* auth_state - changes the state of the process in the function that its options name, and allows
 * everybody. The constructor makes the changes that TEST_STATE in the environment lists. */
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe.h"

enum where { NOWHERE, CREATE, WORKER_START, VERIFY, DESTROY };

struct conf {
	int64_t in, change;
	double number;
};

static void do_nothing(int number)
{
	(void)number;
}

static void leave(int number)
{
	(void)number;
	_exit(77);
}

static void pass_on(int number, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	signal(number, SIG_DFL);
	raise(number);
}

static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static void ignore_the_end(void)
{
	signal(SIGTERM, do_nothing);
	signal(SIGINT, SIG_IGN);
}

static void catch_hangups(void)
{
	signal(SIGHUP, do_nothing);
}

static void die_of_pipes(void)
{
	signal(SIGPIPE, SIG_DFL);
}

static void catch_faults(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		signal(faults[i], leave);
}

/* As the runtime of Go does it. */
static void install_runtime(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGPIPE, SIGURG };
	struct sigaction action = { .sa_sigaction = pass_on,
		                    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &action, NULL);
}

static void set_locale(void)
{
	if (!setlocale(LC_ALL, "de_DE.UTF-8"))
		abort();
}

static void set_thread_locale(void)
{
	static locale_t locale; /* never freed */

	if (!locale)
		locale = newlocale(LC_NUMERIC_MASK, "de_DE.UTF-8", (locale_t)0);
	if (!locale)
		abort();
	uselocale(locale);
}

static void set_umask(void)
{
	umask(0777);
}

static void leave_folder(void)
{
	if (chdir("/") < 0)
		abort();
}

static void change_limits(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 16;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void close_output(void)
{
	close(STDOUT_FILENO);
}

static void replace_outputs(void)
{
	int nowhere = open("/dev/null", O_WRONLY);

	dup2(nowhere, STDOUT_FILENO);
	dup2(nowhere, STDERR_FILENO);
	close(nowhere);
}

static const struct {
	const char *name;
	void (*make)(void);
} changes[] = {
	{ "mask", block_signals },      { "end", ignore_the_end },
	{ "hangup", catch_hangups },    { "pipe", die_of_pipes },
	{ "faults", catch_faults },     { "runtime", install_runtime },
	{ "locale", set_locale },       { "thread_locale", set_thread_locale },
	{ "umask", set_umask },         { "folder", leave_folder },
	{ "limits", change_limits },    { "close_output", close_output },
	{ "outputs", replace_outputs },
};

static const spore_option options[] = {
	SPORE_ENUM(struct conf, in, 0, "\"nowhere\"", "nowhere|create|worker_start|verify|destroy",
	           "the function"),
	SPORE_ENUM(struct conf, change, 0, "\"mask\"",
	           "mask|end|hangup|pipe|faults|runtime|locale|thread_locale|umask|folder|limits|"
	           "close_output|outputs",
	           "what it changes"),
	SPORE_NUMBER(struct conf, number, 0, "0.25", "a number with a point"),
};

struct instance {
	PROBE_FIELDS;
};

__attribute__((constructor)) static void change_at_load(void)
{
	const char *words = getenv("TEST_STATE");

	for (size_t i = 0; words && i < sizeof changes / sizeof *changes; i++) {
		const char *found = strstr(words, changes[i].name);
		size_t len = strlen(changes[i].name);

		if (found && (found == words || found[-1] == ' ') &&
		    (found[len] == ' ' || !found[len]))
			changes[i].make();
	}
}

static void change_in(const struct instance *instance, enum where where)
{
	if (instance->conf->in == (int64_t)where)
		changes[instance->conf->change].make();
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct instance *instance = PROBE_NEW(struct instance, args);

	if (!instance)
		return SPORE_ENOMEM;
	change_in(instance, CREATE);
	*instance_out = instance;
	return SPORE_OK;
}

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	(void)worker;
	(void)ticket;
	change_in(instance, WORKER_START);
	*state_out = instance;
	return SPORE_OK;
}

static int32_t verify(void *instance, const spore_auth_request *rq, spore_ticket ticket)
{
	(void)rq;
	(void)ticket;
	change_in(instance, VERIFY);
	return SPORE_ALLOW;
}

static spore_status answer(void *instance, const spore_answer_request *rq, spore_ticket ticket)
{
	const struct instance *me = instance;

	(void)rq;
	me->host->complete_answer(ticket, SPORE_OK, spore_cstr("hello"));
	return SPORE_EPENDING;
}

static void destroy(void *instance)
{
	change_in(instance, DESTROY);
	free(instance);
}

static const spore_auth_ops ops = { .struct_size = sizeof ops, .verify = verify, .answer = answer };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "state",
	.summary = "changes the state of the process",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
};

SPORE_PLUGIN("auth_state", "1.0.0", "The Spore authors", "MIT", "", &component);
