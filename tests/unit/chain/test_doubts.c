#include "chain/doubts.h"

#include "capture.h"
#include "scene/host_scene.h"
#include "suite.h"

static const char *doubts_of(unsigned role, const char *text)
{
	static char printed[4096];
	struct host_scene scene;
	struct plugin_set *set;
	FILE *out;

	host_scene_open(&scene);
	set = host_scene_start(&scene, role, text);
	doubts_find(set);
	out = fmemopen(printed, sizeof printed, "w");
	doubts_print(set, out);
	fputc('\0', out);
	fclose(out);
	plugin_set_unref(set);
	host_scene_close(&scene);
	return printed;
}

/* The lines about a server's configuration. */
static const char *doubts(const char *text)
{
	return doubts_of(ROLE_SERVER, text);
}

#define PUBLIC(identities)                                                                         \
	"\"acl\":{\"public\":[{\"use\":\"cidr\",\"deny\":[],\"identity\":[" identities "]}]}"
#define SECRETS "{\"use\":\"multi_secret\",\"secrets\":{\"alice\":\"a\",\"bob\":\"b\"}}"

START_TEST(an_identity_that_nobody_has_is_named)
{
	const char *found = doubts("{\"auth\":[" SECRETS "],\n" PUBLIC("\"bob\",\n\"alcie\"") "}");

	ck_assert_contains(found, ":3: /acl/public/0/identity/1: no auth plugin knows the identity "
	                          "\"alcie\", so this applies to nobody\n");
	ck_assert_lacks(found, "bob");
}
END_TEST

START_TEST(any_instance_may_have_it)
{
	ck_assert_str_eq(doubts("{\"auth\":[" SECRETS ",{\"use\":\"hmac\",\"secret\":\"c\","
	                        "\"identity\":\"carol\"}]," PUBLIC("\"alice\",\"carol\"") "}"),
	                 "");
	ck_assert_contains(
		doubts("{\"auth\":[{\"use\":\"hmac\",\"secret\":\"c\"}]," PUBLIC("\"alice\"") "}"),
		"\"alice\"");
}
END_TEST

/* The tests' plugin "policy" does not say whom it knows. */
START_TEST(an_instance_that_cannot_tell_may_have_anyone)
{
	ck_assert_str_eq(
		doubts("{\"auth\":[" SECRETS
	               ",{\"use\":\"policy\",\"names\":[\"dave\"]}]," PUBLIC("\"eve\"") "}"),
		"");
}
END_TEST

START_TEST(a_reserved_port_that_no_tunnel_would_get)
{
	const char *found = doubts(
		"{\"server\":{\"ports\":\"20000-21000,22000\",\"reserved_ports\":["
		"20000,\n80,\"20990-22222\",\n\"1-19999,65535\",22000]},"
		"\"auth\":[" SECRETS "]}");

	ck_assert_contains(found, ":2: /server/reserved_ports/1: no tunnel would get this port "
	                          "anyway");
	ck_assert_contains(found, ":3: /server/reserved_ports/3: ");
	ck_assert_lacks(found, "/0: ");
	ck_assert_lacks(found, "/2: ");
	ck_assert_lacks(found, "/4: ");
	ck_assert_str_eq(doubts("{\"server\":{\"reserved_ports\":[]},\"auth\":[" SECRETS "]}"), "");
}
END_TEST

START_TEST(a_header_at_a_port_without_tunnels)
{
	const char *found = doubts(
		"{\"server\":{\"ports\":\"20000-21000\",\"reserved_ports\":[20500],"
		"\"send_proxy_ports\":[20000,\n80,\"20999-22222\",\n20500]},"
		"\"auth\":[" SECRETS "]}");

	ck_assert_contains(found, ":2: /server/send_proxy_ports/1: no tunnel gets this port: it is "
	                          "not one of the public ports");
	ck_assert_contains(found, ":3: /server/send_proxy_ports/3: ");
	ck_assert_lacks(found, "/0: ");
	ck_assert_lacks(found, "/2: ");
}
END_TEST

