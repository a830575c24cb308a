#include "show/table.h"

#include "scene/answer_scene.h"
#include "suite.h"

static const struct table cats = {
	"cats", { { "name", "NAME", VALUE_TEXT }, { "age", "AGE", VALUE_NUMBER } }
};

static void check(const char *answer, const char *expected)
{
	struct answer_scene scene;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	answer_scene_open(&scene, answer);
	ck_assert(table_print(&cats, scene.root, out));
	fclose(out);
	ck_assert_str_eq(text, expected);
	free(text);
	answer_scene_close(&scene);
}

START_TEST(each_object_has_a_line)
{
	check("{\"cats\":[{\"name\":\"Tom\",\"age\":3},{\"name\":\"Felix\"}]}", "NAME   AGE\n"
	                                                                        "Tom    3\n"
	                                                                        "Felix  -\n");
	check("{}", "NAME  AGE\n");
}
END_TEST

START_TEST(objects_that_were_left_out_are_counted)
{
	check("{\"all\":5,\"cats\":[{\"name\":\"Tom\",\"age\":3}]}", "NAME  AGE\n"
	                                                             "Tom   3\n"
	                                                             "and 4 more\n");
}
END_TEST

SUITE("table", each_object_has_a_line, objects_that_were_left_out_are_counted)
