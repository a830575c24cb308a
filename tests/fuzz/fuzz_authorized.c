/* fuzz_authorized - an authorized_keys file, which is the input: the reader of its lines, and the
 * plugin auth_pubkey from the file to its keys, against what the documentation says of both. */
#include <spore/auth.h>
#include <spore/plugin.h>

#include "../common/client/identity.h"
#include "../common/pubkey/authorized.h"
#include "../common/pubkey/base64.h"
#include "keyring.h"
#include "memory_file.h"
#include "services/host.h"

static struct memory_file file;

/* ---- the reader ---- */

/* What the reader said of all lines. */
struct outcome {
	unsigned n_keys, n_faults;
	bool repeats; /* a key comes twice */
};

static void check_restrictions(const struct restrictions *restrictions)
{
	const struct terms *terms = &restrictions->terms;
	const struct policy *policy = &terms->policy;
	size_t len = strlen(restrictions->identity);

	FUZZ_CHECK(identity_is_good((spore_str){ restrictions->identity, len }));
	FUZZ_CHECK(terms->n_ports <= TERMS_PORTS_MAX);
	for (uint32_t i = 0; i < terms->n_ports; i++)
		FUZZ_CHECK(terms->ports[i].lo >= 1 && terms->ports[i].lo <= terms->ports[i].hi);
	FUZZ_CHECK(policy->max_tunnels <= 1000000 && policy->max_conns <= 1000000);
	FUZZ_CHECK(policy->life >= 0 && policy->life <= 365 * INT64_C(86400000));
	FUZZ_CHECK(restrictions->expires_ms >= 0);
}

/* A key has the form that SSH writes: its line holds the type, and the base64 of what the
 * fingerprint is the digest of. */
static void check_key(const char *line, size_t len, const struct authorized_line *key)
{
	size_t at = key->key_column - 1, end;
	uint8_t blob[KEY_BLOB_MAX], digest[KEY_FINGERPRINT_SIZE];
	size_t size;

	FUZZ_CHECK(at < len);
	while (line[at] != ' ' && line[at] != '\t')
		at++;
	while (line[at] == ' ' || line[at] == '\t')
		at++;
	for (end = at; end < len && !strchr(" \t\r\n", line[end]);)
		end++;
	FUZZ_CHECK(base64_decode((spore_str){ line + at, end - at }, blob, sizeof blob, &size));
	FUZZ_CHECK(EVP_Digest(blob, size, digest, NULL, EVP_sha256(), NULL) == 1);
	FUZZ_CHECK(memcmp(digest, key->key.fingerprint, sizeof digest) == 0);
}

/* The start of a line of the text; the first is 1. */
static const char *find_line(const char *text, const char *end, unsigned line)
{
	if (end - text >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		text += 3;
	while (--line > 0) {
		text = memchr(text, '\n', (size_t)(end - text));
		FUZZ_CHECK(text);
		text++;
	}
	return text;
}

static void check_fault(const char *start, const char *end, const struct authorized_line *line)
{
	const char *newline = memchr(start, '\n', (size_t)(end - start));
	size_t len = (size_t)((newline ? newline : end) - start);

	FUZZ_CHECK(line->column >= 1 && line->column <= len + 1);
	FUZZ_CHECK(strncmp(line->fault, "expected ", 9) == 0);
	FUZZ_CHECK(!line->key.pkey);
}

static bool is_known(struct key *known, unsigned n, const struct key *key)
{
	for (unsigned i = 0; i < n; i++) {
		if (memcmp(known[i].fingerprint, key->fingerprint, KEY_FINGERPRINT_SIZE) == 0)
			return true;
	}
	return false;
}

static struct outcome check_reader(const char *text, size_t size)
{
	struct authorized_reader reader = authorized_read(text, size);
	struct key *known = calloc(size + 1, sizeof *known);
	struct authorized_line line;
	enum authorized_step step;
	struct outcome outcome = { 0 };
	unsigned last = 0;

	FUZZ_CHECK(known);
	while ((step = authorized_next(&reader, &line)) != AUTHORIZED_END) {
		const char *start = find_line(text, text + size, line.line);

		FUZZ_CHECK(line.line > last);
		last = line.line;
		if (step == AUTHORIZED_FAULT) {
			check_fault(start, text + size, &line);
			outcome.n_faults++;
			continue;
		}
		check_restrictions(&line.restrictions);
		check_key(start, (size_t)(text + size - start), &line);
		outcome.repeats |= is_known(known, outcome.n_keys, &line.key);
		known[outcome.n_keys++] = line.key;
		key_fini(&line.key);
	}
	FUZZ_CHECK(authorized_next(&reader, &line) == AUTHORIZED_END);
	free(known);
	return outcome;
}

/* ---- the plugin ---- */

static unsigned n_reports;

static void on_report(const spore_create_args *args, const char *pointer, const char *text)
{
	(void)args;
	FUZZ_CHECK(strcmp(pointer, "/authorized_keys/0") == 0);
	FUZZ_CHECK(strstr(text, "expected "));
	n_reports++;
}

static void check_keyring(const struct outcome *outcome)
{
	const char *const paths[] = { file.path };
	const spore_list files = { paths, 1, sizeof *paths };
	spore_create_args args = { .struct_size = sizeof args,
		                   .host = host_table(),
		                   .report = on_report };
	struct keyring ring;
	bool good;

	n_reports = 0;
	good = keyring_read(&ring, &args, &files);
	FUZZ_CHECK(good == (n_reports == 0));
	FUZZ_CHECK(good == (outcome->n_faults == 0 && !outcome->repeats));
	for (size_t i = 0; good && i < ring.n; i++)
		FUZZ_CHECK(keyring_find(&ring, ring.keys[i].key.fingerprint) == &ring.keys[i]);
	FUZZ_CHECK(!good || ring.n == outcome->n_keys);
	keyring_fini(&ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_exact(data, size);
	struct outcome outcome = check_reader(text, size);

	memory_file_fill(&file, data, size);
	check_keyring(&outcome);
	free(text);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	file = memory_file_new();
	return 0;
}
