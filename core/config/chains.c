#include "config/chains.h"

#include <spore/acl.h>
#include <spore/transport.h>
#include <stdio.h>
#include <string.h>

#include "diag/diag.h"
#include "net/conn.h"
#include "option/value_describe.h"
#include "option/value_number.h"
#include "json/json.h"

const struct chain_row chain_rows[N_CHAINS] = {
	[CHAIN_TRANSPORT] = { .pointer = "/transport",
	                      .kind = SPORE_KIND_TRANSPORT,
	                      .max = CONN_MAX_LAYERS },
	[CHAIN_AUTH] = { .pointer = "/auth", .kind = SPORE_KIND_AUTH },
	[CHAIN_ACL_CONTROL] = { .pointer = "/acl/control",
	                        .kind = SPORE_KIND_ACL,
	                        .point = SPORE_ACL_AT_CONTROL },
	[CHAIN_ACL_PUBLIC] = { .pointer = "/acl/public",
	                       .kind = SPORE_KIND_ACL,
	                       .point = SPORE_ACL_AT_PUBLIC },
	[CHAIN_METRICS] = { .pointer = "/metrics", .kind = SPORE_KIND_METRICS, .exports = true },
	[CHAIN_EVENTS] = { .pointer = "/events", .kind = SPORE_KIND_EVENTS },
	[CHAIN_CHECKS] = { .pointer = "/checks", .kind = SPORE_KIND_CHECK },
};

const struct chain_row public_chain_rows[PUBLIC_CHAINS] = {
	[PUBLIC_TRANSPORT] = { .pointer = "/public[0]/transport",
	                       .kind = SPORE_KIND_TRANSPORT,
	                       .max = CONN_MAX_LAYERS },
	[PUBLIC_ACL] = { .pointer = "/public[0]/acl",
	                 .kind = SPORE_KIND_ACL,
	                 .point = SPORE_ACL_AT_PUBLIC },
	[PUBLIC_ROUTE] = { .pointer = "/public[0]/route",
	                   .kind = SPORE_KIND_ROUTE,
	                   .needs_one = true },
};

const struct chain_row shared_transport_row = { .pointer = "/public[0]/transport",
	                                        .kind = SPORE_KIND_TRANSPORT,
	                                        .max = CONN_MAX_LAYERS,
	                                        .point = SPORE_TRANSPORT_AT_SHARED };

const char *const config_instance_keys[] = { "use",           "name",  "on_error",
	                                     "last_good_for", "queue", NULL };

const struct chain_row *chain_find(const char *pointer)
{
	for (size_t i = 0; i < PUBLIC_CHAINS; i++) {
		if (strcmp(public_chain_rows[i].pointer, pointer) == 0)
			return &public_chain_rows[i];
	}
	for (size_t i = 0; i < N_CHAINS; i++) {
		if (strcmp(chain_rows[i].pointer, pointer) == 0)
			return &chain_rows[i];
	}
	return NULL;
}

/* ---- reading ---- */

static const spore_option last_good_row = { .name = "last_good_for",
	                                    .type = SPORE_OPT_DURATION,
	                                    .min = LAST_GOOD_MIN_MS,
	                                    .max = LAST_GOOD_MAX_MS };

static const spore_option queue_row = SPORE_INT(struct config_instance, queue, 0, "4096", QUEUE_MIN,
                                                QUEUE_MAX, "");

const struct option_table chain_queue_table = { &queue_row, 1, sizeof queue_row };

/* A string that is not empty and contains no NUL. */
static bool is_name(const struct json *node)
{
	return node->type == JSON_STRING && node->len > 0 && strlen(node->raw) == node->len;
}

/* The name at the key; `otherwise`: there is none, or it is wrong, which is reported. */
static const char *read_name(const struct json *object, const char *key, const char *otherwise,
                             struct diag *diag)
{
	const struct json *node = json_get(object, key);
	char found[96];

	if (!node || node->unknown)
		return otherwise;
	if (is_name(node))
		return node->raw;
	diag_add(diag, node, "expected a name, found %s",
	         value_describe(node, found, sizeof found));
	return otherwise;
}

/* Reads "last_good_for", which has a meaning with "on_error": "last_good" only. */
static void read_last_good(struct json_doc *doc, const struct json *object,
                           struct config_instance *out, bool is_last_good, struct diag *diag)
{
	const struct json *node = json_get(object, last_good_row.name);
	struct option_scope scope = { .doc = doc, .diag = diag };
	int64_t ms = LAST_GOOD_DEFAULT_MS;
	bool is_read = node && !node->unknown &&
	               value_read_duration(&scope, &last_good_row, node, &ms);