START_TEST(a_server_without_authentication_is_open)
{
	ck_assert_str_eq(doubts("{}"), "no authentication: anybody who reaches the control port "
	                               "may open tunnels\n");
	ck_assert_contains(doubts("{" PUBLIC("\"alice\"") "}"), "\"alice\"");
}
END_TEST

/* A tunnel that asks for the port would be refused; an exporter's other ports do no harm. */
START_TEST(a_listener_among_the_public_ports_is_named)
{
#define LISTENER(ip) "\"metrics\":[{\"use\":\"prometheus\",\"listen\":\"" ip ":9464\"}]"
#define PORTS(more)  "\"server\":{\"bind_addr\":\"127.0.0.1\",\"ports\":\"9000-9999\"" more "}"
	const char *found = doubts("{" PORTS("") ",\n" LISTENER("127.0.0.1") "}");

	ck_assert_contains(found, ":2: /metrics/0: it listens at port 9464, which is one of the "
	                          "public ports: no tunnel would get it.");
	ck_assert_lacks(doubts("{" PORTS("") "," LISTENER("127.0.0.2") "}"), "listens");
	ck_assert_lacks(
		doubts("{" PORTS(",\"reserved_ports\":[9464]") "," LISTENER("127.0.0.1") "}"),
		"listens");
}
END_TEST

/* Only of what the operator has set. */
START_TEST(a_limit_behind_another_one_is_named)
{
	const char *found = doubts(
		"{\"server\":{\"drain_grace\":\"20s\"},\n\"limits\":{\"max_relays\":"
		"100,\n\"max_visitors_per_ip\":101,\"max_pending\":100}}");

	ck_assert_contains(found, ":1: /server/drain_grace: it has no effect: it is above "
	                          "server.drain_timeout\n");
	ck_assert_contains(found, ":3: /limits/max_visitors_per_ip: it has no effect: it is above "
	                          "limits.max_relays\n");
	ck_assert_lacks(found, "max_pending");
	ck_assert_lacks(doubts("{\"server\":{\"drain_timeout\":\"100ms\"}}"), "drain");
}
END_TEST

START_TEST(a_client_s_limit_above_the_server_s_is_named)
{
#define POLICIES                                                                                   \
	"{\"use\":\"multi_secret\",\"secrets\":{\"alice\":\"a\",\"bob\":\"b\"},\"policy\":{\n"     \
	"\"alice\":{\"life\":\"1h\",\"max_tunnels\":5},\n\"*\":{\"max_tunnels\":6},\n"             \
	"\"bob\":{\"max_conns\":101}}}"
	const char *found = doubts(
		"{\"limits\":{\"max_tunnels\":5,\"max_relays\":100},\"auth\":[" POLICIES "]}");

	ck_assert_contains(found, ":3: /auth/0/policy/*/max_tunnels: it has no effect: it is above "
	                          "limits.max_tunnels\n");
	ck_assert_contains(found, ":4: /auth/0/policy/bob/max_conns: it has no effect: it is above "
	                          "limits.max_relays\n");
	ck_assert_lacks(found, "alice");
	ck_assert_lacks(found, "bob/max_tunnels");
	ck_assert_str_eq(doubts("{\"auth\":[" POLICIES "]}"), "");
}
END_TEST

/* What a reload from the first configuration to the second one is doubted for. */
static const char *cut_off(const char *from, const char *to)
{
	static char printed[4096];
	struct host_scene scene;
	struct plugin_set *before, *after;
	FILE *out = fmemopen(printed, sizeof printed, "w");

	host_scene_open(&scene);
	before = host_scene_server(&scene, from);
	after = host_scene_server(&scene, to);
	doubts_find_cut_off(before, NULL);
	doubts_find_cut_off(after, before);
	doubts_print(after, out);
	fputc('\0', out);
	fclose(out);
	plugin_set_unref(before);
	plugin_set_unref(after);
	host_scene_close(&scene);
	return printed;
}

#define ALLOW               "{\"use\":\"cidr\",\"allow\":[\"10.0.0.0/8\"]}"
#define DENY                "{\"use\":\"cidr\",\"deny\":[\"10.66.0.0/16\"]}"
#define ALICE               "{\"use\":\"cidr\",\"identity\":[\"alice\"],\"allow\":[\"10.0.0.0/8\"]}"
#define LISTS(where, lists) "{\"auth\":[" SECRETS "],\"acl\":{\"" where "\":[" lists "]}}"

