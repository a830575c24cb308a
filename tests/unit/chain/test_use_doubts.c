#include "chain/use_doubts.h"

#include "capture.h"
#include "chain/doubts.h"
#include "scene/host_scene.h"
#include "suite.h"

static const char *doubts(const char *text)
{
	static char printed[4096];
	struct host_scene scene;
	struct plugin_set *set;
	FILE *out;

	host_scene_open(&scene);
	set = host_scene_start(&scene, ROLE_SERVER, text);
	use_doubts_find(set);
	out = fmemopen(printed, sizeof printed, "w");
	doubts_print(set, out);
	fputc('\0', out);
	fclose(out);
	plugin_set_unref(set);
	host_scene_close(&scene);
	return printed;
}

#define AUTH(policy)                                                                               \
	"\"auth\":[{\"use\":\"multi_secret\",\"secrets\":{\"alice\":\"a\"},\"policy\":{\"alice\":" \
	"{" policy "}}}]"
#define FILE_OF "\"server\":{\"usage_file\":\"/tmp/use\"}"

START_TEST(counts_that_a_restart_forgets)
{
	ck_assert_contains(doubts("{\"limits\":{\n\"bytes_per_day\":\"1g\"}}"),
	                   ":2: /limits/bytes_per_day: a restart of the server begins to count");
	ck_assert_contains(doubts("{" AUTH("\"bytes_per_month\":\"1g\"") "}"),
	                   "/auth/0/policy/alice/bytes_per_month: a restart of the server");
	ck_assert_lacks(doubts("{\"limits\":{\"bytes_per_day\":0}}"), ": /");
	ck_assert_lacks(doubts("{" AUTH("\"rate_up\":\"1g\"") "}"), ": /");
	ck_assert_lacks(doubts("{" FILE_OF "," AUTH("\"bytes_per_month\":\"1g\"") "}"), ": /");
}
END_TEST

START_TEST(a_file_without_counts)
{
	ck_assert_contains(doubts("{" FILE_OF "}"),
	                   "/server/usage_file: it has no effect: no client has a limit on bytes");
	ck_assert_lacks(doubts("{" FILE_OF ",\"limits\":{\"bytes_per_day\":\"1g\"}}"), ": /");
	/* A plugin may take limits from elsewhere. */
	ck_assert_lacks(doubts("{" FILE_OF "," AUTH("") "}"), ": /");
}
END_TEST

SUITE("use_doubts", counts_that_a_restart_forgets, a_file_without_counts)
