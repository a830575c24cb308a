#include "config/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/shorthands.h"
#include "net/addr.h"
#include "suite.h"

enum { MAX_WORDS = 16 };

struct scene {
	struct config *config;
	struct diag diag;
	char printed[8192], path[64];
};

/* Loads the file's text (NULL: no file) and the words, which are separated by '|'. */
static enum config_outcome load(struct scene *scene, unsigned role, const char *file,
                                const char *line)
{
	static char words[512];
	char *argv[MAX_WORDS] = { (char *)(uintptr_t) "--config", scene->path };
	enum config_outcome outcome;
	int argc = file ? 2 : 0;
	FILE *out;

	memset(scene, 0, sizeof *scene);
	if (file) {
		int fd = mkstemp(strcpy(scene->path, "/tmp/spore-unit-XXXXXX"));

		ck_assert_int_eq(write(fd, file, strlen(file)), (ssize_t)strlen(file));
		close(fd);
	}
	snprintf(words, sizeof words, "%s", line);
	for (char *word = words; word && *line; argc++) {
		ck_assert_int_lt(argc, MAX_WORDS);
		argv[argc] = strsep(&word, "|");
	}
	outcome = config_load(role, argc, argv, &scene->diag, &scene->config);
	out = fmemopen(scene->printed, sizeof scene->printed, "w");
	diag_print(&scene->diag, out);
	fputc('\0', out);
	fclose(out);
	if (file)
		unlink(scene->path);
	ck_assert((outcome == CONFIG_LOADED || outcome == CONFIG_HELP) == (scene->diag.count == 0));
	return outcome;
}

static void leave(struct scene *scene)
{
	diag_fini(&scene->diag);
	config_unref(scene->config);
}

static void load_good(struct scene *scene, unsigned role, const char *file, const char *line)
{
	enum config_outcome outcome = load(scene, role, file, line);

	ck_assert_msg(outcome == CONFIG_LOADED, "%s %s: %s", file ? file : "", line,
	              scene->printed);
}

static void check_wrong(unsigned role, const char *file, const char *line,
                        enum config_outcome expected, const char *text)
{
	struct scene scene;
	enum config_outcome outcome = load(&scene, role, file, line);

	ck_assert_msg(outcome == expected, "%s %s: %d %s", file ? file : "", line, outcome,
	              scene.printed);
	ck_assert_msg(strstr(scene.printed, text) != NULL, "%s %s: %s", file ? file : "", line,
	              scene.printed);
	leave(&scene);
}

static const char *text_of(const struct json *object, const char *key)
{
	const struct json *node = json_get(object, key);

	return node && node->type == JSON_STRING ? node->raw : "(none)";
}

/* ---- the server ---- */

START_TEST(a_server_needs_nothing)
{
	const struct server_settings *server;
	const spore_port_range *ranges;
	char text[ADDR_LIST_TEXT_SIZE];
	struct scene scene;

	load_good(&scene, ROLE_SERVER, NULL, "");
	server = &scene.config->settings.server;
	ranges = server->ports.items;
	ck_assert_int_eq(server->control_port, 7835);
	ck_assert_str_eq(addr_format_list(&server->bind_addr, 0, text), "0.0.0.0");
	ck_assert_str_eq(addr_format_list(&server->bind_tunnels, 0, text), "0.0.0.0");
	ck_assert_uint_eq(server->ports.count, 1);
	ck_assert(ranges[0].lo == 1024 && ranges[0].hi == 65535);
	ck_assert_int_eq(server->drain_timeout, 10000);
	ck_assert_uint_eq(scene.config->chains[CHAIN_AUTH].n, 0);
	ck_assert_uint_eq(scene.config->chains[CHAIN_TRANSPORT].n, 1);
	ck_assert_str_eq(scene.config->chains[CHAIN_TRANSPORT].items[0].use, "plain");
	ck_assert_int_eq(scene.config->settings.log.level, 2);
	ck_assert_ptr_null(scene.config->folder);
	leave(&scene);
}
END_TEST

START_TEST(a_server_takes_bores_flags)
{
	const struct server_settings *server;
	char text[ADDR_LIST_TEXT_SIZE];
	struct scene scene;

	load_good(&scene, ROLE_SERVER, NULL,
	          "--min-port|2000|--max-port=3000|--secret|s3cret|--bind-addr|::1|--sndbuf|64k");
	server = &scene.config->settings.server;
	ck_assert_int_eq(server->min_port, 2000);
	ck_assert_int_eq(((const spore_port_range *)server->ports.items)[0].hi, 3000);
	ck_assert_str_eq(addr_format_list(&server->bind_tunnels, 0, text), "::1");
	ck_assert_int_eq(server->sndbuf, 65536);
	ck_assert_uint_eq(scene.config->chains[CHAIN_AUTH].n, 1);
	ck_assert_str_eq(scene.config->chains[CHAIN_AUTH].items[0].use, "hmac");
	ck_assert_str_eq(text_of(scene.config->chains[CHAIN_AUTH].items[0].node, "secret"),
	                 "s3cret");
	leave(&scene);
}
END_TEST