START_TEST(an_access_list_that_is_never_asked)
{
	static const char behind[] = ": this access list is never asked: /acl/public/1 in front of "
				     "it decides about every connection\n";
	const char *found = doubts(LISTS("public", DENY "," ALLOW ",\n" DENY ",\n" ALLOW));
	char line[256];

	snprintf(line, sizeof line, ":2: /acl/public/2%s", behind);
	ck_assert_contains(found, line);
	snprintf(line, sizeof line, ":3: /acl/public/3%s", behind);
	ck_assert_contains(found, line);
	ck_assert_lacks(found, "/acl/public/0");
	ck_assert_contains(doubts(LISTS("control", ALLOW "," DENY)), "/acl/control/1: this access");
	/* Others are asked behind these. */
	ck_assert_str_eq(doubts(LISTS("public", DENY "," ALICE "," DENY "," ALLOW)), "");
	ck_assert_str_eq(doubts(LISTS("control", ALLOW "],\"public\":[" DENY)), "");
	/* The tests' plugin "deny" does not say what it decides. */
	ck_assert_str_eq(doubts(LISTS("control", "{\"use\":\"deny\",\"point\":\"control\","
	                                         "\"otherwise\":\"allow\"}," DENY)),
	                 "");
}
END_TEST

START_TEST(an_access_list_that_is_never_asked_about_its_identities)
{
#define OF(names, rule, prefix)                                                                    \
	"{\"use\":\"cidr\",\"identity\":[" names "],\"" rule "\":[\"" prefix "\"]}"
#define ALLOW_OF(names) OF(names, "allow", "10.0.0.0/8")
#define DENY_OF(names)  OF(names, "deny", "10.66.0.0/16")
	ck_assert_str_eq(
		strchr(doubts(LISTS("public", ALICE ",\n" DENY_OF("\"alice\""))), ':'),
		":2: /acl/public/1: this access list is never asked about its identities: "
		"/acl/public/0 in front of it decides about every visitor of their tunnels\n");
	ck_assert_contains(
		doubts(LISTS("public", DENY
	                     "," ALICE "," ALLOW_OF("\"bob\"") "," DENY_OF("\"alice\",\"bob\""))),
		"/acl/public/3: this access list is never asked about its identities: "
		"/acl/public/1 and others in front of it decide about every visitor");
	/* It decides about visitors of bob's tunnels. */
	ck_assert_str_eq(doubts(LISTS("public", ALICE "," DENY_OF("\"alice\",\"bob\"") "," ALLOW)),
	                 "");
	ck_assert_str_eq(
		doubts(LISTS("public", DENY_OF("\"alice\"") "," ALICE "," ALLOW_OF("\"bob\""))),
		"");
	/* One warning is enough. */
	ck_assert_lacks(doubts(LISTS("public", ALLOW "," ALICE)), "identities");
}
END_TEST

START_TEST(an_auth_instance_that_is_never_asked)
{
#define MTLS              "{\"use\":\"mtls\",\"any\":true}"
#define BOB               "{\"use\":\"mtls\",\"clients\":{\"bob\":{\"san\":\"bob\"}}}"
#define JUDGED(instances) "{\"transport\":[{\"use\":\"doubted\"}],\"auth\":[" instances "]}"
	ck_assert_contains(
		doubts(JUDGED(SECRETS "," MTLS ",\n{\"use\":\"hmac\",\"secret\":\"abcdefgh\"}")),
		":2: /auth/2: this auth instance is never asked: /auth/1 in front of it decides "
		"about every client\n");
	ck_assert_lacks(doubts(JUDGED(BOB "," SECRETS)), "never asked");
	ck_assert_lacks(doubts(JUDGED(SECRETS "," MTLS)), "never asked");
}
END_TEST

