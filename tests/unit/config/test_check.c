#include "config/check.h"

#include "config/settings.h"
#include "net/addr.h"
#include "scene/option_scene.h"
#include "suite.h"
#include "version.h"

/* Fills settings from a file's text and checks them. The text becomes the document's root. */
static void check(struct option_scene *scene, const struct option_table *table, const char *text,
                  struct settings *out)
{
	struct json *root;

	*out = (struct settings){ 0 };
	option_scene_open(scene, text);
	root = json_doc_root(scene->doc);
	while (scene->root->first)
		json_add(scene->doc, root, scene->root->first->key, scene->root->first);
	option_fill(&(struct option_scope){ scene->doc, &scene->diag, NULL, NULL, NULL }, table,
	            root, out);
	(table == &settings_server ? check_server : check_client)(out, scene->doc, &scene->diag);
}

static void check_wrong(const struct option_table *table, const char *text, const char *expected)
{
	struct option_scene scene;
	struct settings settings;

	check(&scene, table, text, &settings);
	ck_assert_str_eq(option_scene_message(&scene), expected);
	option_scene_close(&scene);
}

static struct tunnel_settings tunnel_of(const char *tunnel)
{
	struct tunnel_settings found;
	struct option_scene scene;
	struct settings settings;
	static char host[64], name[128], path[128];
	char text[256];

	snprintf(text, sizeof text, "{\"client\":{\"to\":\"h\"},\"tunnels\":[%s]}", tunnel);
	check(&scene, &settings_client, text, &settings);
	ck_assert_str_eq(option_scene_message(&scene), "");
	found = *(const struct tunnel_settings *)settings.tunnels.items;
	if (found.local_path)
		found.local_path = strcpy(path, found.local_path);
	else
		found.local_host = strcpy(host, found.local_host);
	found.name = strcpy(name, found.name);
	option_scene_close(&scene);
	return found;
}

/* ---- the server ---- */

START_TEST(a_range_of_ports_becomes_a_list)
{
	const spore_port_range *range;
	struct option_scene scene;
	struct settings settings;

	check(&scene, &settings_server, "{\"server\":{\"min_port\":5,\"max_port\":9}}", &settings);
	ck_assert_uint_eq(scene.diag.count, 0);
	ck_assert_uint_eq(settings.server.ports.count, 1);
	range = settings.server.ports.items;
	ck_assert(range->lo == 5 && range->hi == 9);
	option_scene_close(&scene);
	check(&scene, &settings_server, "{\"server\":{\"ports\":\"1,7-8\"}}", &settings);
	ck_assert_uint_eq(settings.server.ports.count, 2);
	option_scene_close(&scene);
}
END_TEST

START_TEST(ports_are_given_in_one_way)
{
	check_wrong(&settings_server, "{\"server\":{\"ports\":\"1\",\"min_port\":1}}",
	            "/server/min_port: \"min_port\" conflicts with \"ports\": keep one");
	check_wrong(&settings_server, "{\"server\":{\"ports\":\"1\",\"max_port\":1}}",
	            "/server/max_port: \"max_port\" conflicts with \"ports\": keep one");
}
END_TEST

START_TEST(a_rate_lets_something_pass)
{
	check_wrong(&settings_server, "{\"limits\":{\"rate_down\":5}}",
	            "/limits/rate_down: expected 0 or at least 1k bytes per second, found 5");
	check_wrong(&settings_server, "{\"limits\":{\"rate_up\":\"1023b\"}}",
	            "/limits/rate_up: expected 0 or at least 1k bytes per second, found 1023");
	check_wrong(&settings_server, "{\"limits\":{\"rate_up\":\"1k\",\"rate_down\":0}}", "");
	check_wrong(&settings_client,
	            "{\"client\":{\"to\":\"a\"},\"tunnels\":[{\"local_port\":1,\"rate_up\":5}]}",
	            "/tunnels/0/rate_up: expected 0 or at least 1k bytes per second, found 5");
}
END_TEST

START_TEST(a_range_is_the_right_way_round)
{
	check_wrong(&settings_server, "{\"server\":{\"min_port\":9,\"max_port\":5}}",
	            "/server/min_port: expected min_port <= max_port, found 9 and 5");
	check_wrong(&settings_server, "{\"server\":{\"max_port\":5}}",
	            "/server/max_port: expected min_port <= max_port, found 1024 and 5");
}
END_TEST

