#include "usage/usage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log/log.h"

/* Visitors who come at once: those of a second. A little more, since a refill rounds up. */
static const int64_t visitors_burst_ns = 1001000000;
/* The log warns at this share of an allowance. */
enum { WARN_PERCENT = 80 };

static const char *const period_names[USE_PERIODS] = { [USE_DAY] = "day", [USE_MONTH] = "month" };
static const char head[] = "spore use 1\n";

static uint32_t date_of(int64_t wall_ms)
{
	time_t seconds = wall_ms / 1000;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	return (uint32_t)(tm.tm_year + 1900) * 10000 + (uint32_t)(tm.tm_mon + 1) * 100 +
	       (uint32_t)tm.tm_mday;
}

static bool is_same_month(uint32_t a, uint32_t b)
{
	return a / 100 == b / 100;
}

/* ---- the table ---- */

void usage_table_init(struct usage_table *table, unsigned n_workers, int64_t wall_ms)
{
	pthread_mutex_init(&table->lock, NULL);
	table->first = NULL;
	table->n_workers = n_workers;
	table->date = date_of(wall_ms);
	atomic_init(&table->changed, false);
}

static void free_usage(struct usage *usage)
{
	for (int i = 0; i < USE_DIRECTIONS; i++)
		bucket_fini(&usage->buckets[i]);
	free(usage->identity);
	free(usage);
}

void usage_table_fini(struct usage_table *table)
{
	while (table->first) {
		struct usage *usage = table->first;

		table->first = usage->next;
		free_usage(usage);
	}
	pthread_mutex_destroy(&table->lock);
}

static bool has_allowance(const struct usage *usage)
{
	return atomic_load(&usage->allowed[USE_DAY]) != USE_UNLIMITED ||
	       atomic_load(&usage->allowed[USE_MONTH]) != USE_UNLIMITED;
}

/* The counts of an identity without an allowance limit nothing. A series of metrics is never
 * removed. */
static bool is_needed(const struct usage *usage)
{
	return usage->refs > 0 || usage->has_series ||
	       (has_allowance(usage) && atomic_load(&usage->used[USE_MONTH]));
}

/* The caller holds the lock. */
static void drop_needless(struct usage_table *table)
{
	struct usage **link = &table->first;

	while (*link) {
		struct usage *usage = *link;

		if (is_needed(usage)) {
			link = &usage->next;
			continue;
		}
		*link = usage->next;
		free_usage(usage);
	}
}

void usage_table_turn(struct usage_table *table, int64_t wall_ms)
{
	uint32_t date = date_of(wall_ms);

	pthread_mutex_lock(&table->lock);
	/* A clock that is set back begins no day for a second time. */
	if (date > table->date) {
		for (struct usage *u = table->first; u; u = u->next) {
			atomic_store(&u->used[USE_DAY], 0);
			if (!is_same_month(date, table->date))
				atomic_store(&u->used[USE_MONTH], 0);
		}
		table->date = date;
		atomic_store(&table->changed, true);
		drop_needless(table);
	}
	pthread_mutex_unlock(&table->lock);
}

void usage_table_each(struct usage_table *table, void (*look)(struct usage *usage, void *arg),
                      void *arg)
{
	pthread_mutex_lock(&table->lock);
	for (struct usage *u = table->first; u; u = u->next)
		look(u, arg);
	pthread_mutex_unlock(&table->lock);
}

/* The caller holds the lock. NULL: out of memory. */
static struct usage *find_or_add(struct usage_table *table, const char *identity)
{
	struct usage *usage = table->first;

	while (usage && strcmp(usage->identity, identity) != 0)
		usage = usage->next;
	if (usage)
		return usage;
	usage = calloc(1, sizeof *usage);
	if (!usage)
		return NULL;
	for (int i = 0; i < USE_DIRECTIONS; i++)
		bucket_init(&usage->buckets[i], table->n_workers);
	refill_init(&usage->visitors, visitors_burst_ns);
	atomic_init(&usage->visitors_per_second, -1);
	for (int i = 0; i < USE_PERIODS; i++)
		atomic_init(&usage->allowed[i], USE_UNLIMITED);
	usage->identity = strdup(identity);
	if (!usage->identity) {
		free_usage(usage);
		return NULL;
	}
	usage->next = table->first;
	table->first = usage;
	return usage;
}

