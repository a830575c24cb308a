/* fuzz_cidr - prefixes from their text to a verdict: addr_parse_cidr, and the plugin acl_cidr with
 * its trie, against what a reader of their documentation would do bit by bit.
 *
 * The input is lines: "+PREFIX" is allowed, "-PREFIX" denied, "?ADDRESS" asked. If it begins with a
 * zero byte it is records instead (struct record), which reach deep tries sooner than texts do. The
 * edges of each prefix are asked, too. */
#include <arpa/inet.h>
#include <spore/acl.h>

#include "fuzz.h"
#include "net/addr.h"

enum { MAX_RULES = 40, MAX_ASKED = 32 };

struct rule {
	spore_cidr prefix;
	bool allow;
};

struct input {
	struct rule rules[MAX_RULES];
	uint8_t asked[MAX_ASKED][16];
	size_t n_rules, n_asked;
};

/* ---- what the documentation says ---- */

static bool bit_of(const uint8_t ip[16], unsigned i)
{
	return ip[i / 8] >> (7 - i % 8) & 1;
}

static bool is_ipv4(const uint8_t ip[16])
{
	static const uint8_t front[12] = { [10] = 0xFF, [11] = 0xFF };

	return memcmp(ip, front, sizeof front) == 0;
}

static bool begins(const uint8_t ip[16], const spore_cidr *prefix)
{
	for (unsigned i = 0; i < prefix->prefix_len; i++) {
		if (bit_of(prefix->ip, i) != bit_of(ip, i))
			return false;
	}
	return true;
}

/* IPv4 is a world of its own. */
static bool covers(const spore_cidr *prefix, const uint8_t ip[16])
{
	return begins(ip, prefix) && (prefix->prefix_len >= 96 || !is_ipv4(ip));
}

static bool has_host_bits(const uint8_t ip[16], unsigned prefix_len)
{
	for (unsigned i = prefix_len; i < 128; i++) {
		if (bit_of(ip, i))
			return true;
	}
	return false;
}

static bool has_allowed(const struct input *in)
{
	for (size_t i = 0; i < in->n_rules; i++) {
		if (in->rules[i].allow)
			return true;
	}
	return false;
}

/* The rule that decides; NULL: none. */
static const struct rule *rule_on(const struct input *in, const uint8_t ip[16])
{
	const struct rule *best = NULL;

	for (size_t i = 0; i < in->n_rules; i++) {
		const struct rule *rule = &in->rules[i];

		if (!covers(&rule->prefix, ip))
			continue;
		if (!best || rule->prefix.prefix_len > best->prefix.prefix_len ||
		    (rule->prefix.prefix_len == best->prefix.prefix_len && !rule->allow))
			best = rule;
	}
	return best;
}

static int32_t verdict_on(const struct input *in, const uint8_t ip[16])
{
	const struct rule *rule = rule_on(in, ip);

	if (rule)
		return rule->allow ? SPORE_ALLOW : SPORE_DENY;
	return has_allowed(in) ? SPORE_DENY : SPORE_NEXT;
}

/* The reason of a refusal is the rule that decided. */
static void check_reason(const struct input *in, const uint8_t ip[16], const char *reason)
{
	const struct rule *rule = rule_on(in, ip);
	spore_cidr named;

	if (verdict_on(in, ip) != SPORE_DENY) {
		FUZZ_CHECK(!*reason);
	} else if (!rule) {
		FUZZ_CHECK(strcmp(reason, "in no allowed prefix") == 0);
	} else {
		FUZZ_CHECK(addr_parse_cidr(reason, &named));
		FUZZ_CHECK(named.prefix_len == rule->prefix.prefix_len);
		FUZZ_CHECK(memcmp(named.ip, rule->prefix.ip, 16) == 0);
	}
}

/* ---- the text ---- */

/* ADDRESS or ADDRESS/DIGITS, read by the C library. False: it is no prefix, host bits aside. */
static bool read_cidr(const char *text, spore_cidr *out)
{
	const char *slash = strchr(text, '/');
	char ip[256];
	unsigned long most = 32, bits;

	*out = (spore_cidr){ 0 };
	snprintf(ip, sizeof ip, "%.*s", slash ? (int)(slash - text) : (int)strlen(text), text);
	if (inet_pton(AF_INET, ip, out->ip + 12) == 1)
		out->ip[10] = out->ip[11] = 0xFF;
	else if (inet_pton(AF_INET6, ip, out->ip) == 1)
		most = 128;
	else
		return false;
	bits = most;
	if (slash) {
		if (!slash[1] || slash[1 + strspn(slash + 1, "0123456789")])
			return false;
		bits = strtoul(slash + 1, NULL, 10);
	}
	out->prefix_len = (uint32_t)(bits + 128 - most);
	return bits <= most;
}