START_TEST(tunnels_are_bound_as_the_control_port_unless_told)
{
	char text[ADDR_LIST_TEXT_SIZE];
	struct option_scene scene;
	struct settings settings;

	check(&scene, &settings_server, "{\"server\":{\"bind_addr\":\"::1\"}}", &settings);
	ck_assert_str_eq(addr_format_list(&settings.server.bind_tunnels, 0, text), "::1");
	option_scene_close(&scene);
	check(&scene, &settings_server,
	      "{\"server\":{\"bind_addr\":\"::1\",\"bind_tunnels\":\"127.0.0.2\"}}", &settings);
	ck_assert_str_eq(addr_format_list(&settings.server.bind_tunnels, 0, text), "127.0.0.2");
	option_scene_close(&scene);
	check(&scene, &settings_server, "{\"server\":{\"bind_addr\":[\"0.0.0.0\",\"::\"]}}",
	      &settings);
	ck_assert_str_eq(addr_format_list(&settings.server.bind_tunnels, 0, text), "0.0.0.0, ::");
	option_scene_close(&scene);
}
END_TEST

static void check_socket(const char *config, const char *expected)
{
	struct option_scene scene;
	struct settings settings;

	check(&scene, &settings_server, config, &settings);
	if (expected)
		ck_assert_str_eq(settings.admin.socket, expected);
	else
		ck_assert_ptr_null(settings.admin.socket);
	option_scene_close(&scene);
}

START_TEST(the_admin_socket_is_configured_or_systemds)
{
	unsetenv("RUNTIME_DIRECTORY");
	check_socket("{}", NULL);
	check_socket("{\"admin\":{\"socket\":\"/x\"}}", "/x");
	setenv("RUNTIME_DIRECTORY", "/run/spore:/run/more", 1);
	check_socket("{}", "/run/spore/admin.sock");
	check_socket("{\"admin\":{}}", "/run/spore/admin.sock");
	check_socket("{\"admin\":{\"socket\":\"/x\"}}", "/x");
	check_socket("{\"admin\":{\"socket\":\"\"}}", "");
}
END_TEST

static void check_public_ports(const char *config, const char *expected)
{
	struct option_scene scene;
	struct settings settings;
	char text[128] = "";

	check(&scene, &settings_server, config, &settings);
	for (size_t i = 0; i < settings.server.public_ports.count; i++) {
		const spore_port_range *range = settings.server.public_ports.items;

		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u-%u", i ? "," : "",
		         range[i].lo, range[i].hi);
	}
	ck_assert_str_eq(text, expected);
	option_scene_close(&scene);
}

START_TEST(reserved_ports_are_not_public)
{
	check_public_ports("{}", "1024-7834,7836-65535");
	check_public_ports("{\"server\":{\"ports\":\"1-3,2-5,65535\",\"reserved_ports\":[4,9]}}",
	                   "1-3,5-5,65535-65535");
	check_public_ports("{\"server\":{\"ports\":\"1-20\","
	                   "\"reserved_ports\":[2,\"4-8\",\"10,12-13\"]}}",
	                   "1-1,3-3,9-9,11-11,14-20");
	check_public_ports("{\"server\":{\"ports\":\"1-9\"},\"public\":[{\"listen_port\":4,"
	                   "\"route\":[{\"use\":\"a\"}]},{\"ports\":5},{\"listen_port\":80,"
	                   "\"route\":[{\"use\":\"a\"}]}]}",
	                   "1-3,5-9");
	check_public_ports("{\"server\":{\"ports\":\"7835\"}}", "");
	check_wrong(&settings_server, "{\"server\":{\"ports\":\"7835\"}}",
	            "/server/ports: expected a public port that is neither the control port "
	            "(7835) nor in reserved_ports nor a listen_port, found none");
}
END_TEST

/* ---- the client ---- */

START_TEST(a_service_is_host_and_port)
{
	struct tunnel_settings tunnel = tunnel_of("{\"local\":\"web:80\"}");

	ck_assert_str_eq(tunnel.local_host, "web");
	ck_assert_int_eq(tunnel.local_port, 80);
	ck_assert_str_eq(tunnel.name, "web:80");
	tunnel = tunnel_of("{\"local\":\"[::1]:65535\",\"name\":\"n\"}");
	ck_assert_str_eq(tunnel.local_host, "::1");
	ck_assert_int_eq(tunnel.local_port, 65535);
	ck_assert_str_eq(tunnel.name, "n");
	tunnel = tunnel_of("{\"local_port\":22}");
	ck_assert_str_eq(tunnel.local_host, "localhost");
	ck_assert_str_eq(tunnel.name, "localhost:22");
}
END_TEST