struct usage *usage_get(struct usage_table *table, const char *identity)
{
	struct usage *usage;

	pthread_mutex_lock(&table->lock);
	usage = find_or_add(table, identity);
	if (usage)
		usage->refs++;
	pthread_mutex_unlock(&table->lock);
	return usage;
}

void usage_put(struct usage_table *table, struct usage *usage)
{
	if (!usage)
		return;
	pthread_mutex_lock(&table->lock);
	if (--usage->refs == 0)
		drop_needless(table);
	pthread_mutex_unlock(&table->lock);
}

/* ---- the counts as a text ---- */

char *usage_table_write(struct usage_table *table)
{
	char *text = NULL;
	size_t len, n = 0;
	FILE *out = open_memstream(&text, &len);
	bool good;

	if (!out)
		return NULL;
	pthread_mutex_lock(&table->lock);
	atomic_store(&table->changed, false);
	fprintf(out, "%s%" PRIu32 "\n", head, table->date);
	for (const struct usage *u = table->first; u; u = u->next) {
		uint64_t day = atomic_load(&u->used[USE_DAY]);
		uint64_t month = atomic_load(&u->used[USE_MONTH]);

		if (!has_allowance(u) || month == 0)
			continue;
		n++;
		fprintf(out, "%" PRIu64 " %" PRIu64 " %s\n", day, month, u->identity);
	}
	pthread_mutex_unlock(&table->lock);
	fprintf(out, "end %zu\n", n);
	good = !ferror(out);
	if (fclose(out) == 0 && good)
		return text;
	free(text);
	return NULL;
}

/* Reads digits and the byte behind them, and moves *at behind it. */
static bool read_number(const char **at, char end, uint64_t *out)
{
	size_t digits = strspn(*at, "0123456789");

	if (digits == 0 || digits > 19 || (*at)[digits] != end)
		return false;
	*out = strtoull(*at, NULL, 10);
	*at += digits + 1;
	return true;
}

/* One line of the text. */
struct entry {
	uint64_t day, month;
	const char *identity;
	size_t len;
};

static bool read_entry(const char **at, struct entry *out)
{
	const char *end;

	if (!read_number(at, ' ', &out->day) || !read_number(at, ' ', &out->month))
		return false;
	end = strchr(*at, '\n');
	if (!end)
		return false;
	out->identity = *at;
	out->len = (size_t)(end - *at);
	*at = end + 1;
	return true;
}

/* The caller holds the lock. The identity's limits are not known yet. Without memory, it starts
 * from zero. */
static void add_entry(struct usage_table *table, uint32_t date, const struct entry *entry)
{
	char *identity = strndup(entry->identity, entry->len);
	struct usage *usage = identity ? find_or_add(table, identity) : NULL;

	free(identity);
	if (!usage || !is_same_month(date, table->date))
		return;
	atomic_fetch_add(&usage->used[USE_MONTH], entry->month);
	if (date == table->date)
		atomic_fetch_add(&usage->used[USE_DAY], entry->day);
	/* Its counts are kept until a tunnel tells its limits. */
	atomic_store(&usage->allowed[USE_MONTH], USE_UNLIMITED - 1);
}

