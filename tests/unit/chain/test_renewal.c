#include "chain/renewal.h"

#include "plugin_file.h"
#include "scene/host_scene.h"
#include "stderr_file.h"
#include "suite.h"

static struct host_scene scene;
static char folder[64], team[96];
static struct plugin_set *set;

static void write_team(const char *text)
{
	FILE *out = fopen(team, "w");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

/* A set whose second auth instance reads the file. */
static void set_up(void)
{
	char text[512];

	host_scene_open(&scene);
	plugin_file_folder(folder);
	snprintf(team, sizeof team, "%s/team", folder);
	write_team("alice:one\n");
	snprintf(text, sizeof text,
	         "{\"auth\":[{\"use\":\"hmac\",\"secret\":\"x\"},{\"use\":\"multi_secret\","
	         "\"secrets_file\":\"%s\"},{\"use\":\"hmac\",\"name\":\"last\",\"secret\":\"y\"}]}",
	         team);
	set = host_scene_server(&scene, text);
}

static void tear_down(void)
{
	plugin_set_unref(set);
	host_scene_close(&scene);
	unlink(team);
	rmdir(folder);
}

static struct instance *auth_of(const struct plugin_set *of, size_t index)
{
	return of->chains[CHAIN_AUTH]->items[index];
}

/* Renews the instance; the result is the caller's. */
static struct plugin_set *renew(const struct instance *instance)
{
	struct patience patience = { .until_ms = INT64_MAX };
	struct renewal_terms terms = { .set = set,
		                       .retirer = scene.retirer,
		                       .loops = scene.loops,
		                       .n_workers = HOST_SCENE_WORKERS,
		                       .patience = &patience };
	struct renewal renewal = { NULL, 0 };
	struct plugin_set *next;

	ck_assert(renewal_add(&renewal, instance));
	next = renewal_make(&renewal, &terms);
	ck_assert((next != NULL) == (renewal.items[0].fresh != NULL));
	if (next)
		renewal_log(&renewal);
	renewal_fini(&renewal);
	return next;
}

static double outcomes(const char *outcome)
{
	char labels[64];

	snprintf(labels, sizeof labels, "plugin=multi_secret,outcome=%s", outcome);
	return host_scene_metric(&scene, "spore_plugin_renewals_total", labels);
}

START_TEST(only_that_instance_is_another_one)
{
	struct plugin_set *next;

	set_up();
	write_team("alice:one\nbob:two\n");
	next = renew(auth_of(set, 1));
	ck_assert_ptr_nonnull(next);
	ck_assert_ptr_eq(next->config, set->config);
	ck_assert_ptr_eq(next->chains[CHAIN_TRANSPORT], set->chains[CHAIN_TRANSPORT]);
	ck_assert_ptr_eq(auth_of(next, 0), auth_of(set, 0));
	ck_assert_ptr_ne(auth_of(next, 1), auth_of(set, 1));
	ck_assert_ptr_eq(auth_of(next, 2), auth_of(set, 2));
	ck_assert(plugin_set_has(next, auth_of(next, 1)) && !plugin_set_has(set, auth_of(next, 1)));
	ck_assert(next->needs_challenge);
	ck_assert_uint_eq(auth_of(next, 1)->files.n, 1);
	ck_assert_str_eq(auth_of(next, 1)->files.items[0].path, team);
	ck_assert(outcomes("renewed") == 1);
	ck_assert_uint_eq(retirer_generations(scene.retirer), 1);
	plugin_set_unref(next);
	tear_down();
}
END_TEST

/* The new instance is renewed in turn, and the values of the old one live as long as it does. */
START_TEST(it_can_be_repeated)
{
	set_up();
	for (int i = 0; i < 3; i++) {
		struct plugin_set *next = renew(auth_of(set, 1));

		ck_assert_ptr_nonnull(next);
		plugin_set_unref(set);
		set = next;
	}
	ck_assert(outcomes("renewed") == 3);
	ck_assert(retirer_finish(scene.retirer, 0) || retirer_alive(scene.retirer) == 4);
	tear_down();
}
END_TEST

START_TEST(a_faulty_file_is_refused_and_said)
{
	set_up();
	stderr_file_begin();
	write_team("alice:one\nbob\n");
	ck_assert_ptr_null(renew(auth_of(set, 1)));
	ck_assert(outcomes("refused") == 1);
	ck_assert(outcomes("renewed") < 1);
	stderr_file_expect("a changed file was refused, the old version stays in use "
	                   "plugin=multi_secret file=");
	stderr_file_expect("pointer=/auth/1/secrets_file");
	stderr_file_expect("team:2:");
	tear_down();
}
END_TEST

/* A file with many mistakes does not flood the log. */
START_TEST(only_some_mistakes_are_said)
{
	char text[STDERR_FILE_SIZE], file[1024] = "";
	unsigned n = 0;

	set_up();
	stderr_file_begin();
	for (int i = 0; i < 30; i++)
		strcat(file, "bob\n");
	write_team(file);
	ck_assert_ptr_null(renew(auth_of(set, 1)));
	for (const char *at = stderr_file_read(text); (at = strstr(at, "was refused")) != NULL;
	     at++)
		n++;
	ck_assert_uint_ge(n, 1);
	ck_assert_uint_le(n, 10);
	tear_down();
}
END_TEST

START_TEST(what_is_not_in_the_set_is_not_made)
{
	struct plugin_set *next;
	struct instance *old;

	set_up();
	next = renew(auth_of(set, 1));
	old = instance_ref(auth_of(set, 1));
	plugin_set_unref(set);
	set = next;
	ck_assert_ptr_null(renew(old));
	instance_unref(old);
	tear_down();
}
END_TEST

/* A verdict stands if nobody who was asked for it has changed. */
START_TEST(which_verdicts_stand)
{
	struct plugin_set *next;

	set_up();
	next = renew(auth_of(set, 1));
	ck_assert(plugin_set_judges_alike(next, set, auth_of(set, 0)));
	ck_assert(!plugin_set_judges_alike(next, set, auth_of(set, 1)));
	ck_assert(!plugin_set_judges_alike(next, set, auth_of(set, 2)));
	ck_assert(!plugin_set_judges_alike(next, set, NULL));
	ck_assert(plugin_set_judges_alike(set, set, auth_of(set, 2)));
	plugin_set_unref(next);
	tear_down();
}
END_TEST

SUITE("renewal", only_that_instance_is_another_one, it_can_be_repeated,
      a_faulty_file_is_refused_and_said, only_some_mistakes_are_said,
      what_is_not_in_the_set_is_not_made, which_verdicts_stand)
