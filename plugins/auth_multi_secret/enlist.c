#include "enlist.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "../common/client/ports.h"
#include "../common/client/similar.h"
#include "../common/file.h"
#include "../common/pointer.h"
#include "secrets_file.h"

enum { FILE_MAX = 4 * 1024 * 1024, MAX_FAULTS = 10, MAX_WARNINGS = 10 };
/* Secrets of fewer bytes are warned of. */
enum { SHORTEST = 6 };

static const char name_expected[] =
	"expected a name of 1 to 64 letters, digits or any of . _ @ + -";

struct enlist_job {
	const spore_create_args *args;
	const struct conf *conf;
	struct roster *roster;
	unsigned faults;                   /* mistakes that were reported */
	unsigned flaws, absent, few_ports; /* what is only warned of, counted by kind */
	bool knows_names;                  /* all secrets have been read */
};

/* ---- mistakes ---- */

SPORE_PRINTF(3, 4)
static void report_fault(struct enlist_job *job, const char *pointer, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	job->args->report(job->args, pointer, text);
	job->faults++;
}

/* Writes "/section/key" as a JSON pointer. */
static const char *point_to(const char *section, const char *key, char *out, size_t size)
{
	*out = '\0';
	pointer_append(out, size, section);
	return pointer_append(out, size, key);
}

static const char *describe_place(const struct member *member, char *out, size_t size)
{
	if (member->line)
		snprintf(out, size, "line %u", member->line);
	else
		point_to("secrets", member->name, out, size);
	return out;
}

/* Reports at `later` that it conflicts with `earlier`. */
static void report_conflict(struct enlist_job *job, const struct member *later,
                            const struct member *earlier, const char *why)
{
	char place[128], other[128];

	describe_place(earlier, other, sizeof other);
	if (later->line)
		report_fault(job, "/secrets_file", "%.200s:%u:1: %s \"%s\" (%s)",
		             job->conf->secrets_file, later->line, why, earlier->name, other);
	else
		report_fault(job, describe_place(later, place, sizeof place), "%s \"%s\" (%s)", why,
		             earlier->name, other);
}

/* ---- names and secrets ---- */

static struct member *add_member(struct enlist_job *job, spore_str name, spore_str secret)
{
	struct member *member;

	if (job->roster->n == ROSTER_MAX) {
		report_fault(
			job, "",
			"expected at most %d secrets: each answer is compared with all of them",
			ROSTER_MAX);
		return NULL;
	}
	member = roster_add(job->roster, name, secret);
	if (!member)
		report_fault(job, "", "out of memory, or OpenSSL lacks SHA-256");
	return member;
}

/* {"file": PATH} is the form of one secret. As a map of secrets, it would give the path to the name
 * "file" as its secret. */
static bool looks_like_a_secret(const spore_map *secrets)
{
	return secrets->count == 1 &&
	       (strcmp(secrets->keys[0], "file") == 0 || strcmp(secrets->keys[0], "env") == 0);
}

static void add_from_configuration(struct enlist_job *job)
{
	const spore_map *secrets = &job->conf->secrets;
	const spore_str *values = secrets->items;
	char pointer[256];

	if (looks_like_a_secret(secrets))
		report_fault(job, point_to("secrets", secrets->keys[0], pointer, sizeof pointer),
		             "expected names, each with its secret, as in {\"alice\": {\"%s\": "
		             "...}}; the option for a file of many secrets is secrets_file",
		             secrets->keys[0]);
	for (size_t i = 0; i < secrets->count; i++) {
		spore_str name = spore_cstr(secrets->keys[i]);

		if (!roster_name_is_good(name))
			report_fault(job, point_to("secrets", name.ptr, pointer, sizeof pointer),
			             "%s", name_expected);
		else if (!add_member(job, name, values[i]))
			return;
	}
}

