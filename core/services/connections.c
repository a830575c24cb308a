#include "services/connections.h"

#include "log/mistake.h"
#include "net/addr.h"
#include "net/conn.h"

uint32_t host_conn_attr(const spore_conn *conn, const char *key, size_t index, spore_str *out)
{
	if (conn && key && out)
		return conn_attr(conn, key, index, out);
	mistake(NULL, "conn_attr", !conn ? "conn is NULL" : !key ? "key is NULL" : "out is NULL");
	return 0;
}

spore_status host_conn_set_peer(spore_conn *conn, const spore_addr *peer)
{
	if (!conn || !peer || (peer->family != 0 && !addr_is_ip(peer)))
		return mistake(NULL, "conn_set_peer",
		               conn && peer ? "peer is not an IP address" : "conn or peer is NULL");
	return conn_tell_peer(conn, peer) ? SPORE_OK : SPORE_ESTALE;
}

void host_conn_wake(spore_conn *conn)
{
	if (!conn)
		mistake(NULL, "conn_wake", "conn is NULL");
	else if (conn->wake)
		conn->wake(conn);
}