START_TEST(flag_over_variable_over_file_over_default)
{
	static const char file[] = "{\"server\":{\"control_port\":1,\"workers\":1,\"min_port\":1}}";
	const struct server_settings *server;
	struct scene scene;

	setenv("SPORE_CONTROL_PORT", "2", 1);
	setenv("SPORE_MIN_PORT", "2", 1);
	setenv("BORE_MIN_PORT", "3", 1);
	load_good(&scene, ROLE_SERVER, file, "--control-port|4");
	server = &scene.config->settings.server;
	ck_assert_int_eq(server->control_port, 4);
	ck_assert_int_eq(server->min_port, 2);
	ck_assert_int_eq(server->workers, 1);
	ck_assert_int_eq(server->max_port, 65535);
	leave(&scene);
}
END_TEST

START_TEST(flat_and_structured_mean_the_same)
{
	static const char *const files[] = {
		"{\"control_port\":7000,\"min_port\":5,\"secret\":\"x\",\"sndbuf\":4096,\"log_"
		"level\":\"warn\"}",
		"{\"server\":{\"control_port\":7000,\"min_port\":5,\"sndbuf\":4096},\"log\":{"
		"\"level\":\"warn\"},"
		"\"auth\":[{\"use\":\"hmac\",\"secret\":\"x\"}]}",
		"{\"log\":{\"level\":\"warn\"},\"secret\":\"x\",\"server\":{\"min_port\":5},"
		"\"auth\":[{\"use\":\"hmac\"}],"
		"\"control_port\":7000,\"sndbuf\":\"4k\"}",
		"{\"sndbuf\":\"4k\",\"auth\":[],\"secret\":\"x\",\"control_port\":7000,\"min_"
		"port\":5,\"log_level\":\"warn\"}",
	};

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		const struct settings *settings;
		struct scene scene;

		load_good(&scene, ROLE_SERVER, files[i], "");
		settings = &scene.config->settings;
		ck_assert_int_eq(settings->server.control_port, 7000);
		ck_assert_int_eq(settings->server.min_port, 5);
		ck_assert_int_eq(settings->server.sndbuf, 4096);
		ck_assert_int_eq(settings->log.level, 3);
		ck_assert_uint_eq(scene.config->chains[CHAIN_AUTH].n, 1);
		ck_assert_str_eq(scene.config->chains[CHAIN_AUTH].items[0].use, "hmac");
		ck_assert_str_eq(text_of(scene.config->chains[CHAIN_AUTH].items[0].node, "secret"),
		                 "x");
		ck_assert_str_eq(scene.config->folder, "/tmp");
		leave(&scene);
	}
}
END_TEST

static const struct json *only_auth(const struct scene *scene)
{
	ck_assert_uint_eq(scene->config->chains[CHAIN_AUTH].n, 1);
	return scene->config->chains[CHAIN_AUTH].items[0].node;
}

START_TEST(a_list_of_secrets_has_a_place_of_its_own)
{
	struct scene scene;
	const struct json *secrets;

	load_good(&scene, ROLE_SERVER, "{\"secret\":\"file\"}", "--secret|one,two");
	ck_assert_str_eq(text_of(only_auth(&scene), "use"), "multi_secret");
	secrets = json_get(only_auth(&scene), "secrets");
	ck_assert_uint_eq(secrets->count, 2);
	ck_assert_uint_eq(scene.config->secrets_in_list, 2);
	ck_assert_str_eq(text_of(secrets, "secret1"), "one");
	ck_assert_str_eq(text_of(secrets, "secret2"), "two");
	ck_assert(scene.config->secret_in_arguments);
	leave(&scene);
	check_wrong(ROLE_SERVER, NULL, "--secret|one,two|--secret-file|f", CONFIG_USAGE,
	            "--secret-file: error: conflicts with --secret: keep one");
}
END_TEST

START_TEST(some_values_with_commas_are_one_secret)
{
	struct scene scene;

	load_good(&scene, ROLE_SERVER, "{\"secret\":\"one,two\"}", "");
	ck_assert_str_eq(text_of(only_auth(&scene), "secret"), "one,two");
	leave(&scene);
	load_good(&scene, ROLE_LOCAL, NULL, "1|--to|h|--secret|one,two");
	ck_assert_str_eq(text_of(only_auth(&scene), "secret"), "one,two");
	leave(&scene);
	setenv("BORE_SECRET", "one,two", 1);
	load_good(&scene, ROLE_SERVER, NULL, "");
	ck_assert_str_eq(text_of(only_auth(&scene), "secret"), "one,two");
	ck_assert_uint_eq(scene.config->secrets_in_list, 0);
	leave(&scene);
	unsetenv("BORE_SECRET");
	check_wrong(ROLE_SERVER, "{\"auth\":[{\"use\":\"hmac\",\"secret\":\"x\"}]}",
	            "--secret|one,two", CONFIG_USAGE,
	            "--secret: error: expected an entry with \"use\": \"multi_secret\" in \"auth\" "
	            "for this key, found none");
}
END_TEST

