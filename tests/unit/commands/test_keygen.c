#include "commands/keygen.h"

#include <fcntl.h>

#include "arguments/exit_status.h"
#include "capture.h"
#include "suite.h"

static int run(struct capture *capture, char **argv)
{
	int status;

	capture_begin(capture);
	status = keygen_run(argv[0] != NULL, argv);
	capture_end(capture);
	return status;
}

START_TEST(a_secret_is_256_bits_and_never_the_same)
{
	static struct capture first, second;
	char *none[] = { NULL };

	ck_assert_int_eq(run(&first, none), EXIT_GOOD);
	ck_assert_int_eq(run(&second, none), EXIT_GOOD);
	ck_assert_uint_eq(strspn(capture_out(&first), "0123456789abcdef"), 64);
	ck_assert_str_eq(capture_out(&first) + 64, "\n");
	ck_assert_str_eq(capture_err(&first), "");
	ck_assert_str_ne(capture_out(&first), capture_out(&second));
}
END_TEST

START_TEST(it_takes_no_arguments)
{
	static struct capture capture;

	ck_assert_int_eq(run(&capture, (char *[]){ "surplus", NULL }), EXIT_USAGE);
	ck_assert_str_eq(capture_out(&capture), "");
	ck_assert_str_eq(capture_err(&capture),
	                 "error: expected a flag, found \"surplus\"\ntry: spore keygen --help\n");
	ck_assert_int_eq(run(&capture, (char *[]){ "-h", NULL }), EXIT_GOOD);
	ck_assert_contains(capture_out(&capture), "Example: spore keygen > secret.key\n");
}
END_TEST

/* A script must not go on with half a secret. */
START_TEST(a_secret_that_cannot_be_written_is_a_failure)
{
	char *none[] = { NULL };
	int full = open("/dev/full", O_WRONLY);

	ck_assert_int_ge(full, 0);
	fflush(stdout);
	dup2(full, STDOUT_FILENO);
	ck_assert_int_eq(keygen_run(0, none), EXIT_FAILED);
}
END_TEST

SUITE("keygen", a_secret_is_256_bits_and_never_the_same, it_takes_no_arguments,
      a_secret_that_cannot_be_written_is_a_failure)
