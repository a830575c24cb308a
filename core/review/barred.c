#include "review/barred.h"

#include <stdio.h>

#include "log/log.h"
#include "net/addr.h"

void barred_init(struct barred *barred)
{
	*barred = (struct barred){ 0 };
	pthread_mutex_init(&barred->lock, NULL);
}

void barred_fini(struct barred *barred)
{
	pthread_mutex_destroy(&barred->lock);
}

void barred_add(struct barred *barred, const spore_addr *peer, const char *plugin,
                const char *option, const char *rule)
{
	pthread_mutex_lock(&barred->lock);
	if (barred->n++ == 0) {
		barred->peer = *peer;
		snprintf(barred->plugin, sizeof barred->plugin, "%s", plugin);
		snprintf(barred->option, sizeof barred->option, "%s", option);
		snprintf(barred->rule, sizeof barred->rule, "%s", rule);
	}
	pthread_mutex_unlock(&barred->lock);
}

void barred_log(struct barred *barred)
{
	char peer[ADDR_TEXT_SIZE];

	pthread_mutex_lock(&barred->lock);
	if (barred->n > 0)
		log_warn("access lists deny clients that are connected: their tunnels stay, but "
		         "serve no new visitor",
		         log_int("tunnels", barred->n),
		         log_str("first", addr_format(&barred->peer, peer)),
		         log_str("plugin", barred->plugin), log_str("option", barred->option),
		         log_str("detail", barred->rule),
		         log_str("remedy", "allow them again, or end them with spore ctl kick"));
	barred->n = 0;
	pthread_mutex_unlock(&barred->lock);
}
