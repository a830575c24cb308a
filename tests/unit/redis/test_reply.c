#include "reply.h"

#include "intake.h"
#include "services/host.h"
#include "suite.h"

static struct record record;
static char wrong[REPLY_WRONG_MAX];

static enum store_reply read_text(const char *text)
{
	struct intake intake;
	redisReply *reply;
	enum store_reply says;

	ck_assert(intake_init(&intake) && intake_feed(&intake, text, strlen(text)));
	ck_assert(intake_next(&intake, &reply) && reply);
	says = reply_read(reply, host_table(), &record, wrong);
	intake_free(reply);
	intake_fini(&intake);
	return says;
}

START_TEST(a_hash_is_a_record)
{
	ck_assert_int_eq(
		read_text("*4\r\n$6\r\nsecret\r\n$1\r\ns\r\n$9\r\nmax_conns\r\n$1\r\n7\r\n"),
		STORE_FOUND);
	ck_assert_uint_eq(record.has, RECORD_HAS_KEY);
	ck_assert_int_eq(record.terms.policy.max_conns, 7);
	ck_assert_int_eq(read_text("*0\r\n"), STORE_UNKNOWN);
}
END_TEST

START_TEST(other_replies_are_not)
{
	ck_assert_int_eq(read_text("*2\r\n$6\r\nsecert\r\n$1\r\ns\r\n"), STORE_WRONG);
	ck_assert_ptr_nonnull(strstr(wrong, "secert"));
	ck_assert_int_eq(read_text("*2\r\n$5\r\nports\r\n$0\r\n\r\n"), STORE_WRONG);
	ck_assert_int_eq(read_text("*2\r\n$6\r\nsecret\r\n:5\r\n"), STORE_WRONG);
	ck_assert_int_eq(read_text("*1\r\n$6\r\nsecret\r\n"), STORE_FAILED);
	ck_assert_int_eq(read_text("-WRONGTYPE no\r\n"), STORE_WRONG);
	ck_assert_int_eq(read_text("-NOPERM no\r\n"), STORE_FAILED);
	ck_assert_str_eq(wrong, "NOPERM no");
	ck_assert_int_eq(read_text("+OK\r\n"), STORE_FAILED);
	ck_assert_int_eq(read_text("$-1\r\n"), STORE_FAILED);
}
END_TEST

SUITE("reply", a_hash_is_a_record, other_replies_are_not)
