#include "option/value_text.h"

#include <inttypes.h>
#include <string.h>

#include "net/addr.h"
#include "option/table.h"
#include "option/value_digest.h"
#include "option/value_number.h"
#include "json/json.h"
#include "json/jsonout.h"

/* Adds bytes to the digest. The new digest is that of two others in a row: the old one, and the one
 * of the bytes. */
static void fold(struct value_text *text, const void *bytes, size_t len)
{
	uint8_t both[2 * CRYPTO_SHA256_SIZE];

	memcpy(both, text->digest, CRYPTO_SHA256_SIZE);
	crypto_sha256(len ? bytes : "", len, both + CRYPTO_SHA256_SIZE);
	crypto_sha256(both, sizeof both, text->digest);
}

static void put(struct value_text *text, const char *json)
{
	fputs(json, text->out);
	fold(text, json, strlen(json));
}

void value_text_string(struct value_text *text, const char *string)
{
	jsonout_text(&(struct jsonout){ .out = text->out }, NULL, string);
	fold(text, string, string ? strlen(string) : 0);
}

static void put_secret(struct value_text *text, const spore_str *secret)
{
	fputs(secret->ptr ? VALUE_TEXT_SECRET : "null", text->out);
	fold(text, secret->ptr, secret->ptr ? secret->len : 0);
}

/* For a text without quotes in it. */
static void put_quoted(struct value_text *text, const char *plain)
{
	char quoted[ADDR_TEXT_SIZE + 64];

	snprintf(quoted, sizeof quoted, "\"%s\"", plain);
	put(text, quoted);
}

static void put_enum(struct value_text *text, const spore_option *row, int64_t index)
{
	const char *at = row->choices ? row->choices : "";
	char choice[128];

	for (; index > 0 && strchr(at, '|'); index--)
		at = strchr(at, '|') + 1;
	snprintf(choice, sizeof choice, "%.*s", (int)strcspn(at, "|"), at);
	value_text_string(text, choice);
}

static void put_address(struct value_text *text, const spore_option *row, const spore_addr *addr)
{
	char plain[ADDR_TEXT_SIZE];

	if (addr->family == 0)
		put(text, "null");
	else
		put_quoted(text, row->type == SPORE_OPT_IP ? addr_format_ip(addr, plain)
		                                           : addr_format(addr, plain));
}

static void put_digest(struct value_text *text, const spore_sha256 *digest)
{
	static const spore_sha256 none;
	char quoted[VALUE_SHA256_SIZE];

	if (memcmp(digest, &none, sizeof none) == 0)
		put(text, "null");
	else
		put_quoted(text, value_format_sha256(digest, quoted));
}

static void put_ports(struct value_text *text, const spore_list *ports)
{
	const spore_port_range *ranges = ports->items;
	bool is_number = ports->count == 1 && ranges->lo == ranges->hi;
	char range[32];

	fputs(is_number ? "" : "\"", text->out);
	for (size_t i = 0; i < ports->count; i++) {
		if (ranges[i].lo == ranges[i].hi)
			snprintf(range, sizeof range, "%s%u", i ? "," : "", ranges[i].lo);
		else
			snprintf(range, sizeof range, "%s%u-%u", i ? "," : "", ranges[i].lo,
			         ranges[i].hi);
		put(text, range);
	}
	fputs(is_number ? "" : "\"", text->out);
}

static void put_list(struct value_text *text, const spore_option *row, const spore_list *list)
{
	const spore_option item = {
		.type = row->item->type, .min = 1, .max = 0, .item = row->item
	};

	bool is_bare = row->flags & OPTIONF_LONE && list->count == 1;

	fputs(is_bare ? "" : "[", text->out);
	for (size_t i = 0; i < list->count; i++) {
		fputs(i ? ", " : "", text->out);
		value_text_write(text, &item, (const char *)list->items + i * list->stride);
	}
	fputs(is_bare ? "" : "]", text->out);
}

static void put_number(struct value_text *text, const spore_option *row, const void *field)
{
	char number[32];

	switch (row->type) {
	case SPORE_OPT_NUMBER:
		snprintf(number, sizeof number, "%.15g", *(const double *)field);
		break;
	case SPORE_OPT_DURATION:
		put_quoted(text, value_format_duration(*(const int64_t *)field, number));
		return;
	case SPORE_OPT_SIZE:
		put_quoted(text, value_format_size(*(const int64_t *)field, number));
		return;
	default:
		snprintf(number, sizeof number, "%" PRId64, *(const int64_t *)field);
	}
	put(text, number);
}

static void fold_node(struct value_text *text, const struct json *node)
{
	fold(text, &node->type, sizeof node->type);
	fold(text, node->key, node->key ? strlen(node->key) : 0);
	fold(text, node->raw, node->raw ? node->len : 0);
	fold(text, &node->boolean, sizeof node->boolean);
	fold(text, &node->count, sizeof node->count);
	for (const struct json *child = node->first; child; child = child->next)
		fold_node(text, child);
}

void value_text_node(struct value_text *text, const struct json *node)
{
	fputs(node ? VALUE_TEXT_HIDDEN : "null", text->out);
	if (node)
		fold_node(text, node);
}

void value_text_write(struct value_text *text, const spore_option *row, const void *field)
{
	char prefix[ADDR_TEXT_SIZE];

	switch (row->type) {
	case SPORE_OPT_BOOL:
		put(text, *(const uint32_t *)field ? "true" : "false");
		break;
	case SPORE_OPT_INT:
	case SPORE_OPT_PORT:
	case SPORE_OPT_NUMBER:
	case SPORE_OPT_DURATION:
	case SPORE_OPT_SIZE:
		put_number(text, row, field);
		break;
	case SPORE_OPT_STRING:
		value_text_string(text, *(const char *const *)field);
		break;
	case SPORE_OPT_SECRET:
		put_secret(text, field);
		break;
	case SPORE_OPT_ENUM:
		put_enum(text, row, *(const int64_t *)field);
		break;
	case SPORE_OPT_ADDR:
	case SPORE_OPT_IP:
		put_address(text, row, field);
		break;
	case SPORE_OPT_PORTS:
		put_ports(text, field);
		break;
	case SPORE_OPT_CIDR:
		put_quoted(text, addr_format_cidr(field, prefix));
		break;
	case SPORE_OPT_SHA256:
		put_digest(text, field);
		break;
	case SPORE_OPT_LIST:
		put_list(text, row, field);
		break;
	case SPORE_OPT_NODE:
		value_text_node(text, *(const struct json *const *)field);
		break;
	default:
		put(text, VALUE_TEXT_HIDDEN);
	}
}
