/* auth_exit - calls exit(0) where the option or, before there are options, the variable EXIT_IN
 * says; else it lets everybody in. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

enum where { CREATE, WORKER_START, VERIFY, TIMER, THREAD, QUICK, FORK, STOP, DESTROY, NOWHERE };

struct conf {
	int64_t in;
};

static const spore_option options[] = {
	SPORE_ENUM(struct conf, in, 0, "\"nowhere\"",
	           "create|worker_start|verify|timer|thread|quick|fork|stop|destroy|nowhere",
	           "the place"),
};

struct instance {
	PROBE_FIELDS;
};

static int is_in_env(const char *where)
{
	const char *in = getenv("EXIT_IN");

	return in && strcmp(in, where) == 0;
}

__attribute__((constructor)) static void construct(void)
{
	if (is_in_env("constructor"))
		exit(0);
}

static int is_in(const struct instance *instance, enum where where)
{
	return instance->conf->in == (int64_t)where;
}

static void exit_in(const struct instance *instance, enum where where)
{
	if (is_in(instance, where))
		exit(0);
}

static void *exit_in_thread(void *unused)
{
	(void)unused;
	exit(0);
}

static void start_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, exit_in_thread, NULL) == 0)
		pthread_detach(thread);
}

/* A process of its own may exit as it likes. */
static void exit_in_child(const struct instance *instance)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		exit(7);
	waitpid(child, &status, 0);
	probe_log(instance->host, instance->ctx, "child ended", "status", WEXITSTATUS(status));
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct instance *instance = PROBE_NEW(struct instance, args);

	if (!instance)
		return SPORE_ENOMEM;
	exit_in(instance, CREATE);
	*instance_out = instance;
	return SPORE_OK;
}

static void on_timer(void *unused)
{
	(void)unused;
	exit(0);
}

static spore_status worker_start(void *arg, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct instance *instance = arg;

	(void)ticket;
	exit_in(instance, WORKER_START);
	*state_out = instance;
	return is_in(instance, TIMER) ? instance->host->timer_start(worker, 1, 0, on_timer, NULL,
	                                                            &(spore_timer){ 0 })
	                              : SPORE_OK;
}

static void worker_stop(void *instance)
{
	exit_in(instance, STOP);
}

static int32_t verify(void *instance, const spore_auth_request *rq, spore_ticket ticket)
{
	(void)rq;
	(void)ticket;
	exit_in(instance, VERIFY);
	if (is_in(instance, THREAD))
		start_thread();
	if (is_in(instance, QUICK))
		quick_exit(0);
	if (is_in(instance, FORK))
		exit_in_child(instance);
	return SPORE_ALLOW;
}

static void destroy(void *instance)
{
	exit_in(instance, DESTROY);
	free(instance);
}

static const spore_auth_ops ops = { .struct_size = sizeof ops, .verify = verify };
static const spore_auth_ops blocking_ops = {
	.struct_size = sizeof blocking_ops,
	.flags = SPORE_AUTHF_BLOCKING,
	.verify = verify,
};

#define EXIT_COMPONENT(name_, ops_)                                                                \
	{                                                                                          \
		.struct_size = sizeof(spore_component), .kind = SPORE_KIND_AUTH, .name = (name_),  \
		.summary = "calls exit() where it is told", .ops = (ops_), PROBE_ROWS(options),    \
		.conf_size = sizeof(struct conf), .create = create, .destroy = destroy,            \
		.worker_start = worker_start, .worker_stop = worker_stop,                          \
	}

static const spore_component component = EXIT_COMPONENT("exit", &ops);
static const spore_component blocking = EXIT_COMPONENT("exit_blocking", &blocking_ops);

SPORE_PLUGIN("auth_exit", "1.0.0", "The Spore authors", "MIT", "", &component, &blocking);
