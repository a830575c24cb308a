#include "rehearsal/made_client.h"

#include <unistd.h>

#include "capture.h"
#include "config/shorthands.h"
#include "suite.h"

static char text[4096];

/* The configuration. */
static const char *make(const struct made_client *client)
{
	struct err err;
	int fd = made_client_open(client, &err);
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	n = read(fd, text, sizeof text - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_int_eq(read(fd, text + n, 1), 0);
	close(fd);
	return text;
}

START_TEST(the_kinds_are_known)
{
	char kinds[64], short_text[8];

	ck_assert_str_eq(made_client_kinds(kinds, sizeof kinds), "hmac, password or pubkey");
	made_client_kinds(short_text, sizeof short_text);
	ck_assert_str_eq(made_client_kind("password")->secret_key, "password");
	ck_assert_ptr_null(made_client_kind("nonsense"));
}
END_TEST

START_TEST(a_client_with_a_secret)
{
	struct made_client client = { .kind = made_client_kind("hmac"),
		                      .name = "al\"ice",
		                      .secret_file = "a/b",
		                      .server = "host" };
	const char *made = make(&client);

	ck_assert_contains(made, "\"to\": \"host\"");
	ck_assert_contains(made, "\"identity\": \"al\\\"ice\"");
	ck_assert_contains(made, "\"secret\": {\n        \"file\": \"a/b\"");
	ck_assert_ptr_null(strstr(made, "transport"));
	client.name = NULL;
	ck_assert_ptr_null(strstr(make(&client), "identity"));
}
END_TEST

START_TEST(a_client_with_a_key)
{
	struct made_client client = { .kind = made_client_kind("pubkey"),
		                      .secret_file = "a.key",
		                      .server = "host" };
	const char *made = make(&client);

	ck_assert_contains(made, "\"keyfile\": \"a.key\"");
	ck_assert_contains(made, "\"transport\": [");
}
END_TEST

SUITE("made_client", the_kinds_are_known, a_client_with_a_secret, a_client_with_a_key)