/* Logs and metrics tell tunnels apart by them. */
START_TEST(names_that_are_derived_are_unique)
{
	static const char *const expected[] = { "web:80", "web:80#2", "web:80#4", "web:80#5" };
	const struct tunnel_settings *tunnels;
	struct option_scene scene;
	struct settings settings;

	check(&scene, &settings_client,
	      "{\"client\":{\"to\":\"a\"},\"tunnels\":[{\"local\":\"web:80\"},{\"local\":\"web:"
	      "80\"},"
	      "{\"local\":\"web:81\",\"name\":\"web:80#4\"},{\"local\":\"web:80\"}]}",
	      &settings);
	tunnels = settings.tunnels.items;
	for (size_t i = 0; i < 4; i++)
		ck_assert_str_eq(tunnels[i].name, expected[i]);
	option_scene_close(&scene);
}
END_TEST

static void check_wrong_tunnel(const char *tunnel, const char *expected)
{
	char text[256];

	snprintf(text, sizeof text, "{\"client\":{\"to\":\"h\"},\"tunnels\":[%s]}", tunnel);
	check_wrong(&settings_client, text, expected);
}

START_TEST(a_service_that_is_wrong_is_reported)
{
	static const char *const wrong[][2] = {
		{ "web", "\"HOST:PORT\" with a port from 1 to 65535" },
		{ ":80", "a host" },
		{ "web:0", "a port from 1 to 65535 after the host" },
		{ "::1:80", "an IPv6 address in brackets, as in [::1]:80" },
		{ "http://web:80", "HOST or HOST:PORT without a scheme and a path" },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char tunnel[64], expected[160];

		snprintf(tunnel, sizeof tunnel, "{\"local\":\"%s\"}", wrong[i][0]);
		snprintf(expected, sizeof expected, "/tunnels/0/local: expected %s, found \"%s\"",
		         wrong[i][1], wrong[i][0]);
		check_wrong_tunnel(tunnel, expected);
	}
	check_wrong_tunnel("{}", "/tunnels/0: expected the service's port: \"local_port\", or "
	                         "LOCAL_PORT on the command line");
	check_wrong_tunnel("{\"local\":\"web:80\",\"local_port\":1}",
	                   "/tunnels/0/local: \"local\" conflicts with \"local_port\": keep one");
	check_wrong_tunnel("{\"local\":\"web:80\",\"local_host\":\"x\"}",
	                   "/tunnels/0/local: \"local\" conflicts with \"local_host\": keep one");
	check_wrong_tunnel("", "/tunnels: expected at least one element, found none");
}
END_TEST

START_TEST(a_rate_is_not_tiny)
{
	static const char *const keys[] = { "rate_up", "rate_down" };
	char text[64], expected[128];

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		snprintf(text, sizeof text, "{\"limits\":{\"%s\":1023}}", keys[i]);
		snprintf(expected, sizeof expected,
		         "/limits/%s: expected 0 or at least 1k bytes per second, "
		         "found 1023",
		         keys[i]);
		check_wrong(&settings_server, text, expected);
		snprintf(text, sizeof text, "{\"limits\":{\"%s\":1024}}", keys[i]);
		check_wrong(&settings_server, text, "");
		snprintf(text, sizeof text, "{\"local\":\"web:80\",\"%s\":1}", keys[i]);
		snprintf(expected, sizeof expected,
		         "/tunnels/0/%s: expected 0 or at least 1k bytes per second, "
		         "found 1",
		         keys[i]);
		check_wrong_tunnel(text, expected);
		snprintf(text, sizeof text, "{\"local\":\"web:80\",\"%s\":0}", keys[i]);
		check_wrong_tunnel(text, "");
	}
}
END_TEST

