#include "services/tree.h"

#include <stdio.h>

#include "log/log.h"
#include "log/mistake.h"
#include "services/backing.h"
#include "thread/guest.h"
#include "json/json.h"
#include "json/reply.h"

static const struct json *node_of(const spore_cfg *cfg)
{
	return (const struct json *)(const void *)cfg;
}

static const spore_cfg *cfg_of(const struct json *node)
{
	return (const spore_cfg *)(const void *)node;
}

uint32_t host_cfg_type(const spore_cfg *cfg)
{
	static const uint32_t types[] = {
		[JSON_NULL] = SPORE_CFG_NULL,     [JSON_BOOL] = SPORE_CFG_BOOL,
		[JSON_NUMBER] = SPORE_CFG_NUMBER, [JSON_STRING] = SPORE_CFG_STRING,
		[JSON_ARRAY] = SPORE_CFG_ARRAY,   [JSON_OBJECT] = SPORE_CFG_OBJECT,
	};

	return cfg ? types[node_of(cfg)->type] : SPORE_CFG_NULL;
}

const spore_cfg *host_cfg_get(const spore_cfg *object, const char *key)
{
	if (key)
		return cfg_of(json_get(node_of(object), key));
	mistake(NULL, "cfg_get", "key is NULL");
	return NULL;
}

const spore_cfg *host_cfg_at(const spore_cfg *container, size_t index, const char **key_out)
{
	const struct json *node = json_child(node_of(container), index);

	if (node && key_out)
		*key_out = node->key;
	return cfg_of(node);
}

size_t host_cfg_count(const spore_cfg *container)
{
	return container ? node_of(container)->count : 0;
}

const char *host_cfg_string(const spore_cfg *cfg)
{
	return cfg && node_of(cfg)->type == JSON_STRING ? node_of(cfg)->raw : NULL;
}

double host_cfg_number(const spore_cfg *cfg)
{
	return cfg && node_of(cfg)->type == JSON_NUMBER ? node_of(cfg)->number : 0;
}

uint32_t host_cfg_bool(const spore_cfg *cfg)
{
	return cfg && node_of(cfg)->type == JSON_BOOL && node_of(cfg)->boolean;
}

/* The tree belongs to the plugin. */
spore_status host_cfg_parse(spore_ctx *ctx, spore_str text, spore_cfg **out, char *error,
                            size_t error_size)
{
	struct json *root = NULL;
	spore_status status;

	if (out)
		*out = NULL;
	if (!ctx || !out || !text.ptr) {
		if (error && error_size)
			snprintf(error, error_size, "ctx, out or the text is NULL");
		return mistake(backing_name(ctx), "cfg_parse", "ctx, out or the text is NULL");
	}
	status = reply_parse(text.ptr, text.len, &root, error, error ? error_size : 0);
	*out = (spore_cfg *)(void *)root;
	return status;
}

void host_cfg_free(spore_cfg *tree)
{
	if (!reply_free((struct json *)(void *)tree))
		log_error("plugin frees a tree that is not its own",
		          log_str("plugin", guest_current()));
}
