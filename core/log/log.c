#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "thread/thread.h"

/* A pipe takes a batch whole or not at all, so that no line is torn. */
enum { RING_SIZE = 64 * 1024, BATCH = PIPE_BUF, FLUSH_MS = 1000 };
_Static_assert(LOGLINE_MAX < BATCH, "a batch holds a line, and the end of one before it");

/* Bytes of whole lines between tail and head (both only grow; taken modulo RING_SIZE). The owner
 * moves head, the writer moves tail. */
struct ring {
	struct ring *next;
	atomic_size_t head, tail;
	atomic_bool free; /* its thread has ended: another may take it over */
	char bytes[RING_SIZE];
};

/* The process's one log: standard error is one, too. */
static struct {
	atomic_int level;
	enum log_format format;
	_Atomic(struct ring *) rings;
	atomic_uint_fast64_t dropped;
	atomic_bool running, asleep;
	atomic_int_fast64_t flush_until_ms; /* set by log_stop; 0 before */
	int wake_fd;
	pthread_t writer;
	pthread_key_t ring_key;
	/* Who carries has the tails of the rings, and what follows. */
	atomic_bool carrying;
	int fd;            /* standard error, or the same file opened again (see open_own) */
	bool torn;         /* the last line is not whole, and its rest is lost */
	uint64_t reported; /* of dropped */
} the_log = { .level = LOG_INFO, .wake_fd = -1, .fd = STDERR_FILENO };

static _Thread_local struct ring *my_ring;

void log_set_level(enum log_level level)
{
	atomic_store(&the_log.level, level);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load(&the_log.level);
}

bool log_is_enabled(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&the_log.level, memory_order_relaxed);
}

uint64_t log_dropped(void)
{
	return atomic_load_explicit(&the_log.dropped, memory_order_relaxed);
}

static void on_thread_end(void *ring)
{
	atomic_store(&((struct ring *)ring)->free, true);
}

static struct ring *ring_take(void)
{
	struct ring *ring;

	for (ring = atomic_load(&the_log.rings); ring; ring = ring->next) {
		bool is_free = true;

		if (atomic_compare_exchange_strong(&ring->free, &is_free, false))
			break;
	}
	if (!ring) {
		ring = calloc(1, sizeof *ring);
		if (!ring)
			return NULL;
		ring->next = atomic_load(&the_log.rings);
		while (!atomic_compare_exchange_weak(&the_log.rings, &ring->next, ring))
			;
	}
	pthread_setspecific(the_log.ring_key, ring);
	my_ring = ring;
	return ring;
}

static void ring_copy_in(struct ring *ring, size_t at, const char *bytes, size_t len)
{
	size_t start = at % RING_SIZE, first = RING_SIZE - start;

	if (first > len)
		first = len;
	memcpy(ring->bytes + start, bytes, first);
	memcpy(ring->bytes, bytes + first, len - first);
}

static void wake_writer(void)
{
	uint64_t one = 1;

	if (atomic_exchange(&the_log.asleep, false) &&
	    write(the_log.wake_fd, &one, sizeof one) < 0) {
		/* Only EAGAIN is possible: it is awake already. */
	}
}

static bool ring_put(const char *line, size_t len)
{
	struct ring *ring = my_ring ? my_ring : ring_take();
	size_t head, tail;

	if (!ring)
		return false;
	head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
	if (RING_SIZE - (head - tail) < len)
		return false;
	ring_copy_in(ring, head, line, len);
	atomic_store(&ring->head, head + len);
	wake_writer();
	return true;
}

/* Nothing has come through for so long that the rest is given up. The writer never does that before
 * log_stop. */
static bool is_past(int64_t until_ms)
{
	return until_ms && clock_ms() > until_ms;
}

static bool is_too_late(void)
{
	return is_past(atomic_load(&the_log.flush_until_ms));
}

/* Waits for room, so that a write cannot block. Returns how much was written: less than len when it
 * was too late, when `until_ms` (0: never) has passed, or (then *failed_out) when nobody takes it.
 */
