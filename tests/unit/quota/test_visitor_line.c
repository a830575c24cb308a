#include "quota/visitor_line.h"

#include "base/clock.h"
#include "net/addr.h"
#include "quota/account.h"
#include "stderr_file.h"
#include "suite.h"

START_TEST(it_has_all_that_is_known)
{
	char identity[] = "alice\n";
	struct account account = { .port = 5000, .id = 7, .identity = identity };
	struct visitor_line line = { .account = &account,
		                     .port = 4000, /* shared */
		                     .since_ms = clock_ms() - 60000,
		                     .bytes_up = 3,
		                     .bytes_down = UINT64_C(5000000000),
		                     .reason = "closed" };

	ck_assert(addr_parse("192.0.2.1:9", &line.peer));
	stderr_file_begin();
	visitor_line_write(LOG_INFO, "visitor ended", &line);
	stderr_file_expect("visitor ended");
	stderr_file_expect("visitor=192.0.2.1:9 port=4000 tunnel=7 identity=\"alice\\x0a\" "
	                   "bytes_up=3 bytes_down=5000000000 duration_ms=600");
	stderr_file_expect(" reason=closed id=00000000-0000-0000-0000-000000000000\n");
	line.error = "alert 42";
	visitor_line_write(LOG_INFO, "visitor ended", &line);
	stderr_file_expect(" error=\"alert 42\"\n");
	ck_assert_uint_eq(stderr_file_lines(), 2);
}
END_TEST

SUITE("visitor_line", it_has_all_that_is_known)
