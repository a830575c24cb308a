#include "process/overview.h"

#include "scene/process_scene.h"

static struct process_scene scene;
static struct effective effective;

static void make(const char *more)
{
	scene_set_up(&scene, more);
	ck_assert_int_eq(scene_load(&scene, NULL), CONFIG_LOADED);
	ck_assert(scene_start_runtime(&scene));
	ck_assert(overview_make(scene.config, scene.runtime.plugins.set, &effective));
}

static void end(void)
{
	effective_fini(&effective);
	ck_assert(runtime_stop(&scene.runtime));
	scene_tear_down(&scene);
}

static const struct effective_value *find_value(const char *pointer)
{
	for (size_t i = 0; i < effective.n; i++) {
		if (strcmp(effective.items[i].pointer, pointer) == 0)
			return &effective.items[i];
	}
	return NULL;
}

static void expect(const char *pointer, const char *value)
{
	const struct effective_value *found = find_value(pointer);

	ck_assert_msg(found != NULL, "%s", pointer);
	ck_assert_str_eq(found->value, value);
}

START_TEST(the_cores_own_options)
{
	make("");
	expect("/server/workers", "2");
	expect("/server/bind_addr", "\"127.0.0.1\"");
	expect("/limits/max_tunnels", "0");
	ck_assert_str_eq(find_value("/limits/max_tunnels")->source, "default");
	ck_assert_ptr_nonnull(strstr(find_value("/server/workers")->source, "server.json:1"));
	end();
}
END_TEST

START_TEST(instances_with_their_own_options)
{
	make(", \"auth\": [{ \"use\": \"hmac\", \"secret\": \"hunter2\" },"
	     " { \"use\": \"hmac\", \"name\": \"other\", \"secret\": \"s\", \"on_error\": \"next\" "
	     "}]");
	expect("/auth/0/use", "\"hmac\"");
	expect("/auth/0/name", "\"hmac\"");
	expect("/auth/0/on_error", "\"deny\"");
	expect("/auth/0/secret", "\"(secret)\"");
	expect("/auth/0/binding", "\"off\"");
	expect("/auth/1/name", "\"other\"");
	expect("/auth/1/on_error", "\"next\"");
	ck_assert_ptr_null(find_value("/auth/1/last_good_for"));
	end();
}
END_TEST

START_TEST(only_authentication_has_on_error)
{
	make(", \"acl\": { \"control\": [{ \"use\": \"cidr\", \"deny\": [\"192.0.2.0/24\"] }] }");
	expect("/acl/control/0/deny", "[\"192.0.2.0/24\"]");
	expect("/transport/0/use", "\"plain\"");
	ck_assert_ptr_null(find_value("/acl/control/0/on_error"));
	ck_assert_ptr_null(find_value("/transport/0/on_error"));
	end();
}
END_TEST

/* Without lists of its own, acl.public decides; an empty list allows all. */
START_TEST(lists_of_a_public_entry_that_are_empty_or_not_given)
{
	make(", \"public\": [{ \"ports\": \"8000\", \"acl\": [] }, { \"ports\": \"8001\" }, { "
	     "\"ports\": "
	     "\"8002\", \"acl\": [{ \"use\": \"cidr\", \"deny\": [\"192.0.2.0/24\"] }] }]");
	expect("/public/0/acl", "[]");
	ck_assert(!find_value("/public/0/acl")->is_unset);
	expect("/public/1/acl", "null");
	ck_assert(find_value("/public/1/acl")->is_unset);
	ck_assert_ptr_null(find_value("/public/2/acl"));
	expect("/public/2/acl/0/use", "\"cidr\"");
	end();
}
END_TEST

START_TEST(it_is_printed_line_by_line)
{
	char *text = NULL;
	size_t size = 0, lines = 0;
	FILE *out = open_memstream(&text, &size);

	make(", \"auth\": [{ \"use\": \"hmac\", \"secret\": \"hunter2\" }]");
	overview_print(&effective, out);
	fclose(out);
	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	ck_assert_uint_eq(lines, effective.n);
	ck_assert_ptr_nonnull(strstr(text, "/limits/max_tunnels = 0  # default\n"));
	ck_assert_ptr_nonnull(strstr(text, "/auth/0/secret = \"(secret)\"  # "));
	ck_assert_ptr_null(strstr(text, "hunter2"));
	free(text);
	end();
}
END_TEST

SUITE("overview", the_cores_own_options, instances_with_their_own_options,
      only_authentication_has_on_error, lists_of_a_public_entry_that_are_empty_or_not_given,
      it_is_printed_line_by_line)
