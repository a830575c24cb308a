#include "show/answer.h"

#include "scene/answer_scene.h"
#include "suite.h"

START_TEST(a_hostile_text_is_shown_harmless)
{
	answer_scene_check(
		"tunnels", "{\"tunnels\":[{\"id\":1,\"identity\":\"\\u001b[2J\\u0007\"}]}",
		"ID  PORT  IDENTITY     CLIENT  AGE  VISITORS  WAITING  TOTAL  UP  DOWN  "
		"HEARTBEATS  SHARED  HOSTS  NAME  VERSION  TAGS  SERVICE  SERVICE ERROR  USED "
		"TODAY  THIS "
		"MONTH  "
		"REFUSES  ENTRY  DENIED BY\n"
		"1   -     \\x1b[2J\\x07  -       -    -         -        -      -   -     "
		"-           -       -      -     -        -     -        -              -         "
		"  -    "
		"       "
		"-        -      -\n");
}
END_TEST

START_TEST(whatever_is_missing_or_of_another_type_crashes_nothing)
{
	static const char *const commands[] = { "status",  "tunnels", "relays", "loops",
		                                "plugins", "kick",    "drain",  "log-level",
		                                "reload",  "other" };
	static const char *const answers[] = {
		"{}",
		"{\"dates\":5,\"workers\":\"x\",\"main\":[],\"tunnels\":[1,\"x\",[],{}],\"is\":{},"
		"\"was\":7}",
		"{\"dates\":[1,{\"labels\":[1,{}]}],\"relays\":{\"a\":1},\"instances\":null,"
		"\"files\":true}",
	};

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		for (size_t k = 0; k < sizeof answers / sizeof *answers; k++) {
			struct answer_scene scene;
			FILE *out = fopen("/dev/null", "w");

			answer_scene_open(&scene, answers[k]);
			ck_assert(answer_print(commands[i], scene.root, out));
			fclose(out);
			answer_scene_close(&scene);
		}
	}
}
END_TEST

SUITE("answer", a_hostile_text_is_shown_harmless,
      whatever_is_missing_or_of_another_type_crashes_nothing)