START_TEST(conflicting_keys_are_a_mistake)
{
	check_wrong(ROLE_SERVER, "{\"control_port\":1,\"server\":{\"control_port\":2}}", "",
	            CONFIG_WRONG,
	            ":1:2: error: /control_port: \"control_port\" conflicts with "
	            "/server/control_port: keep one\n");
	check_wrong(ROLE_SERVER, "{\"server\":{\"control_port\":2},\"control_port\":1}", "",
	            CONFIG_WRONG, ": keep one\n");
	check_wrong(ROLE_SERVER,
	            "{\"auth\":[{\"use\":\"hmac\",\"secret\":\"a\"}],\"secret\":\"b\"}", "",
	            CONFIG_WRONG, "/secret: \"secret\" conflicts with /auth/0/secret");
	check_wrong(ROLE_SERVER, "{\"server\":{\"ports\":\"1-2\",\"min_port\":1}}", "",
	            CONFIG_WRONG,
	            "/server/min_port: \"min_port\" conflicts with \"ports\": keep one");
	check_wrong(ROLE_SERVER, "{\"a\":1,\"a\":2}", "", CONFIG_WRONG,
	            "expected each key once, found \"a\" again");
}
END_TEST

/* Checks that there is one transport, with this plugin and certificate. */
static void check_transport(unsigned role, const char *file, const char *line, const char *use,
                            const char *certfile)
{
	struct scene scene;

	load_good(&scene, role, file, line);
	ck_assert_uint_eq(scene.config->chains[CHAIN_TRANSPORT].n, 1);
	ck_assert_str_eq(scene.config->chains[CHAIN_TRANSPORT].items[0].use, use);
	ck_assert_str_eq(text_of(scene.config->chains[CHAIN_TRANSPORT].items[0].node, "certfile"),
	                 certfile);
	leave(&scene);
}

START_TEST(a_flag_or_key_adds_an_entry)
{
	check_transport(ROLE_SERVER, NULL, "--tls", "tls", "(none)");
	check_transport(ROLE_SERVER, NULL, "--certfile|a|--tls", "tls", "a");
	check_transport(ROLE_SERVER, NULL, "--certfile|a", "tls", "a");
	check_transport(ROLE_SERVER, "{\"tls\":true,\"certfile\":\"a\"}", "", "tls", "a");
	check_transport(ROLE_SERVER, "{\"certfile\":\"a\",\"tls\":true}", "--tls", "tls", "a");
	check_transport(ROLE_SERVER, "{\"tls\":true,\"transport\":[{\"use\":\"tls\"}]}", "", "tls",
	                "(none)");
	check_transport(ROLE_SERVER, "{\"tls\":false}", "", "plain", "(none)");
	check_transport(ROLE_SERVER, "{\"tls\":false}", "--tls", "tls", "(none)");
	check_transport(ROLE_LOCAL, NULL, "5|--to|h|--tls|--client-certfile|a", "tls", "a");
	check_transport(ROLE_LOCAL, "{\"client_certfile\":\"a\"}", "5|--to|h", "tls", "a");
	check_wrong(ROLE_SERVER, "{\"tls\":false,\"certfile\":\"a\"}", "", CONFIG_WRONG,
	            ":1:2: error: /tls: \"tls\" is false, but other keys need it: remove them\n");
	check_wrong(ROLE_SERVER, "{\"tls\":\"yes\"}", "", CONFIG_WRONG,
	            "/tls: expected true or false, found a string");
	check_wrong(ROLE_SERVER, "{\"tls\":true,\"transport\":[{\"use\":\"plain\"}]}", "",
	            CONFIG_WRONG, "\"tls\" conflicts with /transport: keep one");
	check_wrong(ROLE_SERVER, "{\"transport\":[{\"use\":\"plain\"}]}", "--tls", CONFIG_USAGE,
	            "--tls: error: expected an entry with \"use\": \"tls\" in \"transport\" for "
	            "this key, found none");
	check_wrong(ROLE_SERVER, NULL, "--tls=true", CONFIG_USAGE,
	            "expected --tls without a value");
	setenv("SPORE_TLS", "1", 1);
	check_transport(ROLE_SERVER, NULL, "", "tls", "(none)");
	setenv("SPORE_TLS", "maybe", 1);
	check_wrong(ROLE_SERVER, NULL, "", CONFIG_WRONG,
	            "SPORE_TLS: error: expected true or false, found \"maybe\"");
	unsetenv("SPORE_TLS");
}
END_TEST

/* Checks what the flat key, flag or variable `allow` put into the access list of the control
 * port. */
