/* acl_facts - denies connections of which a fact is missing or has another value. At the control
 * port it asks for the connection, which opens after it was accepted. */
#include <spore/acl.h>

#include "probe.h"

struct conf {
	const char *fact, *value;
};

static const spore_option options[] = {
	SPORE_STRING(struct conf, fact, SPORE_OPTF_REQUIRED, NULL, "such as \"tls.version\""),
	SPORE_STRING(struct conf, value, SPORE_OPTF_REQUIRED, NULL, "what it must be"),
};

static int32_t check(void *instance, const spore_acl_query *query, spore_acl_result *out)
{
	const struct probe *probe = instance;
	const struct conf *conf = probe->conf;
	spore_str value;

	if (!query->conn)
		return SPORE_NEXT;
	if (!probe->host->conn_attr(query->conn, conf->fact, 0, &value)) {
		snprintf(out->reason, sizeof out->reason, "no %s", conf->fact);
		return SPORE_DENY;
	}
	if (probe_same(value, spore_cstr(conf->value)))
		return SPORE_NEXT;
	snprintf(out->reason, sizeof out->reason, "%s is %.*s", conf->fact, (int)value.len,
	         value.ptr);
	return SPORE_DENY;
}

static const spore_acl_ops ops = {
	.struct_size = sizeof ops,
	.flags = SPORE_ACLF_CONN,
	.check = check,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_ACL,
	.name = "facts",
	.summary = "judges by what transports know",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = probe_create,
	.destroy = free,
};

SPORE_PLUGIN("acl_facts", "1.0.0", "The Spore authors", "MIT", "", &component);
