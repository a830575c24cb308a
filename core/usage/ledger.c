#include "usage/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "log/log.h"
#include "loop/pool.h"

enum { PERIOD_MS = 10000, POOL_WAIT_MS = 5000, MOST_BYTES = 1 << 26 };

struct ledger {
	char *path, *new_path; /* owned */
	struct pool *pool;     /* owned */
	/* What was written last: another server replaces the file by another one. Belongs to the
	 * pool while it is busy, as all below. */
	dev_t device;
	ino_t inode;
	bool is_lost;  /* another server has the file */
	int last_fail; /* the errno of the last attempt, so that the log says it once; 0: none */
	char *text;    /* owned; what is to be written */
	struct pool_job job;
	atomic_bool busy;
	int64_t next_ms;
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

/* Replaces the file as a whole. False: errno says why, and the file is as before. */
static bool replace(struct ledger *ledger)
{
	int fd = open(ledger->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	              0600);
	struct stat stat;
	int cause;
	bool good;

	if (fd < 0)
		return false;
	good = write_all(fd, ledger->text, strlen(ledger->text)) && fstat(fd, &stat) == 0 &&
	       rename(ledger->new_path, ledger->path) == 0;
	cause = errno;
	close(fd);
	if (good) {
		ledger->device = stat.st_dev;
		ledger->inode = stat.st_ino;
	} else {
		unlink(ledger->new_path);
	}
	errno = cause;
	return good;
}

/* Is the file another one than that which this server has written? */
static bool is_replaced(const struct ledger *ledger)
{
	struct stat now;

	return stat(ledger->path, &now) == 0 &&
	       (now.st_dev != ledger->device || now.st_ino != ledger->inode);
}

/* [blocking], or main while the pool is not busy */
static void save(struct ledger *ledger)
{
	int cause;

	if (ledger->is_lost)
		return;
	if (is_replaced(ledger)) {
		ledger->is_lost = true;
		log_info("another server counts what identities use from now on",
		         log_str("file", ledger->path));
		return;
	}
	cause = replace(ledger) ? 0 : errno;
	if (cause && cause != ledger->last_fail)
		log_event(LOG_ERROR, "cannot write what identities have used",
		          (const struct log_field[]){ log_str("file", ledger->path),
		                                      log_str("error", strerrordesc_np(cause)) },
		          2);
	ledger->last_fail = cause;
}

/* [blocking] */
static void run_save(struct pool_job *job)
{
	struct ledger *ledger = CONTAINER_OF(job, struct ledger, job);

	save(ledger);
	atomic_store(&ledger->busy, false);
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

void ledger_tick(struct ledger *ledger, struct usage_table *table, int64_t now_ms)
{
	if (now_ms < ledger->next_ms || atomic_load(&ledger->busy) ||
	    !atomic_load(&table->changed) || !take_text(ledger, table))
		return;
	ledger->next_ms = now_ms + PERIOD_MS;
	atomic_store(&ledger->busy, true);
	if (!pool_submit(ledger->pool, &ledger->job))
		atomic_store(&ledger->busy, false);
}

/* ---- reading ---- */

/* The caller frees it. NULL: errno says why. */
static char *read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;
	ssize_t n;

	if (!file)
		return NULL;
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

/* False: out of memory, or errno says why. */
static bool put_aside(const struct ledger *ledger, const char *fault, unsigned line)
{
	char *bad;
	bool good;

	if (asprintf(&bad, "%s.bad", ledger->path) < 0)
		return false;
	good = rename(ledger->path, bad) == 0;
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

static bool read_counts(struct ledger *ledger, struct usage_table *table)
{
	char *text = read_file(ledger->path);
	const char *fault;
	unsigned line;
	bool good = true;

	if (!text && errno == ENOENT) {
		log_info("counting what identities use begins at 0: there is no file yet",
		         log_str("file", ledger->path));
		return true;
	}
	if (!text)
		return false;
	fault = usage_table_read(table, text, &line);
	if (fault)
		good = put_aside(ledger, fault, line);
	free(text);
	return good;
}

/* ---- life ---- */

static void free_ledger(struct ledger *ledger)
{
	free(ledger->path);
	free(ledger->new_path);
	free(ledger->text);
	free(ledger);
}

struct ledger *ledger_open(const char *path, struct usage_table *table, struct err *err)
{
	struct ledger *ledger = calloc(1, sizeof *ledger);

	err_set(err, "out of memory");
	if (!ledger)
		return NULL;
	ledger->job.run = run_save;
	ledger->path = strdup(path);
	if (asprintf(&ledger->new_path, "%s.new", path) < 0)
		ledger->new_path = NULL;
	if (!ledger->path || !ledger->new_path)
		goto fail;
	if (!read_counts(ledger, table)) {
		err_set(err, "%s: cannot read the file: %s", path, strerrordesc_np(errno));
		goto fail;
	}
	if (!take_text(ledger, table))
		goto fail;
	if (!replace(ledger)) {
		err_set(err, "%s: cannot write the file: %s", path, strerrordesc_np(errno));
		goto fail;
	}
	ledger->pool = pool_new(1, 1);
	if (ledger->pool)
		return ledger;
fail:
	free_ledger(ledger);
	return NULL;
}

void ledger_close(struct ledger *ledger, struct usage_table *table)
{
	if (!ledger)
		return;
	/* A thread that hangs in the file system keeps the ledger. */
	if (!pool_free(ledger->pool, POOL_WAIT_MS))
		return;
	if (take_text(ledger, table))
		save(ledger);
	free_ledger(ledger);
}