static void check_allow(const char *file, const char *line, const char *expected)
{
	const struct json *list;
	char joined[256] = "";
	struct scene scene;

	load_good(&scene, ROLE_SERVER, file, line);
	ck_assert_uint_eq(scene.config->chains[CHAIN_ACL_CONTROL].n, 1);
	ck_assert_uint_eq(scene.config->chains[CHAIN_ACL_PUBLIC].n, 0);
	ck_assert_str_eq(scene.config->chains[CHAIN_ACL_CONTROL].items[0].use, "cidr");
	list = json_get(scene.config->chains[CHAIN_ACL_CONTROL].items[0].node, "allow");
	ck_assert(list && list->type == JSON_ARRAY);
	for (const struct json *i = list->first; i; i = i->next)
		snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "[%s]", i->raw);
	ck_assert_str_eq(joined, expected);
	leave(&scene);
}

START_TEST(a_list_has_commas_or_is_an_array)
{
	check_allow(NULL, "--allow|10.0.0.0/8", "[10.0.0.0/8]");
	check_allow(NULL, "--allow|10.0.0.0/8,::1", "[10.0.0.0/8][::1]");
	check_allow(NULL, "--allow= a ,b , c|--deny=d", "[a][b][c]");
	check_allow(NULL, "--allow|", "[]");
	check_allow(NULL, "--allow|,a,", "[][a][]");
	check_allow("{\"allow\":\"a, b\"}", "", "[a][b]");
	check_allow("{\"allow\":[\"a\",\"b,c\"],\"deny\":\"d\"}", "", "[a][b,c]");
	check_allow("{\"allow\":\"a\"}", "--allow|b", "[b]");
	check_allow("{\"deny\":\"d\",\"acl\":{\"control\":[{\"use\":\"cidr\",\"allow\":[\"a\"]}]}}",
	            "", "[a]");
	check_allow("{\"acl\":{\"control\":[{\"use\":\"cidr\"}]}}", "--allow|a", "[a]");
	setenv("SPORE_ALLOW", "v,w", 1);
	check_allow("{\"allow\":\"a\"}", "", "[v][w]");
	unsetenv("SPORE_ALLOW");
	check_wrong(ROLE_SERVER,
	            "{\"allow\":\"a\",\"acl\":{\"control\":[{\"use\":\"cidr\",\"allow\":[]}]}}", "",
	            CONFIG_WRONG, "\"allow\" conflicts with /acl/control/0/allow: keep one");
	check_wrong(ROLE_SERVER, "{\"acl\":{\"control\":[{\"use\":\"other\"}]}}", "--allow|a",
	            CONFIG_USAGE,
	            "--allow: error: expected an entry with \"use\": \"cidr\" in \"acl/control\" "
	            "for this key, found none");
	check_wrong(ROLE_SERVER, "{\"acl\":{\"control\":{}}}", "--deny|a", CONFIG_WRONG,
	            "/acl/control: expected an array of instances, found an object");
}
END_TEST

START_TEST(the_parts_of_a_list_have_positions)
{
	static const char *const files[] = { "{\"allow\":\"a,  b\"}",
		                             "{\"allow\":\"\\u0061,  b\"}" };
	static const size_t offsets[][2] = { { 10, 14 }, { 9, 9 } };

	for (size_t i = 0; i < 2; i++) {
		const struct json *list;
		struct scene scene;

		load_good(&scene, ROLE_SERVER, files[i], "");
		list = json_get(scene.config->chains[CHAIN_ACL_CONTROL].items[0].node, "allow");
		ck_assert_uint_eq(list->count, 2);
		ck_assert_str_eq(list->first->raw, "a");
		ck_assert_uint_eq(list->first->offset, offsets[i][0]);
		ck_assert_uint_eq(list->last->offset, offsets[i][1]);
		leave(&scene);
	}
}
END_TEST

START_TEST(a_section_of_the_wrong_shape_is_a_mistake)
{
	check_wrong(ROLE_SERVER, "{\"server\":7}", "", CONFIG_WRONG,
	            "/server: expected an object, found 7");
	check_wrong(ROLE_SERVER, "{\"server\":7}", "--min-port|5", CONFIG_WRONG,
	            "/server: expected an object, found 7");
	check_wrong(ROLE_SERVER, "{\"auth\":[{\"use\":\"other\"}]}", "--secret|x", CONFIG_USAGE,
	            "--secret: error: expected an entry with \"use\": \"hmac\" in \"auth\" for "
	            "this key, found none");
	check_wrong(ROLE_SERVER, "{\"auth\":{\"use\":\"hmac\"}}", "", CONFIG_WRONG,
	            "/auth: expected an array of instances, found an object");
	check_wrong(ROLE_SERVER, "{\"auth\":[7]}", "--secret|x", CONFIG_WRONG,
	            "/auth/0: expected an object with \"use\", found 7");
	check_wrong(ROLE_SERVER, "[]", "", CONFIG_WRONG, "expected an object, found an array");
}
END_TEST

START_TEST(unknown_keys_are_refused)
{
	check_wrong(ROLE_SERVER, "{\"sevrer\":{}}", "", CONFIG_WRONG,
	            "/sevrer: unknown key \"sevrer\": did you mean \"server\"?");
	check_wrong(ROLE_SERVER, "{\"server\":{\"prot\":1}}", "", CONFIG_WRONG,
	            "/server/prot: unknown key \"prot\"");
	check_wrong(ROLE_SERVER, "{\"server\":{},\"client\":{}}", "", CONFIG_WRONG,
	            "/client: unknown key \"client\"");
	check_wrong(ROLE_SERVER, "{\"min_port\":1,\"to\":\"host\"}", "", CONFIG_WRONG,
	            "/to: unknown key \"to\"");
}
END_TEST

