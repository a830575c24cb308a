#include "usage/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "log/log.h"
#include "loop/pool.h"
#include "usage/use_file.h"
#include "usage/use_holder.h"

enum { PERIOD_MS = 10000, POOL_WAIT_MS = 5000, MOST_PAUSE_MS = 3600000, MOST_BYTES = 1 << 26 };
enum { LOCK_TRIES = 200, LOCK_PAUSE_MS = 10 };

struct ledger {
	char *path, *new_path, *lock_path; /* owned */
	struct pool *pool;                 /* owned */
	/* What was written last: another server replaces the file by another one. It stays open, so
	 * that no other file gets its number. -1: nothing. Belongs to the pool while it is busy, as
	 * all below. */
	int fd;
	int64_t log_ms,
		pause_ms; /* when a failure that lasts is logged again, and the pause then */
	char *text;       /* owned; what is to be written; NULL: nothing has changed */
	atomic_int fault; /* the errno of the last attempt; 0: it was good */
	_Atomic int64_t since_ms; /* when the first attempt failed that none has made good */
	struct pool_job job;
	atomic_bool busy;
	atomic_bool is_lost; /* another server has the file */
	atomic_bool yields;  /* the next server may take the file: it is not marked as held */
	int64_t next_ms;     /* [main], as the rest */
	int64_t lost_ms;     /* when a tick saw that first; 0: none has */
	bool leaves;         /* the next server may take the file */
	bool is_told;        /* the log has said that the file is lost */
	bool is_hurried;     /* until the next attempt to write begins */
};

/* ---- writing ---- */

/* False: errno says why. */
static bool write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd) == 0;
}

/* Only one server at a time reads or replaces the file. Returns a descriptor to close. -1: errno
 * says why. */
static int take_lock(const struct ledger *ledger)
{
	int fd = open(ledger->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -1;
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || i == LOCK_TRIES) {
			close(fd);
			return -1;
		}
		nanosleep(&(struct timespec){ 0, LOCK_PAUSE_MS * 1000000L }, NULL);
	}
	return fd;
}

/* Replaces the file as a whole. The caller has the lock. False: errno says why, and the file is as
 * before. */
static bool replace(struct ledger *ledger)
{
	int fd = open(ledger->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	              0600);
	int cause;

	if (fd < 0)
		return false;
	if (write_all(fd, ledger->text, strlen(ledger->text)) &&
	    rename(ledger->new_path, ledger->path) == 0) {
		if (ledger->fd >= 0)
			close(ledger->fd);
		ledger->fd = fd;
		if (!atomic_load(&ledger->yields))
			use_holder_mark(fd);
		return true;
	}
	cause = errno;
	close(fd);
	unlink(ledger->new_path);
	errno = cause;
	return false;
}

/* Is the file another one than that which this server has written? [blocking] */
static bool is_replaced(const struct ledger *ledger)
{
	struct stat own, now;

	return fstat(ledger->fd, &own) == 0 && stat(ledger->path, &now) == 0 &&
	       (now.st_dev != own.st_dev || now.st_ino != own.st_ino);
}

/* 0, or the errno of what failed. */
static int replace_own(struct ledger *ledger)
{
	int lock = take_lock(ledger), cause = 0;

	if (lock < 0)
		return errno;
	atomic_store(&ledger->is_lost, is_replaced(ledger));
	if (!atomic_load(&ledger->is_lost) && !replace(ledger))
		cause = errno;
	close(lock);
	return cause;
}