START_TEST(a_service_may_be_a_unix_socket)
{
	char path[120], tunnel[160], expected[400];
	struct tunnel_settings found = tunnel_of("{\"local\":\"unix:/run/app.sock\"}");

	ck_assert_str_eq(found.local_path, "/run/app.sock");
	ck_assert_str_eq(found.name, "unix:/run/app.sock");
	ck_assert_ptr_null(tunnel_of("{\"local\":\"unix:/80\"}").local_host);
	memset(path, 'a', sizeof path);
	path[0] = '/';
	path[107] = '\0';
	snprintf(tunnel, sizeof tunnel, "{\"local\":\"unix:%s\"}", path);
	ck_assert_str_eq(tunnel_of(tunnel).local_path, path);
	path[107] = 'a';
	path[108] = '\0';
	snprintf(tunnel, sizeof tunnel, "{\"local\":\"unix:%s\"}", path);
	snprintf(expected, sizeof expected,
	         "/tunnels/0/local: expected a path of at most 107 bytes, found 108: \"unix:%s\"",
	         path);
	check_wrong_tunnel(tunnel, expected);
	check_wrong_tunnel("{\"local\":\"unix:app.sock\"}",
	                   "/tunnels/0/local: expected an absolute path behind \"unix:\", found "
	                   "\"unix:app.sock\"");
	check_wrong_tunnel("{\"local\":\"unix:/a\",\"local_port\":1}",
	                   "/tunnels/0/local: \"local\" conflicts with \"local_port\": keep one");
}
END_TEST

START_TEST(a_source_has_the_family_of_its_service)
{
	struct tunnel_settings found = tunnel_of("{\"local\":\"[::1]:80\",\"source\":\"::1\"}");

	ck_assert_int_eq(found.source.family, 6);
	ck_assert_int_eq(found.connect_timeout, 3000);
	ck_assert_int_eq(tunnel_of("{\"local\":\"web:80\"}").source.family, 0);
	found = tunnel_of(
		"{\"local\":\"web:80\",\"source\":\"127.0.0.1\",\"connect_timeout\":\"1s\"}");
	ck_assert_int_eq(found.source.family, 4);
	ck_assert_int_eq(found.connect_timeout, 1000);
	check_wrong_tunnel(
		"{\"local\":\"[::1]:80\",\"source\":\"127.0.0.1\"}",
		"/tunnels/0/source: expected an IPv6 address, as the service ::1 has it, "
		"found \"127.0.0.1\"");
	check_wrong_tunnel("{\"local\":\"unix:/a\",\"source\":\"::1\"}",
	                   "/tunnels/0/source: \"source\" conflicts with the unix socket in "
	                   "\"local\": keep one");
	check_wrong_tunnel("{\"local\":\"web:80\",\"source\":\"::\"}",
	                   "/tunnels/0/source: expected one address of this host, found \"::\"");
}
END_TEST

static void check_items(const char *tunnel, const char *expected)
{
	char text[512], items[1024] = "";
	const struct tunnel_settings *found;
	struct option_scene scene;
	struct settings settings;

	snprintf(text, sizeof text, "{\"client\":{\"to\":\"h\"},\"tunnels\":[%s]}", tunnel);
	check(&scene, &settings_client, text, &settings);
	ck_assert_str_eq(option_scene_message(&scene), "");
	found = settings.tunnels.items;
	for (size_t i = 0; i < found->n_about; i++)
		sprintf(items + strlen(items), "%s\n", found->about[i]);
	ck_assert_str_eq(items, expected);
	option_scene_close(&scene);
}

START_TEST(a_client_says_its_version_and_what_is_configured)
{
	check_items("{\"local_port\":22}", "version=spore/" SPORE_VERSION "\n");
	check_items("{\"local_port\":22,\"send_proxy\":\"v1\"}",
	            "version=spore/" SPORE_VERSION "\nwants=addresses\n");
	check_items("{\"local_port\":22,\"name\":\"ssh\",\"hosts\":[\"a.example\",\"*.b\"],"
	            "\"tags\":{\"env\":\"test\",\"empty\":\"\"}}",
	            "version=spore/" SPORE_VERSION "\nname=ssh\nhost=a.example\nhost=*.b\n"
	            "tag=env=test\ntag=empty=\n");
}
END_TEST

#define OF_PORT(member) "{\"local_port\":22," member "}"

