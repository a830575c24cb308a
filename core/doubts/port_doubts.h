/* port_doubts - ports that the configuration names although no tunnel gets them, and listeners of
 * plugins at ports of tunnels. */
#ifndef CORE_PORT_DOUBTS_H
#define CORE_PORT_DOUBTS_H

struct instance;
struct plugin_set;

/* Reserved ports, and ports that get a PROXY header, that are not public ports. [control] */
void port_doubts_find(struct plugin_set *set);
/* An instance, such as an exporter of metrics, that listens at one of the public ports.
 * [control] */
void port_doubts_find_listener(struct plugin_set *set, const struct instance *instance);

#endif
