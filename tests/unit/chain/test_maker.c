#include "chain/maker.h"

#include "plugin_file.h"
#include "scene/host_scene.h"
#include "suite.h"

static struct host_scene scene;
static char folder[64], key[96];
static struct config *config;

/* One auth instance, whose secret is in a file. */
static void set_up(void)
{
	char text[256];
	FILE *out;

	host_scene_open(&scene);
	plugin_file_folder(folder);
	snprintf(key, sizeof key, "%s/key", folder);
	out = fopen(key, "w");
	ck_assert(out && fputs("one", out) > 0);
	fclose(out);
	snprintf(text, sizeof text, "{\"auth\":[{\"use\":\"hmac\",\"secret\":{\"file\":\"%s\"}}]}",
	         key);
	config = host_scene_config(&scene, ROLE_SERVER, text);
}

static void tear_down(void)
{
	config_unref(config);
	host_scene_close(&scene);
	unlink(key);
	rmdir(folder);
}

/* Makes the instance with values in this document (NULL: in that of the configuration). */
static struct instance *make(struct json_doc *doc)
{
	struct maker maker = { config, scene.retirer, HOST_SCENE_WORKERS, &scene.diag };
	struct maker_order order = { .row = &chain_rows[CHAIN_AUTH],
		                     .entry = &config->chains[CHAIN_AUTH].items[0],
		                     .doc = doc };
	struct err err;

	order.component = registry_find(&scene.registry, SPORE_KIND_AUTH, "hmac", &order.plugin,
	                                &err);
	ck_assert_msg(order.component != NULL, "%s", err.text);
	return maker_make(&maker, &order);
}

START_TEST(its_files_are_the_configurations_too)
{
	struct instance *instance;
	size_t before;

	set_up();
	before = config->files.n;
	instance = make(NULL);
	ck_assert_ptr_nonnull(instance);
	ck_assert_uint_eq(config->files.n, before + 1);
	ck_assert(config->files.items[before].of_instance);
	ck_assert_uint_eq(instance->files.n, 1);
	ck_assert_str_eq(instance->files.items[0].path, key);
	ck_assert_ptr_null(instance->own_doc);
	instance_unref(instance);
	tear_down();
}
END_TEST

/* The document of the configuration, which other threads read, does not change. */
START_TEST(with_a_document_of_its_own_it_leaves_the_configuration_alone)
{
	struct instance *instance;
	struct json_doc *doc;
	size_t before;

	set_up();
	before = config->files.n;
	doc = json_doc_new();
	instance = make(doc);
	ck_assert_ptr_nonnull(instance);
	ck_assert_ptr_eq(instance->own_doc, doc); /* taken */
	ck_assert_uint_eq(config->files.n, before);
	ck_assert_uint_eq(instance->files.n, 1);
	ck_assert_str_eq(instance->files.items[0].path, key);
	instance_unref(instance);
	tear_down();
}
END_TEST

START_TEST(a_mistake_leaves_the_document_to_the_caller)
{
	struct json_doc *doc = json_doc_new();

	set_up();
	unlink(key);
	ck_assert_ptr_null(make(doc));
	ck_assert_uint_eq(scene.diag.count, 1);
	ck_assert_ptr_nonnull(strstr(host_scene_mistakes(&scene), "cannot open the secret file"));
	json_doc_free(doc);
	ck_assert_uint_eq(retirer_alive(scene.retirer), 0);
	tear_down();
}
END_TEST

START_TEST(mistakes_of_the_plugin_are_at_its_name)
{
	set_up();
	ck_assert_ptr_eq(maker_use_node(config->chains[CHAIN_AUTH].items[0].node),
	                 json_get(config->chains[CHAIN_AUTH].items[0].node, "use"));
	ck_assert_ptr_eq(maker_use_node(config->chains[CHAIN_TRANSPORT].items[0].node),
	                 config->chains[CHAIN_TRANSPORT].items[0].node); /* a default */
	tear_down();
}
END_TEST

SUITE("maker", its_files_are_the_configurations_too,
      with_a_document_of_its_own_it_leaves_the_configuration_alone,
      a_mistake_leaves_the_document_to_the_caller, mistakes_of_the_plugin_are_at_its_name)
