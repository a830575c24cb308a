#include "commands/keygen.h"

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"

int keygen_run(int argc, char **argv)
{
	uint8_t secret[32];

	if (argc > 0) {
		bool help = strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0;

		fputs(help ? "" : "error: spore keygen takes no arguments\n", stderr);
		fputs("Usage: spore keygen > secret.key\n\nPrints a fresh secret of 256 random "
		      "bits.\n",
		      help ? stdout : stderr);
		return help ? 0 : 2;
	}
	if (!crypto_random(secret, sizeof secret)) {
		fputs("error: no randomness\n", stderr);
		return 1;
	}
	for (size_t i = 0; i < sizeof secret; i++)
		printf("%02x", secret[i]);
	putchar('\n');
	crypto_wipe(secret, sizeof secret);
	return fflush(stdout) == 0 ? 0 : 1;
}
