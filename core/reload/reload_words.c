#include "reload/reload_words.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

bool reload_words_init(struct reload_words *words, int argc, char *const *argv)
{
	*words = (struct reload_words){ 0, calloc((size_t)argc + 1, sizeof *words->items) };
	for (; words->items && words->n < argc; words->n++) {
		words->items[words->n] = strdup(argv[words->n]);
		if (!words->items[words->n])
			break;
	}
	if (words->items && words->n == argc)
		return true;
	reload_words_fini(words);
	return false;
}

void reload_words_fini(struct reload_words *words)
{
	for (int i = 0; i < words->n; i++) {
		crypto_wipe(words->items[i], strlen(words->items[i]));
		free(words->items[i]);
	}
	free(words->items);
	*words = (struct reload_words){ 0, NULL };
}