/* The secret itself must not be shown. */
static void warn_of_flaw(struct enlist_job *job, const struct secrets_line *line)
{
	if (line->secret.len < SHORTEST && job->flaws++ < MAX_WARNINGS)
		spore_logf(job->args->host, job->args->ctx, SPORE_LOG_WARN,
		           "%.200s:%u: the secret of %.*s is so short that it can be guessed",
		           job->conf->secrets_file, line->line, (int)line->name.len,
		           line->name.ptr);
	if (line->flaw && job->flaws++ < MAX_WARNINGS)
		spore_logf(job->args->host, job->args->ctx, SPORE_LOG_WARN,
		           "%.200s:%u: the secret of %.*s has %s, which count as a part of it",
		           job->conf->secrets_file, line->line, (int)line->name.len, line->name.ptr,
		           line->flaw);
}

static bool add_line(struct enlist_job *job, const struct secrets_line *line)
{
	struct member *member = add_member(job, line->name, line->secret);

	if (!member)
		return false;
	member->line = line->line;
	warn_of_flaw(job, line);
	return true;
}

static void add_from_text(struct enlist_job *job, const char *text, size_t len)
{
	const char *path = job->conf->secrets_file;
	struct secrets_reader reader = secrets_read(text, len);
	struct secrets_line line;
	enum secrets_step step;

	while (job->faults < MAX_FAULTS && (step = secrets_next(&reader, &line)) != SECRETS_END) {
		if (step == SECRETS_FAULT)
			report_fault(job, "/secrets_file", "%.200s:%u:%u: %s", path, line.line,
			             line.column, line.fault);
		else if (!roster_name_is_good(line.name))
			report_fault(job, "/secrets_file", "%.200s:%u:1: %s", path, line.line,
			             name_expected);
		else if (!add_line(job, &line))
			return;
	}
}

static void add_from_file(struct enlist_job *job)
{
	const char *path = job->conf->secrets_file;
	spore_str text;

	if (!file_read(job->args, "/secrets_file", path, FILE_MAX, &text))
		job->faults++;
	else if (secrets_are_utf16(text.ptr, text.len))
		report_fault(job, "/secrets_file",
		             "expected text in UTF-8, found UTF-16 in %.200s: `iconv -f UTF-16 -t "
		             "UTF-8` converts it",
		             path);
	else
		add_from_text(job, text.ptr, text.len);
	file_free(&text);
}

/* ---- duplicates ---- */

/* Compares the names, then the places. */
static int by_name(const void *a, const void *b)
{
	const struct member *const *x = a, *const *y = b;
	int order = strcmp((*x)->name, (*y)->name);

	return order ? order : (*x > *y) - (*x < *y);
}

static void refuse_equal_names(struct enlist_job *job, struct member *const *sorted)
{
	for (size_t i = 1; i < job->roster->n; i++) {
		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			report_conflict(job, sorted[i], sorted[i - 1],
			                "expected a unique name, found that of");
	}
}

/* Two secrets are equal if they give the same tag. */
struct sample {
	uint8_t tag[BORE_TAG_SIZE];
	const struct member *member;
};

static int by_tag(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;
	int order = memcmp(x->tag, y->tag, sizeof x->tag);

	return order ? order : (x->member > y->member) - (x->member < y->member);
}

/* False: OpenSSL or memory failed. */
static bool take_samples(const struct roster *roster, struct sample *samples)
{
	static const uint8_t challenge[16];
	EVP_MD_CTX *scratch = EVP_MD_CTX_new();
	bool good = scratch != NULL;

	for (size_t i = 0; good && i < roster->n; i++) {
		samples[i].member = &roster->members[i];
		good = bore_key_tag(&roster->members[i].key, scratch, challenge, sizeof challenge,
		                    samples[i].tag);
	}
	EVP_MD_CTX_free(scratch);
	return good;
}

static void refuse_equal_tags(struct enlist_job *job, struct sample *samples, size_t n)
{
	qsort(samples, n, sizeof *samples, by_tag);
	for (size_t i = 1; i < n; i++) {
		if (memcmp(samples[i - 1].tag, samples[i].tag, BORE_TAG_SIZE) == 0)
			report_conflict(job, samples[i].member, samples[i - 1].member,
			                "expected a unique secret, found that of");
	}
}

