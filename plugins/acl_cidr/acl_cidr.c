/* acl_cidr - allows and denies peers by IP prefix.
 *
 * The longest prefix that contains the peer decides. If the same prefix is allowed and denied, deny
 * wins. An address in no prefix is denied if there is an allow list; otherwise the next instance
 * decides. IPv4 and IPv6 are separate: "::/0" does not contain 10.0.0.1, nor ::ffff:10.0.0.1, which
 * is the same address. */
#include <spore/acl.h>
#include <stdio.h>
#include <stdlib.h>

#include "../common/cover.h"
#include "rules.h"
#include "trie.h"

struct conf {
	spore_list allow, deny, identity;
};

/* Read-only after create(), so all workers share one. */
struct cidr {
	struct trie *trie;
	struct rules *denied;  /* the prefixes of `deny` */
	int32_t uncovered;     /* the verdict on an address in no prefix */
	spore_str *identities; /* owned; sorted; the host owns the texts */
	size_t n_identities;   /* 0: check every tunnel */
};

static const spore_option_item prefix_item = { SPORE_OPT_CIDR, sizeof(spore_cidr), NULL, 0, 0 };
static const spore_option_item name_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };
static const spore_option options[] = {
	SPORE_LIST(
		struct conf, allow, 0, &prefix_item,
		"prefixes that may connect; if this option is set, even to [], addresses outside "
		"both lists may not connect"),
	SPORE_LIST(
		struct conf, deny, 0, &prefix_item,
		"prefixes that may not connect; the longest matching prefix of both lists decides"),
	SPORE_LIST(struct conf, identity, SPORE_OPTF_NOT_EMPTY | SPORE_OPTF_IDENTITY, &name_item,
	           "on public ports: check only tunnels of these identities"),
};

/* ---- identities ---- */

static int compare_names(const void *a, const void *b)
{
	const spore_str *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return x->len ? memcmp(x->ptr, y->ptr, x->len) : 0;
}

static spore_str *sort_names(const spore_list *list)
{
	const char *const *texts = list->items;
	spore_str *names = calloc(list->count + 1, sizeof *names);

	for (size_t i = 0; names && i < list->count; i++)
		names[i] = spore_cstr(texts[i]);
	if (names)
		qsort(names, list->count, sizeof *names, compare_names);
	return names;
}

static int judges_tunnels_of(const struct cidr *cidr, const spore_str *identity)
{
	return cidr->n_identities == 0 || bsearch(identity, cidr->identities, cidr->n_identities,
	                                          sizeof *cidr->identities, compare_names);
}

/* ---- prefixes ---- */

static size_t add_rules(struct trie_rule *rules, size_t n, const spore_list *list,
                        enum trie_verdict verdict)
{
	const spore_cidr *prefixes = list->items;

	for (size_t i = 0; i < list->count; i++)
		rules[n++] = (struct trie_rule){ prefixes[i], verdict };
	return n;
}

static struct trie *make_trie(const struct conf *conf)
{
	/* Covers all IPv4 addresses, so that shorter prefixes, which mean IPv6, do not apply to
	 * them. */
	static const struct trie_rule ipv4 = { { { [10] = 0xFF, [11] = 0xFF }, 96, 4 },
		                               TRIE_NOTHING };
	struct trie_rule *rules = calloc(conf->allow.count + conf->deny.count + 1, sizeof *rules);
	struct trie *trie;
	size_t n = 0;

	if (!rules)
		return NULL;
	rules[n++] = ipv4;
	n = add_rules(rules, n, &conf->allow, TRIE_ALLOW);
	n = add_rules(rules, n, &conf->deny, TRIE_DENY);
	trie = trie_new(rules, n);
	free(rules);
	return trie;
}

static int has_ip(const spore_addr *addr)
{
	return addr->family == 4 || addr->family == 6;
}

static int32_t check(void *state, const spore_acl_query *query, spore_acl_result *out)
{
	const struct cidr *cidr = state;
	const spore_addr *peer = query->peer;
	enum trie_verdict verdict;

	if (!judges_tunnels_of(cidr, &query->identity))
		return SPORE_NEXT;
	verdict = has_ip(peer) ? trie_find(cidr->trie, peer->ip) : TRIE_NOTHING;
	if (verdict == TRIE_ALLOW)
		return SPORE_ALLOW;
	if (verdict == TRIE_DENY) {
		rule_print(rules_find(cidr->denied, peer->ip), out->reason);
		return SPORE_DENY;
	}
	if (cidr->uncovered == SPORE_DENY)
		snprintf(out->reason, sizeof out->reason, "in no allowed prefix");
	return cidr->uncovered;
}

