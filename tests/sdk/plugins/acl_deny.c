/* acl_deny - denies the prefixes of its list, at the point that its option names. */
#include <spore/acl.h>

#include "probe.h"

struct conf {
	spore_list deny;
	int64_t point, otherwise, rate;
	const char *reason;
};

static const spore_option_item cidr_item = { SPORE_OPT_CIDR, sizeof(spore_cidr), NULL, 0, 0 };

static const spore_option options[] = {
	SPORE_LIST(struct conf, deny, 0, &cidr_item, "prefixes that are denied"),
	SPORE_ENUM(struct conf, point, SPORE_OPTF_REQUIRED, NULL, "control|public",
	           "where it stands"),
	SPORE_ENUM(struct conf, otherwise, 0, "\"next\"", "next|allow|zero", "for everybody else"),
	SPORE_SIZE(struct conf, rate, 0, "0", 0, 1 << 30, "bytes per second for everybody else"),
	SPORE_STRING(struct conf, reason, 0, NULL, "why they are denied"),
};

static const int32_t others[] = { SPORE_NEXT, SPORE_ALLOW, 0 };

static uint32_t expected_point(const struct conf *conf)
{
	return conf->point == 0 ? SPORE_ACL_AT_CONTROL : SPORE_ACL_AT_PUBLIC;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	if (args->point != expected_point(args->conf)) {
		args->report(args, "/point", "it stands elsewhere");
		return SPORE_ECONFIG;
	}
	return probe_keep_conf(args, instance_out);
}

static int contains(const spore_cidr *cidr, const spore_addr *addr)
{
	uint32_t whole = cidr->prefix_len / 8, rest = cidr->prefix_len % 8;

	if (memcmp(cidr->ip, addr->ip, whole) != 0)
		return 0;
	return rest == 0 || (cidr->ip[whole] ^ addr->ip[whole]) >> (8 - rest) == 0;
}

static int is_empty(const spore_acl_result *out)
{
	static const spore_acl_result empty = { .struct_size = sizeof empty };

	return memcmp(out, &empty, sizeof empty) == 0;
}

/* A long reason fills the whole field, without a NUL. */
static int32_t refuse(const struct conf *conf, spore_acl_result *out)
{
	size_t len = conf->reason ? strlen(conf->reason) : 0;

	if (len)
		memcpy(out->reason, conf->reason,
		       len < sizeof out->reason ? len : sizeof out->reason);
	return SPORE_DENY;
}

static int32_t check(void *arg, const spore_acl_query *query, spore_acl_result *out)
{
	const struct conf *conf = arg;
	const spore_cidr *deny = conf->deny.items;

	if (query->point != expected_point(conf) || !is_empty(out))
		return SPORE_EINVAL;
	for (size_t i = 0; i < conf->deny.count; i++) {
		if (contains(&deny[i], query->peer))
			return refuse(conf, out);
	}
	out->rate = (uint64_t)conf->rate;
	return others[conf->otherwise];
}

static const spore_acl_ops ops = {
	.struct_size = sizeof ops,
	.check = check,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_ACL,
	.name = "deny",
	.summary = "denies prefixes",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = probe_drop_conf,
};

SPORE_PLUGIN("acl_deny", "1.0.0", "The Spore authors", "MIT", "", &component);