static void refuse_equal_secrets(struct enlist_job *job)
{
	const struct roster *roster = job->roster;
	size_t size = (roster->n + 1) * sizeof(struct sample);
	struct sample *samples = malloc(size);

	if (samples && take_samples(roster, samples))
		refuse_equal_tags(job, samples, roster->n);
	else
		report_fault(job, "", "out of memory, or OpenSSL lacks SHA-256");
	if (samples)
		OPENSSL_cleanse(samples, size);
	free(samples);
}

/* ---- policies ---- */

static int compare_name(const void *name, const void *entry)
{
	const struct member *const *member = entry;

	return strcmp(name, (*member)->name);
}

static void check_ports(struct enlist_job *job, const char *name, const spore_list *ports)
{
	char pointer[256];
	const char *fault = ports_check(job->args, ports,
	                                point_to("policy", name, pointer, sizeof pointer),
	                                &job->few_ports);

	if (fault)
		report_fault(job, pointer_append(pointer, sizeof pointer, "ports"), "%s", fault);
}

/* A client is revoked by removing its secret, so this is no mistake. */
static void warn_of_absent_name(struct enlist_job *job, const char *name)
{
	struct similar similar = { .found = name };
	char pointer[256], question[SIMILAR_TEXT_SIZE];

	if (!job->knows_names || job->absent++ >= MAX_WARNINGS)
		return;
	for (size_t i = 0; i < job->roster->n; i++)
		similar_offer(&similar, job->roster->members[i].name);
	spore_logf(job->args->host, job->args->ctx, SPORE_LOG_WARN,
	           "%s applies to nobody: no secret has the name %s%s",
	           point_to("policy", name, pointer, sizeof pointer), name,
	           similar_question(&similar, question));
}

static void apply_policy(struct enlist_job *job, struct member *const *sorted)
{
	const spore_map *map = &job->conf->policy;
	const struct policy *policies = map->items, *of_all = NULL;
	const struct roster *roster = job->roster;

	for (size_t i = 0; i < map->count; i++) {
		struct member **found;

		check_ports(job, map->keys[i], &policies[i].ports);
		if (strcmp(map->keys[i], "*") == 0) {
			of_all = &policies[i];
			continue;
		}
		found = bsearch(map->keys[i], sorted, roster->n, sizeof(struct member *),
		                compare_name);
		if (found)
			(*found)->policy = policies[i];
		else
			warn_of_absent_name(job, map->keys[i]);
	}
	for (size_t i = 0; of_all && i < roster->n; i++)
		policy_inherit(&roster->members[i].policy, of_all);
}

/* An empty configuration is a mistake. A file may be empty: its last client has been revoked. */
static void check_for_secrets(struct enlist_job *job)
{
	const char *path = job->conf->secrets_file;

	if (job->roster->n > 0 || job->faults > 0)
		return;
	if (path)
		spore_logf(job->args->host, job->args->ctx, SPORE_LOG_WARN,
		           "nobody can log in by this instance: %.200s has no secrets", path);
	else
		report_fault(job, "",
		             "expected at least one secret, in \"secrets\" or in "
		             "\"secrets_file\"");
}

bool enlist(const spore_create_args *args, struct roster *roster)
{
	struct enlist_job job = { .args = args, .conf = args->conf, .roster = roster };
	struct member **sorted;

	add_from_configuration(&job);
	if (job.conf->secrets_file)
		add_from_file(&job);
	check_for_secrets(&job);
	job.knows_names = job.faults == 0;
	sorted = calloc(roster->n + 1, sizeof(struct member *));
	if (!sorted) {
		report_fault(&job, "", "out of memory");
		return false;
	}
	for (size_t i = 0; i < roster->n; i++)
		sorted[i] = &roster->members[i];
	qsort(sorted, roster->n, sizeof(struct member *), by_name);
	refuse_equal_names(&job, sorted);
	refuse_equal_secrets(&job);
	apply_policy(&job, sorted);
	free(sorted);
	return job.faults == 0;
}
