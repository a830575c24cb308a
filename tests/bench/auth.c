/* Measures the cost of an auth plugin's verdict. Loads the plugin itself, as a server does.
 *
 *   spore-bench-auth FOLDER [SECONDS]
 *
 * FOLDER holds auth_hmac.so and auth_multi_secret.so. One line of JSON for each number of secrets:
 * microseconds of CPU time for a control connection's verdict, also with cold caches and with a
 * wrong secret, and for a data connection's. */
#include <dlfcn.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <spore/auth.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"

static int32_t completed; /* the last verdict with details, and its session */
static uint64_t session;

struct subject {
	const spore_component *component;
	void *conf, *instance, *state;
	spore_create_args args;
	double seconds;
};

struct trial {
	const char *name;
	uint32_t purpose;
	const char *secret;
	int32_t expected;
	int cold;
};

static void fail(const char *what, const char *which)
{
	fprintf(stderr, "spore-bench-auth: %s: %s\n", what, which);
	exit(1);
}

/* ---- the part of a host that these plugins use ---- */

static spore_status complete_verify(spore_ticket ticket, int32_t verdict,
                                    const spore_auth_result *result)
{
	(void)ticket;
	completed = verdict;
	session = result->session;
	return SPORE_OK;
}

static void report(const spore_create_args *args, const char *pointer, const char *text)
{
	(void)args;
	fail(pointer, text);
}

static const spore_host host = { .struct_size = sizeof host, .complete_verify = complete_verify };

static void *option(struct subject *subject, const char *name)
{
	const spore_component *component = subject->component;

	for (uint32_t i = 0; i < component->n_options; i++) {
		if (strcmp(component->options[i].name, name) == 0)
			return (char *)subject->conf + component->options[i].offset;
	}
	fail("no such option", name);
	return NULL;
}

static void load(struct subject *subject, const char *folder, const char *name)
{
	const spore_plugin *(*entry)(void);
	char path[PATH_MAX];
	void *library;

	snprintf(path, sizeof path, "%s/%s.so", folder, name);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		fail("cannot load", dlerror());
	*(void **)&entry = dlsym(library, "spore_plugin_v1");
	if (!entry)
		fail("no plugin", path);
	subject->component = entry()->components[0];
	subject->conf = calloc(1, subject->component->conf_size);
	if (!subject->conf)
		fail("cannot load", "out of memory");
}

static void set_up(struct subject *subject)
{
	const spore_component *component = subject->component;

	subject->args = (spore_create_args){ .struct_size = sizeof subject->args,
		                             .role = SPORE_ROLE_SERVER,
		                             .host = &host,
		                             .instance = "bench",
		                             .conf = subject->conf,
		                             .report = report,
		                             .n_workers = 1 };
	if (component->create(&subject->args, &subject->instance) != SPORE_OK)
		fail("cannot be set up", component->name);
	subject->state = subject->instance;
	if (SPORE_CAN(component, worker_start) &&
	    component->worker_start(subject->instance, NULL, 0, &subject->state) != SPORE_OK)
		fail("cannot start", component->name);
}

static void tear_down(struct subject *subject)
{
	if (SPORE_CAN(subject->component, worker_stop))
		subject->component->worker_stop(subject->state);
	subject->component->destroy(subject->instance);
	free(subject->conf);
}

/* ---- the measurement ---- */

