#include "services/connections.h"

#include "net/addr.h"
#include "scene/thing_scene.h"
#include "suite.h"

START_TEST(the_peer_can_be_set_until_the_handshake_is_over)
{
	spore_conn conn = { .secure = false };
	spore_addr one, other;

	ck_assert(addr_parse("10.0.0.1:1", &one) && addr_parse("10.0.0.2:2", &other));
	ck_assert_int_eq(host_table()->conn_set_peer(&conn, &one), SPORE_OK);
	ck_assert_mem_eq(&conn.peer, &one, sizeof one);
	ck_assert_int_eq(host_table()->conn_set_peer(NULL, &other), SPORE_EINVAL);
	ck_assert_int_eq(host_table()->conn_set_peer(&conn, NULL), SPORE_EINVAL);
	ck_assert_int_eq(host_table()->conn_set_peer(&conn, &(spore_addr){ .family = 4 }),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host_table()->conn_set_peer(&conn, &(spore_addr){ .family = 1 }),
	                 SPORE_EINVAL);
	ck_assert(!conn.is_of_proxy);
	ck_assert_int_eq(host_table()->conn_set_peer(&conn, &(spore_addr){ .family = 0 }),
	                 SPORE_OK);
	ck_assert(conn.is_of_proxy);
	conn.peer_is_final = true;
	ck_assert_int_eq(host_table()->conn_set_peer(&conn, &other), SPORE_ESTALE);
	ck_assert_mem_eq(&conn.peer, &one, sizeof one);
	host_table()->conn_wake(NULL);
	host_table()->conn_wake(&conn); /* nobody to wake: harmless */
}
END_TEST

SUITE("connections", the_peer_can_be_set_until_the_handshake_is_over)