/* A failure that lasts is logged at once, and then after pauses that grow. */
static void note_failure(struct ledger *ledger, int cause)
{
	int64_t now_ms = clock_ms();

	if (!atomic_load(&ledger->fault)) {
		atomic_store(&ledger->since_ms, now_ms);
		ledger->log_ms = now_ms;
		ledger->pause_ms = PERIOD_MS;
	}
	atomic_store(&ledger->fault, cause);
	if (now_ms < ledger->log_ms)
		return;
	ledger->log_ms = now_ms + ledger->pause_ms;
	ledger->pause_ms = ledger->pause_ms < MOST_PAUSE_MS / 2 ? 2 * ledger->pause_ms
	                                                        : MOST_PAUSE_MS;
	log_event(LOG_ERROR, "cannot write what identities have used",
	          (const struct log_field[]){
			  log_str("file", ledger->path), log_str("error", strerrordesc_np(cause)),
			  log_int("fails_for_ms", now_ms - atomic_load(&ledger->since_ms)) },
	          3);
}

static void note_success(struct ledger *ledger)
{
	if (!atomic_exchange(&ledger->fault, 0))
		return;
	log_event(LOG_INFO, "what identities have used is written again",
	          (const struct log_field[]){
			  log_str("file", ledger->path),
			  log_int("failed_for_ms", clock_ms() - atomic_load(&ledger->since_ms)) },
	          2);
}

/* [blocking], or main while the pool is not busy */
static void save(struct ledger *ledger)
{
	int cause;

	if (!ledger->text) {
		atomic_store(&ledger->is_lost, is_replaced(ledger));
		return;
	}
	cause = replace_own(ledger);
	if (atomic_load(&ledger->is_lost))
		atomic_store(&ledger->fault, 0);
	else if (cause)
		note_failure(ledger, cause);
	else
		note_success(ledger);
}

/* [blocking] */
static void run_save(struct pool_job *job)
{
	struct ledger *ledger = CONTAINER_OF(job, struct ledger, job);

	save(ledger);
	if (atomic_load(&ledger->yields))
		use_holder_unmark(ledger->fd);
	atomic_store(&ledger->busy, false);
}

/* From now on, the next server may take the file. While the pool is busy, it does the rest. */
static void yield_file(struct ledger *ledger)
{
	atomic_store(&ledger->yields, true);
	if (!atomic_load(&ledger->busy) && ledger->fd >= 0)
		use_holder_unmark(ledger->fd);
}

/* False: out of memory. */
static bool take_text(struct ledger *ledger, struct usage_table *table)
{
	char *text = usage_table_write(table);

	if (!text)
		return false;
	free(ledger->text);
	ledger->text = text;
	return true;
}

static void tell_loss(struct ledger *ledger)
{
	struct log_field file = log_str("file", ledger->path);

	if (ledger->is_told)
		return;
	ledger->is_told = true;
	if (ledger->leaves)
		log_info("another server counts what identities use from now on", file);
	else
		log_warn("another server has taken the file of what identities use: this server "
		         "still limits them, but what they use here from now on is kept nowhere, "
		         "and forgotten at its restart",
		         file,
		         log_str("remedy", "give each server a server.usage_file of its own, and "
		                           "restart this one"));
}

/* A server that leaves is often told so only after the next one has the file. */
static void heed_loss(struct ledger *ledger, int64_t now_ms)
{
	if (!ledger->lost_ms) {
		ledger->lost_ms = now_ms;
		atomic_store(&ledger->since_ms, clock_ms());
	}
	if (ledger->leaves || now_ms - ledger->lost_ms >= PERIOD_MS)
		tell_loss(ledger);
}

/* A server that has the file again writes it anew, since nothing else tells it that the next one
 * has taken the file. False: memory is out. */
static bool take_changes(struct ledger *ledger, struct usage_table *table)
{
	if (atomic_load(&table->changed) || atomic_load(&ledger->fault) || ledger->fd < 0)
		return take_text(ledger, table);
	free(ledger->text);
	ledger->text = NULL;
	return true;
}

