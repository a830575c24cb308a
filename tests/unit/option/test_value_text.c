#include "option/value_text.h"

#include <stdlib.h>
#include <string.h>

#include "option/option.h"
#include "scene/option_scene.h"
#include "suite.h"

struct conf {
	uint32_t flag;
	int64_t count, timeout, room, mode;
	double share;
	const char *name;
	spore_str key;
	spore_addr at, from;
	spore_cidr net;
	spore_list ports, names;
	spore_sha256 digest;
	const spore_cfg *raw;
};

static const spore_option_item name_item = { SPORE_OPT_STRING, sizeof(char *), NULL, 0, 0 };
static const spore_option rows[] = {
	SPORE_BOOL(struct conf, flag, 0, NULL, ""),
	SPORE_INT(struct conf, count, 0, NULL, 1, 0, ""),
	SPORE_DURATION(struct conf, timeout, 0, NULL, 1, 0, ""),
	SPORE_SIZE(struct conf, room, 0, NULL, 1, 0, ""),
	SPORE_ENUM(struct conf, mode, 0, "\"one\"", "one|two|three", ""),
	SPORE_NUMBER(struct conf, share, 0, NULL, ""),
	SPORE_STRING(struct conf, name, 0, NULL, ""),
	SPORE_SECRET(struct conf, key, 0, ""),
	SPORE_ADDR(struct conf, at, 0, NULL, ""),
	SPORE_IP(struct conf, from, 0, NULL, ""),
	SPORE_CIDR(struct conf, net, 0, NULL, ""),
	SPORE_PORTS(struct conf, ports, 0, NULL, ""),
	SPORE_LIST(struct conf, names, 0, &name_item, ""),
	SPORE_NODE(struct conf, raw, 0, ""),
	SPORE_SHA256(struct conf, digest, 0, NULL, ""),
};
static const struct option_table table = { rows, sizeof rows / sizeof *rows, sizeof *rows };

struct written {
	char text[256];
	uint8_t digest[CRYPTO_SHA256_SIZE];
};

/* Reads an object with one member and writes the member's value. */
static struct written write_member(const char *object)
{
	struct written written = { "", { 0 } };
	struct value_text text = { .out = fmemopen(written.text, sizeof written.text, "w") };
	struct conf conf = { 0 };
	struct option_scene scene;
	struct option_scope scope;
	const spore_option *row;

	option_scene_open(&scene, object);
	scope = (struct option_scope){ scene.doc, &scene.diag, "/", NULL, NULL };
	ck_assert_msg(option_fill(&scope, &table, scene.root, &conf), "%s",
	              option_scene_message(&scene));
	row = option_find(&table, scene.root->first->key);
	value_text_write(&text, row, (const char *)&conf + row->offset);
	fclose(text.out);
	memcpy(written.digest, text.digest, sizeof written.digest);
	option_scene_close(&scene);
	return written;
}

static void check(const char *object, const char *expected)
{
	ck_assert_str_eq(write_member(object).text, expected);
}

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

START_TEST(each_type_is_written_as_it_is_read)
{
	check("{\"flag\":true}", "true");
	check("{\"count\":-7}", "-7");
	check("{\"timeout\":\"90000ms\"}", "\"90s\"");
	check("{\"room\":65536}", "\"64k\"");
	check("{\"mode\":\"three\"}", "\"three\"");
	check("{\"share\":0.25}", "0.25");
	check("{\"name\":\"a \\\"b\\\"\"}", "\"a \\\"b\\\"\"");
	check("{\"at\":\"[::1]:80\"}", "\"[::1]:80\"");
	check("{\"from\":\"10.0.0.1\"}", "\"10.0.0.1\"");
	check("{\"net\":\"10.0.0.0/8\"}", "\"10.0.0.0/8\"");
	check("{\"ports\":\"1-2,7\"}", "\"1-2,7\"");
	check("{\"ports\":\"7\"}", "7");
	check("{\"names\":[\"a\",\"b\"]}", "[\"a\", \"b\"]");
	check("{\"digest\":\"sha256:" DIGEST "\"}", "\"sha256:" DIGEST "\"");
}
END_TEST

START_TEST(secrets_and_trees_are_not_shown)
{
	check("{\"key\":\"hunter2\"}", VALUE_TEXT_SECRET);
	check("{\"raw\":{\"a\":\"hunter2\"}}", VALUE_TEXT_HIDDEN);
}
END_TEST

START_TEST(what_is_not_set_is_null)
{
	struct conf conf = { 0 };
	char out[256] = "";
	struct value_text text = { .out = fmemopen(out, sizeof out, "w") };
	static const char *const keys[] = { "name", "key", "at", "from", "raw", "digest" };

	for (size_t i = 0; i < 6; i++) {
		const spore_option *row = option_find(&table, keys[i]);

		value_text_write(&text, row, (const char *)&conf + row->offset);
	}
	fclose(text.out);
	ck_assert_str_eq(out, "nullnullnullnullnullnull");
}
END_TEST

static bool same_digest(const char *a, const char *b)
{
	struct written one = write_member(a), other = write_member(b);

	return memcmp(one.digest, other.digest, sizeof one.digest) == 0;
}

START_TEST(the_digest_tells_hidden_values_apart)
{
	ck_assert(same_digest("{\"key\":\"a\"}", "{\"key\":\"a\"}"));
	ck_assert(!same_digest("{\"key\":\"a\"}", "{\"key\":\"b\"}"));
	ck_assert(same_digest("{\"raw\":{\"a\":[1,true]}}", "{ \"raw\" : {\"a\": [1, true]}}"));
	ck_assert(!same_digest("{\"raw\":{\"a\":[1,true]}}", "{\"raw\":{\"a\":[1,false]}}"));
	ck_assert(!same_digest("{\"raw\":{\"a\":1}}", "{\"raw\":{\"b\":1}}"));
	ck_assert(!same_digest("{\"raw\":[[],1]}", "{\"raw\":[[1]]}"));
	ck_assert(!same_digest("{\"names\":[\"ab\"]}", "{\"names\":[\"a\",\"b\"]}"));
	ck_assert(same_digest("{\"timeout\":90}", "{\"timeout\":\"90000ms\"}"));
}
END_TEST

SUITE("value_text", each_type_is_written_as_it_is_read, secrets_and_trees_are_not_shown,
      what_is_not_set_is_null, the_digest_tells_hidden_values_apart)
