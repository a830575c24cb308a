#include "json/mend.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"
#include "json/scan.h"

struct scene {
	struct mended mended;
	size_t offsets[MEND_MAX + 1];
	unsigned n;
	char texts[MEND_MAX + 1][256];
};

static void on_mistake(void *arg, size_t offset, const char *text)
{
	struct scene *scene = arg;

	ck_assert_uint_le(scene->n, MEND_MAX);
	scene->offsets[scene->n] = offset;
	snprintf(scene->texts[scene->n++], sizeof *scene->texts, "%s", text);
}

/* Mends a copy of exactly this size, so that a sanitizer sees a read past the end. */
static bool mend(struct scene *scene, const char *text, size_t len)
{
	char *exact = malloc(len ? len : 1);
	bool good;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, text, len);
	memset(scene, 0, sizeof *scene);
	good = mend_text(exact, len, on_mistake, scene, &scene->mended);
	free(exact);
	return good;
}

struct mistake {
	size_t offset;
	const char *text;
};
struct mended_case {
	const char *text, *mended; /* NULL: gave up */
	struct mistake mistakes[4];
};

static void check_case(const struct mended_case *c)
{
	static struct scene scene;
	bool good = mend(&scene, c->text, strlen(c->text));
	unsigned n = 0;

	ck_assert_msg(good == (c->mended != NULL), "%s", c->text);
	for (; n < 4 && c->mistakes[n].text; n++) {
		ck_assert_msg(n < scene.n, "%s: %s", c->text, c->mistakes[n].text);
		ck_assert_str_eq(scene.texts[n], c->mistakes[n].text);
		ck_assert_msg(scene.offsets[n] == c->mistakes[n].offset, "%s: %zu", c->text,
		              scene.offsets[n]);
	}
	ck_assert_msg(scene.n == n, "%s: %s", c->text, scene.texts[n]);
	if (good) {
		ck_assert_msg(scene.mended.len == strlen(c->mended) &&
		                      memcmp(scene.mended.text, c->mended, scene.mended.len) == 0,
		              "%s: %.*s", c->text, (int)scene.mended.len, scene.mended.text);
	}
	mended_free(&scene.mended);
}

#define CHECK_CASES(...)                                                                           \
	do {                                                                                       \
		const struct mended_case cases[] = { __VA_ARGS__ };                                \
                                                                                                   \
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)                          \
			check_case(&cases[i]);                                                     \
	} while (0)

#define NO_COMMENT "expected no comment (JSON has none), found one"
#define NO_VALUE                                                                                   \
	"expected a number, true, false, null or a string in double quotes, found a bare word"

START_TEST(comments_are_taken_out)
{
	CHECK_CASES(
		{ "// a\n{}", " \n{}", { { 0, NO_COMMENT } } },
		{ "{# a\n\"b\":1}# c", "{ \n\"b\":1} ", { { 1, NO_COMMENT }, { 11, NO_COMMENT } } },
		{ "{\"a\"/* x\n */:/**/1/**/}",
	          "{\"a\" : 1 }",
	          { { 4, NO_COMMENT }, { 13, NO_COMMENT }, { 18, NO_COMMENT } } },
		{ "{\"a\":1}/* open", "{\"a\":1} ", { { 7, NO_COMMENT } } },
		{ "{\"a\":\"// # /* no comment */\",}",
	          "{\"a\":\"// # /* no comment */\"}",
	          { { 28, "expected no comma after the last member, found one" } } });
}
END_TEST

