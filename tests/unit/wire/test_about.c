#include "wire/about.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"
#include "wire/message.h"

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"
#define KEY_32   "a2345678901234567890123456789012"

static char *repeat(char *out, const char *start, char c, size_t n)
{
	size_t len = strlen(start);

	memcpy(out, start, len);
	memset(out + len, c, n);
	out[len + n] = '\0';
	return out;
}

START_TEST(items_of_the_grammar_are_valid)
{
	static const char *const good[] = {
		"name=web",
		"name==",
		"name=caf\xc3\xa9 \xe2\x98\x83 \xf0\x9f\x98\x80 \"quoted\\",
		"version=spore/1.0.0",
		"host=app.example.com",
		"host=*.example.com",
		"host=A-1_b.x",
		"host=localhost",
		"host=" LABEL_63 "." LABEL_63,
		"tag=env=prod",
		"tag=env=",
		"tag=0/a.b_c-d=a=b",
		"tag=" LABEL_63 "=x",
		"port=anything",
		KEY_32 "=x",
		"key_2=x",
	};
	char text[300];

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ck_assert_msg(about_is_item(good[i]), "%s", good[i]);
	ck_assert(about_is_item(repeat(text, "name=", 'x', ABOUT_VALUE_MAX)));
	ck_assert(about_is_item(repeat(text, "name=", '"', ABOUT_VALUE_MAX / 2)));
}
END_TEST

START_TEST(all_other_items_are_invalid)
{
	static const char *const bad[] = {
		"",
		"name",
		"=web",
		"name=",
		"Name=web",
		"na-me=web",
		"2name=x",
		"n\xc3\xa9=x",
		KEY_32 "3=x",
		"name=\x01",
		"name=a\nb",
		"name=\x7f",
		"name=\xc2\x85",
		"name=\xef\xbb\xbf",
		"name=\xff",
		"name=\xc3",
		"other=\x1b[2J",
		"host=a..b",
		"host=.a",
		"host=a.",
		"host=*",
		"host=a.*.b",
		"host=**.b",
		"host=-a",
		"host=a-.b",
		"host=a b",
		"host=caf\xc3\xa9",
		"host=" LABEL_63 "4",
		"tag=env",
		"tag==x",
		"tag=.a=x",
		"tag=a b=x",
		"tag=" LABEL_63 "4=x",
		"tag=k=\x1f",
	};
	char text[300];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!about_is_item(bad[i]), "%s", bad[i]);
	ck_assert(!about_is_item(repeat(text, "name=", 'x', ABOUT_VALUE_MAX + 1)));
	ck_assert(!about_is_item(repeat(text, "name=", '\\', ABOUT_VALUE_MAX / 2 + 1)));
	ck_assert(!about_is_item(repeat(text, "tag=k=", 'x', ABOUT_VALUE_MAX - 1)));
	ck_assert(about_is_valid("host", "a"));
	ck_assert(!about_is_valid("host", "a/b"));
	ck_assert(!about_is_valid("", "a"));
}
END_TEST

static bool is(spore_str text, const char *expected)
{
	return text.len == strlen(expected) && memcmp(text.ptr, expected, text.len) == 0;
}

START_TEST(a_view_shows_everything)
{
	static const char *const items[] = { "tag=env=prod", "host=a.example", "name=web",
		                             "other=thing",  "tag=team=",      "version=x/1",
		                             "host=b" };
	struct about about = { .size = 0 };
	struct about_view view;

	for (size_t i = 0; i < sizeof items / sizeof *items; i++)
		ck_assert_int_eq(about_add(&about, items[i]), ABOUT_TAKEN);
	about_ask(&about, 2000);
	about_look(&about, &view);
	ck_assert_uint_eq(view.info.struct_size, sizeof view.info);
	ck_assert_uint_eq(view.info.known, SPORE_CLIENT_PORT | SPORE_CLIENT_ABOUT);
	ck_assert_uint_eq(view.info.port, 2000);
	ck_assert(is(view.info.name, "web") && is(view.info.version, "x/1"));
	ck_assert_str_eq(about_name(&about), "web");
	ck_assert_uint_eq(view.info.n_hosts, 2);
	ck_assert(is(view.info.hosts[0], "a.example") && is(view.info.hosts[1], "b"));
	ck_assert_uint_eq(view.info.n_tags, 2);
	ck_assert(is(view.info.tags[0].key, "env") && is(view.info.tags[0].value, "prod"));
	ck_assert(is(view.info.tags[1].key, "team") && is(view.info.tags[1].value, ""));
	about_fini(&about);
}
END_TEST

