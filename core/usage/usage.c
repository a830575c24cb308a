#include "usage/usage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log/log.h"

static const int64_t day_ms = INT64_C(86400000);
/* Visitors who come at once: those of a second. A little more, since a refill rounds up. */
static const int64_t visitors_burst_ns = 1001000000;
/* The log warns at this share of an allowance. */
enum { WARN_PERCENT = 80 };

static const char *const period_names[USE_PERIODS] = { [USE_DAY] = "day", [USE_MONTH] = "month" };

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

/* The counts of an identity that had no allowance limit nothing. A series of metrics is never
 * removed. */
static bool is_needed(const struct usage *usage)
{
	return usage->refs > 0 || usage->has_series ||
	       (usage->is_counted && atomic_load(&usage->used[USE_MONTH]));
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

/* The caller holds the lock. */
static void begin_day(struct usage *usage, bool is_month)
{
	atomic_store(&usage->used[USE_DAY], 0);
	if (!is_month)
		return;
	atomic_store(&usage->used[USE_MONTH], 0);
	usage->is_counted = has_allowance(usage);
}

void usage_table_turn(struct usage_table *table, int64_t wall_ms)
{
	uint32_t date = date_of(wall_ms);

	pthread_mutex_lock(&table->lock);
	/* A clock that is set back begins no day for a second time. If it was far ahead, the days
	 * go on from the right one, and what was used before counts for that day. */
	if (date_of(wall_ms + day_ms) < table->date) {
		table->date = date;
		atomic_store(&table->changed, true);
	} else if (date > table->date) {
		for (struct usage *u = table->first; u; u = u->next)
			begin_day(u, !is_same_month(date, table->date));
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
	fprintf(out, USE_HEAD "%" PRIu32 "\n", table->date);
	for (const struct usage *u = table->first; u; u = u->next) {
		uint64_t day = atomic_load(&u->used[USE_DAY]);
		uint64_t month = atomic_load(&u->used[USE_MONTH]);

		if (!u->is_counted || month == 0)
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
 * from zero. Counts of a later day, of a clock that was ahead, count for this one. */
static void add_entry(struct usage_table *table, uint32_t date, const struct entry *entry)
{
	char *identity = strndup(entry->identity, entry->len);
	struct usage *usage = identity ? find_or_add(table, identity) : NULL;

	free(identity);
	if (!usage || (date < table->date && !is_same_month(date, table->date)))
		return;
	atomic_fetch_add(&usage->used[USE_MONTH], entry->month);
	if (date >= table->date)
		atomic_fetch_add(&usage->used[USE_DAY], entry->day);
	/* The counts of this identity are kept until a tunnel tells its limits. */
	usage->is_counted = true;
}

/* Walks all entries, and adds them if `table` is given. NULL: good. */
static const char *walk(const char *text, struct usage_table *table, unsigned *line_out)
{
	uint64_t date, n = 0, counted;
	struct entry entry;

	*line_out = 1;
	if (strncmp(text, USE_HEAD, strlen(USE_HEAD)) != 0)
		return "expected \"spore use 1\"";
	text += strlen(USE_HEAD);
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

bool usage_table_inherit(struct usage_table *table, const char *text)
{
	unsigned line;
	const char *fault = text ? usage_table_read(table, text, &line) : NULL;

	if (fault)
		log_warn("what identities use is not known from the server before",
		         log_int("line", line), log_str("error", fault));
	return text && !fault;
}

/* ---- one identity ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* 0: no limit. */
static uint64_t stricter_rate(uint64_t a, uint64_t b)
{
	return a && b ? least(a, b) : a + b;
}

/* Negative: no limit. As an unsigned number, this is more than any limit. */
static int64_t stricter_pace(int64_t a, int64_t b)
{
	return (int64_t)least((uint64_t)a, (uint64_t)b);
}

/* There is a claim. The caller holds the lock. */
static struct use_terms strictest(const struct usage *usage)
{
	struct use_terms terms = usage->claims->terms;

	for (const struct use_claim *c = usage->claims->next; c; c = c->next) {
		for (int i = 0; i < USE_DIRECTIONS; i++)
			terms.rates[i] = stricter_rate(terms.rates[i], c->terms.rates[i]);
		for (int i = 0; i < USE_PERIODS; i++)
			terms.bytes[i] = least(terms.bytes[i], c->terms.bytes[i]);
		terms.visitors_per_second = stricter_pace(terms.visitors_per_second,
		                                          c->terms.visitors_per_second);
	}
	return terms;
}

/* The caller holds the lock. False: out of memory, and some rate has not changed. */
static bool apply_claims(struct usage *usage)
{
	struct use_terms terms = strictest(usage);
	uint64_t visitors = terms.visitors_per_second > 0 ? (uint64_t)terms.visitors_per_second : 0;
	bool good = true;

	for (int i = 0; i < USE_DIRECTIONS; i++)
		good = bucket_set_rate(&usage->buckets[i], terms.rates[i]) && good;
	for (int i = 0; i < USE_PERIODS; i++)
		atomic_store(&usage->allowed[i], terms.bytes[i]);
	refill_set_rate(&usage->visitors, visitors);
	atomic_store(&usage->visitors_per_second, terms.visitors_per_second);
	usage->is_counted = usage->is_counted || has_allowance(usage);
	return good;
}

static bool are_same(const struct use_terms *a, const struct use_terms *b)
{
	return memcmp(a->rates, b->rates, sizeof a->rates) == 0 &&
	       memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0 &&
	       a->visitors_per_second == b->visitors_per_second;
}

/* Returns a reference. The caller holds the lock. NULL: out of memory. */
static struct use_claim *get_claim(struct usage *usage, const struct use_terms *terms)
{
	struct use_claim *claim = usage->claims;

	while (claim && !are_same(&claim->terms, terms))
		claim = claim->next;
	if (!claim) {
		claim = calloc(1, sizeof *claim);
		if (!claim)
			return NULL;
		claim->terms = *terms;
		claim->next = usage->claims;
		usage->claims = claim;
	}
	claim->refs++;
	return claim;
}

/* The caller holds the lock. NULL is fine. */
static void put_claim(struct usage *usage, struct use_claim *claim)
{
	struct use_claim **link = &usage->claims;

	if (!claim || --claim->refs > 0)
		return;
	while (*link != claim)
		link = &(*link)->next;
	*link = claim->next;
	free(claim);
}

bool usage_limit(struct usage_table *table, struct usage *usage, struct use_claim **claim,
                 const struct use_terms *terms)
{
	struct use_claim *next;
	bool good = false;

	pthread_mutex_lock(&table->lock);
	next = get_claim(usage, terms);
	if (next) {
		put_claim(usage, *claim);
		*claim = next;
		good = apply_claims(usage);
	}
	pthread_mutex_unlock(&table->lock);
	return good;
}

void usage_drop(struct usage_table *table, struct usage *usage, struct use_claim **claim)
{
	if (!*claim)
		return;
	pthread_mutex_lock(&table->lock);
	put_claim(usage, *claim);
	*claim = NULL;
	/* Memory for the rates that still hold was there before. */
	if (usage->claims)
		apply_claims(usage);
	pthread_mutex_unlock(&table->lock);
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

/* Threads may see it at the same time. */
static void tell_exhausted(struct usage *usage, enum use_period period, uint64_t used,
                           uint64_t allowed)
{
	if (!atomic_exchange(&usage->is_told[period], true))
		log_use(usage, period, used, allowed,
		        "an identity has used up its bytes: its visitors end, and new ones are "
		        "refused");
}

void usage_tell(struct usage *usage)
{
	for (int i = 0; i < USE_PERIODS; i++) {
		bool is_told = atomic_load(&usage->is_told[i]);
		uint64_t used = atomic_load(&usage->used[i]);
		uint64_t allowed = atomic_load(&usage->allowed[i]);

		if (used >= allowed && usage->refs > 0)
			tell_exhausted(usage, (enum use_period)i, used, allowed);
		else if (used < allowed && is_told)
			atomic_store(&usage->is_told[i], false);
	}
}

/* Returns whether some of the allowance is left. */
static bool count(struct usage *usage, enum use_period period, uint64_t bytes)
{
	uint64_t allowed = atomic_load(&usage->allowed[period]);
	uint64_t before = atomic_fetch_add(&usage->used[period], bytes), now = before + bytes;

	if (allowed == USE_UNLIMITED)
		return true;
	if (reaches(before, now, allowed, 100))
		tell_exhausted(usage, period, now, allowed);
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