START_TEST(a_file_of_the_other_role_is_recognized)
{
	static const char ours[] = "this is a configuration for spore local, not for spore server";
	static const char theirs[] =
		"this is a configuration for spore server, not for spore local";

	check_wrong(ROLE_SERVER, "{\"client\":{},\"log\":{}}", "", CONFIG_WRONG, ours);
	check_wrong(ROLE_SERVER, "{\"to\":\"host\"}", "", CONFIG_WRONG, ours);
	check_wrong(ROLE_LOCAL, "{\"log\":{},\"limits\":{}}", "", CONFIG_WRONG, theirs);
}
END_TEST

START_TEST(a_value_that_a_flag_replaces_is_checked)
{
	check_wrong(ROLE_SERVER, "{\"control_port\":\"many\"}", "--control-port|7000", CONFIG_WRONG,
	            "/control_port: expected a port from 1 to 65535, found \"many\"");
	check_wrong(ROLE_SERVER, "{\"server\":{\"workers\":-1}}", "--workers|2", CONFIG_WRONG,
	            "/server/workers: expected a whole number from 0 to 256, found -1");
}
END_TEST

START_TEST(a_wrong_range_is_a_mistake)
{
	check_wrong(ROLE_SERVER, "{\"server\":{\"min_port\":9,\"max_port\":8}}", "", CONFIG_WRONG,
	            "/server/min_port: expected min_port <= max_port, found 9 and 8");
	check_wrong(ROLE_SERVER, NULL, "--min-port|9|--max-port|8", CONFIG_USAGE,
	            "expected min_port <= max_port, found 9 and 8");
}
END_TEST

/* ---- outcomes ---- */

START_TEST(a_wrong_value_of_a_flag_is_wrong_usage)
{
	check_wrong(ROLE_SERVER, NULL, "--min-port|x", CONFIG_USAGE,
	            "--min-port: error: expected a port from 1 to 65535, found \"x\"\n");
	check_wrong(ROLE_SERVER, NULL, "--min-port|65536", CONFIG_USAGE, "found 65536\n");
	check_wrong(ROLE_SERVER, NULL, "--min-port|-1", CONFIG_USAGE, "found \"-1\"\n");
	check_wrong(ROLE_SERVER, NULL, "--bind-addr|localhost", CONFIG_USAGE,
	            "--bind-addr: error: expected an IP address");
	check_wrong(ROLE_SERVER, NULL, "--nonsense", CONFIG_USAGE,
	            "error: unknown flag --nonsense\n");
	setenv("SPORE_MIN_PORT", "x", 1);
	check_wrong(ROLE_SERVER, NULL, "", CONFIG_WRONG,
	            "SPORE_MIN_PORT: error: expected a port from 1 to 65535, found \"x\"\n");
	check_wrong(ROLE_SERVER, NULL, "--max-port|x", CONFIG_WRONG, "SPORE_MIN_PORT: error: ");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_named)
{
	check_wrong(ROLE_SERVER, NULL, "--config|/nonexistent.json", CONFIG_WRONG,
	            "--config: error: cannot open /nonexistent.json: No such file or directory");
	check_wrong(ROLE_SERVER, NULL, "--config|/tmp", CONFIG_WRONG,
	            "--config: error: cannot read /tmp: Is a directory");
	check_wrong(ROLE_SERVER, "", "", CONFIG_WRONG,
	            ":1:1: error: expected '{', found an empty file");
	check_wrong(ROLE_SERVER, "{\"server\":{\n\"control_port\": 07835}}", "", CONFIG_WRONG,
	            ":2:17: error: expected a number without leading zeros, found one with them");
}
END_TEST

START_TEST(help_is_not_a_mistake)
{
	struct scene scene;

	ck_assert_int_eq(load(&scene, ROLE_SERVER, "{\"bad\":", "--help"), CONFIG_HELP);
	leave(&scene);
}
END_TEST

/* ---- instances ---- */