START_TEST(a_view_tells_what_was_not_said)
{
	struct about about = { .size = 0 };
	struct about_view view;

	about_look(NULL, &view);
	ck_assert_uint_eq(view.info.known, 0);
	about_look(&about, &view);
	ck_assert_uint_eq(view.info.known, 0);
	ck_assert_uint_eq(view.info.name.len + view.info.n_hosts + view.info.n_tags, 0);
	ck_assert_ptr_null(about_name(&about));
	about_ask(&about, 0);
	about_look(&about, &view);
	ck_assert_uint_eq(view.info.known, SPORE_CLIENT_PORT);
	about_fini(&about);
	/* A key that is not known is something said, too. */
	ck_assert_int_eq(about_add(&about, "other=x"), ABOUT_TAKEN);
	about_look(&about, &view);
	ck_assert_uint_eq(view.info.known, SPORE_CLIENT_ABOUT);
	about_fini(&about);
}
END_TEST

START_TEST(what_comes_once_is_not_taken_twice)
{
	struct about about = { .size = 0 };
	struct about_view view;
	uint16_t size;

	ck_assert_int_eq(about_add(&about, "name=web"), ABOUT_TAKEN);
	ck_assert_int_eq(about_add(&about, "version=1"), ABOUT_TAKEN);
	ck_assert_int_eq(about_add(&about, "tag=env=a"), ABOUT_TAKEN);
	size = about.size;
	ck_assert_int_eq(about_add(&about, "name=web"), ABOUT_TWICE);
	ck_assert_int_eq(about_add(&about, "version=2"), ABOUT_TWICE);
	ck_assert_int_eq(about_add(&about, "tag=env=b"), ABOUT_TWICE);
	ck_assert_uint_eq(about.size, size);
	/* These are others. */
	ck_assert_int_eq(about_add(&about, "tag=en=env"), ABOUT_TAKEN);
	ck_assert_int_eq(about_add(&about, "tag=env2=a"), ABOUT_TAKEN);
	ck_assert_int_eq(about_add(&about, "host=a"), ABOUT_TAKEN);
	ck_assert_int_eq(about_add(&about, "host=a"), ABOUT_TAKEN);
	ck_assert_int_eq(about_add(&about, "names=web"), ABOUT_TAKEN);
	about_look(&about, &view);
	ck_assert_uint_eq(view.info.n_tags, 3);
	ck_assert(is(view.tags[0].value, "a"));
	about_fini(&about);
}
END_TEST

/* The size of an item's frame, as message_format writes it. */
static size_t frame_size(const char *item)
{
	struct message message = { .type = MESSAGE_ABOUT };
	char frame[FRAME_MAX + 1];

	strcpy(message.text, item);
	return message_format(&message, frame);
}