START_TEST(values_that_another_one_leaves_out)
{
	ck_assert_contains(doubts("{\"log\":{\"level\":\"warn\",\n\"visitors\":true}}"),
	                   ":2: /log/visitors: it has no effect: its lines have the level info");
	ck_assert_lacks(doubts("{\"log\":{\"visitors\":true}}"), "/log");
	ck_assert_contains(
		doubts("{\"server\":{\"drain_timeout\":0,\"drain_grace\":\"2s\"}}"),
		"/server/drain_grace: it has no effect: it is above server.drain_timeout");
	ck_assert_contains(doubts("{\"limits\":{\"relay_idle_timeout\":\"5s\"},"
	                          "\"server\":{\"keepalive_visitors\":\"30s\"}}"),
	                   "/server/keepalive_visitors: it has no effect: it is above "
	                   "limits.relay_idle_timeout");
	ck_assert_lacks(doubts("{\"server\":{\"keepalive_visitors\":\"30s\"}}"), "/server");
	ck_assert_contains(
		doubts("{\"limits\":{\"bytes_per_day\":\"2g\",\"bytes_per_month\":\"1g\"}}"),
		"/limits/bytes_per_day: it has no effect: it is above limits.bytes_per_month");
	ck_assert_lacks(doubts("{\"limits\":{\"relay_idle_timeout\":\"5s\"}}"), "/server");
}
END_TEST

START_TEST(bans_that_reach_nobody)
{
#define EXEMPT(prefixes) "{\"limits\":{\n\"ban_exempt\":[" prefixes "]}}"
	ck_assert_contains(
		doubts(EXEMPT("\"10.0.0.0/8\",\"0.0.0.0/0\"")),
		":2: /limits/ban_exempt: it covers every IPv4 address: no such client is "
		"banned, however many wrong secrets it tries\n");
	ck_assert_contains(doubts(EXEMPT("\"8000::/1\",\"::/1\"")), "covers every IPv6 address");
	ck_assert_contains(doubts(EXEMPT("\"128.0.0.0/1\",\"::/0\",\"0.0.0.0/1\"")),
	                   "covers every address");
	ck_assert_lacks(doubts(EXEMPT("\"128.0.0.0/1\",\"0.0.0.0/2\",\"::1\"")), "covers");
	ck_assert_lacks(doubts("{}"), "covers");
}
END_TEST

START_TEST(two_transports_that_tell_the_client_s_address)
{
#define PROXY "{\"use\":\"proxy\",\"trusted\":[\"10.0.0.1\"]}"
	ck_assert_contains(doubts("{\"transport\":[" PROXY ",{\"use\":\"plain\"},\n" PROXY "]}"),
	                   ":2: /transport/2: it expects the client's address from a proxy, as "
	                   "/transport/0 does: each connection must bring it twice, but several "
	                   "proxies in a row send it once\n");
	ck_assert_lacks(doubts("{\"transport\":[" PROXY ",{\"use\":\"plain\"}]}"), "proxy");
}
END_TEST

START_TEST(a_reload_that_cuts_clients_off)
{
#define AT(ip, port) "{\"server\":{\"bind_addr\":\"" ip "\",\"control_port\":" port "}}"
#define PLAINLY      "{\"transport\":[{\"use\":\"plain\"}]}"

	ck_assert_lacks(cut_off(AT("127.0.0.1", "7000"), AT("127.0.0.1", "7000")), "clients");
	ck_assert_lacks(cut_off(AT("127.0.0.1", "7000"), AT("0.0.0.0", "7000")), "clients");
	ck_assert_contains(cut_off(AT("127.0.0.1", "7000"), AT("127.0.0.1", "7001")),
	                   "/server: the control port moves: clients that are connected");
	ck_assert_contains(cut_off(AT("0.0.0.0", "7000"), AT("127.0.0.1", "7000")),
	                   "the control port moves");
	ck_assert_contains(cut_off(PLAINLY, "{\"transport\":[{\"use\":\"plain\"},{\"use\":"
	                                    "\"plain\",\"name\":\"more\"}]}"),
	                   "/transport: the transports change: clients");
	ck_assert_lacks(cut_off(PLAINLY, PLAINLY), "clients");
	/* A section that is gone has no place of its own. */
	ck_assert_contains(cut_off(AT("127.0.0.1", "7000"), "{\n}"), ":1: ");
}
END_TEST

