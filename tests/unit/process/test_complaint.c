#include "process/complaint.h"

#include <sys/stat.h>

#include "capture.h"
#include "diag/diag.h"
#include "log/log.h"
#include "suite.h"
#include "json/parse.h"

static const char file[] = "{\n  \"port\": \"x\"\n}";
static struct capture capture;

/* What the complaint about an error, and about the two mistakes, prints in that format. */
static const char *printed(enum log_format format, bool in_journal, const char *command)
{
	struct json_doc *doc = json_doc_new();
	struct json_error error;
	struct json *root = json_parse(doc, json_source_add(doc, "c.json", file, sizeof file - 1),
	                               &error);
	struct diag diag = { 0 };
	char stream[64];
	struct stat st;

	diag_add(&diag, root->first, "expected a port, found \"x\"");
	diag_add(&diag, NULL, "no\nserver");
	capture_begin(&capture);
	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	if (in_journal)
		setenv("JOURNAL_STREAM", stream, 1);
	log_set_format(format);
	ck_assert(!complain("bad \"luck\""));
	ck_assert(!complain_at(NULL, "nowhere"));
	ck_assert(!complain_at(root->first, "in use"));
	complain_of_mistakes(&diag, command);
	capture_end(&capture);
	diag_fini(&diag);
	json_doc_free(doc);
	return capture_err(&capture);
}

#define TEXT(p)                                                                                    \
	p "error: bad \"luck\"\n" p "error: nowhere\n" p "c.json:2:11: error: /port: in use\n" p   \
	  "      \"port\": \"x\"\n" p "              ^\n" p "error: no?server\n" p                 \
	  "c.json:2:11: error: /port: expected a port, found \"x\"\n" p                            \
	  "      \"port\": \"x\"\n" p "              ^\n" p "try: spore server --help\n"

START_TEST(text_for_a_terminal)
{
	ck_assert_str_eq(printed(LOG_FORMAT_TEXT, false, "server"), TEXT(""));
}
END_TEST

START_TEST(each_line_in_the_journal_has_a_priority)
{
	ck_assert_str_eq(printed(LOG_FORMAT_TEXT, true, "server"), TEXT("<3>"));
}
END_TEST

/* The next line of the text, without the time. */
static const char *next_line(const char **text, const char *before)
{
	static char line[512];
	const char *level = strstr(*text, "\"level\"");
	size_t len = strcspn(*text, "\n");

	ck_assert_msg(strncmp(*text, before, strlen(before)) == 0 && level, "%s", *text);
	snprintf(line, sizeof line, "%.*s", (int)(*text + len - level), level);
	*text += len + 1;
	return line;
}

START_TEST(one_object_for_each_mistake)
{
	const char *text = printed(LOG_FORMAT_JSON, false, NULL);

	ck_assert_str_eq(
		next_line(&text, "{\"time\""),
		"\"level\":\"error\",\"event\":\"failed\",\"error\":\"bad \\\"luck\\\"\"}");
	ck_assert_str_eq(next_line(&text, "{"),
	                 "\"level\":\"error\",\"event\":\"failed\",\"error\":\"nowhere\"}");
	ck_assert_str_eq(next_line(&text, "{"),
	                 "\"level\":\"error\",\"event\":\"failed\",\"error\":\"in use\","
	                 "\"place\":\"c.json:2:11\",\"pointer\":\"/port\"}");
	ck_assert_str_eq(next_line(&text, "{"),
	                 "\"level\":\"error\",\"event\":\"wrong configuration\","
	                 "\"error\":\"no\\u000aserver\"}");
	ck_assert_str_eq(next_line(&text, "{"),
	                 "\"level\":\"error\",\"event\":\"wrong configuration\","
	                 "\"error\":\"expected a port, found \\\"x\\\"\","
	                 "\"place\":\"c.json:2:11\",\"pointer\":\"/port\"}");
	ck_assert_str_eq(text, "");
	text = printed(LOG_FORMAT_JSON, true, "local");
	next_line(&text, "<3>{\"time\"");
	next_line(&text, "<3>{");
	next_line(&text, "<3>{");
	ck_assert_str_eq(next_line(&text, "<3>{"),
	                 "\"level\":\"error\",\"event\":\"wrong command line\","
	                 "\"error\":\"no\\u000aserver\",\"try\":\"spore local --help\"}");
}
END_TEST

SUITE("complaint", text_for_a_terminal, each_line_in_the_journal_has_a_priority,
      one_object_for_each_mistake)
