#include "net/conn.h"

#include <stdlib.h>
#include <string.h>

#include "net/layer.h"

bool conn_has_secure_layer(const spore_conn *conn)
{
	for (unsigned i = 0; i < conn->n_layers; i++) {
		struct layer *layer = conn->layers[i];
		spore_str value;

		if (layer->origin.secure && !layer_attr(layer, SPORE_ATTR_INSECURE, 0, &value))
			return true;
	}
	return conn->claims_secure;
}

uint32_t conn_attr(const spore_conn *conn, const char *key, size_t index, spore_str *out)
{
	if (index >= SPORE_ATTR_MAX_VALUES)
		return 0;
	/* A live conn has layers; a copy has facts instead. */
	for (unsigned i = conn->n_layers; i-- > 0;) {
		if (layer_attr(conn->layers[i], key, index, out))
			return 1;
	}
	for (size_t i = 0; i < conn->n_facts; i++) {
		const struct conn_fact *fact = &conn->facts[i];

		if (fact->index == index && strcmp(fact->key, key) == 0) {
			*out = (spore_str){ fact->value, fact->len };
			return 1;
		}
	}
	return 0;
}

static bool has_layer_with(const spore_conn *conn, const char *key)
{
	spore_str value;

	return conn->n_layers > 0 && conn_attr(conn, key, 0, &value);
}

bool conn_is_stale(const spore_conn *conn)
{
	return has_layer_with(conn, SPORE_ATTR_STALE);
}

bool conn_has_expired(const spore_conn *conn)
{
	return has_layer_with(conn, SPORE_ATTR_EXPIRED);
}

static bool add_fact(struct spore_conn *copy, const char *key, size_t index, spore_str value)
{
	struct conn_fact *facts = realloc(copy->facts, (copy->n_facts + 1) * sizeof *facts);

	if (!facts)
		return false;
	copy->facts = facts;
	facts += copy->n_facts;
	*facts = (struct conn_fact){ strdup(key), malloc(value.len + 1), index, value.len };
	copy->n_facts++;
	if (!facts->key || !facts->value)
		return false;
	if (value.len)
		memcpy(facts->value, value.ptr, value.len);
	return true;
}

static bool copy_key(struct spore_conn *copy, const spore_conn *conn, const char *key)
{
	spore_str value;

	for (size_t index = 0; conn_attr(conn, key, index, &value); index++) {
		if (!add_fact(copy, key, index, value))
			return false;
	}
	return true;
}

struct spore_conn *conn_copy(const spore_conn *conn, const char *const *const *keys, size_t n)
{
	struct spore_conn *copy = calloc(1, sizeof *copy);

	if (!copy)
		return NULL;
	copy->peer = conn->peer;
	copy->local = conn->local;
	copy->secure = conn->secure;
	copy->peer_is_final = true;
	for (size_t i = 0; i < n; i++) {
		for (const char *const *key = keys[i]; key && *key; key++) {
			if (!copy_key(copy, conn, *key)) {
				conn_copy_free(copy);
				return NULL;
			}
		}
	}
	return copy;
}

void conn_copy_free(struct spore_conn *copy)
{
	if (!copy)
		return;
	for (size_t i = 0; i < copy->n_facts; i++) {
		free(copy->facts[i].key);
		free(copy->facts[i].value);
	}
	free(copy->facts);
	free(copy);
}