static void check_format(const spore_cidr *prefix)
{
	char text[ADDR_TEXT_SIZE];
	spore_cidr again;

	addr_format_cidr(prefix, text);
	FUZZ_CHECK(addr_parse_cidr(text, &again));
	FUZZ_CHECK(again.prefix_len == prefix->prefix_len && memcmp(again.ip, prefix->ip, 16) == 0);
}

/* True, and the prefix, if it is one. */
static bool check_text(const char *text, spore_cidr *out)
{
	spore_cidr expected;
	bool read = strlen(text) < 256 && read_cidr(text, &expected);
	bool exact = addr_parse_cidr(text, out);

	FUZZ_CHECK(read == (out->family != 0));
	FUZZ_CHECK(exact == (read && !has_host_bits(expected.ip, expected.prefix_len)));
	if (!read)
		return false;
	FUZZ_CHECK(out->prefix_len == expected.prefix_len && begins(expected.ip, out));
	FUZZ_CHECK(!has_host_bits(out->ip, out->prefix_len));
	check_format(out);
	return exact;
}

/* ---- the input ---- */

static void add_rule(struct input *in, const spore_cidr *prefix, bool allow)
{
	if (in->n_rules < MAX_RULES)
		in->rules[in->n_rules++] = (struct rule){ *prefix, allow };
}

static void add_asked(struct input *in, const uint8_t ip[16])
{
	if (in->n_asked < MAX_ASKED)
		memcpy(in->asked[in->n_asked++], ip, 16);
}

static void read_line(struct input *in, const char *line)
{
	spore_cidr prefix;
	spore_addr addr;

	if (*line == '?' && addr_parse_ip(line + 1, &addr))
		add_asked(in, addr.ip);
	else if ((*line == '+' || *line == '-') && check_text(line + 1, &prefix))
		add_rule(in, &prefix, *line == '+');
}

static void read_lines(struct input *in, const uint8_t *data, size_t size)
{
	while (size > 0) {
		const uint8_t *newline = memchr(data, '\n', size);
		size_t len = newline ? (size_t)(newline - data) : size;
		char *line = malloc(len + 1);

		FUZZ_CHECK(line);
		memcpy(line, data, len);
		line[len] = '\0';
		read_line(in, line);
		free(line);
		data += len + (newline != NULL);
		size -= len + (newline != NULL);
	}
}

struct record {
	uint8_t bits; /* of the prefix, modulo 129 */
	uint8_t what; /* bit 0: allowed; bit 1: of IPv4; bit 2: asked; the rest: that many bytes are
	               * of the record before */
	uint8_t ip[16];
};

static void read_record(struct input *in, const struct record *record, uint8_t ip[16])
{
	spore_cidr prefix = { .prefix_len = record->bits % 129, .family = 6 };
	unsigned kept = record->what >> 3 & 15;

	memcpy(ip + kept, record->ip + kept, 16 - kept);
	if (record->what & 2) {
		memset(ip, 0, 10);
		ip[10] = ip[11] = 0xFF;
		prefix.family = 4;
		prefix.prefix_len = 96 + record->bits % 33;
	}
	if (record->what & 4)
		add_asked(in, ip);
	for (unsigned i = 0; i < prefix.prefix_len; i++)
		prefix.ip[i / 8] |= ip[i / 8] & (uint8_t)(0x80 >> i % 8);
	check_format(&prefix);
	add_rule(in, &prefix, record->what & 1);
}

static void read_records(struct input *in, const uint8_t *data, size_t size)
{
	uint8_t ip[16] = { 0 };
	struct record record;

	for (; size >= sizeof record; data += sizeof record, size -= sizeof record) {
		memcpy(&record, data, sizeof record);
		read_record(in, &record, ip);
	}
}

/* ---- the plugin ---- */

/* The configuration's tree: has it the list? */
struct spore_cfg {
	bool allow, deny;
};

static uint32_t log_enabled(const spore_ctx *ctx, int32_t level)
{
	(void)ctx;
	(void)level;
	return 0;
}

static const spore_cfg *cfg_get(const spore_cfg *tree, const char *key)
{
	bool given = strcmp(key, "allow") == 0 ? tree->allow
	                                       : strcmp(key, "deny") == 0 && tree->deny;

	return given ? tree : NULL;
}

