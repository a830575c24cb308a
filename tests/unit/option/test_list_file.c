#include "option/list_file.h"

#include <stdlib.h>
#include <unistd.h>

#include "net/addr.h"
#include "scene/option_scene.h"
#include "suite.h"

struct conf {
	spore_list nets, names, ports;
};

static const spore_option_item cidr_item = { SPORE_OPT_CIDR, sizeof(spore_cidr), NULL, 0, 0 };
static const spore_option_item text_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };
static const spore_option_item port_item = { SPORE_OPT_PORT, sizeof(int64_t), NULL, 0, 0 };
static const spore_option rows[] = {
	SPORE_LIST(struct conf, nets, 0, &cidr_item, "prefixes"),
	SPORE_LIST(struct conf, names, 0, &text_item, "names"),
	SPORE_LIST(struct conf, ports, 0, &port_item, "ports"),
};
static const struct option_table table = { rows, sizeof rows / sizeof *rows, sizeof *rows };

static char folder[64];

/* Fills from a list file of these bytes. The messages are in scene->printed. */
static bool fill_from(struct option_scene *scene, const char *option, const char *bytes, size_t len,
                      struct conf *conf)
{
	char path[96], json[128];
	struct option_scope scope;
	FILE *out;
	bool good;

	strcpy(folder, "/tmp/spore-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/list.txt", folder);
	out = fopen(path, "w");
	ck_assert_uint_eq(fwrite(bytes, 1, len, out), len);
	fclose(out);
	snprintf(json, sizeof json, "{\"%s\": {\"file\": \"list.txt\"}}", option);
	option_scene_open(scene, json);
	scope = (struct option_scope){ scene->doc, &scene->diag, folder, NULL, NULL };
	*conf = (struct conf){ 0 };
	good = option_fill(&scope, &table, scene->root, conf);
	unlink(path);
	rmdir(folder);
	option_scene_message(scene);
	return good;
}

static void check_names(const char *text, const char *expected)
{
	char joined[256] = "";
	struct option_scene scene;
	struct conf conf;

	ck_assert(fill_from(&scene, "names", text, strlen(text), &conf));
	for (size_t i = 0; i < conf.names.count; i++)
		snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "[%s]",
		         ((const char *const *)conf.names.items)[i]);
	ck_assert_msg(strcmp(joined, expected) == 0, "%s: %s", text, joined);
	option_scene_close(&scene);
}

START_TEST(a_line_is_an_element)
{
	check_names("", "");
	check_names("\n\n", "");
	check_names("a", "[a]");
	check_names("a\nb\n", "[a][b]");
	check_names("\n a\t\n\t b c \r\n\r\nd", "[a][b c][d]");
}
END_TEST

START_TEST(a_byte_order_mark_and_crlf_are_no_part_of_elements)
{
	check_names("\xEF\xBB\xBF"
	            "a\r\nb\r\n",
	            "[a][b]");
	check_names("\xEF\xBB\xBF# all\r\na", "[a]");
	check_names("\xEF\xBB\xBF", "");
}
END_TEST

START_TEST(remarks_are_left_out)
{
	check_names("# all\n", "");
	check_names("  # all\na # first\n#b\nc\t#\n", "[a][c]");
	check_names("a#1\nb #\n\\#\n", "[a#1][b][\\#]");
}
END_TEST

START_TEST(elements_are_read_as_the_options_own)
{
	static const char text[] = "10.0.0.0/8\n2001:db8::/32 # office\n";
	const spore_cidr *nets;
	struct option_scene scene;
	struct conf conf;

	ck_assert(fill_from(&scene, "nets", text, sizeof text - 1, &conf));
	nets = conf.nets.items;
	ck_assert_uint_eq(conf.nets.count, 2);
	ck_assert(nets[0].prefix_len == 104 && nets[1].prefix_len == 32);
	option_scene_close(&scene);
}
END_TEST

static void check_wrong(const char *option, const char *bytes, size_t len, const char *expected)
{
	struct option_scene scene;
	struct conf conf;
	char *place;

	ck_assert(!fill_from(&scene, option, bytes, len, &conf));
	/* A leading '/' in `expected` stands for the file's folder. */
	place = strstr(scene.printed, *expected == '/' ? folder : "t:");
	ck_assert_msg(place == scene.printed, "%s", scene.printed);
	place += *expected == '/' ? strlen(folder) : 0;
	ck_assert_msg(strncmp(place, expected, strlen(expected)) == 0, "%s", scene.printed);
	option_scene_close(&scene);
}

START_TEST(mistakes_name_the_line_of_the_file)
{
	static const char wrong[] = "# two\n10.0.0.0/8\n\n  10.0.0.1/8 # host\n",
			  no_text[] = "10.0.0.0/8\n\xff\n";

	check_wrong("nets", wrong, sizeof wrong - 1,
	            "/list.txt:4:3: error: /nets/1: expected \"10.0.0.0/8\" (no bits set after the "
	            "prefix), found "
	            "\"10.0.0.1/8\"");
	check_wrong("nets", no_text, sizeof no_text - 1,
	            "/list.txt:2:1: error: expected text in UTF-8");
	check_wrong("nets", "10.0.0.0/8\0x\n", 13, "/list.txt:1:11: error: expected text in UTF-8");
	check_wrong("nets",
	            "\xFF\xFE"
	            "1\0",
	            4,
	            "/list.txt:1:1: error: expected text in UTF-8, found UTF-16: `iconv -f UTF-16 "
	            "-t UTF-8 ");
	check_wrong("nets",
	            "1\0"
	            "0\0",
	            4, "/list.txt:1:2: error: expected text in UTF-8, found UTF-16: ");
	check_wrong("ports", "80\n", 3,
	            "t:1:11: error: /ports: expected an array, found an object");
}
END_TEST

static void check_bad_object(const char *json, const char *expected)
{
	struct option_scene scene;
	struct option_scope scope;
	struct conf conf = { 0 };

	option_scene_open(&scene, json);
	scope = (struct option_scope){ scene.doc, &scene.diag, "/nonexistent", NULL, NULL };
	ck_assert(!option_fill(&scope, &table, scene.root, &conf));
	ck_assert_str_eq(option_scene_message(&scene), expected);
	option_scene_close(&scene);
}

START_TEST(a_file_must_be_named_and_there)
{
	static const char expected[] =
		"/nets: expected an array or {\"file\": PATH}, found an object";

	check_bad_object("{\"nets\": {}}", expected);
	check_bad_object("{\"nets\": {\"file\": 1}}", expected);
	check_bad_object("{\"nets\": {\"env\": \"X\"}}", expected);
	check_bad_object("{\"nets\": {\"file\": \"a\", \"more\": \"b\"}}", expected);
	check_bad_object(
		"{\"nets\": {\"file\": \"a\"}}",
		"/nets/file: cannot read the list /nonexistent/a: No such file or directory");
	check_bad_object("{\"nets\": {\"file\": \"/tmp\"}}",
	                 "/nets/file: cannot read the list /tmp: Is a directory");
}
END_TEST

SUITE("list_file", a_line_is_an_element, a_byte_order_mark_and_crlf_are_no_part_of_elements,
      remarks_are_left_out, elements_are_read_as_the_options_own,
      mistakes_name_the_line_of_the_file, a_file_must_be_named_and_there)