START_TEST(a_limit_without_the_one_that_it_needs)
{
	const char *found = doubts("{\"limits\":{\"visitor_burst\":5,\n\"ban_after\":0,"
	                           "\"ban_time\":\"5s\"}}");

	ck_assert_contains(found, ":1: /limits/visitor_burst: it has no effect while "
	                          "limits.visitor_rate is 0\n");
	ck_assert_contains(found, ":2: /limits/ban_time: it has no effect while limits.ban_after "
	                          "is 0\n");
	ck_assert_lacks(doubts("{\"limits\":{\"visitor_rate\":5}}"), "/limits");
	ck_assert_lacks(doubts("{\"limits\":{\"visitor_rate\":5,\"visitor_burst\":5}}"), "/limits");
}
END_TEST

START_TEST(parts_of_seconds_that_the_system_cannot_count)
{
	ck_assert_contains(doubts("{\"server\":{\"keepalive_visitors\":\"1500ms\"}}"),
	                   ":1: /server/keepalive_visitors: expected whole seconds: 1500 ms count "
	                   "as 2 s\n");
	ck_assert_lacks(doubts("{\"server\":{\"keepalive_visitors\":\"2s\"}}"), "/server");
}
END_TEST

#define CLIENT(to, more) "{\"client\":{\"to\":" to more "},\"tunnels\":[{\"local_port\":80}],\n"
#define HMAC             "{\"use\":\"hmac\",\"secret\":\"abcdefgh\"}"
#define VIA              "{\"use\":\"via\",\"url\":\"http://proxy\"}"
#define TLS              "{\"use\":\"tls\"}"
#define PLAIN            "{\"use\":\"plain\"}"

START_TEST(settings_of_a_client_without_effect)
{
	const char *found = doubts_of(
		ROLE_LOCAL,
		CLIENT("\"a\"", ",\"prefer_first\":true,\"keepalive_data\":1.5") "\"auth\":[" HMAC
										 ",\n" HMAC "]}");

	ck_assert_contains(found, ":1: /client/prefer_first: it has no effect with a single "
	                          "server in client.to\n");
	ck_assert_contains(found, ":3: /auth/1: it is never used: a client answers with its first "
	                          "auth instance only\n");
	ck_assert_contains(found, "/client/keepalive_data: expected whole seconds");
	ck_assert_str_eq(
		doubts_of(ROLE_LOCAL,
	                  CLIENT("[\"a\",\"b\"]", ",\"prefer_first\":true") "\"auth\":[" HMAC "]}"),
		"");
	ck_assert_str_eq(
		doubts_of(ROLE_LOCAL, CLIENT("\"a\"", ",\"prefer_first\":false") "\"auth\":[]}"),
		"");
}
END_TEST

START_TEST(on_error_without_effect)
{
#define ON_ERROR(use) "{\"use\":\"" use "\",\"secret\":\"abcdefgh\",\"on_error\":\"next\"}"
	ck_assert_str_eq(
		strchr(doubts_of(ROLE_LOCAL,
	                         CLIENT("\"a\"", "") "\"auth\":[" ON_ERROR("hmac") "]}"),
	               ':'),
		":2: /auth/0/on_error: it has no effect: only the auth instances of a server use "
		"it\n");
	ck_assert_contains(doubts("{\"transport\":[{\"use\":\"plain\",\"on_error\":\"deny\"}]}"),
	                   ":1: /transport/0/on_error: it has no effect");
	ck_assert_lacks(doubts("{\"auth\":[" ON_ERROR("hmac") "]}"), "on_error");
}
END_TEST

START_TEST(a_way_that_begins_above_other_transports)
{
	ck_assert_contains(
		doubts_of(ROLE_LOCAL,
	                  CLIENT("\"a\"", "") "\"transport\":[" PLAIN "," TLS ",\n" VIA "]}"),
		":3: /transport/2: it leads through another host, and /transport/1 in front of it "
		"speaks with that host, not with the server: expected it first\n");
	ck_assert_str_eq(doubts_of(ROLE_LOCAL, CLIENT("\"a\"", "") "\"transport\":[" PLAIN "," VIA
	                                                           "," TLS "]}"),
	                 "");
}
END_TEST