START_TEST(commas_are_taken_out_and_put_in)
{
	static const char key[] = "expected ',' before the next key, found none";
	static const char value[] = "expected ',' before the next value, found none";
	static const char member[] = "expected no comma after the last member, found one";
	static const char element[] = "expected no comma after the last element, found one";

	CHECK_CASES(
		{ "{\"a\":1 , }", "{\"a\":1  }", { { 7, member } } },
		{ "[1,]", "[1]", { { 2, element } } },
		{ "[1,,2]", "[1,2]", { { 3, "expected a value, found ','" } } },
		{ "[,1]", "[1]", { { 1, "expected a value, found ','" } } },
		{ "{,\"a\":1}",
	          "{\"a\":1}",
	          { { 1, "expected a key in double quotes, found ','" } } },
		{ "{\"a\":1\n\"b\":2}", "{\"a\":1,\n\"b\":2}", { { 6, key } } },
		{ "{\"a\":\"x\" 'b':2}",
	          "{\"a\":\"x\", \"b\":2}",
	          { { 8, key }, { 9, "expected double quotes (\"), found single ones" } } },
		{ "{\"a\":{}\"b\":true\nb:2}",
	          "{\"a\":{},\"b\":true,\n\"b\":2}",
	          { { 7, key }, { 15, key }, { 16, "expected a key in double quotes, found b" } } },
		{ "[1 2 {} []]", "[1, 2, {}, []]", { { 2, value }, { 4, value }, { 7, value } } },
		{ "{\"a\":1;\"b\":2}",
	          "{\"a\":1,\"b\":2}",
	          { { 6, "expected ',' or '}', found ';'" } } });
}
END_TEST

START_TEST(quotes_become_double)
{
	static const char single[] = "expected double quotes (\"), found single ones";
	static const char typographic[] = "expected double quotes (\"), found typographic ones";

	CHECK_CASES({ "{'a':'b \"c\" \\'d\\''}",
	              "{\"a\":\"b 'c' ''d''\"}",
	              { { 1, single }, { 5, single } } },
	            { "[\xe2\x80\x9c"
	              "it\xe2\x80\x99s\xe2\x80\x9d,\xe2\x80\x98x\xe2\x80\x99]",
	              "[\"it\xe2\x80\x99s\",\"x\"]",
	              { { 1, typographic }, { 14, typographic } } },
	            { "[\xe2\x80\x9c"
	              "a\"]",
	              "[\"a\"]",
	              { { 1, typographic } } },
	            { "['a\n]", "[null\n]", { { 1, NO_VALUE } } });
}
END_TEST

START_TEST(keys_get_quotes_and_colons)
{
	CHECK_CASES(
		{ "{a:1}", "{\"a\":1}", { { 1, "expected a key in double quotes, found a" } } },
		{ "{a-b_c.d = 1}",
	          "{\"a-b_c.d\" : 1}",
	          { { 1, "expected a key in double quotes, found a-b_c.d" },
	            { 9, "expected ':' after the key, found '='" } } },
		{ "{\"a\"=>1}", "{\"a\":1}", { { 4, "expected ':' after the key, found '='" } } },
		{ "{\"a\" 1}", "{\"a\" :1}", { { 5, "expected ':' after the key, found '1'" } } },
		{ "{\"a\",\"b\"}",
	          "{\"a\":null,\"b\":null}",
	          { { 4, "expected ':' and a value after the key, found ','" },
	            { 8, "expected ':' and a value after the key, found '}'" } } },
		{ "{\"a\":,\"b\":}",
	          "{\"a\":null,\"b\":null}",
	          { { 5, "expected a value, found ','" },
	            { 10, "expected a value, found '}'" } } });
}
END_TEST

START_TEST(what_is_no_value_becomes_null)
{
	static const char zero[] = "expected a number without leading zeros, found one with them";

	CHECK_CASES(
		{ "[01,-01,007]",
	          "[null,null,null]",
	          { { 1, zero }, { 4, NO_VALUE }, { 8, zero } } },
		{ "[0x1F,1.,.5]",
	          "[null,null,null]",
	          { { 1, "expected a decimal number, found a hexadecimal one" },
	            { 6, NO_VALUE },
	            { 9, NO_VALUE } } },
		{ "[True,no,NULL]",
	          "[null,null,null]",
	          { { 1, "expected true, found True" },
	            { 6, "expected false, found no" },
	            { 9, NO_VALUE } } },
		{ "[10s,1.2.3.4:5,1-2,trueish]",
	          "[null,null,null,null]",
	          { { 1, NO_VALUE }, { 5, NO_VALUE }, { 15, NO_VALUE }, { 19, NO_VALUE } } },
		{ "{\"a\":10 kb,\"b\":not so }",
	          "{\"a\":null,\"b\":null }",
	          { { 5, NO_VALUE }, { 15, NO_VALUE } } },
		{ "{\"a\":x // y\n}", "{\"a\":null  \n}", { { 5, NO_VALUE }, { 7, NO_COMMENT } } },
		{ "[/etc/x,caf\xc3\xa9]", "[null,null]", { { 1, NO_VALUE }, { 8, NO_VALUE } } });
}
END_TEST