START_TEST(instances_are_read_in_order)
{
	static const char file[] = "{\"auth\":[{\"use\":\"a\"},{\"use\":\"acme:b\",\"name\":"
				   "\"staff\",\"on_error\":\"next\"},"
				   "{\"use\":\"c\",\"on_error\":\"deny\",\"x\":1}],"
				   "\"acl\":{\"control\":[{\"use\":\"cidr\"}],\"public\":[]},"
				   "\"metrics\":[{\"use\":\"m\"}],"
				   "\"transport\":[{\"use\":\"t\"},{\"use\":\"u\"}]}";
	const struct config_instance *auth;
	struct scene scene;

	load_good(&scene, ROLE_SERVER, file, "");
	auth = scene.config->chains[CHAIN_AUTH].items;
	ck_assert_uint_eq(scene.config->chains[CHAIN_AUTH].n, 3);
	ck_assert_str_eq(auth[0].name, "a");
	ck_assert_str_eq(auth[1].use, "acme:b");
	ck_assert_str_eq(auth[1].name, "staff");
	ck_assert(!auth[0].continue_on_error && auth[1].continue_on_error &&
	          !auth[2].continue_on_error);
	ck_assert_ptr_nonnull(json_get(auth[2].node, "x"));
	ck_assert_uint_eq(scene.config->chains[CHAIN_ACL_CONTROL].n, 1);
	ck_assert_uint_eq(scene.config->chains[CHAIN_ACL_PUBLIC].n, 0);
	ck_assert_uint_eq(scene.config->chains[CHAIN_METRICS].n, 1);
	ck_assert_uint_eq(scene.config->chains[CHAIN_TRANSPORT].n, 2);
	leave(&scene);
}
END_TEST

START_TEST(an_instance_needs_a_valid_name)
{
	check_wrong(ROLE_SERVER, "{\"auth\":[{}]}", "", CONFIG_WRONG,
	            "/auth/0: expected the key \"use\" (the plugin's name), found none");
	check_wrong(ROLE_SERVER, "{\"auth\":[{\"use\":7}]}", "", CONFIG_WRONG,
	            "/auth/0/use: expected a name, found 7");
	check_wrong(ROLE_SERVER, "{\"auth\":[{\"use\":\"\"}]}", "", CONFIG_WRONG,
	            "/auth/0/use: expected a name, found \"\"");
	check_wrong(ROLE_SERVER, "{\"auth\":[{\"use\":\"a\",\"name\":[]}]}", "", CONFIG_WRONG,
	            "/auth/0/name: expected a name, found an array");
	check_wrong(ROLE_SERVER, "{\"auth\":[{\"use\":\"a\",\"on_error\":\"allow\"}]}", "",
	            CONFIG_WRONG,
	            "/auth/0/on_error: expected one of deny|next|last_good, found \"allow\"");
	check_wrong(ROLE_SERVER, "{\"auth\":[{\"use\":\"a\",\"on_error\":true}]}", "", CONFIG_WRONG,
	            "/auth/0/on_error: expected a name, found true");
}
END_TEST

/* ---- the client ---- */

static const struct tunnel_settings *tunnel_of(const struct scene *scene, size_t index)
{
	ck_assert_uint_lt(index, scene->config->settings.tunnels.count);
	return (const struct tunnel_settings *)scene->config->settings.tunnels.items + index;
}

START_TEST(a_client_takes_bores_command_line)
{
	struct scene scene;

	load_good(&scene, ROLE_LOCAL, NULL, "5000|-t|bore.pub|-p|9000|-l|db|-s|x");
	ck_assert_str_eq(scene.config->settings.client.servers[0].host, "bore.pub");
	ck_assert_int_eq(scene.config->settings.client.control_port, 7835);
	ck_assert_int_eq(scene.config->settings.client.max_dials, 256);
	ck_assert_uint_eq(scene.config->settings.tunnels.count, 1);
	ck_assert_int_eq(tunnel_of(&scene, 0)->local_port, 5000);
	ck_assert_int_eq(tunnel_of(&scene, 0)->port, 9000);
	ck_assert_str_eq(tunnel_of(&scene, 0)->local_host, "db");
	ck_assert_str_eq(tunnel_of(&scene, 0)->name, "db:5000");
	ck_assert_str_eq(text_of(scene.config->chains[CHAIN_AUTH].items[0].node, "secret"), "x");
	leave(&scene);
	load_good(&scene, ROLE_LOCAL, NULL, "5000|--to|h");
	ck_assert_str_eq(tunnel_of(&scene, 0)->local_host, "localhost");
	ck_assert_int_eq(tunnel_of(&scene, 0)->port, 0);
	leave(&scene);
}
END_TEST

START_TEST(a_client_takes_several_tunnels)
{
	static const char file[] = "{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local\":\"127.0.0.1:"
				   "3000\",\"name\":\"web\"},"
				   "{\"local\":\"[::1]:22\",\"port\":2222},{\"local_port\":80}]}";
	struct scene scene;

	load_good(&scene, ROLE_LOCAL, file, "");
	ck_assert_str_eq(tunnel_of(&scene, 0)->local_host, "127.0.0.1");
	ck_assert_int_eq(tunnel_of(&scene, 0)->local_port, 3000);
	ck_assert_str_eq(tunnel_of(&scene, 0)->name, "web");
	ck_assert_str_eq(tunnel_of(&scene, 1)->local_host, "::1");
	ck_assert_int_eq(tunnel_of(&scene, 1)->local_port, 22);
	ck_assert_str_eq(tunnel_of(&scene, 1)->name, "[::1]:22");
	ck_assert_str_eq(tunnel_of(&scene, 2)->local_host, "localhost");
	leave(&scene);
}
END_TEST

