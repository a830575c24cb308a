#include "plugin/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/text.h"
#include "log/log.h"
#include "log/stray_exit.h"
#include "plugin/kind.h"
#include "plugin/name.h"
#include "plugin/protection.h"
#include "plugin/rows.h"
#include "plugin/visit.h"
#include "thread/code.h"
#include "thread/guest.h"

/* ---- checks of what the entry point returns, which is untrusted ---- */

enum { SLOTS_TEXT = 96, MOST_CONF_BYTES = 1 << 20 };

/* "" if the slot is for all roles of its kind. */
static const char *describe_role(const struct kind *kind, const struct kind_slot *slot)
{
	if (slot->roles == kind->roles)
		return "";
	return slot->roles == SPORE_ROLE_SERVER ? " (for a server)" : " (for a client)";
}

/* "wrap", or "verify (for a server) or answer (for a client)". */
static const char *describe_slots(const struct kind *kind, char out[SLOTS_TEXT])
{
	size_t n = 0;

	for (size_t i = 0; i < KIND_MAX_SLOTS && kind->slots[i].name; i++) {
		const struct kind_slot *slot = &kind->slots[i];

		n += (size_t)snprintf(out + n, SLOTS_TEXT - n, "%s%s%s", i ? " or " : "",
		                      slot->name, describe_role(kind, slot));
	}
	return out;
}

/* Returns the names of the mandatory functions that the component lacks. NULL: it lacks none. */
static const char *missing_slot(const spore_component *c, const struct kind *kind,
                                char text[SLOTS_TEXT])
{
	if (!SPORE_CAN(c, create))
		return "create";
	if (!SPORE_CAN(c, destroy))
		return "destroy";
	if (kind->slots[0].name && !c->ops)
		return "ops";
	return kind_roles(c) ? kind_table_lack(c, text, SLOTS_TEXT) : describe_slots(kind, text);
}

static bool check_component(const spore_component *c, const struct kind *kind, struct err *err)
{
	const struct option_table table = { c->options, c->n_options, c->option_size };
	char name[96], text[SLOTS_TEXT];
	const char *slot;

	if (!SPORE_HAS(c, conf_size) || !c->name || !*c->name) {
		err_set(err, "one of its components has no name or is truncated");
		return false;
	}
	text_escape(c->name, strlen(c->name), name, sizeof name);
	if (!name_is_good(c->name)) {
		err_set(err, "one of its components has the name \"%s\": expected " NAME_GRAMMAR,
		        name);
		return false;
	}
	if (SPORE_HAS(c, flags) && c->flags & SPORE_COMPF_SINGLE_WORKER && !kind->single_worker) {
		err_set(err,
		        "its component \"%s\" has SPORE_COMPF_SINGLE_WORKER, which %s components "
		        "may not have",
		        name, kind->name);
		return false;
	}
	if (c->conf_size > MOST_CONF_BYTES) {
		err_set(err, "its component \"%s\" has the conf_size %u: expected at most %d", name,
		        c->conf_size, MOST_CONF_BYTES);
		return false;
	}
	slot = missing_slot(c, kind, text);
	if (slot) {
		err_set(err, "its component \"%s\" lacks the mandatory slot: %s", name, slot);
		return false;
	}
	if (!rows_check(&table, c->conf_size, err)) {
		err_prefix(err, "its component \"%s\" has a wrong option table", name);
		return false;
	}
	return true;
}

/* Does a component before `c` have the same kind and name? Then `c` could not be used. Components
 * of this kind that come before `c` have good names. */
static bool is_named_before(const spore_component *const *first, const spore_component *c)
{
	for (; *first != c; first++) {
		if ((*first)->kind == c->kind && strcmp((*first)->name, c->name) == 0)
			return true;
	}
	return false;
}

static bool check_components(const spore_plugin *plugin, struct err *err)
{
	for (const spore_component *const *c = plugin->components; *c; c++) {
		const struct kind *kind = kind_find((*c)->kind);

		if (!kind) {
			log_warn("plugin has a component of an unknown kind",
			         log_str("plugin", plugin->name), log_int("kind", (*c)->kind));
		} else if (!check_component(*c, kind, err)) {
			return false;
		} else if (is_named_before(plugin->components, *c)) {
			err_set(err, "it has two %s components \"%s\"", kind->name, (*c)->name);
			return false;
		}
	}
	return true;
}