static void on_report(const spore_create_args *args, const char *pointer, const char *text)
{
	(void)args;
	fprintf(stderr, "%s: %s\n", pointer, text);
	abort();
}

static spore_list *list_of(const spore_component *component, void *conf, const char *key)
{
	for (uint32_t i = 0; i < component->n_options; i++) {
		if (strcmp(component->options[i].name, key) == 0)
			return (spore_list *)(void *)((char *)conf + component->options[i].offset);
	}
	abort();
}

static void collect(const struct input *in, bool allow, spore_list *list)
{
	spore_cidr *prefixes = calloc(in->n_rules + 1, sizeof *prefixes);
	size_t n = 0;

	FUZZ_CHECK(prefixes);
	for (size_t i = 0; i < in->n_rules; i++) {
		if (in->rules[i].allow == allow)
			prefixes[n++] = in->rules[i].prefix;
	}
	list->items = prefixes;
	list->count = n;
}

static void check_asked(const spore_acl_ops *ops, void *acl, const struct input *in,
                        const uint8_t ip[16])
{
	spore_addr peer = { .family = is_ipv4(ip) ? 4 : 6 };
	spore_acl_query query = { .struct_size = sizeof query,
		                  .point = SPORE_ACL_AT_PUBLIC,
		                  .peer = &peer,
		                  .local = &peer };
	spore_acl_result result = { .struct_size = sizeof result };

	memcpy(peer.ip, ip, 16);
	for (size_t i = 0; i < in->n_rules; i++)
		FUZZ_CHECK(addr_in_cidr(ip, &in->rules[i].prefix) ==
		           covers(&in->rules[i].prefix, ip));
	FUZZ_CHECK(ops->check(acl, &query, &result) == verdict_on(in, ip));
	check_reason(in, ip, result.reason);
}

/* Goes on to the next address, or back to the one before; round at the end. */
static void step(uint8_t ip[16], bool up)
{
	for (int i = 15; i >= 0; i--) {
		ip[i] = (uint8_t)(ip[i] + (up ? 1 : -1));
		if (ip[i] != (up ? 0 : 0xFF))
			return;
	}
}

/* The first and the last address of a prefix, and those beside them. */
static void check_edges(const spore_acl_ops *ops, void *acl, const struct input *in,
                        const spore_cidr *prefix)
{
	uint8_t ip[16];

	memcpy(ip, prefix->ip, 16);
	check_asked(ops, acl, in, ip);
	step(ip, false);
	check_asked(ops, acl, in, ip);
	memcpy(ip, prefix->ip, 16);
	for (unsigned i = prefix->prefix_len; i < 128; i++)
		ip[i / 8] |= (uint8_t)(0x80 >> i % 8);
	check_asked(ops, acl, in, ip);
	step(ip, true);
	check_asked(ops, acl, in, ip);
}

static void check_plugin(const struct input *in)
{
	static const spore_host host = { .struct_size = sizeof host,
		                         .cfg_get = cfg_get,
		                         .log_enabled = log_enabled };
	const spore_component *component = spore_plugin_v1()->components[0];
	const spore_acl_ops *ops = component->ops;
	void *conf = calloc(1, component->conf_size), *acl;
	spore_list *allow = list_of(component, conf, "allow"),
		   *deny = list_of(component, conf, "deny");
	spore_cfg tree = { .allow = has_allowed(in), .deny = true };
	spore_create_args args = { .struct_size = sizeof args,
		                   .role = SPORE_ROLE_SERVER,
		                   .host = &host,
		                   .conf = conf,
		                   .raw = &tree,
		                   .report = on_report,
		                   .point = SPORE_ACL_AT_PUBLIC };

	collect(in, true, allow);
	collect(in, false, deny);
	FUZZ_CHECK(component->create(&args, &acl) == SPORE_OK);
	for (size_t i = 0; i < in->n_asked; i++)
		check_asked(ops, acl, in, in->asked[i]);
	for (size_t i = 0; i < in->n_rules; i++)
		check_edges(ops, acl, in, &in->rules[i].prefix);
	component->destroy(acl);
	free((void *)allow->items);
	free((void *)deny->items);
	free(conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input *in = calloc(1, sizeof *in);

	FUZZ_CHECK(in);
	if (size > 0 && data[0] == 0)
		read_records(in, data + 1, size - 1);
	else
		read_lines(in, data, size);
	check_plugin(in);
	free(in);
	return 0;
}
