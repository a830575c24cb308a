#include "log/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/journal.h"
#include "log/output.h"
#include "log/ring.h"
#include "thread/thread.h"

enum { FLUSH_MS = 1000, LONG_PAST = 1 };
_Static_assert(LOGLINE_MAX < OUTPUT_BATCH, "a batch holds a line and the end of a torn one");

/* A process has one standard error, so it has one log. */
static struct {
	atomic_int level;
	enum log_format format;
	struct ring_list rings;
	atomic_uint_fast64_t dropped;
	atomic_bool running, asleep;
	int wake_fd;
	pthread_t writer;
	pthread_key_t ring_key;
	/* The carrier is the thread that takes lines from the rings and writes them: the writer, or
	 * the thread that has the last words. It alone uses the tails of the rings and these: */
	atomic_bool carrying;
	struct output output;
	uint64_t reported; /* of `dropped` */
} the_log = { .level = LOG_INFO, .wake_fd = -1, .output = { .fd = STDERR_FILENO } };

static _Thread_local struct ring *my_ring;
static _Thread_local FILE *my_copy; /* borrowed; of this thread's warnings, or NULL */

void log_set_level(enum log_level level)
{
	atomic_store(&the_log.level, level);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load(&the_log.level);
}

static bool is_logged(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&the_log.level, memory_order_relaxed);
}

static bool is_copied(enum log_level level)
{
	return level >= LOG_WARN && my_copy;
}

bool log_is_enabled(enum log_level level)
{
	return is_logged(level) || is_copied(level);
}

uint64_t log_dropped(void)
{
	return atomic_load_explicit(&the_log.dropped, memory_order_relaxed);
}

void log_set_format(enum log_format format)
{
	the_log.format = format;
	if (journal_has_stderr())
		the_log.format = logline_is_json(format) ? LOG_FORMAT_JOURNAL_JSON
		                                         : LOG_FORMAT_JOURNAL;
}

enum log_format log_get_format(void)
{
	return the_log.format;
}

static int64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- carrying ---- */

static bool try_carry(void)
{
	bool idle = false;

	return atomic_compare_exchange_strong(&the_log.carrying, &idle, true);
}

static void end_carry(void)
{
	atomic_store(&the_log.carrying, false);
}

static uint64_t count_lines(const char *bytes, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += bytes[i] == '\n';
	return n;
}

/* Stops after the lines that wait now, so that a busy thread does not keep others waiting. */
static void drain_ring(struct ring *ring)
{
	size_t left = ring_length(ring);
	char batch[OUTPUT_BATCH];

	while (left > 0 && !output_is_late(&the_log.output)) {
		size_t len = ring_peek(ring, batch + 1, sizeof batch - 1); /* [0]: the output's */
		bool failed;
		size_t done = output_write_batch(&the_log.output, batch, len, &failed);

		if (failed) {
			atomic_fetch_add(&the_log.dropped,
			                 count_lines(batch + 1 + done, len - done));
			done = len;
		}
		ring_skip(ring, done);
		left -= done < left ? done : left; /* the batch may hold lines that came later */
	}
}

static void report_drops(void)
{
	uint64_t dropped = log_dropped();
	struct log_field lines = log_int("lines", (int64_t)(dropped - the_log.reported));
	char batch[1 + LOGLINE_MAX]; /* see output_write_batch for the first byte */
	bool failed;
	size_t len;

	if (dropped == the_log.reported)
		return;
	len = logline_format(the_log.format, wall_ms(), LOG_WARN, "log lines dropped", &lines, 1,
	                     batch + 1);
	if (output_write_batch(&the_log.output, batch, len, &failed) == len)
		the_log.reported = dropped;
}

static void carry(void)
{
	for (struct ring *ring = atomic_load(&the_log.rings.first); ring; ring = ring_next(ring))
		drain_ring(ring);
	report_drops();
}

/* ---- the writer ---- */

static bool has_waiting_lines(void)
{
	struct ring *ring = atomic_load(&the_log.rings.first);

	while (ring && ring_length(ring) == 0)
		ring = ring_next(ring);
	return ring != NULL;
}

/* A thread with last words keeps carrying until the process ends; then the writer waits for
 * ever. */
static void wait_to_carry(void)
{
	while (!try_carry())
		poll(NULL, 0, 1000);
}

/* Waits for signal_writer, but at most a second. */
static void wait_for_signal(void)
{
	struct pollfd wake = { the_log.wake_fd, POLLIN, 0 };
	uint64_t count;

	if (poll(&wake, 1, 1000) > 0 && read(the_log.wake_fd, &count, sizeof count) < 0) {
		/* Harmless: the writer only looks once more than it needs to. */
	}
}