static size_t write_out(int fd, const char *bytes, size_t len, int64_t until_ms, bool *failed_out)
{
	size_t done = 0;

	*failed_out = false;
	while (done < len && !is_too_late() && !is_past(until_ms)) {
		struct pollfd room = { fd, POLLOUT, 0 };
		size_t part = len - done < BATCH ? len - done : BATCH;
		ssize_t n;

		if (poll(&room, 1, 100) <= 0)
			continue;
		n = write(fd, bytes + done, part);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		*failed_out = n < 0;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	return done;
}

static int64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Lets the caller carry, until carry_end. */
static bool carry_begin(void)
{
	bool idle = false;

	return atomic_compare_exchange_strong(&the_log.carrying, &idle, true);
}

static void carry_end(void)
{
	atomic_store(&the_log.carrying, false);
}

/* Whole lines from the tail on, as many as fit; the tail's own may have begun before. */
static size_t ring_copy_out(const struct ring *ring, size_t tail, size_t head, char *out,
                            size_t size)
{
	size_t len = head - tail < size ? head - tail : size;
	size_t start = tail % RING_SIZE, first = RING_SIZE - start < len ? RING_SIZE - start : len;

	memcpy(out, ring->bytes + start, first);
	memcpy(out + first, ring->bytes, len - first);
	while (len < head - tail && out[len - 1] != '\n')
		len--;
	return len;
}

static uint64_t count_lines(const char *bytes, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += bytes[i] == '\n';
	return n;
}

/* Writes the batch, which stands at batch + 1. Returns how much of it is done with; *failed_out:
 * the rest of it cannot be written. */
static size_t write_batch(char *batch, size_t len, bool *failed_out)
{
	char *lines = batch + 1;
	size_t torn = the_log.torn, done; /* a line end goes before them */

	batch[0] = '\n';
	done = write_out(the_log.fd, lines - torn, len + torn, 0, failed_out);
	if (done > 0)
		the_log.torn = *failed_out && batch[done - torn] != '\n';
	return done > torn ? done - torn : 0;
}

static void drain_ring(struct ring *ring)
{
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	size_t head = atomic_load(&ring->head);
	char batch[BATCH];

	while (tail != head && !is_too_late()) {
		size_t len = ring_copy_out(ring, tail, head, batch + 1, sizeof batch - 1);
		bool failed;
		size_t done = write_batch(batch, len, &failed);

		if (failed) {
			atomic_fetch_add(&the_log.dropped,
			                 count_lines(batch + 1 + done, len - done));
			done = len;
		}
		tail += done;
		atomic_store_explicit(&ring->tail, tail, memory_order_release);
	}
}

static void report_drops(void)
{
	uint64_t dropped = log_dropped();
	struct log_field lines = log_int("lines", (int64_t)(dropped - the_log.reported));
	char batch[1 + LOGLINE_MAX];
	bool failed;
	size_t len;

	if (dropped == the_log.reported)
		return;
	len = logline_format(the_log.format, wall_ms(), LOG_WARN, "log lines dropped", &lines, 1,
	                     batch + 1);
	if (write_batch(batch, len, &failed) == len)
		the_log.reported = dropped;
}

/* Carries over all that waits. */
static void carry(void)
{
	for (struct ring *ring = atomic_load(&the_log.rings); ring; ring = ring->next)
		drain_ring(ring);
	report_drops();
}

static bool anything_waits(void)
{
	struct ring *ring = atomic_load(&the_log.rings);

	while (ring && atomic_load(&ring->head) == atomic_load(&ring->tail))
		ring = ring->next;
	return ring != NULL;
}

/* A description of our own, which does not block whoever else writes to the same pipe or terminal,
 * or stops it. A file is shared, so that all append to it, also when it is cut short by who rotates
 * it. */
static int open_own(void)
{
	struct stat st;
	int flags = fcntl(STDERR_FILENO, F_GETFL), fd = -1;

	if (flags < 0 || fstat(STDERR_FILENO, &st) < 0)
		return STDERR_FILENO;
	if (S_ISREG(st.st_mode))
		fcntl(STDERR_FILENO, F_SETFL, flags | O_APPEND);
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
		fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd >= 0 ? fd : STDERR_FILENO;
}

static void close_own(void)
{
	if (the_log.fd != STDERR_FILENO)
		close(the_log.fd);
	the_log.fd = STDERR_FILENO;
}

/* Whoever has last words carries from then on, and the process ends. */
static void carry_or_rest(void)
{
	while (!carry_begin())
		poll(NULL, 0, 1000);
}

static void *writer_main(void *unused)
{
	uint64_t count;

	(void)unused;
	while (atomic_load(&the_log.running)) {
		struct pollfd wake = { the_log.wake_fd, POLLIN, 0 };

		carry_or_rest();
		carry();
		carry_end();
		atomic_store(&the_log.asleep, true);
		if (anything_waits()) /* it came before `asleep` was seen */
			continue;
		if (poll(&wake, 1, 1000) > 0 && read(the_log.wake_fd, &count, sizeof count) < 0)
			continue;
	}
	carry_or_rest();
	carry();
	close_own();
	carry_end();
	return NULL;
}

bool log_start(enum log_level level, enum log_format format)
{
	bool started;

	atomic_store(&the_log.level, level);
	the_log.format = format;
	the_log.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (the_log.wake_fd < 0)
		return false;
	if (pthread_key_create(&the_log.ring_key, on_thread_end) != 0)
		return false;
	the_log.fd = open_own();
	atomic_store(&the_log.flush_until_ms, 0);
	atomic_store(&the_log.running, true);
	started = thread_start(&the_log.writer, "log", writer_main, NULL) == 0;
	if (!started) {
		atomic_store(&the_log.running, false);
		close_own();
	}
	return started;
}

void log_stop(void)
{
	uint64_t one = 1;

	if (!atomic_load(&the_log.running))
		return;
	atomic_store(&the_log.flush_until_ms, clock_ms() + FLUSH_MS);
	atomic_store(&the_log.running, false);
	if (write(the_log.wake_fd, &one, sizeof one) < 0) {
		/* Awake already. */
	}
	pthread_join(the_log.writer, NULL);
	atomic_store(&the_log.flush_until_ms, 0);
	/* The rings stay: a thread of a plugin that hangs may still hold one. */
}

void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
	char line[LOGLINE_MAX];
	bool taken, failed;
	size_t len;

	if (!log_is_enabled(level))
		return;
	len = logline_format(the_log.format, wall_ms(), level, event, fields, n, line);
	if (atomic_load_explicit(&the_log.running, memory_order_relaxed))
		taken = ring_put(line, len);
	else
		taken = write_out(STDERR_FILENO, line, len, clock_ms() + FLUSH_MS, &failed) == len;
	if (!taken)
		atomic_fetch_add_explicit(&the_log.dropped, 1, memory_order_relaxed);
}

void log_last_words(const char *event, const struct log_field *fields, size_t n)
{
	/* The writer carries when it is its own fault. */
	bool writer = atomic_load(&the_log.running) &&
	              pthread_equal(pthread_self(), the_log.writer);
	int64_t until_ms = clock_ms() + FLUSH_MS;
	char batch[1 + LOGLINE_MAX];
	bool failed;

	atomic_store(&the_log.flush_until_ms, 1); /* long past: whoever carries lets go */
	while (!carry_begin() && !writer) {
		if (is_past(until_ms))
			return;
		poll(NULL, 0, 1);
	}
	atomic_store(&the_log.flush_until_ms, until_ms);
	carry();
	write_batch(
		batch,
		logline_format(the_log.format, wall_ms(), LOG_ERROR, event, fields, n, batch + 1),
		&failed);
}
