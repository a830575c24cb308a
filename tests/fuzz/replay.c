/* replay - the main() of a target without libFuzzer: runs each file of the given folders through
 * it, in the order of their names. Any compiler, any sanitizer. */
#include <dirent.h>

#include "fuzz.h"

#pragma weak LLVMFuzzerInitialize

static uint8_t *read_file(const char *path, size_t *size_out)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes;
	long size;

	FUZZ_CHECK(file && fseek(file, 0, SEEK_END) == 0);
	size = ftell(file);
	rewind(file);
	bytes = malloc((size_t)size); /* no more: a read behind its end is seen */
	FUZZ_CHECK(size >= 0 && (bytes || size == 0));
	FUZZ_CHECK(fread(bytes, 1, (size_t)size, file) == (size_t)size);
	fclose(file);
	*size_out = (size_t)size;
	return bytes;
}

static void replay_file(const char *path)
{
	size_t size;
	uint8_t *bytes = read_file(path, &size);

	fprintf(stderr, "%s\n", path); /* the last one is to blame */
	LLVMFuzzerTestOneInput(bytes, size);
	free(bytes);
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay_folder(const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, is_input, alphasort);

	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
		replay_file(path);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return n;
}

int main(int argc, char **argv)
{
	int n = 0;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		int found = replay_folder(argv[i]);

		if (found <= 0) {
			fprintf(stderr, "there is no input in %s\n", argv[i]);
			return EXIT_FAILURE;
		}
		n += found;
	}
	printf("%d inputs\n", n);
	return n ? EXIT_SUCCESS : EXIT_FAILURE;
}