START_TEST(a_client_needs_a_server_and_a_service)
{
	check_wrong(
		ROLE_LOCAL, NULL, "", CONFIG_USAGE,
		"error: spore local: expected the server: --to HOST, SPORE_SERVER, or --config "
		"FILE\n"
		"error: spore local: expected the port of the service: spore local LOCAL_PORT\n");
	check_wrong(ROLE_LOCAL, NULL, "5000", CONFIG_USAGE, "expected the server: --to HOST");
	check_wrong(ROLE_LOCAL, NULL, "--to|h", CONFIG_USAGE, "expected the port of the service: ");
	check_wrong(ROLE_LOCAL, "{\"tunnels\":[{\"local_port\":1}]}", "", CONFIG_WRONG,
	            "expected the key \"client\" (the server to connect to, and how), found none");
	check_wrong(ROLE_LOCAL, "{\"client\":{},\"tunnels\":[{\"local_port\":1}]}", "",
	            CONFIG_WRONG,
	            "/client: expected the key \"to\" (the server's name or address, or a list of "
	            "servers: the first that answers is used), found none");
	check_wrong(ROLE_LOCAL, "{\"client\":{\"to\":\"h\"},\"tunnels\":[]}", "", CONFIG_WRONG,
	            "/tunnels: expected at least one element, found none");
	check_wrong(ROLE_LOCAL, "{\"client\":{\"to\":\"h\"},\"tunnels\":[{}]}", "", CONFIG_WRONG,
	            "/tunnels/0: expected the service's port: ");
}
END_TEST

START_TEST(a_local_address_is_checked)
{
	static const char *const bad[] = { "x", "x:", ":80", "x:65536", "x:-1", "[]:80", "" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char file[160], expected[160];

		snprintf(file, sizeof file,
		         "{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local\":\"%s\"}]}", bad[i]);
		snprintf(expected, sizeof expected, ", found \"%s\"", bad[i]);
		check_wrong(ROLE_LOCAL, file, "", CONFIG_WRONG, expected);
	}
	check_wrong(
		ROLE_LOCAL,
		"{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local\":\"h:1\",\"local_port\":2}]}",
		"", CONFIG_WRONG, ": keep one");
}
END_TEST

START_TEST(client_flags_go_into_the_only_tunnel)
{
	static const char file[] =
		"{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local_port\":1,\"port\":3}]}";
	static const char two[] =
		"{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local_port\":1},{\"local_port\":2}]}";
	static const char flat[] = "{\"client\":{\"to\":\"h\"},\"port\":7,"
				   "\"tunnels\":[{\"local_port\":1},{\"local_port\":2}]}";
	static const char wrong[] = "expected one entry in \"tunnels\"";
	struct scene scene;

	load_good(&scene, ROLE_LOCAL, file, "9|--to|other|-p|5");
	ck_assert_str_eq(scene.config->settings.client.servers[0].host, "other");
	ck_assert_int_eq(tunnel_of(&scene, 0)->local_port, 9);
	ck_assert_int_eq(tunnel_of(&scene, 0)->port, 5);
	leave(&scene);
	load_good(&scene, ROLE_LOCAL, two, "--to|other");
	leave(&scene);
	check_wrong(ROLE_LOCAL, two, "9", CONFIG_USAGE, wrong);
	check_wrong(ROLE_LOCAL, flat, "", CONFIG_WRONG, wrong);
}
END_TEST

/* A flag overrides the file's service, too, whichever keys the file uses for it. */
START_TEST(the_local_port_flag_overrides_the_files_local)
{
	static const char file[] = "{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local\":\"db:1\"}]}";
	struct scene scene;

	load_good(&scene, ROLE_LOCAL, file, "9");
	ck_assert_int_eq(tunnel_of(&scene, 0)->local_port, 9);
	leave(&scene);
}
END_TEST

static enum config_outcome load_plugins(struct scene *scene, const char *file)
{
	enum config_outcome outcome;
	FILE *out;
	int fd;

	memset(scene, 0, sizeof *scene);
	fd = mkstemp(strcpy(scene->path, "/tmp/spore-unit-XXXXXX"));
	ck_assert_int_eq(write(fd, file, strlen(file)), (ssize_t)strlen(file));
	close(fd);
	outcome = config_load_plugins(scene->path, &scene->diag, &scene->config);
	out = fmemopen(scene->printed, sizeof scene->printed, "w");
	diag_print(&scene->diag, out);
	fputc('\0', out);
	fclose(out);
	unlink(scene->path);
	ck_assert((outcome == CONFIG_LOADED) == (scene->diag.count == 0));
	return outcome;
}