START_TEST(what_may_not_be_said_is_reported)
{
	char many[2048], *at = many;

	check_wrong_tunnel(
		OF_PORT("\"name\":\"\""),
		"/tunnels/0/name: expected 1 to 200 bytes without control characters, in "
		"which a quote or backslash counts twice, found \"\"");
	check_wrong_tunnel(OF_PORT("\"hosts\":[\"a\",\"b c\"]"),
	                   "/tunnels/0/hosts/1: expected a host name such as \"app.example.com\" "
	                   "or \"*.example.com\", of at most 200 bytes, found \"b c\"");
	check_wrong_tunnel(OF_PORT("\"tags\":{\"a b\":\"c\"}"),
	                   "/tunnels/0/tags/a b: expected a letter or digit, then letters, digits, "
	                   "'.', '_', '-' or '/', at most 63 bytes, found \"a b\"");
	check_wrong_tunnel(OF_PORT("\"tags\":{\"key\":\"\\u0085\"}"),
	                   "/tunnels/0/tags/key: expected at most 196 bytes without control "
	                   "characters, in which a quote or backslash counts twice, found \"?\"");
	/* With the version, 53 frames of 19 bytes are too many. The first that does not fit is
	 * named. */
	at += sprintf(at, "{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local_port\":1,\"hosts\":[");
	for (int i = 0; i < 53; i++)
		at += sprintf(at, "%s\"a\"", i ? "," : "");
	sprintf(at, "]}]}");
	check_wrong(&settings_client, many,
	            "/tunnels/0/hosts/52: expected a name, hosts and tags that fit into 1024 bytes "
	            "together with the client's version, found more (each takes 13 bytes and its "
	            "text)");
}
END_TEST

static int64_t control_port_of(const char *client)
{
	struct option_scene scene;
	struct settings settings;
	char text[256];

	snprintf(text, sizeof text, "{\"client\":%s,\"tunnels\":[{\"local\":\"web:80\"}]}", client);
	check(&scene, &settings_client, text, &settings);
	ck_assert_str_eq(option_scene_message(&scene), "");
	ck_assert_ptr_null(strpbrk(settings.client.servers[0].host, "[]"));
	ck_assert_int_eq(settings.client.servers[0].port, settings.client.control_port);
	option_scene_close(&scene);
	return settings.client.control_port;
}

START_TEST(a_server_may_have_a_port)
{
	ck_assert_int_eq(control_port_of("{\"to\":\"h\"}"), 7835);
	ck_assert_int_eq(control_port_of("{\"to\":\"h:7\"}"), 7);
	ck_assert_int_eq(control_port_of("{\"to\":\"[::1]:7\"}"), 7);
	ck_assert_int_eq(control_port_of("{\"to\":\"::1\",\"control_port\":7}"), 7);
}
END_TEST

static void check_wrong_client(const char *client, const char *expected)
{
	char text[256];

	snprintf(text, sizeof text, "{\"client\":%s,\"tunnels\":[{\"local\":\"web:80\"}]}", client);
	check_wrong(&settings_client, text, expected);
}

