#include "process/vitals.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "config/shorthands.h"
#include "log/log.h"
#include "loop/loop.h"
#include "metrics/families.h"
#include "version.h"

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)

static void set_series(struct metrics *metrics, unsigned shard, enum family family,
                       const char *const *values, double value)
{
	metrics_set(metrics, shard, family_series(metrics, family, values), value);
}

/* ---- the configuration: the names of the instances, without their options ---- */

enum { NAMES_SIZE = 256 };

/* "tls,plain"; cut at the size of the buffer. */
static const char *join_names(const struct config_chain *chain, char out[NAMES_SIZE])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < chain->n && len + 1 < NAMES_SIZE; i++) {
		int n = snprintf(out + len, NAMES_SIZE - len, "%s%s", len ? "," : "",
		                 chain->items[i].name);

		len += n > 0 ? (size_t)n : 0;
	}
	return out;
}

static void put_config(struct metrics *metrics, const struct config *config, unsigned shard)
{
	const char *values[1 + N_CHAINS] = { config->role == ROLE_SERVER ? "server" : "client" };
	char names[N_CHAINS][NAMES_SIZE];

	for (size_t i = 0; i < N_CHAINS; i++)
		values[1 + i] = join_names(&config->chains[i], names[i]);
	set_series(metrics, shard, FAMILY_CONFIG, values, 1);
}

/* ---- readers of the series that change. [any] ---- */

static double read_log_drops(void *unused)
{
	(void)unused;
	return (double)log_dropped();
}

static double read_cpu_time(void *unused)
{
	struct rusage usage;

	(void)unused;
	if (getrusage(RUSAGE_SELF, &usage) < 0)
		return 0;
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double read_memory(void *unused)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long resident = 0;
	char text[128], *second;

	(void)unused;
	if (!file)
		return 0;
	if (fgets(text, sizeof text, file) && (second = strchr(text, ' ')) != NULL)
		resident = strtoul(second, NULL, 10);
	fclose(file);
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static double count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	double n = 0;

	if (!folder)
		return 0;
	while (readdir(folder))
		n++;
	closedir(folder);
	return n - 3; /* without ".", ".." and the descriptor of the directory */
}

/* Linux 6.2 and newer report the count as the size of the directory. */
static double read_descriptors(void *unused)
{
	struct stat st;

	(void)unused;
	return stat("/proc/self/fd", &st) == 0 && st.st_size > 0 ? (double)st.st_size
	                                                         : count_descriptors();
}

static double read_max_descriptors(void *unused)
{
	struct rlimit files;

	(void)unused;
	return getrlimit(RLIMIT_NOFILE, &files) == 0 ? (double)files.rlim_cur : 0;
}

static void sample_series(struct metrics *metrics, enum family family, double (*read)(void *arg))
{
	metrics_sample(metrics, family_series(metrics, family, NULL), read, NULL);
}

static double read_lag(void *loop)
{
	return (double)loop_lag_ns(loop) / 1e9;
}

static void sample_lag(struct metrics *metrics, unsigned index, double (*read)(void *arg),
                       struct loop *loop)
{
	char number[16];

	snprintf(number, sizeof number, "%u", index);
	metrics_sample(metrics,
	               family_series(metrics, FAMILY_WORKER_LAG, (const char *const[]){ number }),
	               read, loop);
}

void vitals_watch_loops(struct metrics *metrics, struct loop *const *loops, unsigned n_workers)
{
	for (unsigned i = 0; i < n_workers; i++)
		sample_lag(metrics, i, read_lag, loops[i]);
}

void vitals_forget_loops(struct metrics *metrics, unsigned n_workers)
{
	for (unsigned i = 0; i < n_workers; i++)
		sample_lag(metrics, i, NULL, NULL);
}

void vitals_init(struct metrics *metrics, const struct config *config, unsigned n_workers)
{
	static const char *const build[] = { SPORE_VERSION,
		                             TEXT(SPORE_ABI_MAJOR) "." TEXT(SPORE_ABI_MINOR) };
	unsigned shard = n_workers; /* the one of main */
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	set_series(metrics, shard, FAMILY_BUILD, build, 1);
	put_config(metrics, config, shard);
	set_series(metrics, shard, FAMILY_WORKERS, NULL, n_workers);
	/* In seconds, rounded down to the millisecond. */
	set_series(metrics, shard, FAMILY_START_TIME, NULL,
	           floor((double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6) / 1e3);
	sample_series(metrics, FAMILY_CPU_TIME, read_cpu_time);
	sample_series(metrics, FAMILY_MEMORY, read_memory);
	sample_series(metrics, FAMILY_DESCRIPTORS, read_descriptors);
	sample_series(metrics, FAMILY_MAX_DESCRIPTORS, read_max_descriptors);
	sample_series(metrics, FAMILY_LOG_DROPS, read_log_drops);
}
