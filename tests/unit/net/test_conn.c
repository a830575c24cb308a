#include "net/conn.h"

#include <string.h>

#include "net/layer.h"
#include "suite.h"
#include "transports/drip.h"

static spore_str empty_value;

static uint32_t attr_of_other(spore_stream *stream, const char *key, size_t index, spore_str *out)
{
	(void)stream;
	if (strcmp(key, "other") == 0 && index == 0)
		*out = spore_cstr("upper");
	else if (strcmp(key, "empty") == 0 && index == 0)
		*out = empty_value;
	else if (strcmp(key, "endless") == 0)
		*out = spore_cstr("x");
	else
		return 0;
	return 1;
}

static void on_fault(struct layer *layer, const char *call, const char *text)
{
	(void)layer;
	ck_abort_msg("%s: %s", call, text);
}

static struct layer *make_layer(spore_stream *guest)
{
	const struct layer_origin origin = { .name = "test" };
	struct layer *layer = layer_new(guest, &origin, on_fault, NULL);

	ck_assert_ptr_nonnull(layer);
	return layer;
}

static struct spore_conn make(void)
{
	static const spore_stream_ops other_ops = { .struct_size = sizeof other_ops,
		                                    .attr = attr_of_other };
	static const spore_stream_ops older_ops = { .struct_size = 8 };
	static spore_stream other = { &other_ops }, older = { &older_ops };

	return (struct spore_conn){ .layers = { make_layer(&drip_new(NULL)->base),
		                                make_layer(&older), make_layer(&other) },
		                    .n_layers = 3,
		                    .secure = true,
		                    .peer.port = 1,
		                    .local.port = 2 };
}

static void unmake(struct spore_conn *conn)
{
	free(conn->layers[0]->guest);
	for (unsigned i = 0; i < conn->n_layers; i++)
		layer_free(conn->layers[i]);
}

static void check_attr(const spore_conn *conn, const char *key, size_t index, const char *expected)
{
	spore_str value = { NULL, 99 };
	bool found = conn_attr(conn, key, index, &value);

	ck_assert_msg(found == (expected != NULL), "%s %zu", key, index);
	if (expected) {
		ck_assert_uint_eq(value.len, strlen(expected));
		ck_assert(value.len == 0 || memcmp(value.ptr, expected, value.len) == 0);
	}
}

static void check_all(const spore_conn *conn)
{
	check_attr(conn, "drip.drop", 0, "a");
	check_attr(conn, "drip.drop", 2, "c");
	check_attr(conn, "drip.drop", 3, NULL);
	check_attr(conn, "other", 0, "upper");
	check_attr(conn, "other", 1, NULL);
	check_attr(conn, "unknown", 0, NULL);
}

START_TEST(layers_are_asked_from_the_top)
{
	struct spore_conn conn = make();

	check_all(&conn);
	check_attr(&conn, "endless", SPORE_ATTR_MAX_VALUES - 1, "x");
	check_attr(&conn, "endless", SPORE_ATTR_MAX_VALUES, NULL);
	unmake(&conn);
}
END_TEST

static uint32_t attr_insecure(spore_stream *stream, const char *key, size_t index, spore_str *out)
{
	(void)stream;
	*out = spore_cstr("1");
	return strcmp(key, SPORE_ATTR_INSECURE) == 0 && index == 0;
}

START_TEST(a_layer_may_take_back_that_it_is_secure)
{
	static const spore_stream_ops humble_ops = { .struct_size = sizeof humble_ops,
		                                     .attr = attr_insecure };
	spore_stream humble = { &humble_ops };
	struct spore_conn conn = make();

	ck_assert(!conn_has_secure_layer(&conn));
	conn.layers[2]->guest = &humble;
	conn.layers[2]->origin.secure = true;
	ck_assert(!conn_has_secure_layer(&conn));
	conn.claims_secure = true; /* by a transport that added no layer */
	ck_assert(conn_has_secure_layer(&conn));
	conn.claims_secure = false;
	conn.layers[1]->origin.secure = true; /* this one is too old to have attributes */
	ck_assert(conn_has_secure_layer(&conn));
	unmake(&conn);
}
END_TEST

START_TEST(a_copy_knows_what_was_asked_for)
{
	static const char *const keys_a[] = { "other", "unknown", NULL }, *const keys_b[] = {
		"drip.drop", NULL
	};
	const char *const *keys[] = { keys_a, NULL, keys_b };
	struct spore_conn conn = make(), *copy = conn_copy(&conn, keys, 3);

	ck_assert_ptr_nonnull(copy);
	unmake(&conn);
	memset(&conn, 0, sizeof conn);
	check_all(copy);
	ck_assert(copy->secure && copy->peer_is_final && copy->peer.port == 1 &&
	          copy->local.port == 2);
	ck_assert_uint_eq(copy->n_layers, 0);
	conn_copy_free(copy);
	copy = conn_copy(&(struct spore_conn){ .n_layers = 0 }, NULL, 0);
	check_attr(copy, "other", 0, NULL);
	conn_copy_free(copy);
	conn_copy_free(NULL);
}
END_TEST

START_TEST(an_empty_value_is_copied)
{
	static const char *const keys_a[] = { "empty", NULL };
	const char *const *keys[] = { keys_a };
	struct spore_conn conn = make(), *copy = conn_copy(&conn, keys, 1);

	check_attr(copy, "empty", 0, "");
	conn_copy_free(copy);
	unmake(&conn);
}
END_TEST

START_TEST(an_endless_list_is_cut)
{
	static const char *const keys_a[] = { "endless", NULL };
	const char *const *keys[] = { keys_a };
	struct spore_conn conn = make(), *copy = conn_copy(&conn, keys, 1);

	ck_assert_uint_eq(copy->n_facts, SPORE_ATTR_MAX_VALUES);
	conn_copy_free(copy);
	unmake(&conn);
}
END_TEST

START_TEST(a_transport_tells_the_peer_until_it_is_final)
{
	const spore_addr one = { .family = 4, .port = 1 }, other = { .family = 6, .port = 2 };
	struct spore_conn conn = { .peer = one, .socket_peer = one };

	ck_assert(!conn_is_proxied(&conn));
	ck_assert(conn_tell_peer(&conn, &other) && conn.peer_is_told);
	ck_assert_mem_eq(&conn.peer, &other, sizeof other);
	ck_assert(conn_is_proxied(&conn) && !conn.is_of_proxy);
	/* A proxy speaks for itself: that is where the socket leads. */
	conn = (struct spore_conn){ .peer = one, .socket_peer = one };
	ck_assert(conn_tell_peer(&conn, &(spore_addr){ .family = 0 }) && conn.peer_is_told);
	ck_assert_mem_eq(&conn.peer, &one, sizeof one);
	ck_assert(!conn_is_proxied(&conn) && conn.is_of_proxy);
	conn.peer_is_final = true;
	ck_assert(!conn_tell_peer(&conn, &other));
	ck_assert_mem_eq(&conn.peer, &one, sizeof one);
}
END_TEST

SUITE("conn", layers_are_asked_from_the_top, a_layer_may_take_back_that_it_is_secure,
      a_copy_knows_what_was_asked_for, an_empty_value_is_copied, an_endless_list_is_cut,
      a_transport_tells_the_peer_until_it_is_final)