START_TEST(a_name_that_two_instances_have)
{
#define NAMED(name) "{\"use\":\"hmac\",\"secret\":\"" name "-secret\",\n\"name\":\"" name "\"}"
	ck_assert_contains(
		doubts("{\"auth\":[" NAMED("one") "," NAMED(
			"two") ",{\"use\":\"hmac\",\"secret\":"
	                       "\"third1\",\"name\":\"one\"}]}"),
		":3: /auth/2/name: /auth/0 has this name, too: logs and metrics cannot tell them "
		"apart\n");
	ck_assert_lacks(doubts("{\"auth\":[" HMAC ",{\"use\":\"hmac\",\"secret\":\"another\"}]}"),
	                "name");
}
END_TEST

#define LIMITED(policy)                                                                            \
	"\"auth\":[{\"use\":\"multi_secret\",\"secrets\":{\"alice\":\"a\"},\"policy\":{\"alice\":" \
	"{" policy "}}}]"
#define FILE_OF "\"server\":{\"usage_file\":\"/tmp/use\"}"

START_TEST(counts_that_a_restart_forgets)
{
	ck_assert_contains(doubts("{\"limits\":{\n\"bytes_per_day\":\"1g\"}}"),
	                   ":2: /limits/bytes_per_day: a restart of the server begins to count");
	ck_assert_contains(doubts("{" LIMITED("\"bytes_per_month\":\"1g\"") "}"),
	                   "/auth/0/policy/alice/bytes_per_month: a restart of the server");
	ck_assert_lacks(doubts("{\"limits\":{\"bytes_per_day\":0}}"), ": /");
	ck_assert_lacks(doubts("{" LIMITED("\"rate_up\":\"1g\"") "}"), ": /");
	ck_assert_lacks(doubts("{" FILE_OF "," LIMITED("\"bytes_per_month\":\"1g\"") "}"), ": /");
}
END_TEST

START_TEST(a_file_without_counts)
{
	ck_assert_contains(doubts("{" FILE_OF "}"),
	                   "/server/usage_file: it has no effect: no client has a limit on bytes");
	ck_assert_lacks(doubts("{" FILE_OF ",\"limits\":{\"bytes_per_day\":\"1g\"}}"), ": /");
	/* A plugin may take limits from elsewhere. */
	ck_assert_lacks(doubts("{" FILE_OF "," LIMITED("") "}"), ": /");
}
END_TEST

#define ENTRIES(more) "{\"server\":{\"ports\":\"8000-9000\"},\"public\":[" more "]}"
#define LISTED(ports) "{\"ports\":\"" ports "\",\"acl\":[]}"

START_TEST(entries_of_ports_that_no_tunnel_gets)
{
	const char *found = doubts(
		ENTRIES(LISTED("8000,8843\",\n\"name\":\"x") ",\n" LISTED("443-444")));

	ck_assert_contains(found, ":3: /public/1/ports: no tunnel gets one of these ports: "
	                          "expected public ports");
	ck_assert_lacks(found, "/public/0");
	found = doubts(ENTRIES(LISTED("8000,9443") "," LISTED("80-90,8001-65535")));
	ck_assert_contains(found, "/public/0/ports: no tunnel gets the port 9443: expected");
	ck_assert_contains(found, "/public/1/ports: no tunnel gets the ports 80-90: expected");
	ck_assert_lacks(found, "8001");
	found = doubts("{\"server\":{\"reserved_ports\":[8001]},\"public\":[" LISTED(
		"7835") "," LISTED("8001") "]}");
	ck_assert_contains(found, "/public/0/ports: no tunnel gets");
	ck_assert_contains(found, "/public/1/ports: no tunnel gets");
	found = doubts("{\"server\":{\"ports\":\"8000-9000\"},\"public\":[{\"listen_port\":443,"
	               "\"route\":[{\"use\":\"sni\"}]}," LISTED("443") "]}");
	ck_assert_lacks(found, "/public/0");
	ck_assert_contains(found, "/public/1/ports: no tunnel gets");
}
END_TEST