START_TEST(the_plugins_section_is_read_alone)
{
	struct scene scene;
	const char *second;

	ck_assert_int_eq(
		load_plugins(&scene,
	                     "{\"server\":5,\"nonsense\":1,\"plugins\":{\"path\":[\"a\",\"b\"],"
	                     "\"pin\":{\"x.so\":\"sha256:"
	                     "0123456789abcdef0123456789abcdef0123456789abcdef"
	                     "0123456789abcdef\"}}}"),
		CONFIG_LOADED);
	ck_assert_uint_eq(scene.config->settings.plugins.path.count, 2);
	second = ((const char *const *)scene.config->settings.plugins.path.items)[1];
	ck_assert_int_eq(second[0], '/'); /* it starts from the configuration's folder */
	ck_assert_str_eq(strrchr(second, '/'), "/b");
	ck_assert_str_eq(scene.config->settings.plugins.pin.keys[0], "x.so");
	leave(&scene);
	ck_assert_int_eq(load_plugins(&scene, "{}"), CONFIG_LOADED);
	ck_assert_uint_eq(scene.config->settings.plugins.path.count, 0);
	leave(&scene);
	ck_assert_int_eq(config_load_plugins(NULL, &scene.diag, &scene.config), CONFIG_LOADED);
	ck_assert_uint_eq(scene.config->settings.plugins.path.count, 0);
	leave(&scene);
}
END_TEST

START_TEST(mistakes_of_the_plugins_section_are_named)
{
	static const char *const wrong[][2] = {
		{ "{\"plugins\":[]}", "/plugins: expected an object, found an array" },
		{ "{\"plugins\":{\"path\":\"a\"}}", "/plugins/path: expected an array" },
		{ "{\"plugins\":{\"paths\":[]}}", "unknown key \"paths\": did you mean \"path\"?" },
		{ "{\"plugins\":", "error: expected" },
		{ "[]", "expected an object, found an array" },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct scene scene;

		ck_assert_int_eq(load_plugins(&scene, wrong[i][0]), CONFIG_WRONG);
		ck_assert_msg(strstr(scene.printed, wrong[i][1]) != NULL, "%s: %s", wrong[i][0],
		              scene.printed);
		leave(&scene);
	}
}
END_TEST

START_TEST(the_keys_of_an_instance_are_documented)
{
	size_t n = 0;

	for (; config_instance_keys[n]; n++)
		ck_assert_msg(option_find(&settings_instance, config_instance_keys[n]) != NULL,
		              "%s", config_instance_keys[n]);
	ck_assert_uint_eq(settings_instance.n, n);
}
END_TEST

START_TEST(a_config_lives_as_long_as_its_references)
{
	struct scene scene;

	load_good(&scene, ROLE_LOCAL, NULL, "5000|--to|h");
	ck_assert_ptr_eq(config_ref(scene.config), scene.config);
	config_unref(scene.config);
	ck_assert_str_eq(scene.config->settings.client.servers[0].host, "h");
	leave(&scene);
	config_unref(NULL);
}
END_TEST

/* ---- hostile files ---- */

START_TEST(damaged_files_never_crash)
{
	static const char file[] = "{\"server\":{\"ports\":\"1-9\",\"reserved_ports\":[5]},"
				   "\"secret\":\"x\",\"auth\":[{\"use\":\"hmac\"}],"
				   "\"acl\":{\"control\":[{\"use\":\"c\"}]},\"plugins\":{\"path\":["
				   "\"a\"],\"pin\":{\"b\":\"c\"}}}";
	static const char bytes[] = "\"{}[],:0x\\";
	unsigned n_good = 0;

	for (size_t at = 0; at < sizeof file - 1; at++) {
		for (size_t i = 0; i < sizeof bytes - 1; i += 1 + at % 3) {
			char damaged[sizeof file];
			struct scene scene;

			memcpy(damaged, file, sizeof file);
			damaged[at] = bytes[i];
			n_good += load(&scene, ROLE_SERVER, damaged, "--min-port|5") ==
			          CONFIG_LOADED;
			leave(&scene);
		}
	}
	ck_assert_uint_eq(n_good, 0); /* --min-port conflicts with the file's ports */
}
END_TEST

SUITE("config", a_server_needs_nothing, a_server_takes_bores_flags,
      flag_over_variable_over_file_over_default, flat_and_structured_mean_the_same,
      a_list_of_secrets_has_a_place_of_its_own, some_values_with_commas_are_one_secret,
      conflicting_keys_are_a_mistake, a_flag_or_key_adds_an_entry, a_list_has_commas_or_is_an_array,
      the_parts_of_a_list_have_positions, a_section_of_the_wrong_shape_is_a_mistake,
      unknown_keys_are_refused, a_file_of_the_other_role_is_recognized,
      a_value_that_a_flag_replaces_is_checked, a_wrong_range_is_a_mistake,
      a_wrong_value_of_a_flag_is_wrong_usage, a_file_that_cannot_be_read_is_named,
      help_is_not_a_mistake, instances_are_read_in_order, an_instance_needs_a_valid_name,
      a_client_takes_bores_command_line, a_client_takes_several_tunnels,
      a_client_needs_a_server_and_a_service, a_local_address_is_checked,
      client_flags_go_into_the_only_tunnel, the_local_port_flag_overrides_the_files_local,
      the_plugins_section_is_read_alone, mistakes_of_the_plugins_section_are_named,
      the_keys_of_an_instance_are_documented, a_config_lives_as_long_as_its_references,
      damaged_files_never_crash)
