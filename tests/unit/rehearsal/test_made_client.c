#include "rehearsal/made_client.h"

#include "suite.h"

static struct made_command made;

/* What the command line has for this target; NULL: nothing. */
static const struct command_value *find(const struct command *command, const char *target)
{
	for (size_t i = 0; i < command->n_flags; i++) {
		if (strcmp(command->flags[i].shorthand->target, target) == 0)
			return &command->flags[i];
	}
	return NULL;
}

static void check(const struct command *command, const char *target, const char *text,
                  const char *origin)
{
	const struct command_value *value = find(command, target);

	ck_assert_msg(value != NULL, "%s", target);
	ck_assert_str_eq(value->text, text);
	ck_assert_str_eq(value->origin, origin);
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
		                      .name = "alice",
		                      .secret_file = "a/b",
		                      .secret_origin = "--secret-file",
		                      .server = "host" };
	const struct command *command = made_client_command(&client, &made);

	check(command, "/client/to", "host", "--to");
	check(command, "/auth[hmac]/identity", "alice", "--name");
	check(command, "/auth[hmac]/secret", "a/b", "--secret-file");
	ck_assert_int_eq(find(command, "/auth[hmac]/secret")->shorthand->type, SHORTHAND_FILE);
	ck_assert_ptr_null(find(command, "/transport[tls]"));
	client.name = NULL;
	ck_assert_ptr_null(find(made_client_command(&client, &made), "/auth[hmac]/identity"));
}
END_TEST

START_TEST(a_client_with_a_key)
{
	struct made_client client = { .kind = made_client_kind("pubkey"),
		                      .secret_file = "/dev/stdin",
		                      .secret_origin = "standard input",
		                      .server = "host" };
	const struct command *command = made_client_command(&client, &made);

	check(command, "/auth[pubkey]/keyfile", "/dev/stdin", "standard input");
	ck_assert_int_eq(find(command, "/auth[pubkey]/keyfile")->shorthand->type, SHORTHAND_TEXT);
	check(command, "/transport[tls]", "true", "--kind");
}
END_TEST

SUITE("made_client", the_kinds_are_known, a_client_with_a_secret, a_client_with_a_key)
