#include "review/barred.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "log/log.h"
#include "net/addr.h"
#include "suite.h"

/* What barred_log says. The caller frees it. */
static char *said(struct barred *barred)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	log_set_level(LOG_ERROR);
	log_copy_warnings(out);
	barred_log(barred);
	log_copy_warnings(NULL);
	fclose(out);
	return text;
}

START_TEST(clients_that_a_reload_bars_are_one_line)
{
	struct barred barred;
	spore_addr peer;
	char *text;

	barred_init(&barred);
	ck_assert(addr_parse("192.0.2.1:40", &peer));
	barred_add(&barred, &peer, "office", "/acl/control/1", "192.0.2.0/24");
	ck_assert(addr_parse("192.0.2.9:41", &peer));
	barred_add(&barred, &peer, "other", "/acl/control/2", "");
	text = said(&barred);
	ck_assert_contains(text,
	                   "access lists deny clients that are connected: their tunnels stay");
	ck_assert_contains(text, "tunnels=2 first=192.0.2.1:40 plugin=office "
	                         "option=/acl/control/1 detail=192.0.2.0/24");
	free(text);
	text = said(&barred);
	ck_assert_str_eq(text, "");
	free(text);
	barred_fini(&barred);
}
END_TEST

SUITE("barred", clients_that_a_reload_bars_are_one_line)
