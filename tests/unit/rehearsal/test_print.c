#include "rehearsal/print.h"

#include "arguments/exit_status.h"
#include "capture.h"
#include "suite.h"

static struct capture capture;

static int print(const char *answer, bool as_json)
{
	int status;

	capture_begin(&capture);
	status = print_answer(answer, strlen(answer), as_json, stdout);
	capture_end(&capture);
	return status;
}

static const char allowed[] =
	"{\"verdict\":\"allow\",\"by\":\"two\",\"last_good\":false,\"instances\":["
	"{\"name\":\"one\",\"component\":\"x\",\"said\":\"error\",\"status\":\"why\",\"took_us\":"
	"1500},"
	"{\"name\":\"two\",\"component\":\"y\",\"said\":\"allow\",\"took_us\":7},"
	"{\"name\":\"three\",\"component\":\"z\",\"said\":\"not asked\"}],"
	"\"allowed\":{\"identity\":\"al\\u001bice\",\"ports\":\"1-2\",\"max_tunnels\":0,"
	"\"max_conns\":null,\"life_ms\":1500,\"reason\":\"a friend\"}}";

START_TEST(an_allowed_client)
{
	ck_assert_int_eq(print(allowed, false), EXIT_GOOD);
	ck_assert_str_eq(capture_out(&capture), "INSTANCE  COMPONENT  SAID        TOOK\n"
	                                        "one       x          error: why  1.500 ms\n"
	                                        "two       y          allow       0.007 ms\n"
	                                        "three     z          not asked   -\n"
	                                        "\n"
	                                        "allowed by two\n"
	                                        "  identity  al\\x1bice\n"
	                                        "  ports     1-2\n"
	                                        "  tunnels   at most 0\n"
	                                        "  visitors  as the server allows\n"
	                                        "  life      1.5 s\n"
	                                        "  reason    a friend\n");
}
END_TEST

START_TEST(json_is_printed_as_it_came)
{
	ck_assert_int_eq(print(allowed, true), EXIT_GOOD);
	ck_assert_str_eq(capture_out(&capture), allowed);
	ck_assert_int_eq(print("{\"verdict\":\"deny\"}", true), EXIT_REFUSED);
	ck_assert_int_eq(print("{\"error\":\"x\"}", true), EXIT_FAILED);
}
END_TEST

static void check(const char *answer, int status, const char *last)
{
	ck_assert_int_eq(print(answer, false), status);
	ck_assert_contains(capture_out(&capture), last);
}

START_TEST(other_verdicts)
{
	check("{\"verdict\":\"allow\",\"instances\":[]}", EXIT_GOOD, "it lets everyone in\n");
	check("{\"verdict\":\"allow\",\"by\":\"x\",\"last_good\":true}", EXIT_GOOD,
	      "\nallowed by x, by an earlier verdict (last_good)\n");
	check("{\"verdict\":\"deny\",\"by\":\"x\"}", EXIT_REFUSED, "\nrefused by x\n");
	check("{\"verdict\":\"deny\",\"by\":null}", EXIT_REFUSED,
	      "\nrefused: no instance accepts the answer\n");
	check("{\"verdict\":\"unbound\"}", EXIT_REFUSED, "not bound to the TLS session\n");
	check("{\"verdict\":\"error\",\"by\":\"x\",\"status\":\"late\"}", EXIT_FAILED,
	      "\nrefused: no verdict from x: late\n");
	check("{\"verdict\":\"port_not_allowed\",\"status\":\"not "
	      "7\",\"allowed\":{\"ports\":\"1-2\"}}",
	      EXIT_REFUSED, "\nrefused: not 7\n  identity  (none)\n  ports     1-2\n");
	check("{\"verdict\":\"no_port_left\",\"status\":\"x\"}", EXIT_REFUSED, "\nrefused: x\n");
	check("{\"verdict\":\"too_many_tunnels\",\"status\":\"x\"}", EXIT_REFUSED,
	      "\nrefused: x\n");
	check("{\"verdict\":\"new\"}", EXIT_FAILED, "\nrefused: no verdict: unknown\n");
}
END_TEST

START_TEST(errors_are_printed)
{
	ck_assert_int_eq(print("{\"error\":\"no\"}", false), EXIT_FAILED);
	ck_assert_str_eq(capture_err(&capture), "error: no\n");
	ck_assert_int_eq(print("{", false), EXIT_FAILED);
	ck_assert_contains(capture_err(&capture), "error: the answer is not JSON: ");
}
END_TEST

SUITE("print", an_allowed_client, json_is_printed_as_it_came, other_verdicts, errors_are_printed)