START_TEST(the_frames_of_a_client_have_a_total)
{
	static const char *const items[] = { "host=a", "tag=k=\"\\\"", "x=\xc3\xa9" };
	struct about about = { .size = 0 };
	struct about_view view;
	size_t n = 0;

	for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
		size_t before = about.size;

		ck_assert_int_eq(about_add(&about, items[i]), ABOUT_TAKEN);
		ck_assert_uint_eq(about.size - before, frame_size(items[i]));
	}
	about_fini(&about);
	/* As many as possible, and not one more. */
	while (about_add(&about, "host=a") == ABOUT_TAKEN)
		n++;
	ck_assert_uint_eq(n, ABOUT_MAX / frame_size("host=a"));
	ck_assert_uint_eq(n, ABOUT_MOST);
	ck_assert_int_eq(about_add(&about, "host=a"), ABOUT_TOO_MUCH);
	ck_assert_int_eq(about_add(&about, "y=a"), ABOUT_TAKEN); /* there is room for this */
	ck_assert_int_eq(about_add(&about, "y=a"), ABOUT_TOO_MUCH);
	about_look(&about, &view);
	ck_assert_uint_eq(view.info.n_hosts, ABOUT_MOST);
	about_fini(&about);
	/* The shortest tags, each with its own label. */
	for (n = 0;; n++) {
		char item[32];

		snprintf(item, sizeof item, "tag=%c=",
		         (int)("0123456789abcdefghijklmnopqrstuvwxyz"
		               "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[n]));
		if (about_add(&about, item) != ABOUT_TAKEN)
			break;
	}
	ck_assert_uint_eq(n, ABOUT_MOST);
	about_look(&about, &view);
	ck_assert_uint_eq(view.info.n_tags, ABOUT_MOST);
	about_fini(&about);
}
END_TEST

START_TEST(the_longest_valid_item_fits_into_a_frame)
{
	char item[FRAME_MAX], value[ABOUT_VALUE_MAX + 1];
	struct message message = { .type = MESSAGE_ABOUT }, back;
	char frame[FRAME_MAX + 1];
	size_t size;

	snprintf(item, sizeof item, "%s=%s", KEY_32, repeat(value, "", '"', ABOUT_VALUE_MAX / 2));
	ck_assert(about_is_item(item));
	strcpy(message.text, item);
	size = message_format(&message, frame);
	ck_assert(message_parse(MESSAGE_TO_SERVER, frame, size - 1, &back));
	ck_assert_str_eq(back.text, item);
}
END_TEST

START_TEST(a_client_may_want_addresses)
{
	struct about about = { .size = 0 };
	struct about_view view;

	ck_assert(!about_wants_addresses(&about));
	ck_assert_int_eq(about_add(&about, "name=web"), ABOUT_TAKEN);
	ck_assert(!about_wants_addresses(&about));
	ck_assert(about_is_item(ABOUT_WANTS_ADDRESSES));
	ck_assert_int_eq(about_add(&about, ABOUT_WANTS_ADDRESSES), ABOUT_TAKEN);
	ck_assert(about_wants_addresses(&about));
	ck_assert_int_eq(about_add(&about, "wants=more"), ABOUT_TWICE);
	about_look(&about, &view);
	ck_assert_uint_eq(view.info.n_tags + view.info.n_hosts, 0);
	about_fini(&about);
}
END_TEST

START_TEST(a_copy_stands_alone)
{
	struct about about = { .size = 0 }, copy;

	ck_assert(about_copy(&about, &copy));
	ck_assert_ptr_null(about_name(&copy));
	ck_assert_int_eq(about_add(&about, "name=web"), ABOUT_TAKEN);
	about_ask(&about, 7);
	ck_assert(about_copy(&about, &copy));
	about_fini(&about);
	ck_assert_ptr_null(about_name(&about));
	ck_assert_str_eq(about_name(&copy), "web");
	ck_assert_uint_eq(copy.port, 7);
	ck_assert(copy.asks_for_port);
	about_fini(&copy);
}
END_TEST

SUITE("about", items_of_the_grammar_are_valid, all_other_items_are_invalid, a_view_shows_everything,
      a_view_tells_what_was_not_said, what_comes_once_is_not_taken_twice,
      the_frames_of_a_client_have_a_total, the_longest_valid_item_fits_into_a_frame,
      a_client_may_want_addresses, a_copy_stands_alone)
