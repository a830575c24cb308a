/* fuzz_secrets - a file of secrets, which is the input: the reader of its lines, and the plugin
 * auth_multi_secret from the file to a verdict, against what the documentation says of both. */
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <spore/auth.h>
#include <spore/plugin.h>

#include "enlist.h"
#include "memory_file.h"
#include "secrets_file.h"

static struct memory_file file;

/* ---- what the documentation says ---- */

struct entry {
	bool fault;
	unsigned line, column;
	spore_str name, secret;
};

struct entries {
	struct entry *items; /* owned */
	size_t n;
	bool good; /* no mistake in any */
};

static bool is_good_name(spore_str name)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];

		if (!c || c > 0x7F || (!isalnum(c) && !strchr("._@+-", c)))
			return false;
	}
	return name.len >= 1 && name.len <= 64;
}

static size_t count_blanks(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r'))
		i++;
	return i;
}

static bool is_left_out(const char *line, size_t len)
{
	size_t i = count_blanks(line, len);

	return i == len || line[i] == '#';
}

static struct entry entry_of(const char *text, size_t len, unsigned line)
{
	struct entry entry = { .line = line, .fault = true };
	size_t colon = len;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\0') {
			entry.column = (unsigned)i + 1;
			return entry;
		}
		if (text[i] == ':' && colon == len)
			colon = i;
	}
	if (colon == 0 || colon + 1 >= len ||
	    colon + 1 + count_blanks(text + colon + 1, len - colon - 1) == len) {
		entry.column = colon == 0 && len > 0 ? 1 : (unsigned)len + 1;
		return entry;
	}
	entry.fault = false;
	entry.name = (spore_str){ text, colon };
	entry.secret = (spore_str){ text + colon + 1, len - colon - 1 };
	return entry;
}