static spore_auth_request request(uint32_t purpose, const char *secret, char hex[64])
{
	spore_auth_request rq = { .struct_size = sizeof rq,
		                  .purpose = purpose,
		                  .answer = { hex, 64 },
		                  .session = purpose == SPORE_AUTH_DATA ? session : 0 };
	uint8_t key[32], tag[32];
	char text[65];

	for (uint8_t i = 0; i < sizeof rq.challenge; i++)
		rq.challenge[i] = (uint8_t)(i * 17);
	if (EVP_Digest(secret, strlen(secret), key, NULL, EVP_sha256(), NULL) != 1 ||
	    !HMAC(EVP_sha256(), key, sizeof key, rq.challenge, sizeof rq.challenge, tag, NULL))
		fail("OpenSSL", "no SHA-256");
	for (int i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", tag[i]);
	memcpy(hex, text, 64);
	return rq;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* CPU time, so that other processes have little influence: a verdict only computes. */
static double cpu_us(void)
{
	struct timespec at;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

/* Evicts the plugin's data from the caches, as other work may do. */
static void chill(void)
{
	static uint8_t other[64 << 20];

	for (size_t i = 0; i < sizeof other; i += 64)
		((volatile uint8_t *)other)[i]++;
}

/* Microseconds per verdict: the median of batches, or of single verdicts with cold caches. */
static double measure(struct subject *subject, const struct trial *trial)
{
	enum { MOST = 20000, BATCH = 16 };
	static double batches[MOST];
	const spore_auth_ops *ops = subject->component->ops;
	char hex[64];
	spore_auth_request rq = request(trial->purpose, trial->secret, hex);
	uint64_t end = clock_ns() + (uint64_t)(subject->seconds * 1e9);
	int size = trial->cold ? 1 : BATCH;
	size_t n = 0;

	while (n == 0 || (n < MOST && clock_ns() < end)) {
		double begun;

		if (trial->cold)
			chill();
		begun = cpu_us();
		for (int i = 0; i < size; i++) {
			int32_t verdict = ops->verify(subject->state, &rq, 1);

			if ((verdict == SPORE_EPENDING ? completed : verdict) != trial->expected)
				fail("wrong verdict", trial->secret);
		}
		batches[n++] = (cpu_us() - begun) / size;
	}
	qsort(batches, n, sizeof *batches, by_value);
	return batches[n / 2];
}

static void measure_all(struct subject *subject, const char *secret, size_t n)
{
	const struct trial trials[] = {
		{ "control_us", SPORE_AUTH_CONTROL, secret, SPORE_ALLOW, 0 },
		{ "control_cold_us", SPORE_AUTH_CONTROL, secret, SPORE_ALLOW, 1 },
		{ "wrong_us", SPORE_AUTH_CONTROL, "of nobody", SPORE_NEXT, 0 },
		{ "data_us", SPORE_AUTH_DATA, secret, SPORE_ALLOW, 0 },
	};

	set_up(subject);
	printf("{\"plugin\":\"%s\",\"secrets\":%zu", subject->component->name, n);
	for (size_t i = 0; i < sizeof trials / sizeof *trials; i++)
		printf(",\"%s\":%.2f", trials[i].name, measure(subject, &trials[i]));
	printf("}\n");
	fflush(stdout);
	tear_down(subject);
}

static void measure_one_secret(const char *folder, double seconds)
{
	struct subject subject = { .seconds = seconds };

	load(&subject, folder, "auth_hmac");
	*(spore_str *)option(&subject, "secret") = spore_cstr("secret 0");
	measure_all(&subject, "secret 0", 1);
}

static void measure_many_secrets(const char *folder, double seconds, size_t n)
{
	struct subject subject = { .seconds = seconds };
	char path[] = "/tmp/spore-bench-auth-XXXXXX", last[32];
	int fd = mkstemp(path);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file)
		fail("cannot write", path);
	for (size_t i = 0; i < n; i++)
		fprintf(file, "user%zu:secret %zu\n", i, i);
	fclose(file);
	load(&subject, folder, "auth_multi_secret");
	*(const char **)option(&subject, "secrets_file") = path;
	snprintf(last, sizeof last, "secret %zu", n - 1);
	measure_all(&subject, last, n);
	unlink(path);
}

int main(int argc, char **argv)
{
	double seconds = argc > 2 ? strtod(argv[2], NULL) : 0.5;

	if (argc < 2 || argc > 3 || !(seconds > 0 && seconds <= 60)) {
		fprintf(stderr, "usage: spore-bench-auth FOLDER [SECONDS]\n");
		return 2;
	}
	measure_one_secret(argv[1], seconds);
	for (size_t n = 1; n <= 10000; n *= 10)
		measure_many_secrets(argv[1], seconds, n);
	return 0;
}
