#include "commands/keygen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arguments/arguments.h"
#include "arguments/exit_status.h"
#include "base/crypto.h"
#include "base/utf8.h"

enum type { TYPE_SECRET, TYPE_ED25519 };

struct request {
	unsigned type; /* enum type */
	const char *out, *comment;
};

static const struct argument_choice types[] = {
	{ "secret", TYPE_SECRET },
	{ "ed25519", TYPE_ED25519 },
	{ NULL, 0 },
};

static const struct argument_flag flags[] = {
	{ .name = "--type",
	  .type = ARGUMENT_CHOICE,
	  .offset = offsetof(struct request, type),
	  .metavar = "TYPE",
	  .choices = types,
	  .dflt = "secret",
	  .doc = "secret: 256 random bits, in hex digits; ed25519: a key pair, of which the "
	         "server knows the public half" },
	{ .name = "--out",
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, out),
	  .metavar = "FILE",
	  .doc = "new file for the private key of a pair; the public key goes to FILE.pub" },
	{ .name = "--comment",
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, comment),
	  .metavar = "TEXT",
	  .doc = "comment of the public key, which is the client's identity on the server" },
};

const struct argument_table keygen_arguments = {
	.command = "keygen",
	.summary = "Prints a new secret of 256 random bits in hex digits, or makes a key pair.",
	.remarks = "Examples: spore keygen > secret.key, or spore keygen --type ed25519 --out "
		   "alice.key --comment alice",
	.flags = flags,
	.n_flags = sizeof flags / sizeof *flags,
};

static int print_secret(void)
{
	uint8_t secret[32];

	if (!crypto_random(secret, sizeof secret)) {
		fputs("error: the system has no random bytes\n", stderr);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < sizeof secret; i++)
		printf("%02x", secret[i]);
	putchar('\n');
	crypto_wipe(secret, sizeof secret);
	return fflush(stdout) == 0 ? EXIT_GOOD : EXIT_FAILED;
}

/* ---- key pairs ---- */

/* A new file: an existing key is never replaced. */
static bool write_file(const char *path, mode_t mode, const char *text)
{
	size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	bool good = fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;

	if (!good)
		fprintf(stderr, "error: cannot write %s: %s\n", path, strerror(errno));
	if (fd >= 0) {
		close(fd);
		if (!good)
			unlink(path);
	}
	return good;
}

/* The line of an authorized_keys file (RFC 8709, 4). */
static void print_public(const uint8_t half[CRYPTO_ED25519_SIZE], const char *comment, char *out,
                         size_t size)
{
	static const uint8_t head[] = "\0\0\0\x0b"
				      "ssh-ed25519\0\0\0\x20";
	uint8_t blob[sizeof head - 1 + CRYPTO_ED25519_SIZE];
	char base64[CRYPTO_BASE64_SIZE(sizeof blob)];

	memcpy(blob, head, sizeof head - 1);
	memcpy(blob + sizeof head - 1, half, CRYPTO_ED25519_SIZE);
	crypto_base64(blob, sizeof blob, base64);
	snprintf(out, size, "ssh-ed25519 %s%s%s\n", base64, *comment ? " " : "", comment);
}

static int make_pair(const struct request *request)
{
	char path[PATH_MAX], line[512];
	struct crypto_pair pair;
	bool good = crypto_ed25519(&pair);

	if (!good)
		fputs("error: OpenSSL has no random bytes or no Ed25519\n", stderr);
	snprintf(path, sizeof path, "%s.pub", request->out);
	print_public(pair.public_half, request->comment ? request->comment : "", line, sizeof line);
	good = good && write_file(request->out, 0600, pair.private_pem);
	crypto_wipe(&pair, sizeof pair);
	if (good && !write_file(path, 0644, line)) {
		unlink(request->out);
		good = false;
	}
	if (!good)
		return EXIT_FAILED;
	fputs(line, stdout);
	return fflush(stdout) == 0 ? EXIT_GOOD : EXIT_FAILED;
}

/* The comment becomes the client's identity, and servers accept only such identities. */
static bool is_good_comment(const char *comment)
{
	size_t len = strlen(comment);

	for (size_t at = 0; at < len; at += utf8_sequence(comment + at, len - at)) {
		if (!utf8_is_visible(comment + at, len - at))
			return false;
	}
	return len <= 255;
}

/* True: the flags fit together. */
static bool check_flags(const struct request *request, int *status_out)
{
	bool pair = request->type == TYPE_ED25519;
	const char *surplus = request->out ? "--out" : request->comment ? "--comment" : NULL;

	if (!pair && surplus)
		*status_out = arguments_refuse(
			&keygen_arguments, "%s is for a key pair: expected --type ed25519 as well",
			surplus);
	else if (pair && !request->out)
		*status_out = arguments_refuse(&keygen_arguments,
		                               "--type %s: expected --out FILE as well", "ed25519");
	else if (pair && strlen(request->out) + sizeof ".pub" > PATH_MAX)
		*status_out = arguments_refuse(&keygen_arguments,
		                               "--out: expected a shorter path%s", "");
	else if (request->comment && !is_good_comment(request->comment))
		*status_out = arguments_refuse(
			&keygen_arguments,
			"%s: expected at most 255 bytes of UTF-8 without control characters",
			"--comment");
	else
		return true;
	return false;
}

int keygen_run(int argc, char **argv)
{
	struct request request = { 0 };
	int status;

	(void)argc;
	if (!arguments_read(&keygen_arguments, argv, &request, &status) ||
	    !check_flags(&request, &status))
		return status;
	return request.type == TYPE_ED25519 ? make_pair(&request) : print_secret();
}