void ledger_tick(struct ledger *ledger, struct usage_table *table, int64_t now_ms)
{
	if (atomic_load(&ledger->is_lost)) {
		ledger->is_hurried = false;
		heed_loss(ledger, now_ms);
		return;
	}
	if (now_ms < ledger->next_ms || atomic_load(&ledger->busy))
		return;
	ledger->is_hurried = false;
	if (!take_changes(ledger, table))
		return;
	ledger->next_ms = now_ms + PERIOD_MS;
	atomic_store(&ledger->busy, true);
	if (!pool_submit(ledger->pool, &ledger->job))
		atomic_store(&ledger->busy, false);
}

void ledger_hurry(struct ledger *ledger)
{
	ledger->next_ms = 0;
	ledger->is_hurried = true;
	yield_file(ledger);
}

bool ledger_is_settled(const struct ledger *ledger)
{
	return !ledger->is_hurried && !atomic_load(&ledger->busy);
}

void ledger_reclaim(struct ledger *ledger)
{
	atomic_store(&ledger->yields, false); /* also if the file is being written at this moment */
	if (atomic_load(&ledger->busy))
		return;
	if (ledger->fd >= 0)
		close(ledger->fd);
	ledger->fd = -1;
	atomic_store(&ledger->is_lost, false);
	ledger->lost_ms = ledger->next_ms = 0;
	ledger->leaves = ledger->is_told = false;
}

int64_t ledger_fails(const struct ledger *ledger, const char **why_out)
{
	int cause = atomic_load(&ledger->fault);
	bool is_lost = ledger->is_told && !ledger->leaves;
	int64_t fails_ms = clock_ms() - atomic_load(&ledger->since_ms);

	if (!cause && !is_lost)
		return 0;
	*why_out = is_lost ? "another server has taken the file" : strerrordesc_np(cause);
	return fails_ms > 0 ? fails_ms : 1;
}

/* ---- reading ---- */

/* Closes the file. The caller frees the text. NULL: errno says why. */
static char *read_text(int fd)
{
	FILE *file = fdopen(fd, "r");
	char *text = NULL;
	size_t room = 0;
	ssize_t n;

	if (!file) {
		close(fd);
		return NULL;
	}
	errno = 0;
	n = getdelim(&text, &room, '\0', file);
	if (n < 0 && !ferror(file) && !errno) { /* empty */
		free(text);
		text = strdup("");
		n = 0;
	}
	fclose(file);
	if (n >= 0 && n <= MOST_BYTES)
		return text;
	free(text);
	errno = n > MOST_BYTES ? EFBIG : errno;
	return NULL;
}

/* False: *err says why. */
static bool put_aside(const struct ledger *ledger, const char *fault, unsigned line,
                      struct err *err)
{
	char *bad;
	bool good;

	if (asprintf(&bad, "%s.bad", ledger->path) < 0)
		return false;
	good = use_file_check(bad, err);
	if (good && rename(ledger->path, bad) != 0) {
		good = false;
		err_set(err, "%s: cannot rename the file, which is not valid: %s", ledger->path,
		        strerrordesc_np(errno));
	}
	if (good)
		log_event(LOG_ERROR,
		          "the file of what identities have used is not valid: it was renamed, and "
		          "all counts "
		          "begin at 0",
		          (const struct log_field[]){
				  log_str("file", ledger->path), log_int("line", line),
				  log_str("error", fault), log_str("renamed_to", bad) },
		          4);
	free(bad);
	return good;
}

/* A server that does not drain, and has the file. */
struct holder {
	bool is_there;
	int64_t pid; /* 0: not known */
};

static void tell_holder(const struct ledger *ledger, const struct holder *holder)
{
	struct log_field fields[3] = { log_str("file", ledger->path) };
	size_t n = 1;

	if (!holder->is_there)
		return;
	if (holder->pid)
		fields[n++] = log_int("pid", holder->pid);
	fields[n++] = log_str("remedy", "give each server a server.usage_file of its own");
	log_event(LOG_WARN,
	          "a running server has the file of what identities use: this one takes the file "
	          "from it, so what they use there from now on is kept nowhere",
	          fields, n);
}