static int32_t decides_all(void *instance)
{
	const struct cidr *cidr = instance;

	return cidr->uncovered == SPORE_DENY && cidr->n_identities == 0;
}

static int32_t decides_all_of(void *instance, spore_str identity)
{
	const struct cidr *cidr = instance;

	return cidr->uncovered == SPORE_DENY && judges_tunnels_of(cidr, &identity);
}

/* ---- the component ---- */

static void destroy(void *instance)
{
	struct cidr *cidr = instance;

	trie_free(cidr->trie);
	rules_free(cidr->denied);
	free(cidr->identities);
	free(cidr);
}

static int is_given(const spore_create_args *args, const char *key)
{
	return args->host->cfg_get(args->raw, key) != NULL;
}

static int check_conf(const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	int good = 1;

	if (!is_given(args, "allow") && !is_given(args, "deny")) {
		args->report(args, "", "expected \"allow\" or \"deny\", found neither");
		good = 0;
	}
	if (conf->identity.count > 0 && args->point == SPORE_ACL_AT_CONTROL) {
		args->report(args, "/identity",
		             "expected only in lists of public ports: connections to the control "
		             "port have no identity yet");
		good = 0;
	}
	return good;
}

/* Nothing but prefixes that are allowed, of all addresses. */
static int allows_all(const struct conf *conf)
{
	struct cover_lists reversed = { &conf->deny, &conf->allow, 0 };

	return conf->deny.count == 0 && cover_denies_all(&reversed, 4) == 1 &&
	       cover_denies_all(&reversed, 6) == 1;
}

/* Where only the one family is thought of, the other is not the way in. */
static void warn_if_all_are_alike(const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	struct cover_lists lists = { &conf->allow, &conf->deny, is_given(args, "allow") };
	int all4 = cover_denies_all(&lists, 4) == 1, all6 = cover_denies_all(&lists, 6) == 1;

	if (all4 && all6)
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
		           "this access list denies everybody");
	else if (all4 && !cover_names(&lists, 6))
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
		           "this access list denies every IPv4 address, and has no rule for IPv6");
	else if (all6 && !cover_names(&lists, 4))
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
		           "this access list denies every IPv6 address, and has no rule for IPv4");
	else if (allows_all(conf))
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
		           "this access list allows everybody");
}

/* An empty list has a meaning, but a file of prefixes may be empty by mistake. */
static void warn(const spore_create_args *args)
{
	const struct conf *conf = args->conf;

	if (is_given(args, "allow") && conf->allow.count == 0)
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
		           "the list allow is empty: it denies everybody");
	else if (!is_given(args, "allow") && conf->deny.count == 0)
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
		           "the list deny is empty: it denies nobody");
	else
		warn_if_all_are_alike(args);
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *conf = args->conf;
	struct cidr *cidr;

	if (!check_conf(args))
		return SPORE_ECONFIG;
	warn(args);
	cidr = calloc(1, sizeof *cidr);
	if (!cidr)
		return SPORE_ENOMEM;
	cidr->trie = make_trie(conf);
	cidr->denied = rules_new(conf->deny.items, conf->deny.count);
	cidr->identities = sort_names(&conf->identity);
	cidr->n_identities = conf->identity.count;
	/* An empty allow list denies everybody. */
	cidr->uncovered = is_given(args, "allow") ? SPORE_DENY : SPORE_NEXT;
	if (!cidr->trie || !cidr->denied || !cidr->identities) {
		destroy(cidr);
		return SPORE_ENOMEM;
	}
	*instance_out = cidr;
	return SPORE_OK;
}

static const spore_acl_ops ops = {
	.struct_size = sizeof ops,
	.check = check,
	.decides_all = decides_all,
	.decides_all_of = decides_all_of,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_ACL,
	.name = "cidr",
	.summary = "allows and denies IP prefixes; the longest match decides",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("acl_cidr", "1.0.0", "The Spore authors", "MIT", "", &component);
