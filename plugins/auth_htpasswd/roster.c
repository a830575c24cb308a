#include "roster.h"

#include <stdlib.h>

#include "../common/client/ports.h"
#include "../common/client/similar.h"
#include "../common/file.h"
#include "../common/pointer.h"
#include "../common/report.h"
#include "cost.h"
#include "lines.h"

enum { FILE_MAX = 16 * 1024 * 1024, MAX_FAULTS = 10, MAX_WARNINGS = 10 };

struct job {
	const spore_create_args *args;
	const struct conf *conf;
	struct roster *roster;
	unsigned faults, warnings, few_ports;
	bool knows_names; /* all of the file has been read */
};

static void report_line(struct job *job, unsigned line, unsigned column, const char *text)
{
	report(job->args, "/file", "%.200s:%u:%u: %s", job->conf->file, line, column, text);
	job->faults++;
}

/* ---- names and hashes ---- */

static char *copy_text(spore_str text)
{
	return strndup(text.ptr, text.len);
}

static bool make_room(struct roster *roster)
{
	size_t room = roster->room ? 2 * roster->room : 16;
	struct member *members;

	if (roster->n < roster->room)
		return true;
	members = realloc(roster->members, room * sizeof *members);
	if (!members)
		return false;
	roster->members = members;
	roster->room = room;
	return true;
}

/* False: no more can be added, which has been reported. */
static bool add_member(struct job *job, const struct lines_entry *entry)
{
	struct roster *roster = job->roster;
	struct member *member;

	if (roster->n == ROSTER_MAX) {
		report_line(job, entry->line, 1, "expected at most 20000 names");
		return false;
	}
	if (make_room(roster)) {
		member = &roster->members[roster->n++];
		*member = (struct member){ .name = copy_text(entry->name),
			                   .hash = copy_text(entry->hash),
			                   .line = entry->line,
			                   .is_locked = entry->is_locked };
		if (member->name && member->hash)
			return true;
	}
	report_line(job, entry->line, 1, "out of memory");
	return false;
}

static void add_from_text(struct job *job, spore_str text)
{
	struct lines lines = lines_read(text.ptr, text.len);
	struct lines_entry entry;
	enum lines_step step;

	while (job->faults < MAX_FAULTS && (step = lines_next(&lines, &entry)) != LINES_END) {
		if (step == LINES_FAULT)
			report_line(job, entry.line, entry.column, entry.fault);
		else if (!add_member(job, &entry))
			return;
	}
}