/* `spore plugin` shows the note of a file that it does not load, so the note must be true. */
static bool check_identity(const spore_plugin *plugin, const struct note *note, struct err *err)
{
	char shown[sizeof note->plugin];

	text_escape(plugin->name, strlen(plugin->name), shown, sizeof shown);
	if (strcmp(shown, note->plugin) == 0)
		return true;
	err_set(err, "its ABI note has the name \"%s\", but spore_plugin_v1() returned \"%s\"",
	        note->plugin, shown);
	return false;
}

static bool check_plugin(const struct loader *loader, const spore_plugin *plugin,
                         const struct note *note, struct err *err)
{
	char shown[96];

	if (!plugin || !SPORE_HAS(plugin, components) || !plugin->components || !plugin->name) {
		err_set(err, "spore_plugin_v1() returned no plugin");
		return false;
	}
	if (!check_identity(plugin, note, err))
		return false;
	if (!*plugin->components) {
		err_set(err, "it has no components: expected at least one in SPORE_PLUGIN(...)");
		return false;
	}
	for (const char *const *id = plugin->required; id && *id; id++) {
		if (!loader->get_extension(*id)) {
			text_escape(*id, strlen(*id), shown, sizeof shown);
			err_set(err,
			        "it needs the host extension \"%s\", which this host does not "
			        "have: "
			        "update Spore",
			        shown);
			return false;
		}
	}
	return check_components(plugin, err);
}

/* ---- loading ---- */

static struct loaded *find_digest(const struct loader *loader, const uint8_t *digest)
{
	for (struct loaded *l = loader->first; l; l = l->next) {
		if (memcmp(l->digest, digest, sizeof l->digest) == 0)
			return l;
	}
	return NULL;
}

const char *loader_digest_text(const uint8_t digest[CRYPTO_SHA256_SIZE],
                               char out[LOADER_DIGEST_TEXT_SIZE])
{
	char *at = stpcpy(out, "sha256:");

	for (size_t i = 0; i < CRYPTO_SHA256_SIZE; i++, at += 2)
		snprintf(at, 3, "%02x", digest[i]);
	return out;
}

static bool check_pin(const uint8_t *digest, const char *pin, struct err *err)
{
	char text[LOADER_DIGEST_TEXT_SIZE];
	const char *hex = strchr(loader_digest_text(digest, text), ':') + 1;

	if (!pin || strcasecmp(hex, pin) == 0)
		return true;
	err_set(err, "its SHA-256 is %s: expected the pinned %s", hex, pin);
	return false;
}

/* Checks a copy before any of its code runs. */
static bool check_copy(const struct sealed *copy, const char *pin, uint8_t *digest_out,
                       struct note *note_out, struct err *err)
{
	if (crypto_sha256(copy->bytes, copy->size, digest_out))
		return check_pin(digest_out, pin, err) &&
		       note_read(copy->bytes, copy->size, note_out, err) &&
		       note_is_compatible(note_out, err) &&
		       protection_is_kept(copy->bytes, copy->size, err);
	err_set(err, "out of memory");
	return false;
}

/* Maps the code and runs its constructors. The code stays mapped even if it unloads itself. `name`
 * is what the log calls the code after a crash or an exit() in it. */
static void *map_code(const char *path, const char *name, const char *version)
{
	struct link_map *map;
	struct visit visit;
	void *handle;

	visit_begin(&visit, name, "load");
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	visit_end(&visit);
	stray_exit_catch_first();
	if (handle && name && dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0)
		code_add(name, version, map->l_ld);
	return handle;
}

/* dlopen prefers the definitions of this process to the plugin's own. So a plugin that means to
 * call its own function of such a name calls this process's. */
static void warn_of_taken_names(const struct sealed *copy, const char *path)
{
	struct exports exports;
	char names[EXPORTS_TEXT_SIZE];

	exports_read(copy->bytes, copy->size, &exports);
	if (exports.taken.n)
		log_warn("plugin exports names that this process already defines",
		         log_str("plugin", path),
		         log_str("names", exports_text(&exports.taken, names)));
}

enum { COPY_PATH = 128 };

/* dlopen does not open a path again that it has loaded code from: it returns the old code. A copy
 * is closed once it is loaded, so a later copy may get the same descriptor, and with it the same
 * path. Therefore each load spells the path differently: the bits of its number become "/." and
 * "/", which do not change where a path leads. */