static bool is_same(spore_str a, spore_str b)
{
	return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static void add_entry(struct entries *all, struct entry entry)
{
	all->good = all->good && !entry.fault && is_good_name(entry.name);
	for (size_t i = 0; all->good && i < all->n; i++)
		all->good = !is_same(all->items[i].name, entry.name) &&
		            !is_same(all->items[i].secret, entry.secret);
	all->items[all->n++] = entry;
}

static struct entries read_entries(const char *text, size_t size)
{
	struct entries all = { .items = calloc(size + 1, sizeof(struct entry)), .good = true };
	unsigned line = 0;

	FUZZ_CHECK(all.items);
	for (size_t at = 0, end; at < size; at = end + 1) {
		size_t len;

		for (end = at; end < size && text[end] != '\n';)
			end++;
		len = end - at;
		if (end < size && len > 0 && text[end - 1] == '\r')
			len--;
		line++;
		if (!is_left_out(text + at, len))
			add_entry(&all, entry_of(text + at, len, line));
	}
	return all;
}

/* ---- the reader ---- */

static bool is_at(spore_str a, spore_str b)
{
	return a.ptr == b.ptr && a.len == b.len;
}

static void check_reader(const char *text, size_t size, const struct entries *all)
{
	struct secrets_reader reader = secrets_read(text, size);
	struct secrets_line line;

	for (size_t i = 0; i < all->n; i++) {
		const struct entry *entry = &all->items[i];

		FUZZ_CHECK(secrets_next(&reader, &line) ==
		           (entry->fault ? SECRETS_FAULT : SECRETS_LINE));
		FUZZ_CHECK(line.line == entry->line);
		if (entry->fault)
			FUZZ_CHECK(line.column == entry->column && strstr(line.fault, "expected"));
		else
			FUZZ_CHECK(is_at(line.name, entry->name) &&
			           is_at(line.secret, entry->secret));
	}
	FUZZ_CHECK(secrets_next(&reader, &line) == SECRETS_END);
	FUZZ_CHECK(secrets_next(&reader, &line) == SECRETS_END);
}

/* ---- the host ---- */

/* What the plugin has said, since it was last asked. */
static struct {
	size_t n_reports;
	char first[512];
	int32_t verdict;
	char identity[80];
	uint64_t session;
} heard;

/* In a report stand a path, places, names and the plugin's own words. Of a secret with any other
 * byte it would be seen. */
static void check_report(const char *text)
{
	for (; *text; text++)
		FUZZ_CHECK(isalnum((unsigned char)*text) || strchr(" ._@+-:\"(),/", *text));
}

static void on_report(const spore_create_args *args, const char *pointer, const char *text)
{
	(void)args;
	FUZZ_CHECK(*pointer == '\0' || strcmp(pointer, "/secrets_file") == 0);
	check_report(text);
	if (heard.n_reports++ == 0)
		snprintf(heard.first, sizeof heard.first, "%s", text);
}

static spore_status complete_verify(spore_ticket ticket, int32_t verdict,
                                    const spore_auth_result *result)
{
	(void)ticket;
	heard.verdict = verdict;
	snprintf(heard.identity, sizeof heard.identity, "%.*s", (int)result->identity.len,
	         result->identity.ptr);
	heard.session = result->session;
	return SPORE_OK;
}

static uint32_t log_enabled(const spore_ctx *log, int32_t level)
{
	(void)log;
	(void)level;
	return 0;
}

static int64_t now_ms(void)
{
	return 0;
}

static const spore_host host = { .struct_size = sizeof host,
	                         .now_ms = now_ms,
	                         .log_enabled = log_enabled,
	                         .complete_verify = complete_verify };

/* ---- the plugin ---- */

static const uint8_t challenge[16] = "sixteen of bytes";

/* bore's answer: HMAC-SHA256, keyed with SHA-256 of the secret, in hexadecimal. */
static void answer_with(spore_str secret, char hex[65])
{
	unsigned char key[32], tag[32];
	unsigned len;

	FUZZ_CHECK(EVP_Digest(secret.ptr, secret.len, key, &len, EVP_sha256(), NULL) == 1);
	FUZZ_CHECK(HMAC(EVP_sha256(), key, sizeof key, challenge, sizeof challenge, tag, &len));
	for (size_t i = 0; i < sizeof tag; i++)
		snprintf(hex + 2 * i, 3, "%02x", tag[i]);
}

static int32_t ask(const spore_auth_ops *ops, void *state, const char *hex, uint64_t session)
{
	spore_auth_request rq = { .struct_size = sizeof rq,
		                  .purpose = session ? SPORE_AUTH_DATA : SPORE_AUTH_CONTROL,
		                  .answer = spore_cstr(hex),
		                  .session = session };
	int32_t verdict;

	memcpy(rq.challenge, challenge, sizeof challenge);
	heard.verdict = SPORE_NEXT;
	verdict = ops->verify(state, &rq, (spore_ticket){ 0 });
	return verdict == SPORE_EPENDING ? heard.verdict : verdict;
}

/* Each comes in by its own secret, under its own name; on its data connections by no other's. */
static void check_entry(const spore_auth_ops *ops, void *state, const struct entries *all, size_t i)
{
	const struct entry *entry = &all->items[i];
	uint64_t session;
	char hex[65];

	answer_with(entry->secret, hex);
	FUZZ_CHECK(ask(ops, state, hex, 0) == SPORE_ALLOW);
	FUZZ_CHECK(is_same(spore_cstr(heard.identity), entry->name));
	session = heard.session;
	FUZZ_CHECK(session != 0 && ask(ops, state, hex, session) == SPORE_ALLOW);
	answer_with(all->items[(i + 1) % all->n].secret, hex);
	FUZZ_CHECK((ask(ops, state, hex, session) == SPORE_ALLOW) == (all->n == 1));
	answer_with(spore_cstr(""), hex); /* a secret has at least one byte */
	FUZZ_CHECK(ask(ops, state, hex, 0) == SPORE_NEXT);
}

static void check_verdicts(const spore_component *component, void *instance,
                           const struct entries *all)
{
	void *state;

	FUZZ_CHECK(component->worker_start(instance, NULL, 0, &state) == SPORE_OK);
	if (all->n > 0)
		check_entry(component->ops, state, all, 0);
	if (all->n > 1)
		check_entry(component->ops, state, all, all->n - 1);
	component->worker_stop(state);
}

/* The first report is about the first line that cannot stand by itself, if there is one. */
static void check_first_report(const struct entries *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct entry *entry = &all->items[i];
		char place[80];

		if (!entry->fault && is_good_name(entry->name))
			continue;
		snprintf(place, sizeof place, "%s:%u:%u: expected ", file.path, entry->line,
		         entry->fault ? entry->column : 1);
		FUZZ_CHECK(strncmp(heard.first, place, strlen(place)) == 0);
		return;
	}
}

static void check_plugin(const struct entries *all)
{
	const spore_component *component = spore_plugin_v1()->components[0];
	struct conf conf = { .secrets_file = file.path };
	spore_create_args args = { .struct_size = sizeof args,
		                   .role = SPORE_ROLE_SERVER,
		                   .host = &host,
		                   .conf = &conf,
		                   .report = on_report };
	void *instance;

	heard.n_reports = 0;
	if (component->create(&args, &instance) == SPORE_OK) {
		FUZZ_CHECK(all->good && heard.n_reports == 0);
		check_verdicts(component, instance, all);
		component->destroy(instance);
	} else {
		FUZZ_CHECK(!all->good && heard.n_reports > 0);
		check_first_report(all);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_exact(data, size);
	struct entries all = read_entries(text, size);

	check_reader(text, size, &all);
	memory_file_fill(&file, data, size);
	check_plugin(&all);
	free(all.items);
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