/* Compares the names, then the lines. */
static int by_name(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

static void refuse_equal_names(struct job *job)
{
	const struct roster *roster = job->roster;
	char text[64];

	for (size_t i = 1; i < roster->n && job->faults < MAX_FAULTS; i++) {
		const struct member *earlier = &roster->members[i - 1], *later = earlier + 1;

		if (strcmp(earlier->name, later->name) != 0)
			continue;
		snprintf(text, sizeof text, "expected each name once, found that of line %u",
		         earlier->line);
		report_line(job, later->line, 1, text);
	}
}

static void read_members(struct job *job)
{
	spore_str text;

	if (!file_read(job->args, "/file", job->conf->file, FILE_MAX, &text)) {
		job->faults++;
		return;
	}
	add_from_text(job, text);
	file_free(&text);
	if (job->faults || job->roster->n == 0)
		return;
	qsort(job->roster->members, job->roster->n, sizeof *job->roster->members, by_name);
	refuse_equal_names(job);
}

/* ---- policies ---- */

static int compare_name(const void *name, const void *entry)
{
	const struct member *member = entry;

	return strcmp(name, member->name);
}

static struct member *find_member(const struct roster *roster, const char *name)
{
	return roster->n ? bsearch(name, roster->members, roster->n, sizeof *roster->members,
	                           compare_name)
	                 : NULL;
}

/* A client is revoked by removing its name, so this is no mistake. `file`: where the policy is;
 * NULL: in the configuration. */
static void warn_of_absent_name(struct job *job, const char *file, const char *name)
{
	struct similar similar = { .found = name };
	char pointer[320] = "", question[SIMILAR_TEXT_SIZE];

	if (job->warnings++ >= MAX_WARNINGS)
		return;
	for (size_t i = 0; i < job->roster->n; i++)
		similar_offer(&similar, job->roster->members[i].name);
	if (!file)
		pointer_append(pointer, sizeof pointer, "policy");
	spore_logf(job->args->host, job->args->ctx, SPORE_LOG_WARN,
	           "%.200s%s%s applies to nobody: %.200s has no name %s%s", file ? file : "",
	           file ? ": " : "", pointer_append(pointer, sizeof pointer, name), job->conf->file,
	           name, similar_question(&similar, question));
}

/* Checks the ports of a policy. Returns NULL, or what is wrong. file: the file of the policy, or
 * NULL for the option. */
static const char *check_ports(struct job *job, const char *file, const char *name,
                               const struct policy *policy)
{
	char where[640], pointer[320] = "";

	snprintf(where, sizeof where, "%.250s%s%s", file ? file : "/policy", file ? ": " : "",
	         pointer_append(pointer, sizeof pointer, name));
	return ports_check(job->args, &policy->ports, where, &job->few_ports);
}

/* NULL: there is no fault. */
static const char *apply_policy(struct job *job, const char *file, const char *name,
                                const struct policy *policy)
{
	struct member *member = job->knows_names ? find_member(job->roster, name) : NULL;

	if (!job->knows_names)
		return NULL;
	if (!member) {
		warn_of_absent_name(job, file, name);
		return NULL;
	}
	if (member->has_policy)
		return "expected one policy for a name: \"policy\" has one as well";
	member->has_policy = true;
	member->policy = *policy;
	return NULL;
}

/* Keeps the policy of "*", unless there is one. NULL: there is no fault. */
static const char *keep_policy_of_all(const struct policy **of_all, const struct policy *policy)
{
	if (*of_all)
		return "expected one policy for \"*\": \"policy\" has one as well";
	*of_all = policy;
	return NULL;
}

/* Returns the policy of "*"; NULL: there is none. */
static const struct policy *apply_options(struct job *job)
{
	const spore_map *map = &job->conf->policy;
	const struct policy *policies = map->items, *of_all = NULL;

	for (size_t i = 0; i < map->count; i++) {
		const char *fault = check_ports(job, NULL, map->keys[i], &policies[i]);
		char pointer[320] = "/policy";

		if (strcmp(map->keys[i], "*") == 0)
			of_all = &policies[i];
		else if (!fault)
			fault = apply_policy(job, NULL, map->keys[i], &policies[i]);
		if (!fault)
			continue;
		report(job->args, pointer_append(pointer, sizeof pointer, map->keys[i]), "%s",
		       fault);
		job->faults++;
	}
	return of_all;
}

/* Returns the policy of "*", which is either of_all or in the file; NULL: there is none. */
static const struct policy *apply_file(struct job *job, const struct policy *of_all)
{
	const struct policy_file *file = &job->roster->policies;

	for (size_t i = 0; i < file->n; i++) {
		const struct named_policy *item = &file->items[i];
		const char *path = job->conf->policy_file;
		const char *fault = check_ports(job, path, item->name, &item->policy);
		char pointer[320] = "";

		bool is_of_all = strcmp(item->name, "*") == 0;

		if (!fault)
			fault = is_of_all ? keep_policy_of_all(&of_all, &item->policy)
			                  : apply_policy(job, path, item->name, &item->policy);
		if (!fault)
			continue;
		report(job->args, "/policy_file", "%.200s: %s: %s", path,
		       pointer_append(pointer, sizeof pointer, item->name), fault);
		job->faults++;
	}
	return of_all;
}

static void apply_policies(struct job *job)
{
	struct roster *roster = job->roster;
	const struct policy *of_all = apply_options(job);

	if (job->conf->policy_file &&
	    !policy_file_read(&roster->policies, job->args, job->conf->policy_file)) {
		job->faults++;
		return;
	}
	of_all = apply_file(job, of_all);
	for (size_t i = 0; of_all && i < roster->n; i++)
		policy_inherit(&roster->members[i].policy, of_all);
}

/* ---- seals and sessions ---- */

static bool set_session(struct member *member, const spore_host *host)
{
	size_t name_size = strlen(member->name) + 1, hash_len = strlen(member->hash);
	char *text = malloc(name_size + hash_len);
	uint8_t digest[32];
	bool good = text != NULL;

	if (good) {
		memcpy(text, member->name, name_size);
		memcpy(text + name_size, member->hash, hash_len);
		good = host->sha256(text, name_size + hash_len, digest) == SPORE_OK;
	}
	free(text);
	if (good)
		memcpy(&member->session, digest, sizeof member->session);
	if (member->session == 0) /* that of an ALLOW without a result */
		member->session = 1;
	return good;
}

/* The same name with the same hash keeps its seal. */
static bool set_seal(struct member *member, const spore_host *host, const struct roster *previous)
{
	const struct member *before = previous ? find_member(previous, member->name) : NULL;

	member->seal = before && strcmp(before->hash, member->hash) == 0 ? seal_ref(before->seal)
	                                                                 : seal_new(host);
	return member->seal != NULL;
}

static bool list_hashed(struct roster *roster)
{
	roster->hashed = calloc(roster->n + 1, sizeof(struct member *));
	for (size_t i = 0; roster->hashed && i < roster->n; i++) {
		if (!roster->members[i].is_locked)
			roster->hashed[roster->n_hashed++] = &roster->members[i];
	}
	return roster->hashed != NULL;
}

/* Sets the key of the roster, and the session and the seal of each member. Lists the members with a
 * hash. */
static bool prepare(struct roster *roster, const spore_host *host, const struct roster *previous)
{
	bool good = true;

	if (previous)
		memcpy(roster->key, previous->key, sizeof roster->key);
	else
		good = host->random(roster->key, sizeof roster->key) == SPORE_OK;
	for (size_t i = 0; good && i < roster->n; i++) {
		struct member *member = &roster->members[i];

		good = set_session(member, host) &&
		       (member->is_locked || set_seal(member, host, previous));
	}
	return good && list_hashed(roster);
}

static void warn_if_nobody_can_log_in(const struct job *job)
{
	if (job->roster->n_hashed == 0)
		spore_logf(job->args->host, job->args->ctx, SPORE_LOG_WARN,
		           "nobody can log in by this instance: %.200s has no names%s",
		           job->conf->file, job->roster->n ? " that are not locked" : "");
}

/* The member whose hash takes the longest, and how long. NULL: no member has a hash. */
static const struct member *find_slowest(const struct roster *roster, int64_t *ms_out)
{
	/* Measuring takes time, so only the hash with the most work of each class is measured. */
	const struct member *costliest[COST_CLASSES] = { NULL }, *slowest = NULL;

	for (size_t i = 0; i < roster->n_hashed; i++) {
		struct cost cost = cost_of(roster->hashed[i]->hash);
		const struct member **most = &costliest[cost.class];

		if (!*most || cost.work > cost_of((*most)->hash).work)
			*most = roster->hashed[i];
	}
	*ms_out = 0;
	for (size_t i = 0; i < COST_CLASSES; i++) {
		int64_t ms = costliest[i] ? cost_measure_ms(costliest[i]->hash) : 0;

		if (ms > *ms_out) {
			slowest = costliest[i];
			*ms_out = ms;
		}
	}
	return slowest;
}

static void warn_of_slow_hashes(const struct job *job)
{
	const spore_create_args *args = job->args;
	int64_t most_ms = spore_auth_time(args), ms;
	const struct member *slowest = most_ms ? find_slowest(job->roster, &ms) : NULL;

	if (slowest && ms >= most_ms)
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
		           "%.200s:%u: the hash of the password of %s takes about %lld ms on this "
		           "machine, but after %lld ms (server.auth_timeout) the client is "
		           "refused: raise server.auth_timeout, and client.answer_timeout of the "
		           "clients above it, or lower the cost of the hash",
		           job->conf->file, slowest->line, slowest->name, (long long)ms,
		           (long long)most_ms);
}