START_TEST(there_may_be_several_servers)
{
	const char *text = "{\"client\":{\"to\":[\"a\",\"b:7\",\"::1\",\"[::1]:9\"],"
			   "\"control_port\":8},\"tunnels\":[{\"local\":\"web:80\"}]}";
	const char *const names[] = { "a:8", "b:7", "[::1]:8", "[::1]:9" };
	struct option_scene scene;
	struct settings settings;

	check(&scene, &settings_client, text, &settings);
	ck_assert_str_eq(option_scene_message(&scene), "");
	ck_assert_uint_eq(settings.client.n_servers, 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert_str_eq(settings.client.servers[i].name, names[i]);
	ck_assert_str_eq(settings.client.servers[3].host, "::1");
	option_scene_close(&scene);
}
END_TEST

START_TEST(a_server_that_is_wrong_is_reported)
{
	check_wrong_client("{\"to\":[\"a\",\"https://h/\"]}",
	                   "/client/to/1: expected HOST or HOST:PORT without a scheme and a path, "
	                   "found \"https://h/\"");
	check_wrong_client("{\"to\":[]}", "/client/to: expected at least one element, found none");
	check_wrong_client("{\"to\":[\"a\",\"a:7835\"]}",
	                   "/client/to/1: expected each server once, found \"a:7835\" twice");
	check_wrong_client("{\"to\":[\"a\",1]}", "/client/to/1: expected a string, found 1");
	check_wrong_client("{\"to\":\"\"}", "/client/to: expected a host, found \"\"");
	check_wrong_client("{\"to\":\"https://h/\"}",
	                   "/client/to: expected HOST or HOST:PORT without a scheme and a path, "
	                   "found \"https://h/\"");
	check_wrong_client(
		"{\"to\":\"h:7\",\"control_port\":8}",
		"/client/control_port: \"control_port\" conflicts with the port in \"to\": "
		"keep one");
}
END_TEST

START_TEST(a_public_port_is_asked_for_once)
{
	check_wrong_tunnel("{\"local\":\"a:1\",\"port\":9},{\"local\":\"b:1\"},"
	                   "{\"local\":\"b:2\"},{\"local\":\"c:1\",\"port\":9}",
	                   "/tunnels/3/port: expected a port that no other tunnel asks for, found "
	                   "9, as in /tunnels/0");
}
END_TEST

START_TEST(a_host_is_asked_for_once)
{
	check_wrong_tunnel("{\"local\":\"a:1\",\"hosts\":[\"x.y\",\"*.y\"]},{\"local\":\"b:1\"},"
	                   "{\"local\":\"b:2\",\"hosts\":[\"y\",\"X.y\"]}",
	                   "/tunnels/2/hosts/1: expected a host name that no other tunnel asks "
	                   "for, found \"X.y\", as in /tunnels/0");
	check_wrong_tunnel("{\"local\":\"a:1\",\"hosts\":[\"x.y\"],\"port\":1,\"share\":true},"
	                   "{\"local\":\"b:1\",\"hosts\":[\"x.y\"],\"port\":2,\"share\":true}",
	                   "/tunnels/1/hosts/0: expected a host name that no other tunnel asks "
	                   "for, found \"x.y\", as in /tunnels/0");
	check_wrong_tunnel("{\"local\":\"a:1\",\"hosts\":[\"x.y\"]},"
	                   "{\"local\":\"b:1\",\"hosts\":[\"*.y\"]}",
	                   "");
}
END_TEST

/* Without another mistake, "" is expected. */
static void check_entry(const char *entry, const char *expected)
{
	char text[256];

	snprintf(text, sizeof text,
	         "{\"public\":[{\"listen_port\":80,\"route\":[{\"use\":\"a\"}]},%s]}", entry);
	check_wrong(&settings_server, text, expected);
}

START_TEST(a_public_port_is_a_tunnels_or_shared)
{
	check_entry("{\"ports\":81}", "");
	check_entry(
		"{\"listen_port\":81,\"route\":[{\"use\":\"a\"}],\"unknown_host\":\"A.example\"}",
		"");
	check_entry("{}", "/public/1: expected either \"ports\" or \"listen_port\"");
	check_entry("{\"ports\":1,\"route\":[{\"use\":\"a\"}]}",
	            "/public/1/route: \"route\" needs \"listen_port\" in the same entry");
	check_entry("{\"listen_port\":81,\"route\":[{\"use\":\"a\"}],\"ports\":1}",
	            "/public/1/listen_port: \"listen_port\" conflicts with \"ports\": keep one");
	check_entry("{\"listen_port\":81}",
	            "/public/1/listen_port: \"listen_port\" needs \"route\" in the same entry");
	check_entry("{\"listen_port\":81,\"route\":[{\"use\":\"a\"}],\"transport\":[]}", "");
	check_entry("{\"listen_port\":7835,\"route\":[{\"use\":\"a\"}]}",
	            "/public/1/listen_port: expected another port than the control port, found "
	            "7835");
	check_entry("{\"listen_port\":80,\"route\":[{\"use\":\"a\"}]}",
	            "/public/1/listen_port: expected a port of its own, found that of public[0]");
	check_entry("{\"listen_port\":81,\"route\":[{\"use\":\"a\"}],\"unknown_host\":\"*.a\"}",
	            "/public/1/unknown_host: expected a host name, such as \"www.example.com\"");
}
END_TEST

SUITE("check", a_public_port_is_a_tunnels_or_shared, a_rate_is_not_tiny,
      the_admin_socket_is_configured_or_systemds, reserved_ports_are_not_public,
      a_range_of_ports_becomes_a_list, ports_are_given_in_one_way, a_rate_lets_something_pass,
      a_range_is_the_right_way_round, tunnels_are_bound_as_the_control_port_unless_told,
      a_service_may_be_a_unix_socket, a_source_has_the_family_of_its_service,
      a_service_is_host_and_port, names_that_are_derived_are_unique,
      a_service_that_is_wrong_is_reported, a_server_may_have_a_port, there_may_be_several_servers,
      a_server_that_is_wrong_is_reported, a_public_port_is_asked_for_once, a_host_is_asked_for_once,
      a_client_says_its_version_and_what_is_configured, what_may_not_be_said_is_reported)