	if (is_read && !is_last_good)
		diag_add_key(diag, node,
		             "expected \"last_good_for\" with \"on_error\": \"last_good\" only");
	out->last_good_ms = is_last_good ? ms : 0;
}

static void read_on_error(struct json_doc *doc, const struct json *object,
                          struct config_instance *out, struct diag *diag)
{
	const char *on_error = read_name(object, "on_error", "deny", diag);
	bool is_last_good = strcmp(on_error, "last_good") == 0;
	bool is_next = strcmp(on_error, "next") == 0;
	bool is_known = is_last_good || is_next || strcmp(on_error, "deny") == 0;

	out->continue_on_error = is_next;
	read_last_good(doc, object, out, is_last_good || !is_known, diag);
	if (is_known)
		return;
	out->last_good_ms = 0;
	diag_add(diag, json_get(object, "on_error"),
	         "expected one of deny|next|last_good, found \"%s\"", on_error);
}

/* Reads "queue", which only listeners for events have. */
static void read_queue(const struct chain_row *row, struct json_doc *doc, const struct json *object,
                       struct config_instance *out, struct diag *diag)
{
	const struct json *node = json_get(object, queue_row.name);
	struct option_scope scope = { .doc = doc, .diag = diag };

	out->queue = QUEUE_DEFAULT;
	if (!node || node->unknown)
		return;
	if (row->kind == SPORE_KIND_EVENTS)
		value_read_int(&scope, &queue_row, node, &out->queue);
	else
		diag_add_key(diag, node, "expected \"queue\" in the section \"events\" only");
}

enum { NUMBER_SIZE = 24 };

static bool has_name(const struct config_chain *chain, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (chain->items[i].name && strcmp(chain->items[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Logs and metrics tell instances apart by their names. The default of the first instance of a
 * plugin is what it uses, behind the chain's prefix: "hmac", "web/tls". That of the others has a
 * number, too: "hmac#2". NULL: it uses nothing, or memory is out. */
static const char *derive_name(const struct config_chain *chain, size_t at, struct json_doc *doc)
{
	const char *use = chain->items[at].use, *prefix = chain->prefix ? chain->prefix : "";
	size_t number = 2, size = use ? strlen(prefix) + strlen(use) + NUMBER_SIZE + 1 : 0;
	char *name = use ? json_doc_alloc(doc, size) : NULL;

	if (!name)
		return NULL;
	snprintf(name, size, "%s%s%s", prefix, *prefix ? "/" : "", use);
	while (has_name(chain, at, name))
		snprintf(name, size, "%s%s%s#%zu", prefix, *prefix ? "/" : "", use, number++);
	return name;
}

static void read_instance(const struct chain_row *row, struct json_doc *doc,
                          const struct json *node, struct config_instance *out, struct diag *diag)
{
	char found[96];

	out->node = node;
	if (node->unknown)
		return;
	if (node->type != JSON_OBJECT) {
		diag_add(diag, node, "expected an object with \"use\", found %s",
		         value_describe(node, found, sizeof found));
		return;
	}
	if (!json_get(node, "use"))
		diag_add(diag, node, "expected the key \"use\" (the plugin's name), found none");
	out->use = read_name(node, "use", NULL, diag);
	out->name = read_name(node, "name", NULL, diag);
	read_on_error(doc, node, out, diag);
	read_queue(row, doc, node, out, diag);
}

void chain_read(const struct chain_row *row, struct json_doc *doc, const spore_cfg *section,
                struct config_chain *out, struct diag *diag)
{
	const struct json *array = (const struct json *)(const void *)section;
	char found[96];
	size_t i = 0;

	out->row = row;
	if (!array || array->unknown)
		return;
	out->is_given = true;
	if (array->type != JSON_ARRAY) {
		diag_add(diag, array, "expected an array of instances, found %s",
		         value_describe(array, found, sizeof found));
		return;
	}
	out->items = json_doc_alloc(doc, (array->count + 1) * sizeof *out->items);
	if (!out->items)
		return;
	out->n = array->count;
	for (const struct json *node = array->first; node; node = node->next, i++) {
		read_instance(row, doc, node, &out->items[i], diag);
		if (!out->items[i].name)
			out->items[i].name = derive_name(out, i, doc);
	}
	if (row->needs_one && out->n == 0)
		diag_add(diag, array, "expected at least one instance, found none");
	if (row->max && out->n > row->max)
		diag_add(diag, array, "expected at most %zu instances, found %zu", row->max,
		         out->n);
}
