#include "commands/keygen.h"

#include <fcntl.h>
#include <sys/stat.h>

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
	ck_assert_contains(capture_out(&capture), "Examples: spore keygen > secret.key, or");
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

/* ---- pairs ---- */

static char folder[] = "/tmp/spore-unit-XXXXXX", path[64], public_path[64];

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/key", folder);
	snprintf(public_path, sizeof public_path, "%s/key.pub", folder);
}

static void tear_down(void)
{
	unlink(path);
	unlink(public_path);
	rmdir(folder);
}

static const char *read_file(const char *from, char text[512])
{
	FILE *file = fopen(from, "r");

	ck_assert_ptr_nonnull(file);
	text[fread(text, 1, 511, file)] = '\0';
	fclose(file);
	return text;
}

START_TEST(a_pair_is_two_new_files)
{
	static struct capture capture;
	char *argv[] = { "--type", "ed25519", "--out", path, "--comment", "alic\xC3\xA9 at work",
		         NULL };
	char text[512];
	struct stat st;

	set_up();
	umask(0);
	ck_assert_int_eq(run(&capture, argv), EXIT_GOOD);
	ck_assert_str_eq(capture_out(&capture), read_file(public_path, text));
	ck_assert_int_eq(strncmp(text, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI", 37), 0);
	ck_assert_uint_eq(strlen(text), 12 + 68 + strlen(" alic\xC3\xA9 at work\n"));
	ck_assert_int_eq(stat(public_path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0644);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(strncmp(read_file(path, text), "-----BEGIN PRIVATE KEY-----\n", 28), 0);
	tear_down();
}
END_TEST

START_TEST(no_file_is_replaced)
{
	static struct capture capture;
	char *argv[] = { "--type", "ed25519", "--out", path, NULL };
	char text[512];

	set_up();
	fclose(fopen(public_path, "w"));
	ck_assert_int_eq(run(&capture, argv), EXIT_FAILED);
	ck_assert_contains(capture_err(&capture), "/key.pub: File exists\n");
	ck_assert_str_eq(read_file(public_path, text), "");
	ck_assert_int_ne(access(path, F_OK), 0); /* half a pair is not left */
	rename(public_path, path);
	ck_assert_int_eq(run(&capture, argv), EXIT_FAILED);
	ck_assert_contains(capture_err(&capture), "/key: File exists\n");
	ck_assert_str_eq(read_file(path, text), "");
	tear_down();
}
END_TEST

START_TEST(flags_that_do_not_fit)
{
	static struct capture capture;

	ck_assert_int_eq(run(&capture, (char *[]){ "--type", "ed25519", NULL }), EXIT_USAGE);
	ck_assert_contains(capture_err(&capture),
	                   "error: --type ed25519: expected --out FILE as well\n");
	ck_assert_int_eq(run(&capture, (char *[]){ "--out", "/nowhere", NULL }), EXIT_USAGE);
	ck_assert_contains(capture_err(&capture),
	                   "error: --out is for a key pair: expected --type ed25519 as well\n");
}
END_TEST

/* Servers refuse such identities, so the client could never get in. */
START_TEST(a_comment_that_no_server_accepts)
{
	static struct capture capture;
	static char long_comment[257];
	const char *const bad[] = { "a\nb",      "a\x7F",         "a\xFF",     "caf\xE9",
		                    "a\xC2\x85", "\xEF\xBB\xBF!", long_comment };

	memset(long_comment, 'a', 256);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *argv[] = { "--type",   "ed25519",   "--out",
			         "/nowhere", "--comment", (char *)(uintptr_t)bad[i],
			         NULL };

		ck_assert_int_eq(run(&capture, argv), EXIT_USAGE);
		ck_assert_contains(capture_err(&capture),
		                   "error: --comment: expected at most 255 bytes of UTF-8 without "
		                   "control characters\n");
	}
}
END_TEST

SUITE("keygen", a_pair_is_two_new_files, no_file_is_replaced, flags_that_do_not_fit,
      a_comment_that_no_server_accepts, a_secret_is_256_bits_and_never_the_same,
      it_takes_no_arguments, a_secret_that_cannot_be_written_is_a_failure)
