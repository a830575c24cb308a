#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/logline.h"

enum { RING_SIZE = 64 * 1024, FLUSH_MS = 1000 };

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
} the_log = { .level = LOG_INFO, .wake_fd = -1 };

static _Thread_local struct ring *my_ring;

struct log_field log_str(const char *key, const char *text)
{
	return log_text(key, text, text ? strlen(text) : 0);
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

	if (atomic_exchange(&the_log.asleep, false) && write(the_log.wake_fd, &one, sizeof one) < 0) {
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

/* Waits for room, so that a write of at most PIPE_BUF bytes cannot block. Returns what was written,
 * or lost because nobody reads any more: less than len only when it was too late, or `until_ms` (0:
 * never) has passed. */
static size_t write_out(const char *bytes, size_t len, int64_t until_ms)
{
	size_t done = 0;

	while (done < len && !is_too_late() && !is_past(until_ms)) {
		struct pollfd room = { STDERR_FILENO, POLLOUT, 0 };
		size_t part = len - done < 4096 ? len - done : 4096;
		ssize_t n;

		if (poll(&room, 1, 100) <= 0)
			continue;
		n = write(STDERR_FILENO, bytes + done, part);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return len;
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

/* Carries over all that waits. */
static void drain_rings(bool *moved_out)
{
	for (struct ring *ring = atomic_load(&the_log.rings); ring; ring = ring->next) {
		size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
		size_t head = atomic_load(&ring->head);

		while (tail != head && !is_too_late()) {
			size_t start = tail % RING_SIZE;
			size_t len = head - tail < RING_SIZE - start ? head - tail : RING_SIZE - start;

			tail += write_out(ring->bytes + start, len, 0);
			atomic_store_explicit(&ring->tail, tail, memory_order_release);
			*moved_out = true;
		}
	}
}

static void report_drops(uint64_t *reported)
{
	uint64_t dropped = log_dropped();
	struct log_field lines = log_int("lines", (int64_t)(dropped - *reported));
	char text[LOGLINE_MAX];

	if (dropped == *reported)
		return;
	*reported = dropped;
	write_out(text,
	          logline_format(the_log.format, wall_ms(), LOG_WARN, "log lines dropped", &lines, 1,
	                         text),
	          0);
}

static void *writer_main(void *unused)
{
	uint64_t reported = 0, count;

	(void)unused;
	while (atomic_load(&the_log.running)) {
		struct pollfd wake = { the_log.wake_fd, POLLIN, 0 };
		bool moved = false;

		drain_rings(&moved);
		report_drops(&reported);
		if (moved)
			continue;
		atomic_store(&the_log.asleep, true);
		drain_rings(&moved); /* a line may have come before `asleep` was seen */
		if (!moved && poll(&wake, 1, 1000) > 0 &&
		    read(the_log.wake_fd, &count, sizeof count) < 0)
			continue;
	}
	drain_rings(&(bool){ false });
	report_drops(&reported);
	return NULL;
}

bool log_start(enum log_level level, enum log_format format)
{
	sigset_t all, old;
	int failed;

	atomic_store(&the_log.level, level);
	the_log.format = format;
	the_log.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (the_log.wake_fd < 0)
		return false;
	if (pthread_key_create(&the_log.ring_key, on_thread_end) != 0)
		return false;
	atomic_store(&the_log.flush_until_ms, 0);
	atomic_store(&the_log.running, true);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = pthread_create(&the_log.writer, NULL, writer_main, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (failed)
		atomic_store(&the_log.running, false);
	return !failed;
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
	size_t len;

	if (!log_is_enabled(level))
		return;
	len = logline_format(the_log.format, wall_ms(), level, event, fields, n, line);
	if (!atomic_load_explicit(&the_log.running, memory_order_relaxed))
		write_out(line, len, clock_ms() + FLUSH_MS);
	else if (!ring_put(line, len))
		atomic_fetch_add_explicit(&the_log.dropped, 1, memory_order_relaxed);
}
