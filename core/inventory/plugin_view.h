/* plugin_view - what can be told of one plugin's file: by looking at it, and, if nothing is against
 * that, by loading it. [main] */
#ifndef CORE_PLUGIN_VIEW_H
#define CORE_PLUGIN_VIEW_H

#include "plugin/loader.h"

enum plugin_state { PLUGIN_LOADED, PLUGIN_NOT_LOADED, PLUGIN_REFUSED };

struct plugin_view {
	const char *path; /* borrowed */
	enum plugin_state state;
	struct inspection seen;
	const struct loaded *loaded; /* PLUGIN_LOADED: the loader's */
	struct err refusal;          /* PLUGIN_REFUSED: in the words of a start */
};

/* `load`: a file that is good so far is tried in a child process, then loaded here. */
void plugin_view_open(struct plugin_view *view, struct loader *loader, const char *path,
                      const char *pin, bool load);
/* Why it was refused, without saying again which file. */
const char *plugin_view_reason(const struct plugin_view *view);
const char *plugin_state_name(enum plugin_state state);

/* What "use" says for a component of the file: "hmac", "acme:ldap". NULL: the file's name does not
 * end as one that is found does. */
const char *plugin_view_use(const char *path, const spore_component *component, char *out,
                            size_t size);
/* "auth" ...; "unknown" for a kind that this host does not know. */
const char *plugin_view_kind(const spore_component *component);
/* Does this host know the kind? Of others nothing but the number may be read. */
bool plugin_view_is_known(const spore_component *component);
/* Is it of use to a process of that role, SPORE_ROLE_*? An exporter or a transport has no side of
 * its own. Of a known kind. */
bool plugin_view_has_side(const spore_component *component, uint32_t role);

#endif