static void spell_path(int fd, char path_out[COPY_PATH])
{
	static unsigned n_loads; /* dlopen remembers paths for the whole process */
	char *end = path_out + snprintf(path_out, COPY_PATH, "/proc/%d/fd", (int)getpid());

	for (unsigned bits = n_loads++; bits; bits /= 2)
		end = stpcpy(end, bits % 2 ? "/." : "/");
	sprintf(end, "/%d", fd);
}

/* The path of the copy means nothing to the user, so it is cut off from dlopen's explanation. */
static void explain_dlopen(const char *path, struct err *err)
{
	const char *why = dlerror();
	size_t len = strlen(path);

	if (access(path, F_OK) < 0)
		err_set(err, "cannot load it: plugins are loaded through %s: %s", path,
		        errno == ENOENT ? "/proc is not mounted" : strerrordesc_np(errno));
	else
		err_set(err, "cannot load it: %s",
		        strncmp(why, path, len) == 0 && why[len] == ':' ? why + len + 2 : why);
}

/* Loads the code from the sealed copy `fd`, and calls its entry point. */
static bool open_code(struct loader *loader, struct loaded *loaded, int fd, struct err *err)
{
	const char *name = guest_name(loaded->path), *version = guest_name(loaded->note.version);
	const spore_plugin *(*entry)(void);
	struct visit visit;
	char path[COPY_PATH];

	spell_path(fd, path);
	loaded->handle = map_code(path, name, version);
	if (!loaded->handle) {
		explain_dlopen(path, err);
		return false;
	}
	*(void **)&entry = dlsym(loaded->handle, "spore_plugin_v1");
	if (!entry) {
		err_set(err,
		        "it does not export spore_plugin_v1: expected SPORE_PLUGIN(...) in it");
		return false;
	}
	visit_begin(&visit, name, "spore_plugin_v1");
	loaded->plugin = entry();
	visit_end(&visit);
	return check_plugin(loader, loaded->plugin, &loaded->note, err);
}

static struct loaded *load_copy(struct loader *loader, const char *path, const char *pin,
                                const struct sealed *copy, struct err *err)
{
	struct loaded *loaded = calloc(1, sizeof *loaded), *known;

	err_set(err, "out of memory");
	if (!loaded || !check_copy(copy, pin, loaded->digest, &loaded->note, err))
		goto fail;
	known = find_digest(loader, loaded->digest);
	if (known) {
		free(loaded);
		return known;
	}
	warn_of_taken_names(copy, path);
	loaded->path = strdup(path);
	if (!loaded->path || !open_code(loader, loaded, copy->fd, err))
		goto fail;
	loaded->next = loader->first;
	loader->first = loaded;
	log_debug("plugin loaded", log_str("plugin", loaded->note.plugin),
	          log_str("version", loaded->note.version), log_str("path", path));
	return loaded;
fail:
	/* Mapped code stays mapped, since its constructors may have started threads or set
	 * handlers. */
	if (loaded)
		free(loaded->path);
	free(loaded);
	return NULL;
}

const struct loaded *loader_load(struct loader *loader, const char *path, const char *pin,
                                 struct err *err)
{
	struct loaded *loaded;
	struct sealed copy;

	if (!sealed_open(path, &copy, err)) {
		err_prefix(err, "plugin %s refused", path);
		return NULL;
	}
	loaded = load_copy(loader, path, pin, &copy, err);
	sealed_close(&copy);
	if (!loaded)
		err_prefix(err, "plugin %s refused", path);
	return loaded;
}

void loader_fini(struct loader *loader)
{
	while (loader->first) {
		struct loaded *loaded = loader->first;

		loader->first = loaded->next;
		free(loaded->path);
		free(loaded);
	}
}

bool loader_inspect(const char *path, const char *pin, struct inspection *out, struct err *err)
{
	struct sealed copy;
	struct err unused;
	bool good = false;

	*out = (struct inspection){ .is_read = false };
	if (!sealed_inspect(path, &copy, &out->access, err))
		goto out;
	out->is_read = true;
	good = check_copy(&copy, pin, out->digest, &out->note, err);
	/* check_copy does not read the note if the pin is wrong. */
	out->has_note = note_read(copy.bytes, copy.size, &out->note, &unused);
	exports_read(copy.bytes, copy.size, &out->exports);
	sealed_close(&copy);
	if (out->access.forbidden.text[0]) {
		*err = out->access.forbidden;
		good = false;
	}
out:
	if (!good)
		err_prefix(err, "plugin %s refused", path);
	return good;
}
