#include "doubts/usage_doubts.h"

#include <string.h>

#include "scene/doubt_scene.h"
#include "suite.h"

#define LIMITED(policy)                                                                            \
	"\"auth\":[{\"use\":\"multi_secret\",\"secrets\":{\"alice\":\"a\"},\"policy\":{\"alice\":" \
	"{" policy "}}}]"
#define FILE_OF "\"server\":{\"usage_file\":\"/tmp/use\"}"

START_TEST(counts_that_a_restart_forgets)
{
	ck_assert_contains(doubt_scene_server("{\"limits\":{\n\"bytes_per_day\":\"1g\"}}"),
	                   ":2: /limits/bytes_per_day: a restart of the server begins to count");
	ck_assert_contains(doubt_scene_server("{" LIMITED("\"bytes_per_month\":\"1g\"") "}"),
	                   "/auth/0/policy/alice/bytes_per_month: a restart of the server");
	ck_assert_lacks(doubt_scene_server("{\"limits\":{\"bytes_per_day\":0}}"), ": /");
	ck_assert_lacks(doubt_scene_server("{" LIMITED("\"rate_up\":\"1g\"") "}"), ": /");
	ck_assert_lacks(
		doubt_scene_server("{" FILE_OF "," LIMITED("\"bytes_per_month\":\"1g\"") "}"),
		": /");
}
END_TEST

START_TEST(a_file_without_counts)
{
	ck_assert_contains(doubt_scene_server("{" FILE_OF "}"),
	                   "/server/usage_file: it has no effect: no client has a limit on bytes");
	ck_assert_lacks(doubt_scene_server("{" FILE_OF ",\"limits\":{\"bytes_per_day\":\"1g\"}}"),
	                ": /");
	/* A plugin may take limits from elsewhere. */
	ck_assert_lacks(doubt_scene_server("{" FILE_OF "," LIMITED("") "}"), ": /");
}
END_TEST

SUITE("usage_doubts", counts_that_a_restart_forgets, a_file_without_counts)
