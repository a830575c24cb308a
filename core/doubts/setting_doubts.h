/* setting_doubts - settings that have no effect because of another setting, and durations that the
 * system rounds. */
#ifndef CORE_SETTING_DOUBTS_H
#define CORE_SETTING_DOUBTS_H

struct plugin_set;

/* [control] */
void setting_doubts_find(struct plugin_set *set);

#endif