/* ---- the roster ---- */

bool roster_read(struct roster *roster, const spore_create_args *args,
                 const struct roster *previous)
{
	struct job job = { .args = args, .conf = args->conf, .roster = roster };

	*roster = (struct roster){ 0 };
	read_members(&job);
	job.knows_names = job.faults == 0;
	apply_policies(&job);
	if (job.faults)
		return false;
	if (!prepare(roster, args->host, previous)) {
		report(args, "", "out of memory or of random bytes");
		return false;
	}
	warn_if_nobody_can_log_in(&job);
	warn_of_slow_hashes(&job);
	return true;
}

void roster_fini(struct roster *roster)
{
	for (size_t i = 0; i < roster->n; i++) {
		free(roster->members[i].name);
		free(roster->members[i].hash);
		seal_unref(roster->members[i].seal);
	}
	free(roster->members);
	free(roster->hashed);
	policy_file_fini(&roster->policies);
	*roster = (struct roster){ 0 };
}

const struct member *roster_find(const struct roster *roster, const char *name)
{
	return find_member(roster, name);
}

const struct member *roster_stand_in(const struct roster *roster, const spore_host *host,
                                     const char *name)
{
	uint8_t mac[32];
	uint64_t number;

	if (roster->n_hashed == 0)
		return NULL;
	host->hmac_sha256(roster->key, sizeof roster->key, name, strlen(name), mac);
	memcpy(&number, mac, sizeof number);
	return roster->hashed[number % roster->n_hashed];
}