static void *writer_main(void *unused)
{
	(void)unused;
	while (atomic_load(&the_log.running)) {
		wait_to_carry();
		carry();
		end_carry();
		atomic_store(&the_log.asleep, true);
		/* A thread that puts a line before it can see `asleep` does not signal. */
		if (!has_waiting_lines())
			wait_for_signal();
	}
	wait_to_carry();
	carry();
	output_close(&the_log.output);
	end_carry();
	return NULL;
}

static void signal_writer(void)
{
	uint64_t one = 1;

	if (write(the_log.wake_fd, &one, sizeof one) < 0) {
		/* Only EAGAIN is possible: the writer has been woken already. */
	}
}

static void on_thread_end(void *ring)
{
	ring_release(ring);
}

bool log_start(enum log_level level, enum log_format format)
{
	int failed;

	atomic_store(&the_log.level, level);
	log_set_format(format);
	the_log.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (the_log.wake_fd < 0)
		return false;
	failed = pthread_key_create(&the_log.ring_key, on_thread_end);
	if (failed) {
		errno = failed;
		return false;
	}
	output_open(&the_log.output);
	output_set_deadline(&the_log.output, 0);
	atomic_store(&the_log.running, true);
	failed = thread_start(&the_log.writer, "log", writer_main, NULL);
	if (failed) {
		atomic_store(&the_log.running, false);
		output_close(&the_log.output);
		errno = failed;
	}
	return !failed;
}

void log_stop(void)
{
	if (!atomic_load(&the_log.running))
		return;
	output_set_deadline(&the_log.output, clock_ms() + FLUSH_MS);
	atomic_store(&the_log.running, false);
	signal_writer();
	pthread_join(the_log.writer, NULL);
	output_set_deadline(&the_log.output, 0);
}

/* ---- events ---- */

static struct ring *take_my_ring(void)
{
	my_ring = ring_take(&the_log.rings);
	if (my_ring)
		pthread_setspecific(the_log.ring_key, my_ring);
	return my_ring;
}

static bool put_line(const char *line, size_t len)
{
	struct ring *ring = my_ring ? my_ring : take_my_ring();

	if (!ring || !ring_put(ring, line, len))
		return false;
	if (atomic_exchange(&the_log.asleep, false))
		signal_writer();
	return true;
}

void log_copy_warnings(FILE *out)
{
	my_copy = out;
}

void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
	char line[LOGLINE_MAX];
	bool taken;
	size_t len;

	if (is_copied(level))
		fwrite(line, 1, logline_format(LOG_FORMAT_BARE, 0, level, event, fields, n, line),
		       my_copy);
	if (!is_logged(level))
		return;
	len = logline_format(the_log.format, wall_ms(), level, event, fields, n, line);
	if (atomic_load_explicit(&the_log.running, memory_order_relaxed))
		taken = put_line(line, len);
	else
		taken = output_write_line(&the_log.output, line, len, clock_ms() + FLUSH_MS);
	if (!taken)
		atomic_fetch_add_explicit(&the_log.dropped, 1, memory_order_relaxed);
}

void log_last_words(const char *event, const struct log_field *fields, size_t n)
{
	/* If the writer itself has these last words, it is carrying already. */
	bool is_writer = atomic_load(&the_log.running) &&
	                 pthread_equal(pthread_self(), the_log.writer);
	int64_t until_ms = clock_ms() + FLUSH_MS;
	char batch[1 + LOGLINE_MAX]; /* see output_write_batch for the first byte */
	bool failed;
	size_t len;

	output_set_deadline(&the_log.output, LONG_PAST); /* makes the carrier stop */
	while (!try_carry() && !is_writer) {
		if (clock_ms() > until_ms)
			return;
		poll(NULL, 0, 1);
	}
	output_set_deadline(&the_log.output, until_ms);
	carry();
	len = logline_format(the_log.format, wall_ms(), LOG_ERROR, event, fields, n, batch + 1);
	output_write_batch(&the_log.output, batch, len, &failed);
}

void log_at_once(const char *event, const struct log_field *fields, size_t n)
{
	struct output output = { .fd = STDERR_FILENO };
	char line[LOGLINE_MAX];
	size_t len = logline_format(the_log.format, wall_ms(), LOG_ERROR, event, fields, n, line);

	output_write_line(&output, line, len, clock_ms() + FLUSH_MS);
}
