#include "services/plugin_log.h"

#include <stdio.h>

#include "host/instance.h"
#include "log/log.h"
#include "log/mistake.h"
#include "services/backing.h"
#include "json/json.h"
#include "json/pointer.h"

uint32_t host_log_enabled(const spore_ctx *ctx, int32_t level)
{
	(void)ctx;
	return level >= LOG_TRACE &&
	       log_is_enabled((enum log_level)(level > LOG_ERROR ? LOG_ERROR : level));
}

enum { KEY_SIZE = 32 };

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Copies the key, and replaces all but letters and digits by '_'. */
static const char *clean_key(spore_str key, char out[KEY_SIZE])
{
	size_t len = key.ptr ? smaller(key.len, KEY_SIZE - 1) : 0;

	for (size_t i = 0; i < len; i++)
		out[i] = (char)(is_letter_or_digit(key.ptr[i]) ? key.ptr[i] : '_');
	out[len] = '\0';
	return out;
}

/* What a line from create() is about: the instance's section, and its place in the file. The keys
 * are those of other lines about a configuration (doubts/doubts). */
enum { PLACE_FIELDS = 3 };

/* Returns the number of fields; 0: the instance is not in create(). */
static size_t find_place(const spore_ctx *ctx, struct log_field out[PLACE_FIELDS],
                         char *pointer_out, size_t size)
{
	const struct json *node = instance_in_create(ctx);
	unsigned line, column;
	size_t n = 0;

	if (!node)
		return 0;
	json_pointer(node, pointer_out, size);
	out[n++] = log_str("option", pointer_out);
	if (node->source)
		out[n++] = log_str("source", node->source->name);
	if (json_is_in_file(node)) {
		json_position(node->source->text, node->source->len, node->offset, &line, &column);
		out[n++] = log_int("line", line);
	}
	return n;
}

void host_log(const spore_ctx *ctx, int32_t level, spore_str text, const spore_kv *fields, size_t n)
{
	enum { MOST = 16 };
	struct log_field all[1 + MOST + PLACE_FIELDS];
	char event[512], pointer[256], keys[MOST][KEY_SIZE];

	if (!host_log_enabled(ctx, level))
		return;
	snprintf(event, sizeof event, "%.*s", (int)smaller(text.len, sizeof event - 1),
	         text.ptr ? text.ptr : "");
	if (!ctx || (n && !fields))
		mistake(backing_name(ctx), "log", ctx ? "fields is NULL" : "ctx is NULL");
	all[0] = log_str("plugin", ctx ? backing_name(ctx) : "unknown");
	n = fields ? smaller(n, MOST) : 0;
	for (size_t i = 0; i < n; i++)
		all[i + 1] = log_text(clean_key(fields[i].key, keys[i]), fields[i].value.ptr,
		                      fields[i].value.ptr ? fields[i].value.len : 0);
	n += 1 + find_place(ctx, all + 1 + n, pointer, sizeof pointer);
	log_event((enum log_level)(level > LOG_ERROR ? LOG_ERROR : level), event, all, n);
}
