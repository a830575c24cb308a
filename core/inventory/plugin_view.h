/* plugin_view - what is known about one plugin file: from an inspection, and from loading it if the
 * inspection found nothing wrong. [main] */
#ifndef CORE_PLUGIN_VIEW_H
#define CORE_PLUGIN_VIEW_H

#include "plugin/loader.h"

enum plugin_state { PLUGIN_LOADED, PLUGIN_NOT_LOADED, PLUGIN_REFUSED };

struct plugin_view {
	const char *path; /* borrowed */
	enum plugin_state state;
	struct inspection seen;
	const struct loaded *loaded; /* PLUGIN_LOADED; borrowed from the loader */
	struct err refusal;          /* PLUGIN_REFUSED: the same text as at a start */
};

/* `pin`: the digest that the file must have, as 64 hex digits; NULL: any. `load`: a file that
 * passes the inspection is loaded in a child process first, and then in this one. */
void plugin_view_open(struct plugin_view *view, struct loader *loader, const char *path,
                      const char *pin, bool load);
/* The reason of the refusal, without the path of the file. */
const char *plugin_view_reason(const struct plugin_view *view);
const char *plugin_state_name(enum plugin_state state);

/* What "use" has to be for a component of the file: "hmac" or "acme:ldap". NULL: the name of the
 * file does not end in ".so", so no search finds it. */
const char *plugin_view_use(const char *path, const spore_component *component, char *out,
                            size_t size);
/* "auth" and so on; "unknown" for a kind that this host does not know. */
const char *plugin_view_kind(const spore_component *component);
/* Does this host know the kind? If not, only the kind's number may be read. */
bool plugin_view_is_known(const spore_component *component);
/* Can a process of this role, SPORE_ROLE_*, use the component, whose kind must be known? Both roles
 * can use transports and exporters. */
bool plugin_view_has_side(const spore_component *component, uint32_t role);

#endif