START_TEST(texts_are_mended_inside)
{
	static const char escape[] = "expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX, "
				     "found '\\p' (a backslash "
				     "itself is \\\\)";

	CHECK_CASES(
		{ "[\"C:\\path\"]", "[\"C:/path\"]", { { 4, escape } } },
		{ "[\"a\tb\xff\"]",
	          "[\"a?b?\"]",
	          { { 3, "expected no control byte in a string (use an escape), found '\\x09'" },
	            { 5, "expected well-formed UTF-8, found '\\xff'" } } },
		{ "[\"\\ud800\"]",
	          "[\"/ud800\"]",
	          { { 2, "expected a low surrogate after a high one, found '\\u'" } } },
		{ "{\"a\":\"b,\n\"c\":[\"d\n]}",
	          "{\"a\":null,\n\"c\":[null\n]}",
	          { { 5, "expected a closing '\"' for this string, found the end of the line" },
	            { 14,
	              "expected a closing '\"' for this string, found the end of the line" } } });
}
END_TEST

START_TEST(what_is_open_is_closed_with_one_complaint)
{
	CHECK_CASES(
		{ "{\"a\":[1",
	          "{\"a\":[1]}",
	          { { 7, "expected ']' for the '[' of line 1, found the end of the file" } } },
		{ "/*\n*/\n{\n\"a\":[1,\n",
	          " \n{\n\"a\":[1\n]}",
	          { { 0, NO_COMMENT },
	            { 16, "expected ']' for the '[' of line 4, found the end of the file" } } },
		{ "{\"a\":",
	          "{\"a\":null}",
	          { { 5, "expected a value, found the end of the file" } } },
		{ "{\"a\"",
	          "{\"a\":null}",
	          { { 4, "expected ':' and a value after the key, found the end of the file" } } },
		{ "{",
	          "{}",
	          { { 1, "expected '}' for the '{' of line 1, found the end of the file" } } },
		{ "{\"a\":1}}]",
	          "{\"a\":1}",
	          { { 7, "expected nothing more after the value, found '}'" } } });
}
END_TEST

START_TEST(what_leaves_a_doubt_ends_it)
{
	CHECK_CASES(
		{ "", NULL, { { 0, "expected '{', found an empty file" } } },
		{ " \n", NULL, { { 2, "expected '{', found an empty file" } } },
		{ "server:\n  port: 1\n", NULL, { { 0, "expected '{', found 's'" } } },
		{ "\"a\": 1", NULL, { { 0, "expected '{' before the first key, found none" } } },
		{ "[1}", NULL, { { 2, "expected ']' for the '[' of line 1, found '}'" } } },
		{ "{\"a\":[1}", NULL, { { 7, "expected ']' for the '[' of line 1, found '}'" } } },
		{ "{\"a\":1,(\"b\":2}",
	          NULL,
	          { { 7, "expected a key in double quotes, found '('" } } },
		{ "{\"a\"\"b\"}", NULL, { { 4, "expected ':' after the key, found '\"'" } } },
		{ "[\"a\"b]", NULL, { { 4, "expected ',' or ']', found 'b'" } } },
		{ "{\"a\n",
	          NULL,
	          { { 1, "expected a closing '\"' for this string, found the end of the line" } } },
		{ "[\"\\u12\"]",
	          NULL,
	          { { 6, "expected four hexadecimal digits after \\u, found '\"'" } } },
		{ "[\x01]", NULL, { { 1, "expected a value, found '\\x01'" } } },
		{ "01", NULL, { { 0, "expected a number without a leading zero, found '0'" } } });
}
END_TEST

