#include "process/vitals.h"

#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "config/shorthands.h"
#include "diag/diag.h"
#include "metrics/metrics.h"
#include "suite.h"
#include "version.h"

enum { WORKERS = 3 };

static struct metrics *metrics;
static struct config *config;

static void set_up(const char *arguments)
{
	char *argv[16], copy[256], *rest = copy;
	struct diag diag = { 0 };
	int argc = 0;

	snprintf(copy, sizeof copy, "%s", arguments);
	while (rest && *copy)
		argv[argc++] = strsep(&rest, " ");
	ck_assert_int_eq(config_load(ROLE_SERVER, argc, argv, &diag, &config), CONFIG_LOADED);
	diag_fini(&diag);
	metrics = metrics_new(WORKERS + 1);
	vitals_init(metrics, config, WORKERS);
}

static void tear_down(void)
{
	metrics_free(metrics);
	config_unref(config);
}

/* The one series of a family. */
struct finding {
	const char *family;
	bool is_it;
	unsigned n;
	double value;
	char labels[512]; /* "a=b c=d " */
};

static void begin_family(void *arg, const spore_metric_spec *family)
{
	struct finding *finding = arg;

	finding->is_it = strcmp(family->name, finding->family) == 0;
}

static void add_value(void *arg, const spore_kv *labels, size_t n_labels, double value)
{
	struct finding *finding = arg;
	size_t len = 0;

	if (!finding->is_it)
		return;
	finding->n++;
	finding->value = value;
	for (size_t i = 0; i < n_labels; i++)
		len += (size_t)snprintf(finding->labels + len, sizeof finding->labels - len,
		                        "%.*s=%.*s ", (int)labels[i].key.len, labels[i].key.ptr,
		                        (int)labels[i].value.len, labels[i].value.ptr);
}

static struct finding find_series(const char *family)
{
	static const spore_metric_visitor visitor = { .struct_size = sizeof visitor,
		                                      .begin = begin_family,
		                                      .value = add_value };
	struct finding finding = { .family = family };

	metrics_visit(metrics, &visitor, &finding);
	ck_assert_msg(finding.n == 1, "%s: %u", family, finding.n);
	return finding;
}

START_TEST(its_build)
{
	struct finding build;

	set_up("");
	build = find_series("spore_build_info");
	ck_assert(build.value == 1);
	ck_assert_ptr_nonnull(strstr(build.labels, "version=" SPORE_VERSION " "));
	tear_down();
}
END_TEST

START_TEST(its_configuration_by_names)
{
	struct finding finding;

	set_up("--secret hunter2");
	finding = find_series("spore_config_info");
	ck_assert(finding.value == 1);
	ck_assert_msg(strstr(finding.labels, "=server ") != NULL, "%s", finding.labels);
	ck_assert_msg(strstr(finding.labels, "transport=plain ") != NULL, "%s", finding.labels);
	ck_assert_msg(strstr(finding.labels, "auth=hmac ") != NULL, "%s", finding.labels);
	ck_assert_ptr_null(strstr(finding.labels, "hunter2"));
	tear_down();
}
END_TEST

START_TEST(its_workers_and_its_start)
{
	double now = (double)time(NULL);

	set_up("");
	ck_assert(find_series("spore_workers").value == WORKERS);
	ck_assert(fabs(find_series("spore_start_time_seconds").value - now) < 10);
	tear_down();
}
END_TEST

START_TEST(its_descriptors)
{
	struct rlimit files;
	double before;
	int fd;

	set_up("");
	before = find_series("spore_open_descriptors").value;
	ck_assert(before >= 3);
	fd = open("/dev/null", O_RDONLY);
	ck_assert(find_series("spore_open_descriptors").value == before + 1);
	close(fd);
	ck_assert(find_series("spore_open_descriptors").value == before);
	getrlimit(RLIMIT_NOFILE, &files);
	ck_assert(find_series("spore_max_descriptors").value == (double)files.rlim_cur);
	tear_down();
}
END_TEST

START_TEST(its_memory_and_time)
{
	const size_t size = (size_t)32 * 1024 * 1024;
	double memory, cpu;
	volatile char *block; /* volatile: the compiler must not leave the writes out */

	set_up("");
	memory = find_series("spore_resident_memory_bytes").value;
	cpu = find_series("spore_cpu_seconds_total").value;
	block = malloc(size);
	ck_assert(block != NULL);
	for (size_t i = 0; i < size; i++)
		block[i] = 10;
	ck_assert(find_series("spore_resident_memory_bytes").value > memory + (double)size / 2);
	ck_assert(find_series("spore_cpu_seconds_total").value > cpu);
	free((void *)(uintptr_t)block);
	tear_down();
}
END_TEST

START_TEST(no_line_of_the_log_is_lost)
{
	set_up("");
	ck_assert(find_series("spore_log_dropped_lines_total").value == 0);
	tear_down();
}
END_TEST

SUITE("vitals", its_build, its_configuration_by_names, its_workers_and_its_start, its_descriptors,
      its_memory_and_time, no_line_of_the_log_is_lost)
