#include "doubts/unused_doubts.h"

#include <string.h>

#include "scene/doubt_scene.h"
#include "suite.h"

#define ALLOW               "{\"use\":\"cidr\",\"allow\":[\"10.0.0.0/8\"]}"
#define DENY                "{\"use\":\"cidr\",\"deny\":[\"10.66.0.0/16\"]}"
#define ALICE               "{\"use\":\"cidr\",\"identity\":[\"alice\"],\"allow\":[\"10.0.0.0/8\"]}"
#define LISTS(where, lists) "{\"auth\":[" DOUBT_SCENE_AUTH "],\"acl\":{\"" where "\":[" lists "]}}"

START_TEST(an_access_list_that_is_never_asked)
{
	static const char behind[] = ": this access list is never asked: /acl/public/1 in front of "
				     "it decides about every connection\n";
	const char *found = doubt_scene_server(
		LISTS("public", DENY "," ALLOW ",\n" DENY ",\n" ALLOW));
	char line[256];

	snprintf(line, sizeof line, ":2: /acl/public/2%s", behind);
	ck_assert_contains(found, line);
	snprintf(line, sizeof line, ":3: /acl/public/3%s", behind);
	ck_assert_contains(found, line);
	ck_assert_lacks(found, "/acl/public/0");
	ck_assert_contains(doubt_scene_server(LISTS("control", ALLOW "," DENY)),
	                   "/acl/control/1: this access");
	/* Others are asked behind these. */
	ck_assert_str_eq(doubt_scene_server(LISTS("public", DENY "," ALICE "," DENY "," ALLOW)),
	                 "");
	ck_assert_str_eq(doubt_scene_server(LISTS("control", ALLOW "],\"public\":[" DENY)), "");
	/* The tests' plugin "deny" does not say what it decides. */
	ck_assert_str_eq(
		doubt_scene_server(LISTS("control", "{\"use\":\"deny\",\"point\":\"control\","
	                                            "\"otherwise\":\"allow\"}," DENY)),
		"");
}
END_TEST

START_TEST(an_access_list_that_is_never_asked_about_its_identities)
{
#define OF(names, rule, prefix)                                                                    \
	"{\"use\":\"cidr\",\"identity\":[" names "],\"" rule "\":[\"" prefix "\"]}"
#define ALLOW_OF(names) OF(names, "allow", "10.0.0.0/8")
#define DENY_OF(names)  OF(names, "deny", "10.66.0.0/16")
	ck_assert_str_eq(
		strchr(doubt_scene_server(LISTS("public", ALICE ",\n" DENY_OF("\"alice\""))), ':'),
		":2: /acl/public/1: this access list is never asked about its identities: "
		"/acl/public/0 in front of it decides about every visitor of their tunnels\n");
	ck_assert_contains(doubt_scene_server(LISTS("public", DENY
	                                            "," ALICE "," ALLOW_OF("\"bob\"") "," DENY_OF(
							    "\"alice\",\"bob\""))),
	                   "/acl/public/3: this access list is never asked about its identities: "
	                   "/acl/public/1 and others in front of it decide about every visitor");
	/* It decides about visitors of bob's tunnels. */
	ck_assert_str_eq(doubt_scene_server(
				 LISTS("public", ALICE "," DENY_OF("\"alice\",\"bob\"") "," ALLOW)),
	                 "");
	ck_assert_str_eq(doubt_scene_server(LISTS(
				 "public", DENY_OF("\"alice\"") "," ALICE "," ALLOW_OF("\"bob\""))),
	                 "");
	/* One warning is enough. */
	ck_assert_lacks(doubt_scene_server(LISTS("public", ALLOW "," ALICE)), "identities");
}
END_TEST

START_TEST(an_auth_instance_that_is_never_asked)
{
#define MTLS              "{\"use\":\"mtls\",\"any\":true}"
#define BOB               "{\"use\":\"mtls\",\"clients\":{\"bob\":{\"san\":\"bob\"}}}"
#define JUDGED(instances) "{\"transport\":[{\"use\":\"doubted\"}],\"auth\":[" instances "]}"
	ck_assert_contains(
		doubt_scene_server(JUDGED(
			DOUBT_SCENE_AUTH "," MTLS ",\n{\"use\":\"hmac\",\"secret\":\"abcdefgh\"}")),
		":2: /auth/2: this auth instance is never asked: /auth/1 in front of it decides "
		"about every client\n");
	ck_assert_lacks(doubt_scene_server(JUDGED(BOB "," DOUBT_SCENE_AUTH)), "never asked");
	ck_assert_lacks(doubt_scene_server(JUDGED(DOUBT_SCENE_AUTH "," MTLS)), "never asked");
}
END_TEST

START_TEST(a_check_that_no_tunnel_uses)
{
	const char *found = doubt_scene_lines(
		ROLE_LOCAL,
		"{\"client\":{\"to\":\"a\"},\"tunnels\":[{\"local_port\":80,\"check\":{\"use\":"
		"\"shop\"}},{\"local_port\":81,\"check\":{}}],\"checks\":[{\"use\":\"http\","
		"\"name\":\"shop\"},\n{\"use\":\"http\"}]}");

	ck_assert_str_eq(strchr(found, ':'),
	                 ":2: /checks/1: it is never used: no tunnel has \"check\": {\"use\": "
	                 "\"http\"}\n");
}
END_TEST

SUITE("unused_doubts", a_check_that_no_tunnel_uses, an_access_list_that_is_never_asked,
      an_access_list_that_is_never_asked_about_its_identities, an_auth_instance_that_is_never_asked)
