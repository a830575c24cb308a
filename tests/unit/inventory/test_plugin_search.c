#include "inventory/plugin_search.h"

#include <signal.h>

#include "capture.h"
#include "plugin_file.h"
#include "suite.h"

/* What the work finds. */
struct seen {
	bool called, answer;
	size_t n_path;
	char first[64], second[64];
};

static bool look(struct registry *registry, const void *arg)
{
	struct seen *seen = (struct seen *)(uintptr_t)arg;

	seen->called = true;
	seen->n_path = registry->n_path;
	snprintf(seen->first, sizeof seen->first, "%s", registry->path[0]);
	snprintf(seen->second, sizeof seen->second, "%s", registry->path[1]);
	return seen->answer;
}

static void write_config(char folder[64], char path[96], const char *text)
{
	FILE *out;

	plugin_file_folder(folder);
	snprintf(path, 96, "%s/c.json", folder);
	out = fopen(path, "w");
	fputs(text, out);
	fchmod(fileno(out), 0600);
	fclose(out);
}

START_TEST(folders_go_before_the_configurations)
{
	char folder[64], path[96];
	struct plugin_search search = { .folders = { "/given" }, .n_folders = 1 };
	struct seen seen = { .answer = true };

	write_config(folder, path,
	             "{\"client\": \"nonsense\", \"plugins\": {\"path\": [\"/configured\"]}}");
	search.config = path;
	ck_assert(plugin_search_run(&search, look, &seen));
	ck_assert_uint_eq(seen.n_path, 2 + PLUGIN_PATH_OWN);
	ck_assert_str_eq(seen.first, "/given");
	ck_assert_str_eq(seen.second, "/configured");
	unlink(path);
	rmdir(folder);
}
END_TEST

START_TEST(the_works_answer_is_returned)
{
	struct plugin_search search = { .n_folders = 0 };
	struct seen seen = { .answer = false };

	ck_assert(!plugin_search_run(&search, look, &seen));
	ck_assert(seen.called);
	ck_assert_uint_eq(seen.n_path, PLUGIN_PATH_OWN);
}
END_TEST

START_TEST(a_wrong_configuration_is_printed_and_ends_it)
{
	static struct capture capture;
	char folder[64], path[96];
	struct plugin_search search = { .config = path };
	struct seen seen = { .answer = true };
	bool good;

	write_config(folder, path, "{\"plugins\": {\"path\": 5}}");
	capture_begin(&capture);
	good = plugin_search_run(&search, look, &seen);
	capture_end(&capture);
	ck_assert(!good && !seen.called);
	ck_assert_contains(capture_err(&capture), "error: /plugins/path: expected ");
	unlink(path);
	rmdir(folder);
	capture_begin(&capture);
	good = plugin_search_run(&search, look, &seen);
	capture_end(&capture);
	ck_assert(!good && !seen.called);
	ck_assert_contains(capture_err(&capture), ": No such file or directory\n");
}
END_TEST

static bool load(struct registry *registry, const void *arg)
{
	struct err err;
	const struct loaded *loaded = loader_load(&registry->loader,
	                                          PLUGIN_DIR "/transport_plain.so", NULL, &err);

	(void)arg;
	return loaded != NULL;
}

/* Children have to be waited for, whatever was inherited. */
START_TEST(plugins_can_be_loaded)
{
	struct plugin_search search = { .n_folders = 0 };

	signal(SIGCHLD, SIG_IGN);
	ck_assert(plugin_search_run(&search, load, NULL));
	ck_assert_ptr_eq(signal(SIGCHLD, SIG_DFL), SIG_DFL);
}
END_TEST

SUITE("plugin_search", folders_go_before_the_configurations, the_works_answer_is_returned,
      a_wrong_configuration_is_printed_and_ends_it, plugins_can_be_loaded)
