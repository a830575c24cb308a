#include "commands/keygen.h"

#include <stdio.h>

#include "arguments/arguments.h"
#include "arguments/exit_status.h"
#include "base/crypto.h"

static const struct argument_table table = {
	.command = "keygen",
	.summary = "Prints a new secret of 256 random bits in hex digits.",
	.remarks = "Example: spore keygen > secret.key",
};

int keygen_run(int argc, char **argv)
{
	uint8_t secret[32];
	int status;

	(void)argc;
	if (!arguments_read(&table, argv, NULL, &status))
		return status;
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