START_TEST(entries_whose_ports_earlier_ones_have)
{
	const char *found = doubts(
		ENTRIES(LISTED("8000-8499") "," LISTED("8500-8999") ",\n" LISTED("8400-8600")));

	ck_assert_contains(found, ":2: /public/2/ports: this entry has no effect: entries in "
	                          "front of it have all of its ports\n");
	ck_assert_lacks(found, "/public/1");
	found = doubts(ENTRIES(LISTED("8000-8499") "," LISTED("8400-8600,8443,8800")));
	ck_assert_contains(found, "/public/1/ports: /public/0 in front of it has the ports "
	                          "8400-8499, too: the first entry with a port counts\n");
	ck_assert_contains(doubts(ENTRIES(LISTED("8000-8499") "," LISTED("8443,8800"))),
	                   "in front of it has the port 8443, too");
	/* An exception, and the rest. */
	ck_assert_lacks(doubts(ENTRIES(LISTED("8443") "," LISTED("1-65535"))), "public");
}
END_TEST

START_TEST(entries_without_transports_and_lists)
{
	static const char idle[] = "this entry has no effect: it has neither transports nor access "
				   "lists\n";

	ck_assert_contains(doubts(ENTRIES("{\"ports\":8000}")), idle);
	ck_assert_contains(doubts(ENTRIES("{\"ports\":8000,\"transport\":[]}")), idle);
	ck_assert_lacks(doubts(ENTRIES("{\"ports\":8000,\"acl\":[]}")), idle);
	ck_assert_lacks(doubts(ENTRIES("{\"ports\":8000}," LISTED("8000-8999"))), idle);
}
END_TEST

START_TEST(a_proxy_s_header_inside_of_another_transport)
{
	const char *found = doubts("{\"transport\":[{\"use\":\"doubted\"},\n" PROXY "]}");

	ck_assert_contains(found, ":2: /transport/1: it expects the proxy's header inside of "
	                          "/transport/0, but most proxies send it in front");
	ck_assert_lacks(doubts("{\"transport\":[" PROXY ",{\"use\":\"doubted\"}]}"), "proxy's");
	ck_assert_lacks(doubts("{\"transport\":[{\"use\":\"plain\"}," PROXY "]}"), "proxy's");
}
END_TEST

/* Of all sections of transports. Those that are not given are different. */
START_TEST(a_name_that_transports_of_two_sections_have)
{
#define WITH(name)                                                                                 \
	"{\"transport\":[" PROXY                                                                   \
	"],\"public\":[{\"ports\":8000,\"transport\":[\n{\"use\":\"proxy\"," name                  \
	"\"trusted\":[\"10.0.0.1\"]}]}]}"
	ck_assert_contains(doubts(WITH("\"name\":\"proxy\",")),
	                   ":2: /public/0/transport/0/name: /transport/0 has this name, too");
	ck_assert_lacks(doubts(WITH("")), "name");
}
END_TEST

SUITE("doubts", counts_that_a_restart_forgets, a_file_without_counts,
      an_identity_that_nobody_has_is_named, any_instance_may_have_it,
      an_instance_that_cannot_tell_may_have_anyone, a_reserved_port_that_no_tunnel_would_get,
      a_server_without_authentication_is_open, a_listener_among_the_public_ports_is_named,
      a_limit_behind_another_one_is_named, a_client_s_limit_above_the_server_s_is_named,
      values_that_another_one_leaves_out, an_auth_instance_that_is_never_asked,
      bans_that_reach_nobody, two_transports_that_tell_the_client_s_address,
      an_access_list_that_is_never_asked, an_access_list_that_is_never_asked_about_its_identities,
      a_header_at_a_port_without_tunnels, a_reload_that_cuts_clients_off,
      a_limit_without_the_one_that_it_needs, parts_of_seconds_that_the_system_cannot_count,
      settings_of_a_client_without_effect, on_error_without_effect,
      a_way_that_begins_above_other_transports, a_name_that_two_instances_have,
      entries_of_ports_that_no_tunnel_gets, entries_whose_ports_earlier_ones_have,
      entries_without_transports_and_lists, a_proxy_s_header_inside_of_another_transport,
      a_name_that_transports_of_two_sections_have)
