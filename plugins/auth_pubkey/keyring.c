#include "keyring.h"

#include <errno.h>
#include <stdlib.h>

#include "../common/file.h"
#include "../common/pubkey/authorized.h"
#include "../common/report.h"

enum { FILE_MAX = 32 * 1024 * 1024, MAX_FAULTS = 10, POINTER_SIZE = 48 };

struct job {
	const spore_create_args *args;
	const spore_list *files; /* of const char * */
	struct keyring *ring;
	unsigned faults, warnings;
};

static const char *path_of(const struct job *job, unsigned file)
{
	return ((const char *const *)job->files->items)[file];
}

static const char *point_to(unsigned file, char out[POINTER_SIZE])
{
	snprintf(out, POINTER_SIZE, "/authorized_keys/%u", file);
	return out;
}

static void report_line(struct job *job, unsigned file, unsigned line, unsigned column,
                        const char *text)
{
	char pointer[POINTER_SIZE];

	report(job->args, point_to(file, pointer), "%.200s:%u:%u: %s", path_of(job, file), line,
	       column, text);
	job->faults++;
}

/* False: out of memory. */
static bool make_room(struct keyring *ring)
{
	size_t room = ring->room ? 2 * ring->room : 16;
	struct authorized_key *keys;

	if (ring->n < ring->room)
		return true;
	keys = realloc(ring->keys, room * sizeof *keys);
	if (!keys)
		return false;
	ring->keys = keys;
	ring->room = room;
	return true;
}

/* Takes the key. False: no more keys can be added, which has been reported. */
static bool add_key(struct job *job, unsigned file, struct authorized_line *line)
{
	struct keyring *ring = job->ring;

	if (ring->n == KEYRING_MAX) {
		report_line(job, file, line->line, line->key_column,
		            "expected at most 20000 keys in all files");
		return false;
	}
	if (!make_room(ring)) {
		report(job->args, "", "out of memory");
		job->faults++;
		return false;
	}
	ring->keys[ring->n++] = (struct authorized_key){
		.key = line->key,
		.restrictions = line->restrictions,
		.file = file,
		.line = line->line,
	};
	return true;
}

/* What is wrong with the key for this server; NULL: nothing. It is no mistake: several servers may
 * share the file, and a line may stay when its time is over. */
static const char *find_flaw(const spore_create_args *args, const struct restrictions *own)
{
	const struct terms *terms = &own->terms;

	if (own->expires_ms && own->expires_ms <= args->host->wall_ms())
		return "has expired: its expiry-time is in the past";
	if (terms->n_ports && !spore_may_have_port(args, terms->ports, terms->n_ports))
		return "may have none of this server's public ports";
	return NULL;
}

static void warn_of_flaw(struct job *job, unsigned file, const struct authorized_line *line)
{
	const spore_create_args *args = job->args;
	const char *flaw = find_flaw(args, &line->restrictions);

	if (flaw && job->warnings++ < MAX_FAULTS)
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN, "%.200s:%u: the key of %s %s",
		           path_of(job, file), line->line, line->restrictions.identity, flaw);
}

static void add_from_text(struct job *job, unsigned file, spore_str text)
{
	struct authorized_reader reader = authorized_read(text.ptr, text.len);
	struct authorized_line line;
	enum authorized_step step;

	while (job->faults < MAX_FAULTS &&
	       (step = authorized_next(&reader, &line)) != AUTHORIZED_END) {
		if (step == AUTHORIZED_FAULT) {
			report_line(job, file, line.line, line.column, line.fault);
			continue;
		}
		warn_of_flaw(job, file, &line);
		if (!add_key(job, file, &line)) {
			key_fini(&line.key);
			return;
		}
	}
}

static void add_from_file(struct job *job, unsigned file)
{
	char pointer[POINTER_SIZE];
	spore_str text;

	if (!file_read(job->args, point_to(file, pointer), path_of(job, file), FILE_MAX, &text)) {
		job->faults++;
		return;
	}
	add_from_text(job, file, text);
	file_free(&text);
}

/* ---- order ---- */

/* Compares the fingerprints, then the places. */
static int by_fingerprint(const void *a, const void *b)
{
	const struct authorized_key *x = a, *y = b;
	int order = memcmp(x->key.fingerprint, y->key.fingerprint, KEY_FINGERPRINT_SIZE);

	if (order)
		return order;
	order = (x->file > y->file) - (x->file < y->file);
	return order ? order : (x->line > y->line) - (x->line < y->line);
}

static void refuse_equal_keys(struct job *job)
{
	const struct keyring *ring = job->ring;

	for (size_t i = 1; i < ring->n; i++) {
		const struct authorized_key *earlier = &ring->keys[i - 1], *later = earlier + 1;
		char pointer[POINTER_SIZE];

		if (memcmp(earlier->key.fingerprint, later->key.fingerprint,
		           KEY_FINGERPRINT_SIZE) != 0)
			continue;
		report(job->args, point_to(later->file, pointer),
		       "%.200s:%u:1: expected each key once, found that of %.200s:%u",
		       path_of(job, later->file), later->line, path_of(job, earlier->file),
		       earlier->line);
		if (++job->faults >= MAX_FAULTS)
			return;
	}
}

static void warn_of_no_key(const struct job *job)
{
	const spore_create_args *args = job->args;
	bool one = job->files->count == 1;

	spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
	           "nobody can log in by this instance: %.200s %s no keys",
	           one ? path_of(job, 0) : "the files of authorized_keys", one ? "has" : "have");
}

bool keyring_read(struct keyring *ring, const spore_create_args *args, const spore_list *files)
{
	struct job job = { args, files, ring, 0, 0 };

	*ring = (struct keyring){ 0 };
	for (unsigned i = 0; i < files->count && job.faults < MAX_FAULTS; i++)
		add_from_file(&job, i);
	if (job.faults)
		return false;
	if (ring->n == 0) {
		warn_of_no_key(&job);
		return true;
	}
	qsort(ring->keys, ring->n, sizeof *ring->keys, by_fingerprint);
	refuse_equal_keys(&job);
	return job.faults == 0;
}

void keyring_fini(struct keyring *ring)
{
	for (size_t i = 0; i < ring->n; i++)
		key_fini(&ring->keys[i].key);
	free(ring->keys);
	*ring = (struct keyring){ 0 };
}

/* ---- look-up ---- */

static int compare_fingerprint(const void *fingerprint, const void *entry)
{
	const struct authorized_key *key = entry;

	return memcmp(fingerprint, key->key.fingerprint, KEY_FINGERPRINT_SIZE);
}

const struct authorized_key *keyring_find(const struct keyring *ring,
                                          const uint8_t fingerprint[KEY_FINGERPRINT_SIZE])
{
	return ring->n ? bsearch(fingerprint, ring->keys, ring->n, sizeof *ring->keys,
	                         compare_fingerprint)
	               : NULL;
}

uint64_t keyring_session(const struct authorized_key *key)
{
	uint64_t session;

	memcpy(&session, key->key.fingerprint, sizeof session);
	return session ? session : 1;
}

bool keyring_has_identity(const struct keyring *ring, spore_str identity)
{
	for (size_t i = 0; i < ring->n; i++) {
		const char *own = ring->keys[i].restrictions.identity;

		if (strlen(own) == identity.len && memcmp(own, identity.ptr, identity.len) == 0)
			return true;
	}
	return false;
}
