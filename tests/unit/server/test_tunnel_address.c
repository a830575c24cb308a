#include "server/tunnel_address.h"

#include "config/settings.h"
#include "host/readiness.h"
#include "net/addr.h"
#include "stderr_file.h"
#include "suite.h"

static struct server_settings bound_to(const char *ip, spore_addr *address)
{
	ck_assert(addr_parse_ip(ip, address));
	return (struct server_settings){ .control_port = 1,
		                         .bind_tunnels = { address, 1, sizeof *address } };
}

START_TEST(an_address_comes_and_goes)
{
	spore_addr addresses[3];
	struct server_settings ours = bound_to("127.0.0.1", &addresses[0]);
	struct server_settings any = bound_to("0.0.0.0", &addresses[1]);
	/* for documents (RFC 5737) */
	struct server_settings other = bound_to("192.0.2.1", &addresses[2]);
	struct tunnel_address address = { false };
	char why[256];

	readiness_set(true);
	stderr_file_begin();
	ck_assert(!tunnel_address_look(&address, &ours));
	ck_assert(readiness_explain(why, sizeof why));
	tunnel_address_watch(&address, &other);
	tunnel_address_watch(&address, &other);
	ck_assert(!readiness_explain(why, sizeof why));
	ck_assert_ptr_nonnull(strstr(why, "does not have the address 192.0.2.1 (bind_tunnels)"));
	stderr_file_expect("does not have the address any more bind_tunnels=192.0.2.1\n");
	tunnel_address_watch(&address, &any);
	ck_assert(readiness_explain(why, sizeof why));
	stderr_file_expect(
		"tunnels can open: this host has the address now bind_tunnels=0.0.0.0\n");
	ck_assert_uint_eq(stderr_file_lines(), 2);
}
END_TEST

SUITE("tunnel_address", an_address_comes_and_goes)
