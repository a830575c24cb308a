/* check - the rules of the core's settings that concern more than one option, and the values that
 * follow from others. [main] */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

struct config_chain;
struct diag;
struct json_doc;
struct settings;

/* The settings were filled from the document's root. Mistakes go to the diag; values that are
 * derived live in the document. */
void check_server(struct settings *settings, struct json_doc *doc, struct diag *diag);
void check_client(struct settings *settings, struct json_doc *doc, struct diag *diag);

/* The instances that checks of services name must be in this chain. */
void check_uses(const struct settings *settings, const struct config_chain *checks,
                struct json_doc *doc, struct diag *diag);

#endif
