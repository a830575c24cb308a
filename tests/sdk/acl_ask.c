/* acl_ask - asks the access lists of a server's configuration, without a connection.
 *
 * usage: acl-ask --config FILE [FLAG...] <QUESTIONS >ANSWERS
 *
 * The configuration, which says where plugins are, and its plugins are loaded as a server would
 * load them. A question is 18 bytes: the number of an instance (two bytes, the lower first; those
 * of the control port come before those of public ports) and an address as the 16 bytes of IPv6.
 * Its answer is A, D or N (ALLOW, DENY, NEXT). At the end it prints its measurements, in CPU time,
 * to standard error:
 *
 *     load_ms=... checks=... ns_each=... allocations=... system_calls=none */
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <spore/acl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chain/plugin_set.h"
#include "chain/retirer.h"
#include "chain/set_builder.h"
#include "config/shorthands.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "net/addr.h"
#include "services/host.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

enum { RECORD = 18 };

struct question {
	const struct instance *instance;
	uint32_t point;
	spore_addr peer;
};

/* ---- allocations ---- */

static unsigned long allocations;

#ifndef SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	allocations++;
	return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	allocations++;
	return __libc_realloc(old, size);
}
#endif

/* ---- questions ---- */

/* CPU time of this process, so that other processes have less influence. */
static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static bool read_question(const struct plugin_set *set, struct question *out)
{
	const struct chain *control = set->chains[CHAIN_ACL_CONTROL];
	const struct chain *public_ports = set->chains[CHAIN_ACL_PUBLIC];
	struct sockaddr_in6 from = { .sin6_family = AF_INET6 };
	uint8_t record[RECORD];
	size_t index;

	if (fread(record, RECORD, 1, stdin) != 1)
		return false;
	index = record[0] | (size_t)record[1] << 8;
	if (index >= control->n + public_ports->n)
		return false;
	memcpy(&from.sin6_addr, record + 2, 16);
	out->point = index < control->n ? SPORE_ACL_AT_CONTROL : SPORE_ACL_AT_PUBLIC;
	out->instance = index < control->n ? control->items[index]
	                                   : public_ports->items[index - control->n];
	addr_from_sockaddr((const struct sockaddr *)&from, &out->peer);
	return true;
}

static struct question *read_questions(const struct plugin_set *set, size_t *n_out)
{
	size_t n = 0, size = 4096;
	struct question *questions = malloc(size * sizeof *questions), *more;

	while (questions && read_question(set, &questions[n])) {
		if (++n < size)
			continue;
		size *= 2;
		more = realloc(questions, size * sizeof *questions);
		if (!more)
			free(questions);
		questions = more;
	}
	*n_out = n;
	return questions;
}

static int32_t ask(const struct question *question)
{
	const spore_acl_ops *ops = question->instance->component->ops;
	static const spore_addr local = { .family = 4 };
	spore_acl_query query = {
		.struct_size = sizeof query,
		.point = question->point,
		.peer = &question->peer,
		.local = &local,
	};

	spore_acl_result result = { .struct_size = sizeof result };

	return ops->check(question->instance->self, &query, &result);
}

/* Each question waits for the answer to the one before, so that checks do not overlap in the CPU.
 */
static void ask_all(const struct question *questions, size_t n, char *answers)
{
	int32_t verdict = 0;

	for (size_t i = 0; i < n; i++) {
		verdict = ask(&questions[i + (size_t)(verdict >> 16)]);
		answers[i] = verdict == SPORE_ALLOW  ? 'A'
		             : verdict == SPORE_DENY ? 'D'
		             : verdict == SPORE_NEXT ? 'N'
		                                     : '?';
	}
}

/* The kernel kills a process in strict mode that calls it for more than read, write and exit. */
static const char *watch_system_calls(const struct question *questions, size_t n, char *answers)
{
#ifdef SANITIZED
	(void)questions, (void)n, (void)answers;
	return "unknown";
#else
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0)
			_exit(1);
		ask_all(questions, n, answers);
		syscall(SYS_exit, 0); /* _exit() would call exit_group(), which is not allowed */
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 ||
	    (WIFEXITED(status) && WEXITSTATUS(status)))
		return "unknown";
	return WIFEXITED(status) ? "none" : "some";
#endif
}

static bool answer(const struct plugin_set *set, double load_ms)
{
	const char *calls;
	double start_ms, took_ms;
	size_t n;
	struct question *questions = read_questions(set, &n);
	char *answers = questions ? malloc(n + 1) : NULL;

	if (answers) {
		ask_all(questions, n, answers); /* warms up */
		allocations = 0;
		start_ms = now_ms();
		ask_all(questions, n, answers);
		took_ms = now_ms() - start_ms;
		fwrite(answers, 1, n, stdout);
		fprintf(stderr, "load_ms=%.1f checks=%zu ns_each=%.1f allocations=%lu", load_ms, n,
		        n ? took_ms * 1e6 / (double)n : 0.0, allocations);
		calls = watch_system_calls(questions, n, answers);
		fprintf(stderr, " system_calls=%s\n", calls);
	}
	free(questions);
	free(answers);
	return answers != NULL;
}

static struct plugin_set *load_plugins(struct config *config, struct registry *registry,
                                       struct retirer *retirer, struct diag *diag)
{
	struct plugin_set_spec spec = { config, registry, retirer, 1, NULL };
	const spore_list *path = &config->settings.plugins.path;

	registry->loader.get_extension = host_get_extension;
	for (size_t i = 0; i < path->count && i < REGISTRY_MAX_PATH; i++)
		registry->path[registry->n_path++] = ((const char *const *)path->items)[i];
	return set_builder_build(&spec, diag);
}

int main(int argc, char **argv)
{
	double start_ms = now_ms();
	struct err err;
	struct loop *loop = loop_new(0, &err);
	struct retirer *retirer = loop ? retirer_new(loop) : NULL;
	struct host_services services = { .metrics = metrics_new(2),
		                          .loops = &loop,
		                          .n_workers = 1 };
	struct registry registry = { 0 };
	struct plugin_set *set = NULL;
	struct diag diag = { 0 };
	struct config *config;
	bool good;

	if (config_load(ROLE_SERVER, argc - 1, argv + 1, &diag, &config) == CONFIG_LOADED &&
	    retirer && host_init(&services))
		set = load_plugins(config, &registry, retirer, &diag);
	good = set && answer(set, now_ms() - start_ms);
	diag_print(&diag, stderr);
	diag_fini(&diag);
	plugin_set_unref(set);
	good = retirer_finish(retirer, 1000) && good;
	retirer_free(retirer);
	loop_free(loop);
	host_fini();
	metrics_free(services.metrics);
	loader_fini(&registry.loader);
	config_unref(config);
	return good ? 0 : 1;
}