/* Walks all entries, and adds them if `table` is given. NULL: good. */
static const char *walk(const char *text, struct usage_table *table, unsigned *line_out)
{
	uint64_t date, n = 0, counted;
	struct entry entry;

	*line_out = 1;
	if (strncmp(text, head, strlen(head)) != 0)
		return "expected \"spore use 1\"";
	text += strlen(head);
	*line_out = 2;
	if (!read_number(&text, '\n', &date) || date < 19700101 || date > 99991231)
		return "expected a date such as 20261130";
	for (*line_out = 3; strncmp(text, "end ", 4) != 0; ++*line_out, n++) {
		if (!read_entry(&text, &entry))
			return "expected two numbers and an identity, or \"end\" and the number of "
			       "identities";
		if (table)
			add_entry(table, (uint32_t)date, &entry);
	}
	text += 4;
	if (!read_number(&text, '\n', &counted) || counted != n || *text)
		return "expected the number of identities, and then the end of the file";
	return NULL;
}

const char *usage_table_read(struct usage_table *table, const char *text, unsigned *line_out)
{
	const char *fault = walk(text, NULL, line_out);

	if (fault)
		return fault;
	pthread_mutex_lock(&table->lock);
	walk(text, table, line_out);
	pthread_mutex_unlock(&table->lock);
	return NULL;
}

/* ---- one identity ---- */

bool usage_limit(struct usage *usage, const struct use_terms *terms)
{
	uint64_t visitors = terms->visitors_per_second > 0 ? (uint64_t)terms->visitors_per_second
	                                                   : 0;
	bool good = true;

	for (int i = 0; i < USE_DIRECTIONS; i++)
		good = bucket_set_rate(&usage->buckets[i], terms->rates[i]) && good;
	for (int i = 0; i < USE_PERIODS; i++)
		atomic_store(&usage->allowed[i], terms->bytes[i]);
	refill_set_rate(&usage->visitors, visitors);
	atomic_store(&usage->visitors_per_second, terms->visitors_per_second);
	return good;
}

enum use_period usage_exhausted(const struct usage *usage)
{
	int i = 0;

	while (i < USE_PERIODS && atomic_load(&usage->used[i]) < atomic_load(&usage->allowed[i]))
		i++;
	return (enum use_period)i;
}

bool usage_admit(struct usage *usage, int64_t now_ms, enum refusal *why_out)
{
	if (usage_exhausted(usage) != USE_PERIODS) {
		*why_out = REFUSED_USED_UP;
		return false;
	}
	*why_out = REFUSED_CLIENT_PACE;
	return atomic_load(&usage->visitors_per_second) != 0 &&
	       refill_take(&usage->visitors, 1, now_ms * 1000000);
}

static void log_use(const struct usage *usage, enum use_period period, uint64_t used,
                    uint64_t allowed, const char *text)
{
	log_event(LOG_WARN, text,
	          (const struct log_field[]){ log_str("identity", usage->identity),
	                                      log_str("period", period_names[period]),
	                                      log_int("used", (int64_t)used),
	                                      log_int("allowed", (int64_t)allowed) },
	          4);
}

/* Has the count just reached this many percent? Only one thread sees that. */
static bool reaches(uint64_t before, uint64_t now, uint64_t allowed, unsigned percent)
{
	uint64_t mark = (uint64_t)((double)allowed * percent / 100);

	return before < mark && now >= mark;
}

/* Returns whether some of the allowance is left. */
static bool count(struct usage *usage, enum use_period period, uint64_t bytes)
{
	uint64_t allowed = atomic_load(&usage->allowed[period]);
	uint64_t before = atomic_fetch_add(&usage->used[period], bytes), now = before + bytes;

	if (allowed == USE_UNLIMITED)
		return true;
	if (reaches(before, now, allowed, 100))
		log_use(usage, period, now, allowed,
		        "an identity has used up its bytes: its visitors end, and new ones are "
		        "refused");
	else if (reaches(before, now, allowed, WARN_PERCENT))
		log_use(usage, period, now, allowed, "an identity has used most of its bytes");
	return now < allowed;
}

bool usage_carry(struct usage_table *table, struct usage *usage, uint64_t bytes)
{
	bool is_left = true;

	for (int i = 0; i < USE_PERIODS; i++)
		is_left = count(usage, (enum use_period)i, bytes) && is_left;
	atomic_store_explicit(&table->changed, true, memory_order_relaxed);
	return is_left;
}