START_TEST(other_encodings_are_named)
{
	static const char utf16[] = "expected UTF-8, found UTF-16: save the file as UTF-8";
	struct scene scene;

	CHECK_CASES({ "\xef\xbb\xbf{\"a\":1}",
	              "{\"a\":1}",
	              { { 0, "expected UTF-8 without a byte order mark, found one" } } },
	            { "\xff\xfe{", NULL, { { 0, utf16 } } },
	            { "\xfe\xff", NULL, { { 0, utf16 } } });
	ck_assert(!mend(&scene, "{\0}\0", 4));
	ck_assert_str_eq(scene.texts[0], utf16);
	mended_free(&scene.mended);
}
END_TEST

/* Every byte of the mended text has the right offset in the original. */
START_TEST(each_byte_knows_where_it_came_from)
{
	static const char text[] = "{/**/a:'b' \"c\":x";
	struct scene scene;
	const char *mended;

	ck_assert(mend(&scene, text, strlen(text)));
	mended = scene.mended.text;
	ck_assert_int_eq(strncmp(mended, "{ \"a\":\"b\", \"c\":null}", scene.mended.len), 0);
	for (const char *c = "a:bc"; *c; c++)
		ck_assert_uint_eq(scene.mended.origin[strchr(mended, *c) - mended],
		                  strchr(text, *c) - text);
	ck_assert_uint_eq(scene.mended.origin[strstr(mended, "null") - mended],
	                  strchr(text, 'x') - text);
	ck_assert_uint_eq(scene.mended.origin[scene.mended.len], strlen(text));
	mended_free(&scene.mended);
}
END_TEST

START_TEST(there_is_an_end_to_it)
{
	static char text[4 * MEND_MAX * 2 + 16] = "[";
	struct scene scene;

	for (size_t i = 0; i < 2 * MEND_MAX; i++)
		strcat(text, "x,");
	strcat(text, "1]");
	ck_assert(!mend(&scene, text, strlen(text)));
	ck_assert_uint_eq(scene.n, MEND_MAX + 1);
	ck_assert_str_eq(scene.texts[MEND_MAX], "gave up after 100 mistakes");
	mended_free(&scene.mended);
}
END_TEST

/* For any damaged byte: no crash, at least one mistake, and the result is JSON. */
START_TEST(damaged_texts_are_mended_or_given_up)
{
	static const char text[] =
		"{\"a\":[1.5e3,\"\\u00e9\xc3\xa9\",{\"b\":null}], // x\n\"c\":'d',e:0x1}";
	static const char bytes[] = "\"'{}[],:/#\\x0-\n\x80";

	for (size_t at = 0; at < sizeof text - 1; at++) {
		for (size_t i = 0; i < sizeof bytes; i++) { /* NUL is one of them */
			char changed[sizeof text];
			struct scene scene;
			bool good;

			memcpy(changed, text, sizeof text);
			changed[at] = bytes[i];
			good = mend(&scene, changed, sizeof text - 1);
			ck_assert_msg(scene.n > 0, "%s", changed);
			if (good) {
				cJSON *tree = cJSON_ParseWithLength(scene.mended.text,
				                                    scene.mended.len);

				ck_assert_msg(tree != NULL, "%s: %s", changed, scene.mended.text);
				cJSON_Delete(tree);
			}
			for (unsigned n = 0; n < scene.n; n++)
				ck_assert_uint_le(scene.offsets[n], sizeof text - 1);
			mended_free(&scene.mended);
		}
	}
}
END_TEST

SUITE("mend", comments_are_taken_out, commas_are_taken_out_and_put_in, quotes_become_double,
      keys_get_quotes_and_colons, what_is_no_value_becomes_null, texts_are_mended_inside,
      what_is_open_is_closed_with_one_complaint, what_leaves_a_doubt_ends_it,
      other_encodings_are_named, each_byte_knows_where_it_came_from, there_is_an_end_to_it,
      damaged_texts_are_mended_or_given_up)