/* There is no file. */
static void begin_counts(const struct ledger *ledger, const char *inherited,
                         struct usage_table *table)
{
	struct log_field file = log_str("file", ledger->path);

	if (usage_table_inherit(table, inherited))
		log_info("counting what identities use goes on from the counts of the server "
		         "before: there is no file yet",
		         file);
	else
		log_info("counting what identities use begins at 0: there is no file yet", file);
}

/* False: *err says why. */
static bool read_counts(struct ledger *ledger, const char *inherited, struct usage_table *table,
                        struct holder *holder_out, struct err *err)
{
	int fd = use_file_open(ledger->path, err);
	const char *fault;
	unsigned line;
	bool good = true;
	char *text;

	if (fd < 0 && errno == ENOENT) {
		begin_counts(ledger, inherited, table);
		return true;
	}
	if (fd < 0)
		return false;
	holder_out->is_there = use_holder_find(fd, &holder_out->pid);
	text = read_text(fd);
	if (!text) {
		err_set(err, "%s: cannot read the file: %s", ledger->path, strerrordesc_np(errno));
		return false;
	}
	fault = usage_table_read(table, text, &line);
	if (fault)
		good = put_aside(ledger, fault, line, err);
	free(text);
	return good;
}

/* ---- life ---- */

static void free_ledger(struct ledger *ledger)
{
	if (ledger->fd >= 0)
		close(ledger->fd);
	free(ledger->path);
	free(ledger->new_path);
	free(ledger->lock_path);
	free(ledger->text);
	free(ledger);
}

/* False: out of memory. */
static bool name_files(struct ledger *ledger, const char *path)
{
	ledger->path = strdup(path);
	if (asprintf(&ledger->new_path, "%s.new", path) < 0)
		ledger->new_path = NULL;
	if (asprintf(&ledger->lock_path, "%s.lock", path) < 0)
		ledger->lock_path = NULL;
	return ledger->path && ledger->new_path && ledger->lock_path;
}

/* Takes the file over from the server that had it. False and *err. */
static bool take_file(struct ledger *ledger, const char *inherited, struct usage_table *table,
                      struct err *err)
{
	int lock = take_lock(ledger);
	struct holder holder = { .is_there = false };
	bool is_read = lock >= 0 && read_counts(ledger, inherited, table, &holder, err);
	bool has_text = is_read && take_text(ledger, table);
	bool good = has_text && replace(ledger);

	if (lock < 0 || (has_text && !good))
		err_set(err, "%s: cannot write the file: %s", ledger->path, strerrordesc_np(errno));
	else if (is_read && !has_text)
		err_set(err, "out of memory");
	if (lock >= 0)
		close(lock);
	if (good)
		tell_holder(ledger, &holder);
	return good;
}

struct ledger *ledger_open(const char *path, const char *inherited, struct usage_table *table,
                           struct err *err)
{
	struct ledger *ledger = calloc(1, sizeof *ledger);

	err_set(err, "out of memory");
	if (!ledger)
		return NULL;
	ledger->fd = -1;
	ledger->job.run = run_save;
	if (name_files(ledger, path))
		ledger->pool = pool_new(1, 1);
	if (ledger->pool && take_file(ledger, inherited, table, err))
		return ledger;
	pool_free(ledger->pool, POOL_WAIT_MS);
	free_ledger(ledger);
	return NULL;
}

void ledger_leave(struct ledger *ledger)
{
	if (!ledger)
		return;
	ledger->leaves = true;
	yield_file(ledger);
}

void ledger_close(struct ledger *ledger, struct usage_table *table)
{
	if (!ledger)
		return;
	/* A thread that hangs in the file system keeps the ledger. */
	if (!pool_free(ledger->pool, POOL_WAIT_MS))
		return;
	if (!atomic_load(&ledger->is_lost) && take_text(ledger, table))
		save(ledger);
	if (atomic_load(&ledger->is_lost))
		tell_loss(ledger);
	free_ledger(ledger);
}
