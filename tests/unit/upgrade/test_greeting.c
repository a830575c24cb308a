#include "upgrade/greeting.h"

#include <string.h>

#include "suite.h"
#include "upgrade/protocol.h"
#include "json/reply.h"

static struct json *parse(const char *text)
{
	struct json *message;

	ck_assert_int_eq(reply_parse(text, strlen(text), &message, NULL, 0), SPORE_OK);
	return message;
}

/* "": it is good. NULL: it is no greeting. */
static const char *read_one(const char *text, char version_out[GREETING_VERSION_SIZE])
{
	static struct err err;
	struct json *message = parse(text);
	bool is_one = greeting_is_one(message);

	if (greeting_read(message, version_out, &err))
		*err.text = '\0';
	reply_free(message);
	return is_one ? err.text : NULL;
}

START_TEST(this_program_greets)
{
	char version[GREETING_VERSION_SIZE];

	ck_assert_str_eq(read_one(PROTOCOL_GREETING, version), "");
	ck_assert_str_eq(version, SPORE_VERSION);
	ck_assert_str_eq(read_one("{ \"protocol\": 1 }", version), "");
	ck_assert_str_eq(version, "");
}
END_TEST

START_TEST(others_do_not)
{
	char version[GREETING_VERSION_SIZE];

	ck_assert_ptr_null(read_one(PROTOCOL_READY, version));
	ck_assert_ptr_nonnull(strstr(read_one("{ \"protocol\": 2 }", version), "by protocol 2, "));
	ck_assert_ptr_nonnull(strstr(read_one("{ \"protocol\": \"1\" }", version), "protocol ?"));
}
END_TEST

SUITE("greeting", this_program_greets, others_do_not)
